//! An account of Clouddriver's configuration across restarts: what was edited there reaches the agent,
//! and what is no longer there stays and says so.

use crate::ground::{PATIENCE, PLANTED, Pair, QUICK, dead_kubeconfig, ground};
use ferry_tests::wait;
use serde_json::json;

const SCAN: &str = "    scanFrequencySeconds: 1\n";

/// Starts the sidecar anew with these accounts.
fn restart(pair: &mut Pair, before: &str, accounts: &str) {
    pair.sidecar.process().terminate(PATIENCE);
    let file = pair.sidecar.folder().join("ferry.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(before));
    std::fs::write(&file, text.replace(before, accounts)).unwrap();
    pair.sidecar.start(&[]).unwrap();
}

#[test]
fn an_account_of_the_configuration_follows_it() {
    let account = |kubeconfig: &str| {
        let account = json!({"name": "in-the-file", "kubeconfigContents": kubeconfig});
        format!("kubernetes.accounts: [{account}]\n")
    };
    let (lives, dead) = (account(&ground().kubeconfig), account(&dead_kubeconfig()));
    let mut pair = Pair::start(&format!("{QUICK}{SCAN}{lives}"));
    pair.post("stored", "apiVersion: v1");
    let body = json!([{"name": "in-the-file"}]);
    let answer = pair
        .sidecar
        .request("POST", "/armory/accounts", Some(&body))
        .unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
    pair.patch("in-the-file", "ACTIVE");
    pair.reaches("in-the-file", "ACTIVE");
    restart(&mut pair, &lives, &dead);
    pair.reaches("in-the-file", "FAILED");
    restart(&mut pair, &dead, &lives);
    pair.reaches("in-the-file", "ACTIVE");
    restart(&mut pair, &lives, "");
    let gone = wait::until(PATIENCE, || {
        let account = pair.account("in-the-file")?;
        let said = account["errorMessage"].as_str().unwrap();
        match said.contains("Clouddriver has had no account of this name since") {
            true => Ok(account),
            false => Err(account.to_string()),
        }
    });
    assert_eq!(gone.unwrap()["status"], "ACTIVE");
    let log = std::fs::read_to_string(pair.sidecar.folder().join("sidecar.log")).unwrap();
    assert!(log.contains("accounts that can be migrated"), "{log}");
    assert!(!log.contains(PLANTED));
}
