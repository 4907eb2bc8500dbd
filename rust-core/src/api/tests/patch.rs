//! PATCH and DELETE.

use super::*;

#[tokio::test]
async fn on_and_off() {
    let desk = Desk::with(&["a", "b"]).await;
    let body = json!([{"name": "a", "state": "ACTIVE", "zoneId": "Z"}, {"name": "b", "state": "INACTIVE"}]);
    let answer = desk.ask("PATCH", "/armory/accounts", body).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "")
    );
    assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
    assert_eq!(desk.status("b").await, Some(Status::Inactive));
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    assert_eq!(
        desk.ask("PATCH", "/armory/accounts", on).await.status,
        StatusCode::ACCEPTED
    );
    let kept = desk.api.store.view("a").await.unwrap().unwrap().account;
    assert_eq!(
        kept.requested_zone.as_deref(),
        Some("Z"),
        "no zoneId keeps the one before"
    );
    let off = json!([{"name": "a", "state": "INACTIVE"}]);
    assert_eq!(
        desk.ask("PATCH", "/armory/accounts", off).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
}

#[tokio::test]
async fn an_empty_zone_takes_back_the_one_that_was_asked_for() {
    let desk = Desk::with(&["waits", "served", "off"]).await;
    let all = |zone: Value| -> Value {
        let entry = |name| json!({"name": name, "state": "ACTIVE", "zoneId": zone});
        ["waits", "served", "off"].map(entry).to_vec().into()
    };
    let path = "/armory/accounts";
    assert_eq!(desk.ask("PATCH", path, all(json!("Z"))).await.status, 202);
    let served = "UPDATE kubesvc_accounts SET status = 'ACTIVE', zone_id = 'Z', due_at = NULL
         WHERE name = 'served'";
    let mut tx = desk.api.store.pool().write().await.unwrap();
    crate::sql::sql(served).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let off = json!([{"name": "off", "state": "INACTIVE", "zoneId": ""}]);
    assert_eq!(desk.ask("PATCH", path, off).await.status, 202);
    let zones = async || {
        let views = desk
            .api
            .store
            .views(&["off", "served", "waits"])
            .await
            .unwrap();
        let zones = views.into_values();
        zones
            .map(|view| view.account.requested_zone)
            .collect::<Vec<_>>()
    };
    // Programs that leave a field out send it as null.
    assert_eq!(desk.ask("PATCH", path, all(Value::Null)).await.status, 202);
    assert_eq!(zones().await, vec![Some("Z".to_owned()); 3]);
    assert_eq!(desk.ask("PATCH", path, all(json!(""))).await.status, 202);
    assert_eq!(zones().await, [None, None, None]);
    let served = desk
        .api
        .store
        .view("served")
        .await
        .unwrap()
        .unwrap()
        .account;
    assert_eq!(served.status, Status::Active, "it stays where it is");
    assert_eq!(served.zone_id.as_deref(), Some("Z"));
    assert_eq!(desk.status("waits").await, Some(Status::ToMigrate));
    assert_eq!(desk.status("off").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn a_state_that_is_none_is_refused_by_name() {
    let desk = Desk::with(&["a", "b", "c", "d"]).await;
    let body = json!([
        {"name": "a"}, {"name": "b", "state": "FAILED"}, {"name": "c", "state": "active"},
        {"name": "d", "state": "ACTIVE"},
    ]);
    let answer = desk.ask("PATCH", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let reasons = answer.accounts();
    let names: Vec<&str> = reasons.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(
        reasons
            .iter()
            .all(|(_, reason)| reason.contains("ACTIVE or INACTIVE")),
        "{reasons:?}"
    );
    assert_eq!(
        desk.status("d").await,
        Some(Status::ToMigrate),
        "what is right is processed"
    );
}

#[tokio::test]
async fn names_nobody_knows_are_400_and_those_not_migrated_409() {
    let desk = Desk::with(&["a"]).await;
    desk.source.put("waiting", json!({}));
    let off = |name: &str| json!({"name": name, "state": "INACTIVE"});
    let body = json!([off("waiting"), off("a")]);
    let answer = desk.ask("PATCH", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let conflict = &answer.json()["accounts"][0];
    assert_eq!(
        (&conflict["name"], &conflict["asked"]),
        (&json!("waiting"), &json!("INACTIVE"))
    );
    assert!(
        conflict["reason"].as_str().unwrap().contains("POST it"),
        "{conflict}"
    );
    let body = json!([off("waiting"), off("nobody")]);
    let answer = desk.ask("PATCH", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "400 wins over 409");
    let names: Vec<String> = answer
        .accounts()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["nobody", "waiting"]);
    for (name, status) in [
        ("waiting", StatusCode::CONFLICT),
        ("nobody", StatusCode::BAD_REQUEST),
    ] {
        let answer = desk.ask("DELETE", "/armory/accounts", json!([name])).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let answer = desk
            .ask("DELETE", &format!("/armory/accounts/{name}"), Value::Null)
            .await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn for_many_names_nobody_knows_all_are_read_once() {
    let desk = Desk::open().await;
    desk.source.put("n7", json!({}));
    let names: Vec<String> = (0..300).map(|number| format!("n{number}")).collect();
    let answer = desk.ask("DELETE", "/armory/accounts", json!(names)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.accounts().len(), 300);
    assert_eq!(desk.source.users().len(), 22, "not a request for each");
}

#[tokio::test]
async fn what_is_being_deleted_is_409_with_state_and_request() {
    let desk = Desk::with(&["a", "b"]).await;
    desk.agent("agent", "Z", &["a"], &[]).await;
    let answer = desk.ask("DELETE", "/armory/accounts/a", Value::Null).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "")
    );
    for state in ["ACTIVE", "INACTIVE"] {
        let body = json!([{"name": "a", "state": state}, {"name": "b", "state": state}]);
        let answer = desk.ask("PATCH", "/armory/accounts", body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        let body = answer.json();
        let conflict = body["accounts"][0].as_object().unwrap();
        assert_eq!(conflict["name"], "a");
        assert_eq!(
            (&conflict["state"], &conflict["asked"]),
            (&json!("DELETING"), &json!(state))
        );
        assert_eq!(
            (body["status"].as_u64(), body["error"].as_str()),
            (Some(409), Some("Conflict"))
        );
    }
    assert_eq!(
        desk.status("b").await,
        Some(Status::Inactive),
        "what is right is processed"
    );
    let again = desk.ask("DELETE", "/armory/accounts", json!(["a"])).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
}

#[tokio::test]
async fn a_claimed_account_can_be_switched_off_and_deleted_only() {
    let desk = Desk::with(&["a"]).await;
    desk.agent("agent", "Z", &[], &[("a", json!({}))]).await;
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    let answer = desk.ask("PATCH", "/armory/accounts", on).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let conflict = &answer.json()["accounts"][0];
    assert_eq!(
        (&conflict["state"], &conflict["asked"]),
        (&json!("INACTIVE"), &json!("ACTIVE"))
    );
    assert!(
        conflict["reason"]
            .as_str()
            .unwrap()
            .contains("own configuration"),
        "{conflict}"
    );
    let off = json!([{"name": "a", "state": "INACTIVE"}]);
    assert_eq!(
        desk.ask("PATCH", "/armory/accounts", off).await.status,
        StatusCode::ACCEPTED
    );
    let gone = desk.ask("DELETE", "/armory/accounts", json!(["a"])).await;
    assert_eq!(gone.status, StatusCode::ACCEPTED);
    assert_eq!(desk.status("a").await, None);
}

#[tokio::test]
async fn an_agents_own_account_is_changed_only_there() {
    let desk = Desk::open().await;
    desk.agent("agent", "Z", &[], &[("own", json!({}))]).await;
    for state in ["ACTIVE", "INACTIVE"] {
        let body = json!([{"name": "own", "state": state}]);
        let answer = desk.ask("PATCH", "/armory/accounts", body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        let (name, reason) = answer.accounts().remove(0);
        assert!(name == "own" && reason.contains("only there"), "{reason}");
    }
    let answer = desk
        .ask("DELETE", "/armory/accounts/own", Value::Null)
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
}

#[tokio::test]
async fn deleting_removes_what_nobody_holds() {
    let desk = Desk::with(&["a", "b", "c"]).await;
    desk.agent("agent", "Z", &["b"], &[]).await;
    let answer = desk
        .ask("DELETE", "/armory/accounts", json!(["a", "b", "a"]))
        .await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "")
    );
    assert_eq!(desk.status("a").await, None);
    assert_eq!(
        desk.status("b").await,
        Some(Status::Deleting),
        "an agent must let go first"
    );
    assert_eq!(desk.status("c").await, Some(Status::Inactive));
    let answer = desk.ask("DELETE", "/armory/accounts", json!([])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
