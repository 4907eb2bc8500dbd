//! Writes to /credentials: what a client gets is, byte for byte, what a Clouddriver without Ferry
//! answers; and Ferry has of it what Clouddriver took.

use crate::ground::{Place, at_each_door, plain_clouddriver};
use crate::talk::Talk;
use ferry_tests::ferry::PATIENCE;
use ferry_tests::{http, wait};
use serde_json::{Value, json};

at_each_door!(
    post_of_a_credential,
    put_of_a_credential,
    put_of_a_credential_by_name,
    delete_of_a_credential,
    requests_of_credentials_are_in_the_audit,
    credentials_of_other_types,
    credentials_that_clouddriver_refuses,
);
at_each_door!(credentials_as_lenient_as_clouddriver_reads_them);
at_each_door!(credentials_that_cannot_be_recorded: sidecar_that_is_strict, plugin_that_is_strict);
at_each_door!(credentials_that_cannot_be_kept: sidecar_that_is_strict, plugin_that_is_strict);

const ANN: (&str, &str) = ("X-SPINNAKER-USER", "ann");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Sends it here and to a Clouddriver without Ferry: the answers are the same.
fn same(talk: &mut Talk<'_>, method: &str, path: &str, body: &Value) {
    match body {
        Value::Null => talk.say_as_without(method, path, &[ANN], ""),
        body => talk.say_as_without(method, path, &[ANN, JSON], &body.to_string()),
    }
}

/// A name of this place's alone: all of them share the Clouddriver without Ferry.
fn name(place: &Place, name: &str) -> String {
    format!("{name}-{}", place.name)
}

fn account(name: &str, namespace: &str) -> Value {
    json!({
        "type": "kubernetes", "name": name, "namespaces": [namespace],
        "kubeconfigContents": "apiVersion: v1", "permissions": {"READ": ["dev"], "WRITE": ["ops"]},
    })
}

/// Waits until both Clouddrivers have loaded the account, or have dropped it.
fn polled(place: &Place, name: &str, status: u16) {
    for url in [&place.url, &plain_clouddriver().url] {
        let seen = wait::until(PATIENCE, || {
            let answer = http::get(&format!("{url}/credentials/{name}"))?;
            match answer.status == status {
                true => Ok(()),
                false => Err(format!("{answer:?}")),
            }
        });
        seen.unwrap();
    }
}

fn post_of_a_credential(place: &Place) {
    let name = name(place, "posted");
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    same(&mut talk, "POST", "/credentials", &account(&name, "one"));
    talk.get(&format!("/armory/accounts/{name}"));
    polled(place, &name, 200);
    same(&mut talk, "POST", "/credentials", &account(&name, "two"));
    talk.get(&format!("/armory/accounts/{name}"));
    same(
        &mut talk,
        "GET",
        &format!("/credentials/{name}"),
        &Value::Null,
    );
    same(
        &mut talk,
        "GET",
        &format!("/credentials/{name}/history"),
        &Value::Null,
    );
    talk.is("post_of_a_credential");
}

fn put_of_a_credential(place: &Place) {
    let name = name(place, "put");
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    same(&mut talk, "PUT", "/credentials", &account(&name, "one"));
    talk.get(&format!("/armory/accounts/{name}"));
    same(&mut talk, "PUT", "/credentials", &account(&name, "two"));
    talk.get(&format!("/armory/accounts/{name}"));
    talk.is("put_of_a_credential");
}

fn put_of_a_credential_by_name(place: &Place) {
    let name = name(place, "named");
    let path = format!("/credentials/{name}");
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    same(&mut talk, "PUT", &path, &account(&name, "none"));
    talk.get(&format!("/armory/accounts/{name}"));
    place.put(&account(&name, "one"));
    let plain = format!("{}/credentials", plain_clouddriver().url);
    http::request("PUT", &plain, Some(&account(&name, "one"))).unwrap();
    polled(place, &name, 200);
    same(&mut talk, "PUT", &path, &account(&name, "two"));
    talk.get(&format!("/armory/accounts/{name}"));
    same(&mut talk, "PUT", &path, &account("another", "three"));
    talk.get(&format!("/armory/accounts/{name}"));
    talk.is("put_of_a_credential_by_name");
}

fn delete_of_a_credential(place: &Place) {
    let name = name(place, "deleted");
    let path = format!("/credentials/{name}");
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    same(&mut talk, "POST", "/credentials", &account(&name, "one"));
    same(&mut talk, "DELETE", &path, &Value::Null);
    talk.get(&format!("/armory/accounts/{name}"));
    talk.get(&format!("/agents/kubernetes/accounts/{name}"));
    same(&mut talk, "DELETE", &path, &Value::Null);
    // What was deleted may come back.
    polled(place, &name, 404);
    same(&mut talk, "POST", "/credentials", &account(&name, "two"));
    talk.get(&format!("/armory/accounts/{name}"));
    talk.is("delete_of_a_credential");
}

fn requests_of_credentials_are_in_the_audit(place: &Place) {
    let name = name(place, "traced");
    let send = |method: &str, path: &str, id: &str, body: &str| {
        let request = ("X-SPINNAKER-REQUEST-ID", id);
        let answer = place.send(method, path, &[ANN, JSON, request], body);
        assert_eq!(answer.status, 200, "{method}: {}", answer.body);
    };
    let body = account(&name, "one").to_string();
    send("POST", "/credentials", "request-1", &body);
    let body = account(&name, "two").to_string();
    send("PUT", "/credentials", "request-2", &body);
    send("DELETE", &format!("/credentials/{name}"), "request-3", "");
    let audit = format!("/armory/accounts/{name}/audit");
    let audit = place.request("GET", &audit, None).unwrap().json();
    let rows = audit["items"].as_array().unwrap().iter();
    let mut told: Vec<(&str, &str)> = rows
        .map(|row| {
            (
                row["requestId"].as_str().unwrap(),
                row["who"].as_str().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.first(), Some(&("request-1", "ann")), "{audit}");
    assert_eq!(told.last(), Some(&("request-3", "ann")), "{audit}");
}

fn credentials_of_other_types(place: &Place) {
    let name = name(place, "registry");
    let registry =
        json!({"type": "dockerRegistry", "name": name, "address": "https://registry.example"});
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    same(&mut talk, "POST", "/credentials", &registry);
    talk.get(&format!("/armory/accounts/{name}"));
    same(&mut talk, "PUT", "/credentials", &registry);
    talk.get(&format!("/armory/accounts/{name}"));
    same(
        &mut talk,
        "DELETE",
        &format!("/credentials/{name}"),
        &Value::Null,
    );
    talk.is("credentials_of_other_types");
}

fn credentials_that_clouddriver_refuses(place: &Place) {
    let name = name(place, "refused");
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    let of_no_type = json!({"name": name}).to_string();
    let of_wrong_shape = json!({"type": "kubernetes", "name": name, "namespaces": 1}).to_string();
    for body in [
        "",
        "{\"type\":\"kubernetes\",",
        "[]",
        &of_no_type,
        &of_wrong_shape,
    ] {
        for (method, path) in [("POST", "/credentials"), ("PUT", "/credentials")] {
            talk.say_as_without(method, path, &[ANN, JSON], body);
        }
    }
    same(
        &mut talk,
        "POST",
        "/credentials",
        &json!({"type": "kubernetes"}),
    );
    same(
        &mut talk,
        "PUT",
        &format!("/credentials/{name}"),
        &account("another", "one"),
    );
    same(
        &mut talk,
        "DELETE",
        &format!("/credentials/{name}"),
        &Value::Null,
    );
    talk.get(&format!("/armory/accounts/{name}"));
    talk.is("credentials_that_clouddriver_refuses");
}

fn credentials_that_cannot_be_recorded(place: &Place) {
    let name = name(place, "unrecorded");
    let path = format!("/credentials/{name}");
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    place.sql("ALTER TABLE kubesvc_ferry_intents RENAME TO kubesvc_ferry_away");
    talk.ask("POST", "/credentials", &account(&name, "one"));
    talk.ask("PUT", "/credentials", &account(&name, "one"));
    talk.ask("DELETE", &path, &Value::Null);
    let registry =
        json!({"type": "dockerRegistry", "name": "other", "address": "https://registry.example"});
    talk.ask("POST", "/credentials", &registry);
    place.sql("ALTER TABLE kubesvc_ferry_away RENAME TO kubesvc_ferry_intents");
    assert_eq!(
        place.sql("SELECT COUNT(*) FROM accounts WHERE id <> 'other'"),
        ["0"]
    );
    talk.ask("POST", "/credentials", &account(&name, "one"));
    talk.get(&format!("/armory/accounts/{name}"));
    talk.is("credentials_that_cannot_be_recorded");
}

/// Bodies that only Jackson reads. What Clouddriver takes has its row, and what it refuses none.
fn credentials_as_lenient_as_clouddriver_reads_them(place: &Place) {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    type Body<'a> = &'a dyn Fn(&str) -> String;
    let with = |more: &str| {
        let more = more.to_owned();
        move |name: &str| format!(r#"{{"type":"kubernetes","name":"{name}","more":{more}}}"#)
    };
    let plain = with("1");
    let bodies: [(&str, Body<'_>); 9] = [
        ("trailing", &|name| plain(name) + " and more"),
        ("twice", &|name| plain(name) + &plain("another")),
        ("marked", &|name| format!("\u{feff}{}", plain(name))),
        ("wide", &|name| {
            plain(name)
                .chars()
                .flat_map(|letter| ['\0', letter])
                .collect()
        }),
        ("deep", &with(&deep)),
        ("halved", &with(r#""\ud800""#)),
        ("large", &with("1e999")),
        ("types", &|name| {
            let body = plain(name);
            body.replacen(',', r#","type":"dockerRegistry","#, 1)
        }),
        ("pair", &|name| {
            format!(r#"["kubernetes",{{"name":"{name}"}}]"#)
        }),
    ];
    let mut talk = Talk::at(place);
    for (method, path) in [("POST", "/credentials"), ("PUT", "/credentials")] {
        for (kind, body) in &bodies {
            let name = name(place, &format!("lenient-{kind}-{method}"));
            talk.say_as_without(method, path, &[ANN, JSON], &body(&name));
            let row = place.send("GET", &format!("/armory/accounts/{name}"), &[], "");
            assert_eq!(row.status, 200, "{method} {kind}: {}", row.body);
        }
    }
    let name = name(place, "broken");
    let broken = plain(&name).replace('}', ",}");
    talk.say_as_without("POST", "/credentials", &[ANN, JSON], &broken);
    let row = place.send("GET", &format!("/armory/accounts/{name}"), &[], "");
    assert_eq!(row.status, 404, "{}", row.body);
}

fn credentials_that_cannot_be_kept(place: &Place) {
    let mut talk = Talk::at(place);
    let long = "ü".repeat(256);
    talk.hide(&long, "256 letters");
    for name in ["kept ", &long] {
        talk.ask("POST", "/credentials", &account(name, "one"));
        talk.ask("PUT", "/credentials", &account(name, "one"));
    }
    let counted = place.sql("SELECT COUNT(*) FROM accounts WHERE id LIKE 'kept%' OR id LIKE 'üü%'");
    assert_eq!(counted, ["0"]);
    talk.is("credentials_that_cannot_be_kept");
}
