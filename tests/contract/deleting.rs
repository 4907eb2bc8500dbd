//! DELETE /armory/accounts, with names in the body or in the path.

use crate::ground::{Place, at_each_door, kubeconfig};
use crate::talk::Talk;
use ferry_tests::clouddriver;
use serde_json::json;

at_each_door!(
    delete_of_accounts,
    delete_of_one_account,
    delete_of_unknown_accounts,
    delete_of_what_is_no_list,
    delete_of_an_active_account,
    rollback_of_accounts,
);

fn delete_of_accounts(place: &Place) {
    for name in ["gone-1", "gone-2", "gone-3"] {
        place.post(name, "apiVersion: v1");
    }
    let mut talk = Talk::at(place);
    talk.ask(
        "DELETE",
        "/armory/accounts",
        &json!(["gone-1", "gone-2", "gone-1"]),
    );
    talk.get("/armory/accounts?name=gone-");
    talk.is("delete_of_accounts");
}

fn delete_of_one_account(place: &Place) {
    place.post("single-1", "apiVersion: v1");
    let mut talk = Talk::at(place);
    talk.ask("DELETE", "/armory/accounts/single-1", &json!(null));
    talk.get("/agents/kubernetes/accounts/single-1");
    talk.ask("DELETE", "/armory/accounts/single-1", &json!(null));
    talk.ask("DELETE", "/armory/accounts/single-unknown", &json!(null));
    talk.is("delete_of_one_account");
}

fn delete_of_unknown_accounts(place: &Place) {
    let account = clouddriver::account("delete-unmigrated", "apiVersion: v1");
    assert_eq!(place.post_past_ferry(&account).status, 200);
    place.post("delete-known", "apiVersion: v1");
    let mut talk = Talk::at(place);
    talk.ask(
        "DELETE",
        "/armory/accounts",
        &json!(["delete-unmigrated", "delete-known"]),
    );
    talk.ask(
        "DELETE",
        "/armory/accounts",
        &json!(["delete-unknown", "delete-unmigrated"]),
    );
    talk.get("/armory/accounts?name=delete-");
    talk.is("delete_of_unknown_accounts");
}

fn delete_of_what_is_no_list(place: &Place) {
    let mut talk = Talk::at(place);
    let json = ("Content-Type", "application/json");
    for body in ["", "[]", "\"acc\"", "[{\"name\": \"acc\"}]", "[\"acc\""] {
        talk.say("DELETE", "/armory/accounts", &[json], body);
    }
    talk.is("delete_of_what_is_no_list");
}

fn delete_of_an_active_account(place: &Place) {
    place.post("held-1", &kubeconfig());
    place.switch("held-1", "ACTIVE", "ACTIVE");
    let deleted = place.request("DELETE", "/armory/accounts", Some(&json!(["held-1"])));
    assert_eq!(deleted.unwrap().status, 202);
    place.forgets("held-1");
    // Clouddriver's own record is never touched.
    let listed = place.request("GET", "/armory/accounts/held-1", None);
    assert_eq!(listed.unwrap().json()["source"], "clouddriver");
}

fn rollback_of_accounts(place: &Place) {
    const PATH: &str = "/armory/accounts/rollback";
    place.post("back-1", &kubeconfig());
    place.post("back-2", "apiVersion: v1");
    place.switch("back-1", "ACTIVE", "ACTIVE");
    let inline = json!({"name": "back-inline", "kubeconfigFile": "/kubeconfigfiles/back"});
    let mut talk = Talk::at(place);
    talk.ask("POST", "/armory/accounts/dynamic", &inline);
    let names = json!({"names": ["back-1", "back-2", "back-inline", "on-premises"]});
    talk.ask("POST", PATH, &names);
    place.forgets("back-1");
    place.forgets("back-2");
    talk.get("/armory/accounts?name=back-");
    talk.ask("POST", PATH, &json!({"names": ["back-1"]}));
    talk.ask("POST", PATH, &json!({"names": ["back-1", "back-unknown"]}));
    talk.ask("POST", PATH, &json!({"zoneId": "zone-without-accounts"}));
    talk.ask(
        "POST",
        PATH,
        &json!({"names": ["back-1"], "zoneId": "zone-a"}),
    );
    let seen = place
        .request("GET", "/credentials/type/kubernetes", None)
        .unwrap()
        .json();
    let stored = seen.as_array().unwrap().iter();
    let names: Vec<_> = stored
        .filter_map(|account| account["name"].as_str())
        .collect();
    assert!(
        names.contains(&"back-1") && names.contains(&"back-2"),
        "{names:?}"
    );
    let entry = json!([{"name": "back-1"}]);
    talk.ask("POST", "/armory/accounts", &entry);
    talk.is("rollback_of_accounts");
}
