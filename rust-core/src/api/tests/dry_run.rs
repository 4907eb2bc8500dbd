//! `?dryRun=true`, as far as it goes without an agent.

use super::*;

const PATH: &str = "/armory/accounts?dryRun=true";

#[tokio::test]
async fn a_patch_says_what_would_be_and_leaves_everything_as_it_is() {
    let desk = Desk::with(&["a", "b"]).await;
    desk.agent("agent", "Z", &[], &[("own", json!({}))]).await;
    let before = desk.api.store.view("a").await.unwrap().unwrap().account;
    let body = json!([
        {"name": "a", "state": "ACTIVE", "zoneId": "elsewhere"},
        {"name": "b", "state": "INACTIVE"},
        {"name": "nobody", "state": "ACTIVE"},
        {"name": "own", "state": "ACTIVE"},
    ]);
    let answer = desk.ask("PATCH", PATH, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let items = answer.json()["items"].clone();
    assert_eq!(
        (&items[0]["before"], &items[0]["after"]),
        (&json!("INACTIVE"), &json!("TO_MIGRATE"))
    );
    let obstacle = items[0]["obstacles"][0].as_str().unwrap();
    assert!(
        obstacle.contains("no agent of zone `elsewhere`"),
        "{obstacle}"
    );
    assert_eq!(items[1]["outcome"], "unchanged");
    assert!(items[1].get("obstacles").is_none());
    assert_eq!(
        (&items[2]["outcome"], &items[3]["outcome"]),
        (&json!("refused"), &json!("refused"))
    );
    let after = desk.api.store.view("a").await.unwrap().unwrap().account;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_post_says_what_would_be_and_makes_nothing() {
    let desk = Desk::with(&["here"]).await;
    desk.source.put(
        "new",
        json!({"kubeconfigContents": format!("token: {TOKEN}")}),
    );
    desk.source.put("bare", json!({}));
    let names = ["new", "bare", "here", "nobody"].map(|name| json!({"name": name}));
    let answer = desk.ask("POST", PATH, json!(names)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let items = answer.json()["items"].clone();
    let outcomes = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["outcome"].clone());
    let outcomes: Vec<Value> = outcomes.collect();
    assert_eq!(outcomes, ["created", "present", "created", "refused"]);
    let obstacle = items[0]["obstacles"][0].as_str().unwrap();
    assert!(
        obstacle.contains("neither kubeconfigContents"),
        "{obstacle}"
    );
    for name in ["new", "bare"] {
        assert_eq!(desk.status(name).await, None);
    }
}

#[tokio::test]
async fn another_word_is_refused_and_false_is_none() {
    let desk = Desk::with(&["a"]).await;
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    let answer = desk
        .ask("PATCH", "/armory/accounts?dryRun=yes", on.clone())
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
    let answer = desk.ask("PATCH", "/armory/accounts?dryRun=false", on).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_key_is_not_used_up_by_a_dry_run() {
    let desk = Desk::with(&["a"]).await;
    let headers = [("X-SPINNAKER-USER", "anna"), ("Idempotency-Key", "k")];
    let on = r#"[{"name":"a","state":"ACTIVE"}]"#;
    let dry = desk.send("PATCH", PATH, &headers, on).await;
    assert_eq!(dry.status, StatusCode::OK);
    let answer = desk.send("PATCH", "/armory/accounts", &headers, on).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn definitions_that_come_with_the_request_are_tried_and_not_kept() {
    let desk = Desk::with(&["here"]).await;
    let path = "/armory/accounts/dynamic?dryRun=true";
    let answer = desk
        .ask(
            "POST",
            path,
            json!([
                {"name": "new", "kubeconfigContents": format!("token: {TOKEN}"), "zoneId": "Z"},
                {"name": "here", "serviceAccount": true},
                {"name": "wrong"},
            ]),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(!answer.text.contains(TOKEN));
    let items = answer.json()["items"].clone();
    let outcomes = items.as_array().unwrap().iter();
    let outcomes: Vec<(&str, &str)> = outcomes
        .map(|item| {
            let name = item["name"].as_str().unwrap();
            (name, item["outcome"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            ("here", "present"),
            ("new", "created"),
            ("wrong", "refused")
        ]
    );
    let obstacle = items[1]["obstacles"][0].as_str().unwrap();
    assert!(obstacle.contains("no agent of zone `Z`"), "{obstacle}");
    assert_eq!(desk.status("new").await, None);
    assert_eq!(desk.status("wrong").await, None);
}

#[tokio::test]
async fn who_has_no_dry_run_says_so_and_does_nothing() {
    let desk = Desk::with(&["a"]).await;
    let before = desk.api.store.view("a").await.unwrap().unwrap().account;
    for (method, path, body) in [
        ("DELETE", "/armory/accounts", json!(["a"])),
        ("DELETE", "/armory/accounts/a", json!(null)),
        (
            "PUT",
            "/armory/accounts/dynamic",
            json!({"name": "a", "serviceAccount": true}),
        ),
        ("POST", "/armory/accounts/rollback", json!({"names": ["a"]})),
        ("POST", "/armory/agent/assignments", json!(["a"])),
        ("POST", "/armory/keys/rotate", json!(null)),
    ] {
        let path = format!("{path}?dryRun=true");
        let answer = desk.ask(method, &path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}");
        assert!(
            answer.text.contains("unknown query parameter `dryRun`"),
            "{}",
            answer.text
        );
    }
    let after = desk.api.store.view("a").await.unwrap().unwrap().account;
    assert_eq!(after, before);
}
