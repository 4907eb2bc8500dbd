//! Accounts that stand in Clouddriver's configuration, under `kubernetes.accounts`: its accounts like
//! those it stores.

use crate::ground::{Place, at_each_door, server};
use crate::talk::Talk;
use ferry_tests::clouddriver;
use serde_json::{Value, json};

at_each_door!(
    configured_accounts_are_listed,
    a_configured_account_is_migrated_and_goes_back,
    configured_accounts_that_no_agent_can_serve,
    a_stored_account_goes_before_a_configured_one,
);
at_each_door!(a_configured_account_where_none_are_stored: sidecar_without_accounts,
    plugin_without_accounts);
at_each_door!(the_scan_of_configured_accounts: sidecar_that_is_strict, plugin_that_is_strict);

const ACCOUNTS: &str = "/armory/accounts";

fn configured_accounts_are_listed(place: &Place) {
    let mut talk = Talk::at(place);
    talk.get("/armory/accounts/standing-2");
    talk.get("/armory/accounts/standing-2/scan");
    talk.get("/agents/kubernetes/accounts/standing-2");
    talk.get("/armory/accounts?name=standing-own");
    let body = json!([{"name": "standing-2", "state": "ACTIVE"}]);
    talk.ask("PATCH", ACCOUNTS, &body);
    talk.is("configured_accounts_are_listed");
    // However they are parted, all come once and in their order.
    for name in ["standing-1", "standing-3"] {
        let stored = clouddriver::account(name, "apiVersion: v1");
        assert_eq!(place.post_past_ferry(&stored).status, 200, "{name}");
    }
    let mut names = Vec::new();
    for page in 1..=3 {
        let path = format!("{ACCOUNTS}?name=standing-&limit=2&page={page}");
        let listed = place.request("GET", &path, None).unwrap().json();
        assert_eq!(listed["total"], 5, "{listed}");
        for item in listed["items"].as_array().unwrap() {
            names.push(item["name"].as_str().unwrap().to_owned());
        }
    }
    let expected = ["1", "2", "3", "none", "own"];
    assert_eq!(names, expected.map(|name| format!("standing-{name}")));
}

fn a_configured_account_is_migrated_and_goes_back(place: &Place) {
    let mut talk = Talk::at(place);
    talk.hide(server(), "server");
    let name = json!([{"name": "configured-1", "zoneId": "zone-a"}]);
    talk.ask("POST", "/armory/accounts?dryRun=true", &name);
    talk.ask("POST", ACCOUNTS, &name);
    talk.ask("POST", ACCOUNTS, &name);
    talk.get("/armory/accounts/configured-1/scan");
    place.switch("configured-1", "ACTIVE", "ACTIVE");
    talk.get("/armory/accounts/configured-1");
    talk.ask(
        "POST",
        "/armory/accounts/rollback",
        &json!({"names": ["configured-1"]}),
    );
    place.forgets("configured-1");
    talk.get("/armory/accounts/configured-1");
    talk.is("a_configured_account_is_migrated_and_goes_back");
}

fn configured_accounts_that_no_agent_can_serve(place: &Place) {
    let mut talk = Talk::at(place);
    let body = json!([{"name": "standing-own"}, {"name": "standing-none"}]);
    talk.ask("POST", "/armory/accounts?dryRun=true", &body);
    talk.ask("POST", ACCOUNTS, &body);
    talk.get("/armory/accounts/standing-own");
    talk.is("configured_accounts_that_no_agent_can_serve");
}

fn a_stored_account_goes_before_a_configured_one(place: &Place) {
    let name = "configured-stored";
    let account = |file: &str| json!({"type": "kubernetes", "name": name, "kubeconfigFile": file});
    let shown = || place.request("GET", &format!("{ACCOUNTS}/{name}"), None);
    let (credential, stored) = (
        format!("/credentials/{name}"),
        account("/kubeconfigfiles/stored"),
    );
    let mut talk = Talk::at(place);
    talk.ask("POST", "/credentials", &stored);
    talk.ask("PUT", "/credentials", &stored);
    talk.get(&format!("{ACCOUNTS}/{name}"));
    talk.ask("POST", ACCOUNTS, &json!([{"name": name}]));
    talk.ask("PUT", &credential, &account("/kubeconfigfiles/later"));
    assert_eq!(
        shown().unwrap().json()["config"]["kubeconfigFile"],
        "/kubeconfigfiles/later"
    );
    talk.ask("DELETE", &credential, &Value::Null);
    place.forgets(name);
    talk.get(&format!("{ACCOUNTS}/{name}"));
    talk.ask("DELETE", &credential, &Value::Null);
    talk.is("a_stored_account_goes_before_a_configured_one");
}

fn a_configured_account_where_none_are_stored(place: &Place) {
    let mut talk = Talk::at(place);
    let body = json!([{"name": "configured-1"}, {"name": "configured-unknown"}]);
    talk.ask("POST", ACCOUNTS, &body);
    talk.is("a_configured_account_where_none_are_stored");
    place.switch("configured-1", "ACTIVE", "ACTIVE");
}

fn the_scan_of_configured_accounts(place: &Place) {
    place.reaches("configured-scanned-1", "ACTIVE");
    let mut talk = Talk::at(place);
    for name in [
        "configured-scanned-1",
        "configured-scanned-own",
        "standing-2",
    ] {
        talk.get(&format!("{ACCOUNTS}/{name}/scan"));
    }
    talk.is("the_scan_of_configured_accounts");
}
