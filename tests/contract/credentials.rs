//! Reads of /credentials: Ferry adds nothing, takes nothing away, and is not in the way where
//! Clouddriver keeps no accounts.

use crate::ground::{Place, at_each_door, plain_clouddriver, plain_clouddriver_without_accounts};
use crate::talk::Talk;
use ferry_tests::ferry::PATIENCE;
use ferry_tests::{Answer, http, wait};
use serde_json::{Value, json};

at_each_door!(stored_credentials_by_type, loaded_credentials);
at_each_door!(credentials_without_storage: sidecar_without_accounts, plugin_without_accounts);

/// Three accounts of this place.
fn three(place: &Place, name: &str) -> [Value; 3] {
    ["1", "2", "3"].map(|number| {
        json!({
            "type": "kubernetes", "name": format!("{name}-{}-{number}", place.name),
            "namespaces": [number], "kubeconfigContents": "apiVersion: v1",
            "permissions": {"READ": ["dev"], "WRITE": ["ops"]},
        })
    })
}

fn stored_credentials_by_type(place: &Place) {
    for account in three(place, "stored") {
        place.put(&account);
        let url = format!("{}/credentials", plain_clouddriver().url);
        let put = http::request("PUT", &url, Some(&account)).unwrap();
        assert_eq!(put.status, 200, "{}", put.body);
    }
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    let first = format!("stored-{}-1", place.name);
    for query in [
        format!("kubernetes?limit=2&startingAccountName={first}"),
        format!("kubernetes?startingAccountName={first}0&limit=1"),
        "kubernetes?startingAccountName=zzzz".to_owned(),
        "kubernetes?limit=many".to_owned(),
        "nothing?limit=1".to_owned(),
    ] {
        talk.say_as_without("GET", &format!("/credentials/type/{query}"), &[], "");
    }
    talk.is("stored_credentials_by_type");
}

/// What Clouddriver has loaded here and past Ferry, sorted: each of the two polls for itself.
fn loaded(place: &Place, path: &str) -> Result<(Answer, Vec<Value>), String> {
    let read = |url: &str| {
        let answer = http::get(&format!("{url}{path}"))?;
        let Value::Array(mut accounts) = answer.json() else {
            return Err(answer.body);
        };
        accounts.sort_by_key(|account| account["name"].as_str().unwrap().to_owned());
        Ok((answer, accounts))
    };
    let [(with, here), (without, there)] = [read(&place.url)?, read(&place.past_ferry().url)?];
    assert_eq!(with.status, without.status);
    assert_eq!(with.header("content-type"), without.header("content-type"));
    match here == there {
        true => Ok((with, here)),
        false => Err(format!("{} and {} accounts", here.len(), there.len())),
    }
}

fn loaded_credentials(place: &Place) {
    for account in three(place, "loaded") {
        place.put(&account);
    }
    let mut talk = Talk::at(place);
    talk.hide(place.name, "place");
    for path in ["/credentials", "/credentials?expand=true"] {
        let same = wait::until(PATIENCE, || {
            let (mut answer, mut accounts) = loaded(place, path)?;
            let of = format!("loaded-{}-", place.name);
            accounts.retain(|account| account["name"].as_str().unwrap().starts_with(&of));
            // Those of the other cases come and go.
            answer.body = json!(accounts).to_string();
            match accounts.len() {
                3 => Ok(answer),
                other => Err(format!("{other} are loaded")),
            }
        });
        talk.note("GET", path, &[], "", &same.unwrap());
    }
    talk.is("loaded_credentials");
}

fn credentials_without_storage(place: &Place) {
    let mut talk = Talk::at(place);
    let account = json!({"type": "kubernetes", "name": "unstored-1"}).to_string();
    let json = ("Content-Type", "application/json");
    for (method, path, body) in [
        ("GET", "/credentials", ""),
        ("GET", "/credentials/unstored-1", ""),
        ("GET", "/credentials/type/kubernetes?limit=1", ""),
        ("GET", "/credentials/unstored-1/history", ""),
        ("POST", "/credentials", &account),
        ("PUT", "/credentials", &account),
        ("PUT", "/credentials/unstored-1", &account),
        ("DELETE", "/credentials/unstored-1", ""),
    ] {
        let headers: &[_] = if body.is_empty() { &[] } else { &[json] };
        let plain = plain_clouddriver_without_accounts();
        talk.say_as(plain, method, path, headers, body);
    }
    talk.is("credentials_without_storage");
    let listed = place.request("GET", "/armory/accounts?name=unstored-", None);
    assert_eq!(listed.unwrap().json()["items"], json!([]));
}
