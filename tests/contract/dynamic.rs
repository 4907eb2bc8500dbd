//! /armory/accounts/dynamic: accounts whose definitions come with the request, and are kept here alone.

use crate::ground::{Place, at_each_door, kubeconfig};
use crate::talk::Talk;
use ferry_tests::clouddriver;
use serde_json::json;

at_each_door!(
    post_of_dynamic_accounts,
    post_of_wrong_dynamic_accounts,
    put_of_a_dynamic_account,
    put_of_what_is_not_dynamic,
    dry_runs_of_dynamic_accounts,
);
// Where there is a key to seal it with: the embedded database makes one.
at_each_door!(a_kubeconfig_in_the_request: sidecar_on_sqlite, sidecar_on_mariadb,
    sidecar_on_postgres, plugin_on_mariadb);
at_each_door!(a_kubeconfig_that_cannot_be_sealed: plugin_on_postgres);

const PATH: &str = "/armory/accounts/dynamic";

fn post_of_dynamic_accounts(place: &Place) {
    let mut talk = Talk::at(place);
    let one = json!({"name": "dynamic-1", "kubeconfigFile": "/kubeconfigfiles/dynamic-1"});
    talk.ask("POST", PATH, &one);
    let some = json!([
        {
            "name": "dynamic-2", "kubeConfigFile": "/kubeconfigfiles/dynamic-2", "zoneId": "zone-a",
            "context": "admin", "namespaces": ["default"], "onlySpinnakerManaged": true,
            "permissions": {"READ": ["dev"], "WRITE": ["ops"]},
        },
        {"name": "dynamic-3", "serviceAccount": true},
    ]);
    talk.ask("POST", PATH, &some);
    // Those that are here are named, and the other one is made.
    let here = json!([
        {"name": "dynamic-1", "kubeconfigFile": "/another"},
        {"name": "on-premises", "serviceAccount": true},
        {"name": "dynamic-4", "serviceAccount": true},
    ]);
    talk.ask("POST", PATH, &here);
    talk.get("/armory/accounts?name=dynamic-");
    talk.get("/agents/kubernetes/accounts/dynamic-2");
    talk.ask(
        "PATCH",
        PATH,
        &json!([{"name": "dynamic-1", "state": "INACTIVE"}]),
    );
    talk.ask(
        "PATCH",
        PATH,
        &json!([{"name": "dynamic-5", "state": "ACTIVE"}]),
    );
    talk.is("post_of_dynamic_accounts");
}

fn post_of_wrong_dynamic_accounts(place: &Place) {
    let mut talk = Talk::at(place);
    talk.ask("POST", PATH, &json!([]));
    talk.say("POST", PATH, &[], "");
    talk.ask("POST", PATH, &json!("odd-1"));
    let wrong = json!([
        {"kubeconfigFile": "/k"},
        {"name": "odd-1"},
        {"name": "odd-2", "kubeconfigFile": "/k", "serviceAccount": true},
        {"name": "odd-3", "kubeconfigFile": "/k", "type": "aws"},
        {"name": "odd-4", "kubeconfigFile": ["/k"]},
        {"name": "odd-5", "serviceAccount": "yes"},
        {"name": "odd-6", "kubeconfigContents": "[redacted]"},
        {"name": "odd-7", "kubeconfigFile": "/1"},
        {"name": "odd-7", "kubeconfigFile": "/2"},
        {"name": "odd-8", "kubeconfigFile": "/k", "zoneId": 7},
        {"name": "odd-9", "kubeconfigFile": "/k"},
    ]);
    talk.ask("POST", PATH, &wrong);
    talk.get("/armory/accounts?name=odd-");
    talk.is("post_of_wrong_dynamic_accounts");
}

fn put_of_a_dynamic_account(place: &Place) {
    let account = json!({"name": "revised-1", "kubeconfigFile": "/k", "zoneId": "zone-a"});
    let made = place.request("POST", PATH, Some(&account)).unwrap();
    assert_eq!(made.status, 202, "{}", made.body);
    let mut talk = Talk::at(place);
    let revised = json!({
        "name": "revised-1", "type": "kubernetes", "namespaces": ["default"],
        "kubeconfigAgent": "/at-the-agent",
    });
    talk.ask("PUT", PATH, &revised);
    talk.get("/armory/accounts/revised-1");
    let moved = json!({"name": "revised-1", "kubeconfigFile": "/k", "zoneId": "zone-b"});
    talk.ask("PUT", PATH, &moved);
    talk.ask(
        "PUT",
        PATH,
        &json!({"name": "revised-1", "kubeconfigAgent": 1}),
    );
    talk.get("/armory/accounts/revised-1");
    talk.is("put_of_a_dynamic_account");
}

fn put_of_what_is_not_dynamic(place: &Place) {
    let unmigrated = clouddriver::account("not-dynamic", "apiVersion: v1");
    assert_eq!(place.post_past_ferry(&unmigrated).status, 200);
    let mut talk = Talk::at(place);
    for body in [
        json!([]),
        json!({}),
        json!([{"name": "not-dynamic"}]),
        json!({"context": "c"}),
    ] {
        talk.ask("PUT", PATH, &body);
    }
    talk.say("PUT", PATH, &[], "");
    for name in ["not-here", "not-dynamic", "on-premises"] {
        talk.ask("PUT", PATH, &json!({"name": name, "kubeconfigFile": "/k"}));
    }
    talk.is("put_of_what_is_not_dynamic");
}

fn dry_runs_of_dynamic_accounts(place: &Place) {
    let account = |name: &str| json!({"name": name, "kubeconfigFile": "/kubeconfigfiles/none"});
    let made = place.request("POST", PATH, Some(&account("rehearsed-1")));
    assert_eq!(made.unwrap().status, 202);
    let mut talk = Talk::at(place);
    let path = &format!("{PATH}?dryRun=true");
    let some = json!([
        account("rehearsed-1"),
        account("rehearsed-2"),
        {"name": "rehearsed-3"},
        account("on-premises"),
    ]);
    talk.ask("POST", path, &some);
    let active = json!({"name": "rehearsed-1", "state": "ACTIVE", "zoneId": "zone-a"});
    talk.ask("PATCH", path, &json!([active]));
    // Without a dry run, of one that an agent brings.
    let refused = json!([{"name": "on-premises", "state": "ACTIVE"}]);
    talk.ask("PATCH", PATH, &refused);
    talk.get("/armory/accounts?name=rehearsed-");
    talk.is("dry_runs_of_dynamic_accounts");
}

fn a_kubeconfig_in_the_request(place: &Place) {
    let mut talk = Talk::at(place);
    let contents = kubeconfig();
    talk.hide(&json!(contents).to_string(), "kubeconfig");
    let account = json!({"name": "sealed-1", "kubeconfigContents": contents});
    talk.ask("POST", PATH, &account);
    place.switch("sealed-1", "ACTIVE", "ACTIVE");
    talk.get("/armory/accounts/sealed-1");
    // What an answer shows may be sent back, and the account stays ACTIVE.
    let shown = json!({
        "name": "sealed-1", "kubeconfigContents": "[redacted]", "namespaces": ["default"],
    });
    talk.ask("PUT", PATH, &shown);
    assert_eq!(place.account("sealed-1").unwrap()["status"], "ACTIVE");
    place.switch("sealed-1", "INACTIVE", "INACTIVE");
    talk.get("/armory/accounts/sealed-1");
    talk.ask("DELETE", "/armory/accounts/sealed-1", &json!(null));
    place.forgets("sealed-1");
    talk.get("/armory/accounts/sealed-1");
    talk.is("a_kubeconfig_in_the_request");
}

fn a_kubeconfig_that_cannot_be_sealed(place: &Place) {
    let mut talk = Talk::at(place);
    let accounts = json!([
        {"name": "unsealed-1", "kubeconfigContents": "apiVersion: v1"},
        {"name": "unsealed-2", "kubeconfigFile": "/k"},
    ]);
    talk.ask("POST", PATH, &accounts);
    let contents = json!({"name": "unsealed-2", "kubeconfigContents": "apiVersion: v1"});
    talk.ask("PUT", PATH, &contents);
    talk.get("/armory/accounts?name=unsealed-");
    talk.is("a_kubeconfig_that_cannot_be_sealed");
}
