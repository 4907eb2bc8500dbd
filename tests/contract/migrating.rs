//! POST /armory/accounts: Clouddriver's accounts become INACTIVE here.

use crate::ground::{Place, at_each_door, kubeconfig};
use crate::talk::Talk;
use ferry_tests::clouddriver;
use serde_json::json;

at_each_door!(
    post_of_new_accounts,
    post_of_accounts_that_are_here,
    post_of_unknown_accounts,
    post_of_nothing,
    post_of_one_name_twice,
    post_of_another_type,
    post_of_wrong_entries,
    post_of_what_is_no_batch,
    post_of_an_account_that_was_deleted,
    an_account_by_hand_is_migrated_and_activated,
    reports_of_items,
    requests_with_a_key,
);

/// Accounts that Clouddriver has, and Ferry has not.
fn unmigrated(place: &Place, names: &[&str]) {
    for name in names {
        let account = clouddriver::account(name, "apiVersion: v1");
        assert_eq!(place.post_past_ferry(&account).status, 200, "{name}");
    }
}

fn post_of_new_accounts(place: &Place) {
    unmigrated(place, &["new-1", "new-2", "new-3"]);
    let mut talk = Talk::at(place);
    let body = json!([
        {"name": "new-1"},
        {"name": "new-2", "zoneId": "zone-a"},
        {"name": "new-3", "kubeconfigFile": "/kubeconfigfiles/new-3"},
    ]);
    talk.ask("POST", "/armory/accounts", &body);
    talk.get("/armory/accounts?name=new-");
    talk.is("post_of_new_accounts");
}

fn post_of_accounts_that_are_here(place: &Place) {
    unmigrated(place, &["here-1", "here-2"]);
    place.post("here-0", "apiVersion: v1");
    let mut talk = Talk::at(place);
    let body = json!([{"name": "here-0", "zoneId": "zone-a"}, {"name": "here-1"}]);
    talk.ask("POST", "/armory/accounts", &body);
    talk.get("/armory/accounts?name=here-&status=INACTIVE");
    talk.is("post_of_accounts_that_are_here");
}

fn post_of_unknown_accounts(place: &Place) {
    unmigrated(place, &["known-1", "known-2"]);
    let mut talk = Talk::at(place);
    let body = json!([{"name": "known-not"}, {"name": "known-1"}]);
    talk.ask("POST", "/armory/accounts", &body);
    // 400 wins over 409.
    let body = json!([{"name": "known-1"}, {"name": "known-not"}, {"name": "known-2"}]);
    talk.ask("POST", "/armory/accounts", &body);
    talk.get("/armory/accounts?name=known-&status=INACTIVE");
    talk.is("post_of_unknown_accounts");
}

fn post_of_nothing(place: &Place) {
    let mut talk = Talk::at(place);
    talk.ask("POST", "/armory/accounts", &json!([]));
    talk.say("POST", "/armory/accounts", &[], "");
    talk.is("post_of_nothing");
}

fn post_of_one_name_twice(place: &Place) {
    unmigrated(place, &["twice-1", "twice-2"]);
    let mut talk = Talk::at(place);
    let body = json!([{"name": "twice-1"}, {"name": "twice-1"}]);
    talk.ask("POST", "/armory/accounts", &body);
    let body = json!([{"name": "twice-2", "zoneId": "a"}, {"name": "twice-2", "zoneId": "b"}]);
    talk.ask("POST", "/armory/accounts", &body);
    talk.get("/armory/accounts?name=twice-&status=INACTIVE");
    talk.is("post_of_one_name_twice");
}

fn post_of_another_type(place: &Place) {
    let registry = json!({
        "type": "dockerRegistry", "name": "other-registry", "address": "https://registry.example",
    });
    assert_eq!(place.post_past_ferry(&registry).status, 200);
    let mut talk = Talk::at(place);
    talk.ask(
        "POST",
        "/armory/accounts",
        &json!([{"name": "other-registry"}]),
    );
    talk.get("/armory/accounts?name=other-");
    talk.is("post_of_another_type");
}

fn post_of_wrong_entries(place: &Place) {
    unmigrated(place, &["wrong-1", "wrong-2"]);
    let mut talk = Talk::at(place);
    for body in [
        json!([{"name": "wrong-1", "state": "ACTIVE"}, {"name": "wrong-2"}]),
        json!([{"name": ""}]),
        json!([{"name": "w".repeat(256)}]),
        json!([{"zoneId": "zone-a"}]),
        json!([{"name": 1}]),
        json!([{"name": "wrong-1", "zone": "zone-a"}]),
        json!(["wrong-1"]),
    ] {
        talk.ask("POST", "/armory/accounts", &body);
    }
    talk.get("/armory/accounts?name=wrong-&status=INACTIVE");
    talk.is("post_of_wrong_entries");
}

fn post_of_what_is_no_batch(place: &Place) {
    let mut talk = Talk::at(place);
    let json = ("Content-Type", "application/json");
    for body in [
        "{\"name\": \"acc\"}",
        "\"acc\"",
        "[{\"name\": \"acc\"",
        "[{\"name\":\n\"acc\",}]",
        "name: acc",
        "\u{feff}[]",
    ] {
        talk.say("POST", "/armory/accounts", &[json], body);
    }
    talk.is("post_of_what_is_no_batch");
}

fn post_of_an_account_that_was_deleted(place: &Place) {
    place.post("once-more", "apiVersion: v1");
    let mut talk = Talk::at(place);
    talk.ask("DELETE", "/armory/accounts", &json!(["once-more"]));
    talk.get("/armory/accounts/once-more");
    talk.ask("POST", "/armory/accounts", &json!([{"name": "once-more"}]));
    talk.get("/armory/accounts/once-more");
    talk.is("post_of_an_account_that_was_deleted");
}

fn an_account_by_hand_is_migrated_and_activated(place: &Place) {
    let account = clouddriver::account("by-hand", &kubeconfig());
    assert_eq!(place.post_past_ferry(&account).status, 200);
    let entry = json!([{"name": "by-hand", "zoneId": "zone-a"}]);
    let migrated = place.request("POST", "/armory/accounts", Some(&entry));
    assert_eq!(migrated.unwrap().status, 202);
    place.switch("by-hand", "ACTIVE", "ACTIVE");
}

fn reports_of_items(place: &Place) {
    unmigrated(place, &["item-1", "item-2", "item-3"]);
    place.post("item-0", "apiVersion: v1");
    let mut talk = Talk::at(place);
    let path = "/armory/accounts?report=items";
    talk.ask(
        "POST",
        path,
        &json!([{"name": "item-1"}, {"name": "item-2"}]),
    );
    talk.ask(
        "POST",
        path,
        &json!([{"name": "item-0"}, {"name": "item-3"}]),
    );
    talk.ask(
        "POST",
        path,
        &json!([{"name": "item-0"}, {"name": "item-unknown"}]),
    );
    let patch = json!([
        {"name": "item-0", "state": "INACTIVE"},
        {"name": "item-1", "state": "ACTIVE", "zoneId": "zone-of-items"},
        {"name": "on-premises", "state": "INACTIVE"},
    ]);
    talk.ask("PATCH", path, &patch);
    talk.ask("DELETE", path, &json!(["item-0", "item-2"]));
    talk.ask(
        "DELETE",
        "/armory/accounts/item-3?report=items",
        &json!(null),
    );
    talk.ask("DELETE", "/armory/accounts/item-3?report=all", &json!(null));
    let dynamic = "/armory/accounts/dynamic?report=items";
    let body = json!({"name": "item-4", "kubeconfigFile": "/kubeconfigfiles/item-4"});
    talk.ask("POST", dynamic, &body);
    talk.ask(
        "PUT",
        dynamic,
        &json!({"name": "item-4", "kubeconfigFile": "/other"}),
    );
    talk.ask(
        "PATCH",
        dynamic,
        &json!([{"name": "item-4", "state": "INACTIVE"}]),
    );
    talk.is("reports_of_items");
}

fn requests_with_a_key(place: &Place) {
    unmigrated(place, &["key-1", "key-2"]);
    let mut talk = Talk::at(place);
    let path = "/armory/accounts";
    let too_long = "k".repeat(256);
    for (key, name) in [
        ("first", "key-1"),
        ("first", "key-1"),
        ("first", "key-2"),
        ("second", "key-1"),
        ("second", "key-1"),
        ("", "key-2"),
        (&too_long, "key-2"),
    ] {
        let headers = [
            ("Content-Type", "application/json"),
            ("Idempotency-Key", key),
        ];
        talk.say("POST", path, &headers, &json!([{"name": name}]).to_string());
    }
    talk.get("/armory/accounts?name=key-");
    talk.is("requests_with_a_key");
}
