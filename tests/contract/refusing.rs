//! What is no request of ours: paths and methods.

use crate::ground::{Place, at_each_door};
use crate::talk::Talk;
use serde_json::json;

at_each_door!(unknown_paths, wrong_methods, methods_without_a_body);
at_each_door!(dynamic_accounts_switched_off: sidecar_switched_off, plugin_switched_off);

fn unknown_paths(place: &Place) {
    let mut talk = Talk::at(place);
    for path in [
        "/armory/something",
        "/armory/accounts/one/two",
        "/agents/something",
        "/agents/kubernetes/accounts",
        "/armory/",
        "/armory",
    ] {
        talk.get(path);
    }
    talk.ask("POST", "/armory/something", &json!([]));
    talk.is("unknown_paths");
}

fn wrong_methods(place: &Place) {
    let mut talk = Talk::at(place);
    talk.ask("PUT", "/armory/accounts", &json!([]));
    talk.ask("POST", "/armory/accounts/one", &json!([]));
    talk.ask("PATCH", "/armory/accounts/one", &json!([]));
    talk.ask("DELETE", "/armory/agents", &json!(null));
    talk.ask("POST", "/agents/kubernetes/accounts/one", &json!({}));
    talk.is("wrong_methods");
}

fn methods_without_a_body(place: &Place) {
    let mut talk = Talk::at(place);
    for method in ["HEAD", "OPTIONS"] {
        talk.ask(method, "/armory/accounts", &json!(null));
    }
    talk.is("methods_without_a_body");
}

fn dynamic_accounts_switched_off(place: &Place) {
    place.post("off-1", "apiVersion: v1");
    let mut talk = Talk::at(place);
    talk.ask("POST", "/armory/accounts", &json!([{"name": "off-1"}]));
    let entry = json!([{"name": "off-1", "state": "ACTIVE"}]);
    talk.ask("PATCH", "/armory/accounts", &entry);
    talk.ask("DELETE", "/armory/accounts", &json!(["off-1"]));
    talk.ask("DELETE", "/armory/accounts/off-1", &json!(null));
    let dynamic = "/armory/accounts/dynamic";
    let account = json!({"name": "off-2", "serviceAccount": true});
    talk.ask("POST", dynamic, &account);
    talk.ask("PUT", dynamic, &account);
    talk.ask("PATCH", dynamic, &entry);
    let names = json!({"names": ["off-1"]});
    talk.ask("POST", "/armory/accounts/rollback", &names);
    talk.ask("POST", "/armory/agent/assignments", &json!(["off-1"]));
    talk.get("/agents/kubernetes/accounts/off-1");
    talk.get("/agents/kubernetes/accounts/off-1/namespaces");
    talk.get("/armory/accounts/off-1/scan");
    talk.get("/armory/accounts?name=off-");
    talk.get("/armory/accounts/off-unknown");
    talk.is("dynamic_accounts_switched_off");
}
