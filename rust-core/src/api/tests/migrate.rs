//! POST /armory/accounts.

use super::*;

#[tokio::test]
async fn new_accounts_become_inactive() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({"kubeconfigFile": "/k"}));
    desk.source.put("b", json!({}));
    let body = json!([{"name": "a", "zoneId": "Z"}, {"name": "b", "kubeConfigFile": "/b"}]);
    let answer = desk.ask("POST", "/armory/accounts", body).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "[]")
    );
    let a = desk.api.store.view("a").await.unwrap().unwrap().account;
    assert_eq!(
        (a.status, a.requested_zone.as_deref()),
        (Status::Inactive, Some("Z"))
    );
    let b = desk.api.store.view("b").await.unwrap().unwrap().account;
    assert_eq!(b.kubeconfig_file.as_deref(), Some("/b"));
    // Before they are made, and after.
    let anna = Some("anna".to_owned());
    assert_eq!(desk.source.users(), [anna.clone(), anna]);
}

#[tokio::test]
async fn what_is_deleted_at_clouddriver_while_it_is_migrated_leaves_no_row() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({}));
    desk.source.after_the_next_answer("a", None);
    let answer = desk.ask("POST", "/armory/accounts", json!([{"name": "a"}]));
    assert_eq!(answer.await.status, StatusCode::ACCEPTED);
    assert_eq!(desk.status("a").await, None);
}

#[tokio::test]
async fn those_already_here_are_answered_and_the_others_processed() {
    let desk = Desk::with(&["a"]).await;
    desk.source.put("b", json!({}));
    desk.agent("agent", "Z", &[], &[("own", json!({}))]).await;
    desk.source.put("own", json!({}));
    let body = json!([{"name": "a", "zoneId": "Z"}, {"name": "b"}, {"name": "own"}]);
    let answer = desk.ask("POST", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(
        answer.json(),
        json!([{"name": "a", "zoneId": "Z"}, {"name": "own"}])
    );
    assert_eq!(desk.status("b").await, Some(Status::Inactive));
    assert_eq!(
        desk.status("own").await,
        None,
        "an agent's own account goes before"
    );
    let a = desk.api.store.view("a").await.unwrap().unwrap().account;
    assert_eq!(a.requested_zone, None, "what is there is left alone");
}

#[tokio::test]
async fn one_that_is_being_deleted_is_still_there() {
    let desk = Desk::with(&["a"]).await;
    desk.agent("agent", "Z", &["a"], &[]).await;
    desk.ask("DELETE", "/armory/accounts", json!(["a"])).await;
    let answer = desk
        .ask("POST", "/armory/accounts", json!([{"name": "a"}]))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(desk.status("a").await, Some(Status::Deleting));
}

#[tokio::test]
async fn names_nobody_knows_win_over_those_already_here() {
    let desk = Desk::with(&["a"]).await;
    desk.source.put("b", json!({}));
    desk.source.put_of_type("aws", "of aws", json!({}));
    let body = json!([{"name": "a"}, {"name": "b"}, {"name": "nobody"}, {"name": "of aws"}]);
    let answer = desk.ask("POST", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let reason = "Clouddriver has no kubernetes account of this name".to_owned();
    let expected = [
        ("nobody".to_owned(), reason.clone()),
        ("of aws".to_owned(), reason),
    ];
    assert_eq!(answer.accounts(), expected);
    assert!(answer.message().contains("nobody"), "{}", answer.message());
    assert_eq!(desk.status("b").await, Some(Status::Inactive));
}

#[tokio::test]
async fn names_that_repeat_count_once_or_are_refused() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({}));
    desk.source.put("b", json!({}));
    desk.source.put("c", json!({}));
    let twice = json!([{"name": "a", "zoneId": "Z"}, {"name": "a", "zoneId": "Z"},
        {"name": "c"}, {"name": "c", "zoneId": "", "kubeconfigFile": ""}]);
    let answer = desk.ask("POST", "/armory/accounts", twice).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let body = json!([{"name": "b", "zoneId": "Y"}, {"name": "b"}, {"name": "a"}]);
    let answer = desk.ask("POST", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let accounts = answer.accounts();
    assert_eq!((accounts.len(), accounts[0].0.as_str()), (1, "b"));
    assert!(accounts[0].1.contains("contradicting"), "{}", accounts[0].1);
    assert_eq!(desk.status("b").await, None);
}

#[tokio::test]
async fn an_empty_or_impossible_batch_is_refused() {
    let desk = Desk::open().await;
    let answer = desk.ask("POST", "/armory/accounts", json!([])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.message().contains("the array is empty"),
        "{}",
        answer.message()
    );
    let long = "n".repeat(256);
    let body = json!([{"name": ""}, {"name": long}, {"name": "a", "state": "ACTIVE"}]);
    let answer = desk.ask("POST", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let names: Vec<String> = answer
        .accounts()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["", &long, "a"]);
}

#[tokio::test]
async fn an_empty_zone_asks_for_none() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({}));
    let body = json!([{"name": "a", "zoneId": "", "kubeconfigFile": ""}]);
    desk.ask("POST", "/armory/accounts", body).await;
    let account = desk.api.store.view("a").await.unwrap().unwrap().account;
    assert_eq!(
        (account.requested_zone, account.kubeconfig_file),
        (None, None)
    );
}

#[tokio::test]
async fn a_secret_is_kept_sealed_and_opens() {
    let desk = Desk::with(&["a"]).await;
    let content = desk.api.store.content("a").await.unwrap().unwrap();
    assert!(
        !content.definition.contains(TOKEN),
        "{}",
        content.definition
    );
    assert!(
        content.definition.contains("[redacted]"),
        "{}",
        content.definition
    );
    let sealed = content.secret.unwrap().bytes;
    assert!(
        !sealed
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes())
    );
}

#[tokio::test]
async fn a_thousand_at_once_are_migrated_switched_on_listed_and_deleted() {
    let desk = Desk::open().await;
    let names: Vec<String> = (0..1000)
        .map(|number| format!("account-{number:03}"))
        .collect();
    for name in &names {
        desk.source.put(name, json!({"kubeconfigFile": "/k"}));
    }
    let entries: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    let answer = desk.ask("POST", "/armory/accounts", json!(entries)).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "[]")
    );
    assert_eq!(
        desk.source.users().len(),
        4,
        "pages of 500, not a request for each, before they are made and after"
    );
    let on = names
        .iter()
        .map(|name| json!({"name": name, "state": "ACTIVE"}));
    let answer = desk.ask("PATCH", "/armory/accounts", on.collect()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let page = desk
        .get("/armory/accounts?page=10&status=TO_MIGRATE")
        .await
        .json();
    assert_eq!(page["total"], 1000);
    assert_eq!(page["items"][99]["name"], "account-999");
    let answer = desk.ask("DELETE", "/armory/accounts", json!(names)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(
        desk.get("/armory/accounts?source=static-agent-config")
            .await
            .json()["total"],
        0
    );
    assert_eq!(desk.status("account-000").await, None);
}

#[tokio::test]
async fn what_the_tables_cannot_keep_is_refused_and_the_others_processed() {
    let desk = Desk::open().await;
    for name in ["a", "b", "c"] {
        desk.source.put(name, json!({}));
    }
    let body = json!([
        {"name": "a", "zoneId": "Z".repeat(256)}, {"name": "b", "kubeconfigFile": "/k\0"},
        {"name": "c"}, {"name": "d\0"},
    ]);
    let answer = desk.ask("POST", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let accounts = answer.accounts();
    let names: Vec<&str> = accounts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "d\0"]);
    assert!(accounts[0].1.contains("255"), "{accounts:?}");
    assert_eq!(desk.status("c").await, Some(Status::Inactive));
    let answer = desk
        .ask("DELETE", "/armory/accounts", json!(["c", "d\0"]))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.status("c").await, None);
}
