//! Kubeconfigs in Secrets of a real API server: kept as a reference, resolved when they are sent, and
//! sent anew when they change, the account ACTIVE all the while.

use crate::ground::{PATIENCE, PLANTED, Pair, QUICK, fresh, ground};
use crate::secrets::{assert_clean_files, refer};
use ferry_tests::database::{Database, Kind};
use ferry_tests::place::cluster_program;
use ferry_tests::{Agent, Clouddriver, Sidecar, Vault, clouddriver, wait};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a changed secret may take to the agents.
pub const ROTATED: Duration = Duration::from_secs(60);

/// Makes the Secret `name` of namespace `default`, or gives it this content.
pub fn secret(name: &str, kubeconfig: &str) {
    let kubectl = |arguments: &[&str]| {
        let file = ground().folder.path().join("cluster/token.kubeconfig");
        let done = Command::new(cluster_program())
            .args(["kubectl", "--kubeconfig"])
            .arg(file)
            .args(arguments)
            .output();
        done.unwrap()
    };
    kubectl(&["delete", "secret", name, "--ignore-not-found"]);
    let content = format!("--from-literal=it.yml={kubeconfig}");
    let done = kubectl(&["create", "secret", "generic", name, &content]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// On Clouddriver's own table; `written` is about its API.
fn pair(kind: Kind) -> (Pair, Clouddriver) {
    let file = ground().folder.path().join("cluster/token.kubeconfig");
    let engine = format!(
        "{QUICK}kubesvc.secrets.kubernetes.kubeconfigFile: {}\n",
        file.display()
    );
    let (name, folder) = fresh();
    let schema = Database::shared(kind).schema();
    let upstream = Clouddriver::start_on(&schema, &folder.join("clouddriver"));
    let key_file = folder.join("ferry.key");
    let sidecar = Sidecar::on(&schema, &key_file, &folder, &upstream.url, &engine);
    let id = format!("agent-{name}");
    let agent = Agent::new(&folder, &id, "zone-a", &sidecar.grpc, "");
    let pair = Pair {
        name,
        sidecar,
        agent,
    };
    (pair, upstream)
}

/// POSTs an account whose kubeconfig is in the Secret `secret`; answers its name and the reference.
fn post(pair: &Pair, secret: &str) -> (String, String) {
    let reference = format!("encryptedFile:k8s!n:{secret}!k:it.yml!ns:default");
    let name = format!("{}-{secret}", pair.name);
    let mut account = clouddriver::account(&name, "");
    account
        .as_object_mut()
        .unwrap()
        .remove("kubeconfigContents");
    account["kubeconfigFile"] = json!(reference);
    let posted = pair.sidecar.request("POST", "/credentials", Some(&account));
    assert_eq!(posted.unwrap().status, 200);
    (name, reference)
}

pub fn until(pair: &Pair, name: &str, patience: Duration, is: impl Fn(&Value) -> bool) {
    let reached = wait::until(patience, || {
        let account = pair.account(name)?;
        match is(&account) {
            true => Ok(()),
            false => Err(account.to_string()),
        }
    });
    reached.unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[test]
fn a_secret_is_resolved_when_it_is_sent_and_sent_anew_when_it_changes() {
    let (mut pair, _upstream) = pair(Kind::Postgres);
    pair.sidecar.start(&[]).unwrap();
    pair.agent.start(&[]);
    let kubeconfig = &ground().kubeconfig;
    secret("rotated", kubeconfig);
    let (name, reference) = post(&pair, "rotated");
    pair.patch(&name, "ACTIVE");
    let account = pair.reaches(&name, "ACTIVE");
    assert_eq!(account["definition"]["kubeconfigFile"], json!(reference));
    let host = account["kubeHost"].as_str().unwrap();
    assert!(host.contains("127.0.0.1"), "{host}");

    let changed = Instant::now();
    secret(
        "rotated",
        &kubeconfig.replace("https://127.0.0.1:", "https://localhost:"),
    );
    until(&pair, &name, ROTATED, |account| {
        assert_eq!(account["status"], "ACTIVE", "{account}");
        account["kubeHost"].as_str().unwrap().contains("localhost")
    });
    assert!(changed.elapsed() < ROTATED);

    for (missing, said) in [
        ("none", "is not there"),
        ("rotated2", "has no key `it.yml`"),
    ] {
        if missing == "rotated2" {
            secret(missing, "x");
            let arguments = ["patch", "secret", missing, "--type=json", "-p"];
            let file = ground().folder.path().join("cluster/token.kubeconfig");
            let patched = Command::new(cluster_program())
                .args(["kubectl", "--kubeconfig"])
                .arg(file)
                .args(arguments)
                .arg(r#"[{"op": "move", "from": "/data/it.yml", "path": "/data/other"}]"#)
                .output();
            assert!(patched.unwrap().status.success());
        }
        let (name, reference) = post(&pair, missing);
        pair.patch(&name, "ACTIVE");
        let failed = pair.reaches(&name, "FAILED");
        let message = failed["errorMessage"].as_str().unwrap();
        assert!(
            message.contains(said) && message.contains(&reference),
            "{message}"
        );
    }
    assert_clean_files(pair.sidecar.folder());
}

/// With a Vault, and its token in the environment alone.
pub fn vaulted(vault: &Vault) -> Pair {
    let kubeconfig = ground().folder.path().join("cluster/token.kubeconfig");
    let settings = format!(
        "{QUICK}sidecar.log.level: trace\nsecrets.vault:\n  enabled: true\n  url: {}\n  caFile: {}\n\
         kubesvc.secrets.kubernetes.kubeconfigFile: {}\n",
        vault.url,
        vault.authority.display(),
        kubeconfig.display(),
    );
    Pair::new(&settings)
}

pub fn vault_token() -> String {
    format!("{PLANTED}-of-vault")
}

/// POSTs an account of no source whose kubeconfig is in Vault at `path`; answers its name.
fn post_vaulted(pair: &Pair, path: &str) -> String {
    let reference = format!("encryptedFile:vault!e:kv!p:clusters/{path}!k:it.yml");
    refer(pair, path, &reference)
}

/// Where the account was brought to, the latest first.
fn statuses(pair: &Pair, name: &str) -> Vec<String> {
    let path = format!("/armory/accounts/{name}/audit?limit=1000");
    let audit = pair.sidecar.request("GET", &path, None).unwrap().json();
    let rows = audit["items"].as_array().unwrap();
    let to = rows
        .iter()
        .map(|row| row["to"].as_str().unwrap_or_default());
    to.map(str::to_owned).collect()
}

#[test]
fn a_secret_of_vaults_changes_under_an_account_that_has_no_source() {
    let (unique, _) = fresh();
    let vault = Vault::start(&ground().folder.path().join(format!("vault-{unique}")));
    vault.let_in(&vault_token());
    let mut pair = vaulted(&vault);
    let token = vault_token();
    let environment = [("VAULT_TOKEN", token.as_str())];
    pair.sidecar.start(&environment).unwrap();
    pair.agent.start(&[]);
    let kubeconfig = &ground().kubeconfig;
    vault.put("kv", "clusters/one", "it.yml", kubeconfig);
    vault.put("kv", "clusters/late", "other.yml", kubeconfig);
    let (one, late) = (post_vaulted(&pair, "one"), post_vaulted(&pair, "late"));
    pair.patch(&one, "ACTIVE");
    pair.patch(&late, "ACTIVE");
    let served = pair.reaches(&one, "ACTIVE");
    assert_eq!(
        served["definition"]["kubeconfigFile"],
        "encryptedFile:vault!e:kv!p:clusters/one!k:it.yml"
    );
    let at = served["kubeHost"].as_str().unwrap();
    assert!(at.contains("127.0.0.1"), "{at}");

    // Tried again until there are no tries left; after that the secret alone can bring it on.
    let given_up = wait::until(PATIENCE, || {
        let failures = statuses(&pair, &late);
        match failures.iter().filter(|to| *to == "FAILED").count() {
            3 => Ok(()),
            _ => Err(failures.join(" ")),
        }
    });
    given_up.unwrap();
    let failed = pair.reaches(&late, "FAILED");
    let said = failed["errorMessage"].as_str().unwrap();
    for part in ["vault", "clusters/late", "has no text `it.yml`"] {
        assert!(said.contains(part), "{said}");
    }
    vault.put("kv", "clusters/late", "it.yml", kubeconfig);

    let changed = Instant::now();
    let moved = kubeconfig.replace("https://127.0.0.1:", "https://localhost:");
    vault.put("kv", "clusters/one", "it.yml", &moved);
    until(&pair, &one, ROTATED, |account| {
        assert_eq!(account["status"], "ACTIVE", "{account}");
        account["kubeHost"].as_str().unwrap().contains("localhost")
    });
    assert!(changed.elapsed() < ROTATED);
    let path = statuses(&pair, &one);
    let since = path.iter().take_while(|to| *to == "ACTIVE").count();
    assert!(since >= 2, "it was updated, and stayed: {path:?}");
    pair.reaches(&late, "ACTIVE");

    // What is served does not need Vault, also when the core comes back.
    vault.seal(true);
    pair.sidecar.process().terminate(PATIENCE);
    pair.sidecar.start(&environment).unwrap();
    until(&pair, &one, PATIENCE, |account| {
        assert_eq!(account["status"], "ACTIVE", "{account}");
        account["connections"] == 1
    });
    assert_clean_files(pair.sidecar.folder());
}

#[test]
fn a_sidecar_that_dies_around_a_reference_sends_it_all_the_same() {
    for point in ["core.store.reference.before", "core.store.reference.after"] {
        let (mut pair, _upstream) = pair(Kind::MariaDb);
        pair.sidecar.start(&[("FERRY_FAILPOINT", point)]).unwrap();
        pair.agent.start(&[]);
        let (unique, _) = fresh();
        secret(&unique, &ground().kubeconfig);
        let (name, _) = post(&pair, &unique);
        // Its answer may be lost.
        pair.sidecar.patch(&name, "ACTIVE").ok();
        let died = pair.sidecar.process().aborts(PATIENCE);
        died.unwrap_or_else(|error| panic!("{point}: {error}"));
        pair.sidecar.start(&[]).unwrap();
        pair.reaches(&name, "ACTIVE");
    }
}

#[test]
fn a_sidecar_that_dies_while_a_reference_is_forgotten_forgets_it_all_the_same() {
    let (unique, _) = fresh();
    let vault = Vault::start(&ground().folder.path().join(format!("vault-{unique}")));
    vault.let_in(&vault_token());
    vault.put("kv", "clusters/one", "it.yml", &ground().kubeconfig);
    let token = vault_token();
    std::thread::scope(|scope| {
        for point in ["core.store.forget.before", "core.store.forget.after"] {
            let (vault, token) = (&vault, &token);
            scope.spawn(move || forgets(vault, token, point));
        }
    });
}

fn forgets(vault: &Vault, token: &str, point: &str) {
    let mut pair = vaulted(vault);
    let environment = [("VAULT_TOKEN", token), ("FERRY_FAILPOINT", point)];
    pair.sidecar.start(&environment).unwrap();
    pair.agent.start(&[]);
    let name = post_vaulted(&pair, "one");
    pair.patch(&name, "ACTIVE");
    pair.reaches(&name, "ACTIVE");
    assert_eq!(remembered(&pair), 1);
    let body = json!({"name": name, "kubeconfigContents": ground().kubeconfig});
    let path = "/armory/accounts/dynamic";
    let put = pair.sidecar.request("PUT", path, Some(&body)).unwrap();
    assert_eq!(put.status, 202, "{}", put.body);
    let died = pair.sidecar.process().aborts(PATIENCE);
    died.unwrap_or_else(|error| panic!("{point}: {error}"));
    pair.sidecar.start(&environment[..1]).unwrap();
    let forgotten = wait::until(PATIENCE, || match remembered(&pair) {
        0 => Ok(()),
        left => Err(format!("{left} secrets are remembered")),
    });
    forgotten.unwrap_or_else(|error| panic!("{point}: {error}"));
    pair.reaches(&name, "ACTIVE");
}

/// Of how many accounts' secrets the sidecar's tables know the fingerprint.
fn remembered(pair: &Pair) -> i64 {
    pair.at_tables(async |connection| {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM kubesvc_ferry_references");
        count.fetch_one(connection).await.unwrap()
    })
}
