//! What becomes of an account that is written to Clouddriver, by the keys of
//! `kubesvc.dynamicAccounts.interceptor` that are not as by default; `strict` is in `intercepting`.

use crate::ground::{Place, at_each_door, kubeconfig};
use ferry_tests::clouddriver;
use serde_json::{Value, json};

at_each_door!(without_it_writes_pass_by: sidecar_that_lets_pass, plugin_that_lets_pass);
at_each_door!(with_activate_it_goes_on: sidecar_that_activates, plugin_that_activates);

/// The row's status; `Null`: Clouddriver has the account, and nobody migrated it.
fn status(place: &Place, name: &str) -> Value {
    let path = format!("/armory/accounts/{name}");
    let answer = place.request("GET", &path, None).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["status"].clone()
}

fn without_it_writes_pass_by(place: &Place) {
    place.post("passing", &kubeconfig());
    assert_eq!(status(place, "passing"), Value::Null);

    // What it migrated by hand it keeps, whatever is written then.
    let body = json!([{"name": "passing"}]);
    let migrated = place.request("POST", "/armory/accounts", Some(&body));
    assert_eq!(migrated.unwrap().status, 202);
    place.switch("passing", "ACTIVE", "ACTIVE");
    let mut changed = clouddriver::account("passing", &kubeconfig());
    changed["namespaces"] = json!(["default"]);
    place.put(&changed);
    assert_eq!(status(place, "passing"), "ACTIVE");
    let deleted = place.request("DELETE", "/credentials/passing", None);
    assert_eq!(deleted.unwrap().status, 200);
    assert_eq!(status(place, "passing"), "ACTIVE");
    let audit = "/armory/accounts/passing/audit";
    let audit = place.request("GET", audit, None).unwrap().body;
    assert!(
        audit.contains("Activate") && !audit.contains("Delete"),
        "{audit}"
    );
}

fn with_activate_it_goes_on(place: &Place) {
    place.post("eager", &kubeconfig());
    place.reaches("eager", "ACTIVE");
    // Once: what was switched off stays off.
    place.switch("eager", "INACTIVE", "INACTIVE");
    let mut changed = clouddriver::account("eager", &kubeconfig());
    changed["namespaces"] = json!(["default"]);
    place.put(&changed);
    let account = place.account("eager").unwrap();
    assert_eq!(account["definition"]["namespaces"], json!(["default"]));
    assert_eq!(account["status"], "INACTIVE");
}
