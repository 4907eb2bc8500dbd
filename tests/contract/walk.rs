//! An account's way with a real agent and a real API server.

use crate::ground::{Place, at_each_door, dead_kubeconfig, kubeconfig, server};
use crate::talk::Talk;
use ferry_tests::ferry::PATIENCE;
use ferry_tests::{clouddriver, wait};
use serde_json::{Value, json};

at_each_door!(
    an_account_becomes_active_and_inactive_again,
    an_account_whose_cluster_is_dead_fails_with_the_cause,
    an_update_reaches_the_agent,
    an_account_waits_for_its_agent_and_outlives_it,
);

fn an_account_becomes_active_and_inactive_again(place: &Place) {
    let mut talk = Talk::at(place);
    talk.hide(server(), "server");
    place.post("walk-1", &kubeconfig());
    let account = place.account("walk-1").unwrap();
    assert_eq!(
        (&account["status"], &account["dynamic"]),
        (&json!("INACTIVE"), &json!(true))
    );
    let body = json!([{"name": "walk-1", "state": "ACTIVE"}]);
    talk.ask("PATCH", "/armory/accounts", &body);
    let account = place.reaches("walk-1", "ACTIVE");
    assert!(
        account["kubeVersion"].as_str().unwrap().starts_with("v1."),
        "{account}"
    );
    assert_eq!(
        account["certFingerprint"].as_str().unwrap().len(),
        64,
        "{account}"
    );
    talk.get("/armory/accounts/walk-1");
    talk.get("/agents/kubernetes/accounts/walk-1");
    assert!(held(place, "agent-a", "walk-1"));
    let body = json!([{"name": "walk-1", "state": "INACTIVE"}]);
    talk.ask("PATCH", "/armory/accounts", &body);
    place.reaches("walk-1", "INACTIVE");
    talk.get("/armory/accounts/walk-1");
    talk.get("/agents/kubernetes/accounts/walk-1");
    assert!(!held(place, "agent-a", "walk-1"));
    talk.is("an_account_becomes_active_and_inactive_again");
}

/// Whether GET /armory/agents shows this account at this agent.
fn held(place: &Place, agent: &str, account: &str) -> bool {
    let agents = place.request("GET", "/armory/agents", None).unwrap().json();
    let found = agents
        .as_array()
        .unwrap()
        .iter()
        .find(|shown| shown["agentId"] == agent);
    found.unwrap()["accounts"]
        .as_array()
        .unwrap()
        .contains(&json!(account))
}

fn an_account_whose_cluster_is_dead_fails_with_the_cause(place: &Place) {
    let kubeconfig: Value = serde_json::from_str(&dead_kubeconfig()).unwrap();
    let server = &kubeconfig["clusters"][0]["cluster"]["server"];
    let mut talk = Talk::at(place);
    talk.hide(server.as_str().unwrap(), "server");
    place.post("dead-1", &kubeconfig.to_string());
    let account = place.switch("dead-1", "ACTIVE", "FAILED");
    let cause = account["errorMessage"].as_str().unwrap();
    assert!(cause.contains("refuses connections"), "{cause}");
    // It is tried again, three times by default.
    let tried = wait::until(PATIENCE, || {
        let account = place.account("dead-1")?;
        match account["status"] == "FAILED" && account["retryCount"] == 3 {
            true => Ok(()),
            false => Err(account.to_string()),
        }
    });
    tried.unwrap();
    let dropped = wait::until(PATIENCE, || {
        let account = place.request("GET", "/armory/accounts/dead-1", None)?;
        match account.json()["agents"] == json!([]) {
            true => Ok(()),
            false => Err(account.body),
        }
    });
    dropped.unwrap();
    talk.get("/armory/accounts/dead-1");
    talk.get("/agents/kubernetes/accounts/dead-1");
    place.switch("dead-1", "INACTIVE", "INACTIVE");
    talk.is("an_account_whose_cluster_is_dead_fails_with_the_cause");
}

fn an_update_reaches_the_agent(place: &Place) {
    place.post("update-1", &dead_kubeconfig());
    place.switch("update-1", "ACTIVE", "FAILED");
    place.put(&clouddriver::account("update-1", &kubeconfig()));
    place.reaches("update-1", "ACTIVE");
    place.put(&clouddriver::account("update-1", "not a kubeconfig"));
    place.reaches("update-1", "FAILED");
    let deleted = place
        .request("DELETE", "/credentials/update-1", None)
        .unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    place.forgets("update-1");
}

fn an_account_waits_for_its_agent_and_outlives_it(place: &Place) {
    let mut agent = place.agent("agent-late", "zone-late");
    place.post("late-1", &kubeconfig());
    let entry = json!([{"name": "late-1", "state": "ACTIVE", "zoneId": "zone-late"}]);
    let patched = place.request("PATCH", "/armory/accounts", Some(&entry));
    assert_eq!(patched.unwrap().status, 202);
    place.reaches("late-1", "TO_MIGRATE");
    agent.start(&[]);
    place.reaches("late-1", "ACTIVE");
    agent.process().kill();
    place.reaches("late-1", "ORPHANED");
    agent.start(&[]);
    place.reaches("late-1", "ACTIVE");
    agent.process().kill();
    place.switch("late-1", "INACTIVE", "INACTIVE");
    let left = wait::until(PATIENCE, || {
        let agents = place.request("GET", "/armory/agents", None)?.json();
        let mut ids = agents.as_array().unwrap().iter();
        match ids.any(|agent| agent["agentId"] == "agent-late") {
            true => Err(agents.to_string()),
            false => Ok(()),
        }
    });
    left.unwrap();
}
