//! Bodies that are too large, of another type, nested too deeply; and one with ten thousand entries.

use crate::ground::{Place, at_each_door};
use crate::talk::Talk;
use serde_json::{Value, json};

at_each_door!(
    bodies_of_another_type,
    bodies_nested_too_deeply,
    ten_thousand_entries,
);
at_each_door!(bodies_that_are_too_large: sidecar_that_is_strict, plugin_that_is_strict);

const JSON: (&str, &str) = ("Content-Type", "application/json");
const DYNAMIC: &str = "/armory/accounts/dynamic";

/// The requests that have a body.
const REQUESTS: &[(&str, &str)] = &[
    ("POST", "/armory/accounts"),
    ("PATCH", "/armory/accounts"),
    ("DELETE", "/armory/accounts"),
    ("POST", DYNAMIC),
    ("PUT", DYNAMIC),
    ("PATCH", DYNAMIC),
    ("POST", "/armory/accounts/rollback"),
    ("POST", "/armory/agent/assignments"),
    ("POST", "/armory/agent/agent-a/disconnect"),
];

fn bodies_of_another_type(place: &Place) {
    let mut talk = Talk::at(place);
    let yaml = ("Content-Type", "application/yaml");
    for (method, path) in REQUESTS {
        talk.say(method, path, &[yaml], "- name: media-1");
    }
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
    ] {
        let header = ("Content-Type", media);
        talk.say(
            "POST",
            "/armory/accounts",
            &[header],
            "[{\"name\":\"media-1\"}]",
        );
    }
    // These are JSON, and so is what does not say what it is.
    let account = |name: &str| json!({"name": name, "serviceAccount": true}).to_string();
    let plain = ("Content-Type", "application/json; charset=utf-8");
    talk.say("POST", DYNAMIC, &[plain], &account("media-2"));
    let own = ("Content-Type", "application/vnd.account+json");
    talk.say("POST", DYNAMIC, &[own], &account("media-3"));
    talk.say("POST", DYNAMIC, &[], &account("media-4"));
    talk.is("bodies_of_another_type");
}

fn bodies_nested_too_deeply(place: &Place) {
    let mut talk = Talk::at(place);
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    talk.hide(&deep, "50,000 arrays in one another");
    for (method, path) in REQUESTS {
        talk.say(method, path, &[JSON], &deep);
    }
    let inside = format!("{{\"name\":\"deep-1\",\"serviceAccount\":true,\"kinds\":{deep}}}");
    talk.say("POST", DYNAMIC, &[JSON], &inside);
    talk.is("bodies_nested_too_deeply");
}

fn bodies_that_are_too_large(place: &Place) {
    let mut talk = Talk::at(place);
    let names = "[\"large-unknown\"]";
    let rest = " ".repeat(65_536 - names.len());
    talk.hide(&rest, "blanks up to 65,536 bytes");
    talk.say(
        "DELETE",
        "/armory/accounts",
        &[JSON],
        &format!("{names}{rest}"),
    );
    for (method, path) in REQUESTS {
        talk.say(method, path, &[JSON], &format!("{names}{rest} "));
    }
    talk.is("bodies_that_are_too_large");
}

fn ten_thousand_entries(place: &Place) {
    const COUNT: usize = 10_000;
    let entry = |at| json!({"name": format!("tenthousand-{at:05}"), "serviceAccount": true});
    let entries = Value::from_iter((0..COUNT).map(entry));
    let path = format!("{DYNAMIC}?report=items");
    for (status, outcome) in [(202, "created"), (409, "present")] {
        let answer = place.request("POST", &path, Some(&entries)).unwrap();
        let report = answer.json();
        let items = report["items"].as_array().unwrap();
        let so = items.iter().filter(|item| item["outcome"] == outcome);
        assert_eq!((answer.status, so.count()), (status, COUNT));
    }
    let listed = place.request("GET", "/armory/accounts?name=tenthousand-&limit=1", None);
    assert_eq!(listed.unwrap().json()["total"], COUNT);
}
