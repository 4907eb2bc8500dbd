//! A dry run on the real thing: what is said of an account is what its cluster says, and nothing is
//! any different afterwards.

use crate::ground::{PATIENCE, PLANTED, Pair, QUICK, dead_kubeconfig, ground};
use ferry_tests::{clouddriver, http, wait};
use serde_json::{Value, json};

fn item<'a>(items: &'a Value, name: &str) -> &'a Value {
    let items = items["items"].as_array().unwrap();
    let found = items.iter().find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {items:?}"))
}

fn obstacles(item: &Value) -> Vec<&str> {
    let obstacles = item["obstacles"].as_array().unwrap().iter();
    obstacles
        .map(|obstacle| obstacle.as_str().unwrap())
        .collect()
}

fn says(item: &Value, words: &str) {
    let obstacles = obstacles(item);
    let said = obstacles.iter().any(|obstacle| obstacle.contains(words));
    assert!(said, "{words} is not in {obstacles:?}");
}

#[test]
fn a_dry_run_says_what_an_account_would_meet_and_changes_nothing() {
    let pair = Pair::start(QUICK);
    let good = pair.post("good", &ground().kubeconfig);
    let dead = pair.post("dead", &dead_kubeconfig());
    let reader = pair.post("reader", &ground().reader);
    let broken = pair.post("broken", "neither YAML: [nor a kubeconfig");
    let elsewhere = pair.post("elsewhere", &ground().kubeconfig);
    let connected = wait::until(PATIENCE, || {
        let agents = pair.sidecar.request("GET", "/armory/agents", None)?;
        match agents.json().as_array().unwrap().len() {
            1 => Ok(()),
            _ => Err(agents.body),
        }
    });
    connected.unwrap();

    let on = |name: &str| json!({"name": name, "state": "ACTIVE"});
    let mut batch = [&good, &dead, &reader, &broken]
        .map(|name| on(name))
        .to_vec();
    batch.push(json!({"name": elsewhere, "state": "ACTIVE", "zoneId": "zone-nowhere"}));
    let path = "/armory/accounts?dryRun=true";
    let answer = pair
        .sidecar
        .request("PATCH", path, Some(&json!(batch)))
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!answer.body.contains(PLANTED), "{}", answer.body);
    let items = answer.json();

    let served = item(&items, &good);
    assert_eq!(
        (&served["before"], &served["after"]),
        (&json!("INACTIVE"), &json!("TO_MIGRATE"))
    );
    assert_eq!(obstacles(served), Vec::<&str>::new());
    let reached = &served["reached"];
    assert!(
        reached["kubeVersion"].as_str().unwrap().starts_with("v1."),
        "{reached}"
    );
    assert_eq!(reached["zoneId"], "zone-a");
    assert!(
        reached["kinds"]
            .as_array()
            .unwrap()
            .contains(&json!("Deployment.apps")),
        "{reached}"
    );

    says(item(&items, &dead), "refuses connections");
    assert_eq!(item(&items, &dead)["reached"], Value::Null);
    // A user who may ask for the version, and for nothing else.
    let limited = item(&items, &reader);
    assert!(
        limited["reached"]["kubeVersion"]
            .as_str()
            .unwrap()
            .starts_with("v1.")
    );
    says(limited, "lack: list pods in all namespaces");
    says(limited, "lack: watch deployments.apps in all namespaces");
    says(limited, "lack: list namespaces");
    says(item(&items, &broken), "kubeconfig");
    says(
        item(&items, &elsewhere),
        "no agent of zone `zone-nowhere` is connected",
    );

    let unmigrated = format!("{}-unmigrated", pair.name);
    let account = clouddriver::account(&unmigrated, &ground().kubeconfig);
    assert_eq!(ground().clouddriver.create(&account).status, 200);
    let body = json!([{"name": unmigrated}, {"name": good}]);
    let answer = pair.sidecar.request("POST", path, Some(&body)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let items = answer.json();
    assert_eq!(item(&items, &unmigrated)["outcome"], "created");
    assert_eq!(obstacles(item(&items, &unmigrated)), Vec::<&str>::new());
    assert_eq!(item(&items, &good)["outcome"], "present");

    assert!(pair.account(&unmigrated).unwrap_err().starts_with("404"));
    for name in [&good, &dead, &reader, &broken, &elsewhere] {
        assert_eq!(pair.account(name).unwrap()["status"], "INACTIVE");
        let audit = format!("/armory/accounts/{name}/audit");
        let audit = pair.sidecar.request("GET", &audit, None).unwrap().json();
        assert_eq!(audit["total"], 1, "{audit}");
    }
    let held = http::get(&format!("{}/accounts", pair.agent.url)).unwrap();
    assert!(!held.body.contains(&pair.name), "{}", held.body);
}
