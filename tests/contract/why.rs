//! Ferry's own: why the scan takes an account, who did what to it, and the keys of secrets.

use crate::ground::{Place, at_each_door, kubeconfig};
use crate::talk::Talk;
use ferry_tests::clouddriver;
use serde_json::{Value, json};

at_each_door!(
    why_the_scan_takes_none,
    the_audit_of_an_account,
    the_audit_of_all
);
// Over REST Clouddriver tells nothing of it.
at_each_door!(why_not_an_account_of_another_type: sidecar_on_mariadb, sidecar_on_postgres,
    plugin_on_mariadb, plugin_on_postgres);
at_each_door!(why_the_scan_takes_an_account: sidecar_that_is_strict, plugin_that_is_strict);
at_each_door!(the_keys: sidecar_on_sqlite, sidecar_on_mariadb, sidecar_on_postgres,
    plugin_on_mariadb);
at_each_door!(no_key: plugin_on_postgres);

fn asks_why(talk: &mut Talk<'_>, names: &[&str]) {
    for name in names {
        talk.get(&format!("/armory/accounts/{name}/scan"));
    }
}

fn why_the_scan_takes_none(place: &Place) {
    let unmigrated = clouddriver::account("why-unmigrated", "apiVersion: v1");
    assert_eq!(place.post_past_ferry(&unmigrated).status, 200);
    place.post("why-inactive", "apiVersion: v1");
    place.post("why-deleted", "apiVersion: v1");
    let ann = [
        ("Content-Type", "application/json"),
        ("X-SPINNAKER-USER", "ann"),
    ];
    let deleted = place.send("DELETE", "/armory/accounts", &ann, "[\"why-deleted\"]");
    assert_eq!(deleted.status, 202, "{}", deleted.body);
    let mut talk = Talk::at(place);
    let names = [
        "why-unmigrated",
        "why-inactive",
        "on-premises",
        "why-unknown",
    ];
    asks_why(&mut talk, &names);
    talk.get("/armory/accounts/why-unmigrated/scan?page=1");
    talk.is("why_the_scan_takes_none");
    let answer = place.send("GET", "/armory/accounts/why-deleted/scan", &[], "");
    let reason = answer.json()["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with("ann left it to Clouddriver at "),
        "{reason}"
    );
}

fn why_not_an_account_of_another_type(place: &Place) {
    let registry = json!({
        "type": "dockerRegistry", "name": "why-registry", "address": "https://registry.example",
    });
    assert_eq!(place.post_past_ferry(&registry).status, 200);
    let mut talk = Talk::at(place);
    asks_why(&mut talk, &["why-registry"]);
    talk.is("why_not_an_account_of_another_type");
}

fn why_the_scan_takes_an_account(place: &Place) {
    for name in ["scanned-1", "unscanned-1"] {
        let account = clouddriver::account(name, "apiVersion: v1");
        assert_eq!(place.post_past_ferry(&account).status, 200);
    }
    let mut talk = Talk::at(place);
    asks_why(&mut talk, &["scanned-1", "unscanned-1", "scanned-unknown"]);
    talk.is("why_the_scan_takes_an_account");
}

/// An account that ann POSTed, bob switched on and off, and carl deleted.
fn lived(place: &Place, name: &str) {
    let asks = |who: &str, id: &str, method: &str, path: &str, body: &Value| {
        let headers = [
            ("Content-Type", "application/json"),
            ("X-SPINNAKER-USER", who),
            ("X-SPINNAKER-REQUEST-ID", id),
        ];
        let answer = place.send(method, path, &headers, &body.to_string());
        assert_eq!(answer.status, 202, "{}", answer.body);
    };
    let account = clouddriver::account(name, &kubeconfig());
    assert_eq!(place.post_past_ferry(&account).status, 200);
    let accounts = "/armory/accounts";
    asks(
        "ann",
        "request-1",
        "POST",
        accounts,
        &json!([{"name": name}]),
    );
    let active = json!([{"name": name, "state": "ACTIVE", "zoneId": "zone-a"}]);
    asks("bob", "request-2", "PATCH", accounts, &active);
    place.reaches(name, "ACTIVE");
    let inactive = json!([{"name": name, "state": "INACTIVE"}]);
    asks("bob", "request-3", "PATCH", accounts, &inactive);
    place.reaches(name, "INACTIVE");
    asks("carl", "request-4", "DELETE", accounts, &json!([name]));
    place.forgets(name);
}

fn the_audit_of_an_account(place: &Place) {
    lived(place, "audited-1");
    let mut talk = Talk::at(place);
    talk.get("/armory/accounts/audited-1/audit");
    talk.get("/armory/accounts/audited-1/audit?limit=1&page=2");
    talk.get("/armory/accounts/audited-unknown/audit");
    talk.get("/armory/accounts/audited-1/audit?limit=0");
    talk.is("the_audit_of_an_account");
}

fn the_audit_of_all(place: &Place) {
    lived(place, "exported-1");
    let mut talk = Talk::at(place);
    let all = talk.get("/armory/audit?account=exported-1").body;
    let first = all.lines().next().unwrap();
    let first: Value = serde_json::from_str(first).unwrap();
    let id = first["id"].as_str().unwrap();
    talk.hide(id, "first");
    talk.get(&format!(
        "/armory/audit?account=exported-1&after={id}&limit=1"
    ));
    talk.get("/armory/audit?account=exported-1&until=0");
    talk.get("/armory/audit?limit=0");
    talk.get("/armory/audit?from=yesterday");
    talk.is("the_audit_of_all");
}

/// How many secrets there are is up to the other cases.
fn the_keys(place: &Place) {
    let account = json!({"name": "keyed-1", "kubeconfigContents": "apiVersion: v1"});
    let made = place
        .request("POST", "/armory/accounts/dynamic", Some(&account))
        .unwrap();
    assert_eq!(made.status, 202, "{}", made.body);
    let mut talk = Talk::at(place);
    let mut ask = |method: &str, path: &str| {
        let mut answer = place.send(method, path, &[], "");
        let mut keys = answer.json();
        let key = keys["keyId"].clone();
        assert_eq!(key.as_str().map(str::len), Some(16), "{keys}");
        assert_eq!(keys["secrets"][0]["keyId"], key, "{keys}");
        let count = keys["secrets"][0]["count"].take().as_u64();
        assert!(count >= Some(1), "{keys}");
        keys["secrets"][0]["count"] = json!("«number»");
        if let Some(resealed) = keys.get_mut("resealed") {
            assert!(resealed.is_u64(), "{resealed}");
            *resealed = json!("«number»");
        }
        answer.body = keys.to_string();
        talk.hide(key.as_str().unwrap(), "key");
        talk.note(method, path, &[], "", &answer);
    };
    ask("GET", "/armory/keys");
    ask("POST", "/armory/keys/rotate");
    talk.is("the_keys");
}

fn no_key(place: &Place) {
    let mut talk = Talk::at(place);
    talk.get("/armory/keys");
    talk.ask("POST", "/armory/keys/rotate", &json!(null));
    talk.is("no_key");
}
