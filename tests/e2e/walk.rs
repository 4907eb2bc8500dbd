//! The walk as a person does it, and the transitions around it, on every database.

use crate::ground::{PATIENCE, Pair, QUICK, dead_kubeconfig, ground};
use ferry_tests::database::Kind;
use ferry_tests::{clouddriver, wait};
use serde_json::json;

#[test]
fn an_account_goes_from_post_to_active_and_back() {
    there_and_back(&Pair::start(QUICK));
}

fn there_and_back(pair: &Pair) {
    let name = pair.post("acc", &ground().kubeconfig);
    let account = pair.account(&name).unwrap();
    assert_eq!(account["status"], "INACTIVE");
    assert_eq!(account["dynamic"], true);

    pair.patch(&name, "ACTIVE");
    let account = pair.reaches(&name, "ACTIVE");
    assert_eq!(account["zoneId"], "zone-a");
    assert_eq!(account["connections"], 1);
    assert!(
        account["kubeVersion"].as_str().unwrap().starts_with("v1."),
        "{account}"
    );
    assert!(
        account["kubeHost"]
            .as_str()
            .unwrap()
            .starts_with("https://127.0.0.1:"),
        "{account}"
    );
    assert_eq!(
        account["certFingerprint"].as_str().unwrap().len(),
        64,
        "{account}"
    );

    let agents = pair
        .sidecar
        .request("GET", "/armory/agents", None)
        .unwrap()
        .json();
    assert_eq!(agents[0]["accounts"], json!([name]));
    assert_eq!(agents[0]["caching"], true);

    pair.patch(&name, "INACTIVE");
    pair.reaches(&name, "INACTIVE");
    let agents = pair
        .sidecar
        .request("GET", "/armory/agents", None)
        .unwrap()
        .json();
    assert_eq!(agents[0]["accounts"], json!([]));
}

#[test]
fn an_account_whose_cluster_is_dead_fails_with_the_cause() {
    dead_cluster(&Pair::start(QUICK));
}

fn dead_cluster(pair: &Pair) {
    let name = pair.post("dead", &dead_kubeconfig());
    pair.patch(&name, "ACTIVE");
    let account = pair.reaches(&name, "FAILED");
    let cause = account["errorMessage"].as_str().unwrap();
    assert!(
        cause.contains("refuses connections") && cause.contains("https://127.0.0.1:"),
        "{cause}"
    );
    assert_ne!(account["retryCount"], 0);
}

#[test]
fn accounts_by_hand_are_scanned_posted_and_patched() {
    by_hand(&Pair::start(QUICK));
}

fn by_hand(pair: &Pair) {
    let name = format!("{}-by-hand", pair.name);
    let account = clouddriver::account(&name, &ground().kubeconfig);
    assert_eq!(pair.clouddriver().create(&account).status, 200);

    let path = format!("/armory/accounts/{name}");
    let scanned = pair.sidecar.request("GET", &path, None).unwrap().json();
    assert_eq!(scanned["source"], "clouddriver");
    assert!(scanned.get("status").is_none(), "{scanned}");

    let entry = json!([{"name": name, "zoneId": "zone-a"}]);
    let first = pair
        .sidecar
        .request("POST", "/armory/accounts", Some(&entry))
        .unwrap();
    assert_eq!((first.status, first.json()), (202, json!([])));
    let second = pair
        .sidecar
        .request("POST", "/armory/accounts", Some(&entry))
        .unwrap();
    assert_eq!((second.status, second.json()), (409, entry));

    pair.patch(&name, "ACTIVE");
    pair.reaches(&name, "ACTIVE");
    let body = json!([name]);
    let deleted = pair
        .sidecar
        .request("DELETE", "/armory/accounts", Some(&body))
        .unwrap();
    assert_eq!(deleted.status, 202);
    let gone = || match pair
        .sidecar
        .request("GET", &path, None)?
        .json()
        .get("status")
    {
        None => Ok(()),
        Some(status) => Err(status.to_string()),
    };
    wait::until(PATIENCE, gone).unwrap();
    // Clouddriver's own record is never touched.
    assert!(pair.clouddriver().stored(&name).is_some());
}

#[test]
fn an_update_reaches_the_agent_and_a_delete_in_clouddriver_ends_the_account() {
    update_and_delete(&Pair::start(QUICK));
}

fn update_and_delete(pair: &Pair) {
    let name = pair.post("updated", &dead_kubeconfig());
    pair.patch(&name, "ACTIVE");
    pair.reaches(&name, "FAILED");
    let good = clouddriver::account(&name, &ground().kubeconfig);
    let put = pair
        .sidecar
        .request("PUT", "/credentials", Some(&good))
        .unwrap();
    assert_eq!(put.status, 200, "{}", put.body);
    pair.reaches(&name, "ACTIVE");

    let bad = clouddriver::account(&name, "not a kubeconfig");
    let put = pair
        .sidecar
        .request("PUT", "/credentials", Some(&bad))
        .unwrap();
    assert_eq!(put.status, 200, "{}", put.body);
    pair.reaches(&name, "FAILED");

    let path = format!("/credentials/{name}");
    let deleted = pair.sidecar.request("DELETE", &path, None).unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    let gone = || match pair.account(&name) {
        Err(answer) if answer.starts_with("404") => Ok(()),
        other => Err(format!("{other:?}")),
    };
    wait::until(PATIENCE, gone).unwrap();
}

/// The lease of an agent that is away ends two seconds and the margin of ten after it left.
fn short_lease() -> String {
    let cleanup = "kubesvc:\n  cache:\n    accountCleanupFrequencySeconds: 2\n";
    QUICK.replace("kubesvc:\n", cleanup)
}

#[test]
fn an_account_waits_for_its_agent_and_outlives_it() {
    let mut pair = Pair::new(&short_lease());
    pair.sidecar.start(&[]).unwrap();
    wait_and_outlive(&mut pair);
}

/// The agent does not run yet.
fn wait_and_outlive(pair: &mut Pair) {
    let name = pair.post("orphan", &ground().kubeconfig);
    pair.patch(&name, "ACTIVE");
    assert_eq!(pair.reaches(&name, "TO_MIGRATE")["status"], "TO_MIGRATE");
    pair.agent.start(&[]);
    pair.reaches(&name, "ACTIVE");
    pair.agent.process().kill();
    pair.reaches(&name, "ORPHANED");
    pair.agent.start(&[]);
    pair.reaches(&name, "ACTIVE");
    pair.agent.process().kill();
    pair.patch(&name, "INACTIVE");
    pair.reaches(&name, "INACTIVE");
}

#[test]
fn the_walks_on_mariadb_beside_clouddriver() {
    walks(Kind::MariaDb);
}

#[test]
fn the_walks_on_postgres_beside_clouddriver() {
    walks(Kind::Postgres);
}

fn walks(kind: Kind) {
    let mut pair = Pair::on(kind, &short_lease());
    pair.sidecar.start(&[]).unwrap();
    wait_and_outlive(&mut pair);
    pair.agent.start(&[]);
    there_and_back(&pair);
    dead_cluster(&pair);
    by_hand(&pair);
    update_and_delete(&pair);
}
