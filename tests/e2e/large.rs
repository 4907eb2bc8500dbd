//! An account that is larger than a message to an agent may be: refused by itself, with the sizes,
//! while its agent's session and the other accounts go on.

use crate::ground::{Pair, QUICK, ground};
use serde_json::json;

#[test]
fn an_account_that_no_message_takes_fails_alone() {
    let pair = Pair::start(QUICK);
    let name = format!("{}-large", pair.name);
    // In the kubeconfig, which no answer shows.
    let definition = |more: usize| {
        let kubeconfig = format!("{}\n# {}\n", ground().kubeconfig, "x".repeat(more));
        json!({"name": name, "kubeconfigContents": kubeconfig})
    };
    let dynamic = |method: &str, more: usize| {
        let path = "/armory/accounts/dynamic";
        let answer = pair.sidecar.request(method, path, Some(&definition(more)));
        let answer = answer.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
    };
    dynamic("POST", 5_000_000);
    let good = pair.post("good", &ground().kubeconfig);
    pair.patch(&name, "ACTIVE");
    pair.patch(&good, "ACTIVE");
    let refused = pair.reaches(&name, "FAILED");
    let sentence = refused["errorMessage"].as_str().unwrap();
    assert!(
        sentence.contains("take 500") && sentence.contains("at most 4177920"),
        "{sentence}"
    );
    pair.reaches(&good, "ACTIVE");

    // Just below the bound it travels; a push above it leaves it served as it was.
    dynamic("PUT", 4_100_000);
    pair.reaches(&name, "ACTIVE");
    dynamic("PUT", 5_000_000);
    let told = ferry_tests::wait::until(crate::ground::PATIENCE, || {
        let account = pair.account(&name)?;
        let message = account["errorMessage"].as_str().unwrap_or_default();
        match message.contains("at most 4177920") {
            true => Ok(account["status"].clone()),
            false => Err(account.to_string()),
        }
    });
    assert_eq!(told.unwrap(), "ACTIVE");
    let log = std::fs::read_to_string(pair.sidecar.folder().join("sidecar.log")).unwrap();
    assert_eq!(log.matches("agent connected").count(), 1, "{log:.2000}");
    assert!(!log.contains("agent disconnected"));
}
