//! A token planted in kubeconfigs, in Vault and in a Secret is found nowhere: no log, no answer of ours, no metric, no file
//! of the database. `GET /credentials/*` is Clouddriver's own answer and passes as it is.

use crate::ground::{PLANTED, Pair, fresh, ground, kubeconfig_of};
use crate::references::{secret, vault_token, vaulted};
use base64::Engine;
use ferry_tests::{Vault, clouddriver, http};
use serde_json::json;
use std::path::Path;

#[test]
fn a_planted_token_is_found_nowhere() {
    let (unique, _) = fresh();
    let vault = Vault::start(&ground().folder.path().join(format!("vault-{unique}")));
    let token = vault_token();
    vault.let_in(&token);
    vault.put("kv", "clusters/it", "it.yml", &ground().kubeconfig);
    vault.put(
        "kv",
        "clusters/it",
        "broken",
        &format!("users: [{{token: {PLANTED}"),
    );
    let mut pair = vaulted(&vault);
    let environment = [("VAULT_TOKEN", token.as_str())];
    pair.sidecar.start(&environment).unwrap();
    pair.agent.start(&[]);
    let good = pair.post("good", &ground().kubeconfig);
    let dead = pair.post("dead", &kubeconfig_of("https://127.0.0.1:1"));
    let broken = pair.post("broken", &format!("users: [{{token: {PLANTED}"));
    let manual = format!("{}-manual", pair.name);
    ground()
        .clouddriver
        .create(&clouddriver::account(&manual, &ground().kubeconfig));
    let body = json!([{"name": manual}]);
    assert_eq!(
        pair.sidecar
            .request("POST", "/armory/accounts", Some(&body))
            .unwrap()
            .status,
        202
    );
    secret(&unique, &ground().kubeconfig);
    let in_vault = "encryptedFile:vault!e:kv!p:clusters/it";
    let [vaulted, half, absent, secreted] = [
        ("vaulted", format!("{in_vault}!k:it.yml")),
        ("half", format!("{in_vault}!k:broken")),
        ("absent", format!("{in_vault}!k:{unique}")),
        ("secreted", format!("encryptedFile:k8s!n:{unique}!k:it.yml")),
    ]
    .map(|(name, reference)| refer(&pair, name, &reference));
    // Clouddriver shows the kubeconfig itself in the place of its path.
    let shown = format!("{}-shown", pair.name);
    let named = format!(
        "encryptedFile:noop!v:{}",
        kubeconfig_of("https://127.0.0.1:1")
    );
    // It leaves this one out, and its journaled write waits for it to appear.
    let hidden = format!("{}-hidden", pair.name);
    let secreted_too = format!("encryptedFile:k8s!n:{unique}!k:it.yml");
    for (name, file, contents) in [(&shown, &named, ""), (&hidden, &secreted_too, PLANTED)] {
        let mut body = clouddriver::account(name, contents);
        body["kubeconfigFile"] = json!(file);
        let posted = pair.sidecar.request("POST", "/credentials", Some(&body));
        assert_eq!(posted.unwrap().status, 200);
    }
    let accounts = [
        &good, &dead, &broken, &vaulted, &half, &absent, &secreted, &shown,
    ];
    for name in accounts {
        pair.patch(name, "ACTIVE");
    }
    pair.reaches(&shown, "FAILED");
    pair.reaches(&good, "ACTIVE");
    pair.reaches(&dead, "FAILED");
    pair.reaches(&broken, "FAILED");
    pair.reaches(&vaulted, "ACTIVE");
    pair.reaches(&secreted, "ACTIVE");
    pair.reaches(&half, "FAILED");
    pair.reaches(&absent, "FAILED");
    let rotated = pair.sidecar.request("POST", "/armory/keys/rotate", None);
    assert_eq!(rotated.unwrap().status, 200);

    let sidecar = |path: &str| format!("{}{path}", pair.sidecar.url);
    let mut urls = vec![
        sidecar("/armory/accounts"),
        sidecar("/armory/agents"),
        sidecar("/armory/keys"),
        format!("{}/metrics", pair.sidecar.admin),
        format!("{}/ready", pair.sidecar.admin),
        format!("{}/accounts", pair.agent.url),
        format!("{}/health", pair.agent.url),
    ];
    for name in [
        &good, &dead, &broken, &manual, &vaulted, &half, &absent, &secreted, &shown,
    ] {
        urls.push(sidecar(&format!("/armory/accounts/{name}")));
        urls.push(sidecar(&format!("/agents/kubernetes/accounts/{name}")));
        urls.push(sidecar(&format!("/armory/audit?account={name}")));
    }
    for url in urls {
        let answer = http::get(&url).unwrap();
        assert_eq!(answer.status, 200, "{url}: {}", answer.body);
        assert!(!answer.body.is_empty(), "{url}");
        assert_clean(answer.body.as_bytes(), &url);
    }
    let wrong = format!(r#"[{{"name": "x", "kubeconfigContents": "{PLANTED}"}}]"#);
    let wrong: serde_json::Value = serde_json::from_str(&wrong).unwrap();
    let answer = pair
        .sidecar
        .request("POST", "/armory/accounts", Some(&wrong))
        .unwrap();
    assert_eq!(answer.status, 400);
    assert_clean(answer.body.as_bytes(), "an error");

    // Logs, database and its write-ahead log, while it runs and after it closed.
    let files = assert_clean_files(pair.sidecar.folder());
    for file in [
        "ferry.db",
        "ferry.db-wal",
        "sidecar.log",
        "agent.log",
        "ferry.key",
    ] {
        assert!(
            files.contains(&file.to_owned()),
            "{file} is not among {files:?}"
        );
    }
    pair.sidecar.process().terminate(crate::ground::PATIENCE);
    assert_clean_files(pair.sidecar.folder());
    // The check can fail: Clouddriver's own answer has the token.
    let stored = ground().clouddriver.stored(&good).unwrap();
    assert!(stored.to_string().contains(PLANTED));
}

/// POSTs an account of no source whose kubeconfig is what `reference` names; answers its name.
pub fn refer(pair: &Pair, name: &str, reference: &str) -> String {
    let name = format!("{}-{name}", pair.name);
    let body = json!([{"name": name, "kubeconfigFile": reference}]);
    let path = "/armory/accounts/dynamic";
    let posted = pair.sidecar.request("POST", path, Some(&body)).unwrap();
    assert_eq!(posted.status, 202, "{}", posted.body);
    name
}

/// Holds that the planted token is in no file of this folder; answers their names.
pub fn assert_clean_files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_clean(&std::fs::read(&path).unwrap(), &name);
        names.push(name);
    }
    names
}

fn assert_clean(bytes: &[u8], what: &str) {
    let encoded = base64::engine::general_purpose::STANDARD.encode(PLANTED);
    // Without its edges the encoding is the same wherever the token stands in the encoded text.
    for shape in [PLANTED.to_owned(), encoded[..encoded.len() - 4].to_owned()] {
        let found = bytes
            .windows(shape.len())
            .any(|window| window == shape.as_bytes());
        assert!(!found, "the planted token is in {what}");
    }
}
