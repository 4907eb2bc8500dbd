//! PATCH /armory/accounts: to ACTIVE or INACTIVE.

use crate::ground::{Place, at_each_door, dead_kubeconfig, kubeconfig, server};
use crate::talk::Talk;
use ferry_tests::clouddriver;
use serde_json::{Value, json};

at_each_door!(
    dry_runs,
    patch_of_accounts,
    patch_of_unknown_accounts,
    patch_to_no_state,
    patch_of_one_name_twice,
    patch_of_what_is_no_batch,
    patch_to_a_zone_without_agent,
);

fn patch_of_accounts(place: &Place) {
    place.post("patch-1", "apiVersion: v1");
    place.post("patch-2", "apiVersion: v1");
    let mut talk = Talk::at(place);
    let body = json!([
        {"name": "patch-1", "state": "ACTIVE", "zoneId": "zone-nowhere"},
        {"name": "patch-2", "state": "INACTIVE"},
    ]);
    talk.ask("PATCH", "/armory/accounts", &body);
    talk.get("/armory/accounts?name=patch-");
    // Once more, and back: both are taken as they are asked.
    talk.ask("PATCH", "/armory/accounts", &body);
    let back = json!([{"name": "patch-1", "state": "INACTIVE"}]);
    talk.ask("PATCH", "/armory/accounts", &back);
    place.reaches("patch-1", "INACTIVE");
    talk.get("/armory/accounts/patch-1");
    talk.is("patch_of_accounts");
}

fn patch_of_unknown_accounts(place: &Place) {
    let account = clouddriver::account("strange-unmigrated", "apiVersion: v1");
    assert_eq!(place.post_past_ferry(&account).status, 200);
    place.post("strange-known", "apiVersion: v1");
    let mut talk = Talk::at(place);
    for names in [
        ["strange-unknown", "strange-known"],
        ["strange-unmigrated", "strange-known"],
        ["strange-unmigrated", "strange-unknown"],
    ] {
        let entries = names.map(|name| json!({"name": name, "state": "INACTIVE"}));
        talk.ask("PATCH", "/armory/accounts", &json!(entries));
    }
    talk.is("patch_of_unknown_accounts");
}

fn patch_to_no_state(place: &Place) {
    place.post("state-1", "apiVersion: v1");
    let mut talk = Talk::at(place);
    for body in [
        json!([{"name": "state-1"}]),
        json!([{"name": "state-1", "state": ""}]),
        json!([{"name": "state-1", "state": "active"}]),
        json!([{"name": "state-1", "state": "FAILED"}]),
    ] {
        talk.ask("PATCH", "/armory/accounts", &body);
    }
    talk.is("patch_to_no_state");
}

fn patch_of_one_name_twice(place: &Place) {
    place.post("again-1", "apiVersion: v1");
    place.post("again-2", "apiVersion: v1");
    let mut talk = Talk::at(place);
    let body = json!([
        {"name": "again-1", "state": "INACTIVE"},
        {"name": "again-1", "state": "INACTIVE"},
        {"name": "again-2", "state": "ACTIVE"},
        {"name": "again-2", "state": "INACTIVE"},
    ]);
    talk.ask("PATCH", "/armory/accounts", &body);
    talk.get("/armory/accounts/again-2");
    talk.is("patch_of_one_name_twice");
}

fn patch_of_what_is_no_batch(place: &Place) {
    let mut talk = Talk::at(place);
    talk.ask("PATCH", "/armory/accounts", &json!([]));
    let json = ("Content-Type", "application/json");
    for body in ["", "{\"name\": \"acc\", \"state\": \"ACTIVE\"}", "[{]"] {
        talk.say("PATCH", "/armory/accounts", &[json], body);
    }
    talk.is("patch_of_what_is_no_batch");
}

fn patch_to_a_zone_without_agent(place: &Place) {
    place.post("nowhere-1", &kubeconfig());
    let entry = json!([{"name": "nowhere-1", "state": "ACTIVE", "zoneId": "zone-nowhere"}]);
    let patched = place.request("PATCH", "/armory/accounts", Some(&entry));
    assert_eq!(patched.unwrap().status, 202);
    place.reaches("nowhere-1", "FAILED");
    // Any zone will do.
    let entry = json!([{"name": "nowhere-1", "state": "ACTIVE", "zoneId": ""}]);
    let patched = place.request("PATCH", "/armory/accounts", Some(&entry));
    assert_eq!(patched.unwrap().status, 202);
    place.reaches("nowhere-1", "ACTIVE");
    place.switch("nowhere-1", "INACTIVE", "INACTIVE");
}

fn dry_runs(place: &Place) {
    let dead = dead_kubeconfig();
    let nobody = serde_json::from_str::<Value>(&dead).unwrap();
    let nobody = nobody["clusters"][0]["cluster"]["server"].as_str().unwrap();
    place.post("dry-good", &kubeconfig());
    place.post("dry-dead", &dead);
    place.post("dry-text", "no kubeconfig");
    let unmigrated = clouddriver::account("dry-unmigrated", &kubeconfig());
    assert_eq!(place.post_past_ferry(&unmigrated).status, 200);
    let mut talk = Talk::at(place);
    talk.hide(server(), "server");
    talk.hide(nobody, "nobody");
    let path = "/armory/accounts?dryRun=true";
    let post = ["dry-unmigrated", "dry-good", "dry-unknown"];
    let post = post.map(|name| json!({"name": name, "zoneId": "zone-a"}));
    talk.ask("POST", path, &json!(post));
    let patch = ["dry-good", "dry-dead", "dry-text", "dry-unmigrated"];
    let patch = patch.map(|name| json!({"name": name, "state": "ACTIVE", "zoneId": "zone-a"}));
    talk.ask("PATCH", path, &json!(patch));
    let off = json!([{"name": "dry-good", "state": "INACTIVE"}]);
    talk.ask("PATCH", path, &off);
    talk.ask("PATCH", "/armory/accounts?dryRun=maybe", &off);
    talk.get("/armory/accounts?name=dry-&status=INACTIVE");
    talk.is("dry_runs");
}
