//! What every route answers alike: asked with a parameter that it does not have, with a key of another
//! request, by who may not ask, or while the database is away.

use crate::document::{Operation, operations};
use crate::ground::{Place, at_each_door};
use crate::talk::Talk;
use serde_json::json;

at_each_door!(a_parameter_that_no_route_has, a_key_of_another_request);
at_each_door!(a_database_that_is_away: sidecar_that_loses_its_tables, plugin_that_loses_its_tables);
// Whom the plugin lets ask, Clouddriver says: java::AuthorizationTest.
at_each_door!(who_does_not_have_the_token: sidecar_with_a_token);

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A body that fits it and is about nothing.
fn body(operation: &Operation) -> String {
    let account = json!({"name": "nothing", "kubeconfigFile": "/k"});
    let body = match (operation.method.as_str(), operation.path.as_str()) {
        ("POST", "/armory/accounts") => json!([{"name": "nothing"}]),
        ("PATCH", _) => json!([{"name": "nothing", "state": "ACTIVE"}]),
        ("POST" | "PUT", "/armory/accounts/dynamic") => account,
        ("DELETE", "/armory/accounts") | ("POST", "/armory/agent/assignments") => {
            json!(["nothing"])
        }
        ("POST", "/armory/accounts/rollback") => json!({"names": ["nothing"]}),
        ("POST", "/armory/agent/{agentId}/disconnect") => json!({}),
        _ => return String::new(),
    };
    body.to_string()
}

fn ask_each(
    talk: &mut Talk<'_>,
    of: impl Fn(&Operation) -> bool,
    headers: &[(&str, &str)],
    query: &str,
) {
    for operation in operations().iter().filter(|operation| of(operation)) {
        let path = format!("{}{query}", operation.path_to_nothing());
        let body = body(operation);
        let mut headers = headers.to_vec();
        headers.extend((!body.is_empty()).then_some(JSON));
        talk.say(&operation.method, &path, &headers, &body);
    }
}

fn a_parameter_that_no_route_has(place: &Place) {
    let mut talk = Talk::at(place);
    ask_each(&mut talk, |_| true, &[], "?nothing=1");
    talk.is("a_parameter_that_no_route_has");
}

fn a_key_of_another_request(place: &Place) {
    let mut talk = Talk::at(place);
    let key = ("Idempotency-Key", "of-another");
    talk.say("DELETE", "/armory/accounts/nobody", &[key], "");
    ask_each(&mut talk, Operation::is_write, &[key], "");
    talk.is("a_key_of_another_request");
}

fn a_database_that_is_away(place: &Place) {
    let tables = place.sql(
        "SELECT table_name FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name LIKE 'kubesvc%'",
    );
    place.sql(&format!("DROP TABLE {}", tables.join(", ")));
    let mut talk = Talk::at(place);
    ask_each(&mut talk, |operation| operation.answers(503), &[], "");
    talk.is("a_database_that_is_away");
}

fn who_does_not_have_the_token(place: &Place) {
    let mut talk = Talk::at(place);
    ask_each(&mut talk, |_| true, &[], "");
    talk.is("who_does_not_have_the_token");
}
