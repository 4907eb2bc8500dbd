//! Accounts of Clouddriver's configuration are its accounts like those it stores.

use super::*;

async fn desk() -> Desk {
    let accounts = json!([
        {"name": "file", "kubeconfigContents": format!("token: {TOKEN}"), "namespaces": ["x"]},
        {"name": "both", "kubeconfigFile": "/file"},
        {"name": "own", "serviceAccount": true},
        {"name": "old", "kubeconfigFile": "/k", "providerVersion": "V1"},
    ]);
    let desk = Desk::configured(ScanRules::off(), true, &accounts).await;
    desk.source
        .put("both", json!({"kubeconfigFile": "/stored"}));
    desk
}

#[tokio::test]
async fn they_are_listed_without_status_and_shown_without_secrets() {
    let desk = desk().await;
    let body = desk.get("/armory/accounts").await.json();
    assert_eq!(body["total"], 4);
    let items = body["items"].as_array().unwrap();
    let names: Vec<&Value> = items.iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["both", "file", "old", "own"]);
    assert_eq!(items[0]["config"]["kubeconfigFile"], "/stored");
    let shown = desk.get("/armory/accounts/file").await.json();
    assert_eq!(shown, items[1]);
    assert_eq!(
        shown,
        json!({
            "name": "file", "type": "kubernetes", "source": "clouddriver", "agents": [],
            "config": {
                "name": "file", "type": "kubernetes", "namespaces": ["x"],
                "kubeconfigContents": "[redacted]",
            },
        })
    );
}

#[tokio::test]
async fn they_are_migrated_by_hand_unless_no_agent_can_serve_them() {
    let desk = desk().await;
    let entries =
        json!([{"name": "file"}, {"name": "own"}, {"name": "old", "kubeconfigFile": "/z"}]);
    let answer = desk.ask("POST", "/armory/accounts", entries).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let accounts = answer.accounts();
    let said: Vec<(&str, bool)> = accounts
        .iter()
        .map(|(name, reason)| (name.as_str(), reason.contains("serviceAccount: true")))
        .collect();
    assert_eq!(said, [("own", true), ("old", false)], "{accounts:?}");
    assert_eq!(desk.status("file").await, Some(Status::Inactive));
    let dry = json!([{"name": "own"}]);
    let answer = desk.ask("POST", "/armory/accounts?dryRun=true", dry).await;
    assert!(
        answer.text.contains("serviceAccount: true"),
        "{}",
        answer.text
    );
    let mended = json!([{"name": "own", "kubeconfigFile": "/agents/own"}]);
    let answer = desk.ask("POST", "/armory/accounts", mended).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let twice = json!([{"name": "file"}]);
    let answer = desk.ask("POST", "/armory/accounts", twice).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn they_go_back_to_clouddriver_which_has_them_in_its_file() {
    let desk = desk().await;
    let answer = desk
        .ask("POST", "/armory/accounts", json!([{"name": "file"}]))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let names = json!({"names": ["file", "own"]});
    let answer = desk.ask("POST", "/armory/accounts/rollback", names).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(desk.status("file").await, None);
    let shown = desk.get("/armory/accounts/file").await.json();
    assert!(shown.get("status").is_none(), "{shown}");
}

#[tokio::test]
async fn their_secrets_are_read_from_the_configuration_where_there_is_no_key() {
    let accounts = json!([
        {"name": "file", "kubeconfigContents": format!("token: {TOKEN}")},
    ]);
    let desk = Desk::configured(ScanRules::off(), false, &accounts).await;
    let answer = desk
        .ask("POST", "/armory/accounts", json!([{"name": "file"}]))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let kept = desk.api.store.contents(&["file"]).await.unwrap();
    assert!(kept["file"].secret.as_ref().unwrap().is_at_source());
}
