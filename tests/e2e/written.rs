//! References to Secrets through `/credentials` where Clouddriver's API is the source: Clouddriver, which
//! has no such engine, takes them and leaves the accounts out of its list; here they are kept as they were
//! written, and followed.

use crate::ground::{PATIENCE, Pair, QUICK, fresh, ground};
use crate::references::{ROTATED, secret, until};
use crate::secrets::assert_clean_files;
use ferry_tests::{clouddriver, http, wait};
use serde_json::{Value, json};
use std::time::Instant;

/// Beside Clouddriver's API, scanning all the while.
fn pair() -> Pair {
    let file = ground().folder.path().join("cluster/token.kubeconfig");
    let quick = format!("{QUICK}    scanFrequencySeconds: 1\n");
    Pair::new(&format!(
        "{quick}sidecar.log.level: trace\nkubesvc.secrets.kubernetes.kubeconfigFile: {}\n",
        file.display()
    ))
}

fn reference(secret: &str) -> String {
    format!("encryptedFile:k8s!n:{secret}!k:it.yml!ns:default")
}

/// An account whose kubeconfig is in this Secret.
fn referring(name: &str, secret: &str) -> Value {
    let mut account = clouddriver::account(name, "");
    let fields = account.as_object_mut().unwrap();
    fields.remove("kubeconfigContents");
    account["kubeconfigFile"] = json!(reference(secret));
    account
}

fn write(pair: &Pair, method: &str, account: &Value) {
    let written = pair.sidecar.request(method, "/credentials", Some(account));
    let written = written.unwrap();
    assert_eq!(written.status, 200, "{}", written.body);
    // Clouddriver's own answer.
    assert_eq!(written.json()["kubeconfigFile"], account["kubeconfigFile"]);
}

fn asks(pair: &Pair, method: &str, path: &str, body: &Value) {
    let answer = pair.sidecar.request(method, path, Some(body)).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
}

/// Waits until it is served at this host, with these fields.
fn served(pair: &Pair, name: &str, host: &str, fields: &Value) {
    until(pair, name, ROTATED, |account| {
        let fields = fields.as_object().unwrap();
        let has = (fields.iter()).all(|(field, value)| account["definition"][field] == *value);
        let at = account["kubeHost"].as_str().unwrap_or_default();
        has && account["status"] == "ACTIVE" && at.contains(host)
    });
}

#[test]
fn a_reference_through_clouddrivers_api_is_kept_and_followed() {
    let mut pair = pair();
    pair.sidecar.start(&[]).unwrap();
    pair.agent.start(&[]);
    let kubeconfig = &ground().kubeconfig;
    let moved = kubeconfig.replace("https://127.0.0.1:", "https://localhost:");
    let [one, two] = ["one", "two"].map(|at| format!("{}-{at}", fresh().0));
    secret(&one, kubeconfig);
    secret(&two, kubeconfig);
    let name = format!("{}-written", pair.name);
    write(&pair, "POST", &referring(&name, &one));
    assert_eq!(ground().clouddriver.stored(&name), None, "it is left out");
    pair.reaches(&name, "INACTIVE");
    pair.patch(&name, "ACTIVE");
    let refers = json!({"kubeconfigFile": reference(&one)});
    served(&pair, &name, "127.0.0.1", &refers);

    let changed = Instant::now();
    secret(&one, &moved);
    until(&pair, &name, ROTATED, |account| {
        assert_eq!(account["status"], "ACTIVE", "{account}");
        account["kubeHost"].as_str().unwrap().contains("localhost")
    });
    assert!(changed.elapsed() < ROTATED);

    // Another reference, a kubeconfig, and a reference again.
    let mut account = referring(&name, &two);
    account["namespaces"] = json!(["default"]);
    write(&pair, "PUT", &account);
    let refers = json!({"kubeconfigFile": reference(&two), "namespaces": ["default"]});
    served(&pair, &name, "127.0.0.1", &refers);
    let inline = clouddriver::account(&name, &moved);
    write(&pair, "PUT", &inline);
    assert!(ground().clouddriver.stored(&name).is_some());
    let hidden = json!({"kubeconfigContents": "[redacted]", "kubeconfigFile": null});
    served(&pair, &name, "localhost", &hidden);
    write(&pair, "PUT", &account);
    served(&pair, &name, "127.0.0.1", &refers);

    // Back to Clouddriver, and here again: it is known what it refers to.
    let path = "/armory/accounts/rollback";
    asks(&pair, "POST", path, &json!({"names": [name]}));
    is_gone(&pair, &name);
    let body = json!([{"name": name}]);
    let path = "/armory/accounts?dryRun=true";
    let tried = pair.sidecar.request("POST", path, Some(&body)).unwrap();
    let tried = &tried.json()["items"][0];
    assert_eq!(tried["obstacles"], json!([]), "{tried}");
    asks(&pair, "POST", "/armory/accounts", &body);
    pair.patch(&name, "ACTIVE");
    served(&pair, &name, "127.0.0.1", &refers);
    let unmarked = pair.account(&name).unwrap();
    assert_eq!(unmarked["errorMessage"].as_str().unwrap_or_default(), "");
    let path = format!("/credentials/{name}");
    let deleted = pair.sidecar.request("DELETE", &path, None).unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    is_gone(&pair, &name);
    assert_clean_files(pair.sidecar.folder());
}

fn is_gone(pair: &Pair, name: &str) {
    let path = format!("/agents/kubernetes/accounts/{name}");
    let gone = wait::until(PATIENCE, || {
        let answer = pair.sidecar.request("GET", &path, None)?;
        match answer.status {
            404 => Ok(()),
            _ => Err(answer.body),
        }
    });
    gone.unwrap();
}

/// Waits until the sidecar died at its failpoint.
fn dies(pair: &mut Pair, point: &str) {
    let died = pair.sidecar.process().aborts(PATIENCE);
    died.unwrap_or_else(|error| panic!("{point}: {error}"));
}

#[test]
fn a_sidecar_that_dies_while_a_reference_is_recorded_has_it_all_the_same() {
    let (secret_name, _) = fresh();
    secret(&secret_name, &ground().kubeconfig);
    let dies_at = |point: &str| {
        let mut pair = pair();
        pair.sidecar.start(&[("FERRY_FAILPOINT", point)]).unwrap();
        pair.agent.start(&[]);
        let name = format!("{}-dies", pair.name);
        let account = referring(&name, &secret_name);
        // Its answer is lost.
        let posted = pair.sidecar.request("POST", "/credentials", Some(&account));
        assert!(posted.is_err(), "{point}: {posted:?}");
        dies(&mut pair, point);
        pair.sidecar.start(&[]).unwrap();
        pair.reaches(&name, "INACTIVE");
        pair.patch(&name, "ACTIVE");
        let refers = json!({"kubeconfigFile": reference(&secret_name)});
        served(&pair, &name, "127.0.0.1", &refers);
    };
    std::thread::scope(|scope| {
        for point in [
            "core.store.accept.after",
            "core.store.written.before",
            "core.store.written.after",
            "core.store.create.after",
        ] {
            scope.spawn(move || dies_at(point));
        }
    });
}

#[test]
fn a_sidecar_that_dies_while_it_forgets_what_was_overwritten_forgets_it_all_the_same() {
    let forgets = |point: &str| {
        let mut pair = pair();
        pair.sidecar.start(&[]).unwrap();
        let name = format!("{}-forgets", pair.name);
        write(&pair, "POST", &referring(&name, "nowhere"));
        pair.reaches(&name, "INACTIVE");
        pair.sidecar.process().terminate(PATIENCE);
        // Behind our back, and not just now.
        let inline = clouddriver::account(&name, &ground().kubeconfig);
        let url = format!("{}/credentials", ground().clouddriver.url);
        let put = http::request("PUT", &url, Some(&inline)).unwrap();
        assert_eq!(put.status, 200, "{}", put.body);
        let aged = "UPDATE kubesvc_ferry_written SET written_at = written_at - 3600000";
        run(&pair, aged);
        pair.sidecar.start(&[("FERRY_FAILPOINT", point)]).unwrap();
        dies(&mut pair, point);
        pair.sidecar.start(&[]).unwrap();
        until(&pair, &name, PATIENCE, |account| {
            account["definition"]["kubeconfigContents"] == "[redacted]"
                && account["definition"].get("kubeconfigFile").is_none()
        });
        let forgotten = wait::until(PATIENCE, || match run(&pair, COUNT) {
            0 => Ok(()),
            left => Err(format!("{left} are left")),
        });
        forgotten.unwrap_or_else(|error| panic!("{point}: {error}"));
    };
    std::thread::scope(|scope| {
        for point in ["core.store.unwrite.before", "core.store.unwrite.after"] {
            scope.spawn(move || forgets(point));
        }
    });
}

const COUNT: &str = "SELECT COUNT(*) FROM kubesvc_ferry_written";

/// Runs this on the sidecar's tables; answers the number that it gives, or 0.
fn run(pair: &Pair, sql: &'static str) -> i64 {
    pair.at_tables(async |connection| {
        let found = sqlx::query_scalar(sql).fetch_optional(connection);
        found.await.unwrap().unwrap_or_default()
    })
}
