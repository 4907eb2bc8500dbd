//! `?report=items`.

use super::*;

fn item(name: &str, outcome: &str, before: Option<&str>, after: Option<&str>) -> Value {
    json!({"name": name, "outcome": outcome, "before": before, "after": after})
}

#[tokio::test]
async fn a_post_says_of_each_what_came_of_it() {
    let desk = Desk::with(&["b"]).await;
    for name in ["a", "c"] {
        desk.source.put(name, json!({}));
    }
    let path = "/armory/accounts?report=items";
    let answer = desk.ask("POST", path, json!([{"name": "a"}])).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let created = |name| item(name, "created", None, Some("INACTIVE"));
    assert_eq!(answer.json(), json!({"items": [created("a")]}));
    let present = item("b", "present", Some("INACTIVE"), Some("INACTIVE"));
    let answer = desk.ask("POST", path, json!([{"name": "b"}])).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["items"], json!([present]));
    let batch = json!([{"name": "nobody"}, {"name": "c"}, {"name": "b"}]);
    let answer = desk.ask("POST", path, batch).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let items = answer.json()["items"].clone();
    assert_eq!(items[0], present);
    assert_eq!(items[1], created("c"));
    assert_eq!(items[2]["outcome"], "refused");
    assert!(items[2]["reason"].as_str().unwrap().contains("Clouddriver"));
    assert!(answer.json().get("accounts").is_none());
}

#[tokio::test]
async fn a_patch_and_a_delete_say_from_where_to_where() {
    let desk = Desk::with(&["a", "b"]).await;
    desk.source.put("unmigrated", json!({}));
    let path = "/armory/accounts?report=items";
    let body = json!([{"name": "a", "state": "ACTIVE"}, {"name": "b", "state": "INACTIVE"}]);
    let answer = desk.ask("PATCH", path, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let moved = item("a", "changed", Some("INACTIVE"), Some("TO_MIGRATE"));
    let stayed = item("b", "unchanged", Some("INACTIVE"), Some("INACTIVE"));
    assert_eq!(answer.json(), json!({"items": [moved, stayed]}));
    let answer = desk.ask("DELETE", path, json!(["b", "unmigrated"])).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let items = answer.json()["items"].clone();
    assert_eq!(
        (&items[0]["name"], &items[0]["outcome"]),
        (&json!("b"), &json!("changed"))
    );
    assert_eq!(items[1]["asked"], "DELETED");
    assert_eq!(items[1]["before"], Value::Null);
    let one = desk
        .ask("DELETE", "/armory/accounts/a?report=items", Value::Null)
        .await;
    assert_eq!(one.json()["items"][0]["before"], "TO_MIGRATE");
}

#[tokio::test]
async fn dynamic_accounts_are_reported_too() {
    let desk = Desk::open().await;
    let path = "/armory/accounts/dynamic?report=items";
    let body = json!({"name": "a", "kubeconfigFile": "/k"});
    let answer = desk.ask("POST", path, body.clone()).await;
    let created = item("a", "created", None, Some("INACTIVE"));
    assert_eq!(answer.json(), json!({"items": [created]}));
    let again = desk.ask("POST", path, body.clone()).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(again.json()["items"][0]["outcome"], "present");
    let same = desk.ask("PUT", path, body).await;
    assert_eq!(same.json()["items"][0]["outcome"], "unchanged");
    let other = json!({"name": "a", "kubeconfigFile": "/other"});
    let other = desk.ask("PUT", path, other).await;
    let changed = item("a", "changed", Some("INACTIVE"), Some("INACTIVE"));
    assert_eq!(other.json(), json!({"items": [changed]}));
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    let on = desk.ask("PATCH", path, on).await;
    assert_eq!(on.json()["items"][0]["after"], "TO_MIGRATE");
}

#[tokio::test]
async fn another_report_is_not_known() {
    let desk = Desk::with(&["a"]).await;
    let path = "/armory/accounts?report=all";
    let answer = desk.ask("DELETE", path, json!(["a"])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message().contains("items"));
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
}
