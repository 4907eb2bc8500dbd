//! POST /armory/accounts/rollback.

use super::*;

const PATH: &str = "/armory/accounts/rollback";

fn outcomes(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let items = body["items"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    items
        .map(|item| {
            let [name, outcome, after] =
                ["name", "outcome", "after"].map(|field| text(&item[field]));
            format!("{name} {outcome} {after}")
        })
        .collect()
}

#[tokio::test]
async fn accounts_go_back_to_clouddriver_by_name() {
    let desk = Desk::with(&["held", "idle"]).await;
    desk.source.put("unmigrated", json!({}));
    desk.agent("agent", "Z", &["held"], &[]).await;
    let names = json!({"names": ["held", "idle", "unmigrated", "held"]});
    let answer = desk.ask("POST", PATH, names.clone()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let said = outcomes(&answer);
    assert_eq!(said[0], "held changed DELETING");
    assert!(said[1].starts_with("idle changed"), "{said:?}");
    assert_eq!(said[2], "unmigrated unchanged none");
    let held = desk.api.store.view("held").await.unwrap().unwrap().account;
    assert_eq!(held.wanted, crate::account::state::Wanted::Deleted);
    let marks = desk.api.store.tombstones("", 9).await.unwrap();
    assert!(marks.contains(&"unmigrated".to_owned()), "{marks:?}");
    // Asked again, nothing is refused.
    let again = desk.ask("POST", PATH, names).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
}

#[tokio::test]
async fn what_has_nobody_to_go_back_to_is_refused_by_name() {
    let desk = Desk::with(&["gone", "good"]).await;
    let inline = json!({"name": "inline", "kubeconfigFile": "/k"});
    desk.ask("POST", "/armory/accounts/dynamic", inline).await;
    desk.agent("agent", "Z", &[], &[("own", json!({}))]).await;
    desk.source.remove("gone");
    let names = json!({"names": ["gone", "good", "inline", "own"]});
    let answer = desk.ask("POST", PATH, names).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let said = outcomes(&answer);
    assert_eq!(said[0], "gone refused INACTIVE");
    assert!(said[1].starts_with("good changed"), "{said:?}");
    assert_eq!(said[2], "inline refused INACTIVE");
    assert_eq!(said[3], "own refused none");
    assert_eq!(desk.status("gone").await, Some(Status::Inactive));
    assert_eq!(desk.status("inline").await, Some(Status::Inactive));
    let answer = desk.ask("POST", PATH, json!({"names": ["nobody"]})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_with_a_definition_of_a_request_goes_back_if_clouddriver_has_it() {
    let desk = Desk::with(&["revised"]).await;
    let revised = json!({"name": "revised", "context": "c"});
    let answer = desk.ask("PUT", "/armory/accounts/dynamic", revised).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let answer = desk.ask("POST", PATH, json!({"names": ["revised"]})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert!(
        outcomes(&answer)[0].starts_with("revised changed"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_whole_zone_goes_back() {
    let desk = Desk::open().await;
    for name in ["a", "b", "c"] {
        desk.source.put(name, json!({}));
    }
    let body = json!([{"name": "a", "zoneId": "Z"}, {"name": "b", "zoneId": "Z"}, {"name": "c"}]);
    desk.ask("POST", "/armory/accounts", body).await;
    let answer = desk.ask("POST", PATH, json!({"zoneId": "Z"})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(answer.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(desk.status("c").await, Some(Status::Inactive));
    let answer = desk.ask("POST", PATH, json!({"zoneId": "nowhere"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.message().contains("nowhere"));
}

#[tokio::test]
async fn one_that_is_moved_belongs_to_the_zone_that_it_waits_for() {
    let desk = Desk::with(&["moved"]).await;
    desk.agent("agent", "old", &["moved"], &[]).await;
    let view = desk.api.store.view("moved").await.unwrap().unwrap();
    let mut change = crate::store::Change {
        step: crate::account::step::Step::same(&view),
        view,
        content: None,
    };
    change.step.account.as_mut().unwrap().zone_id = Some("old".to_owned());
    let actor = crate::store::Actor::ferry();
    let written = desk
        .api
        .store
        .write_all(&[change], &Default::default(), &actor)
        .await;
    assert_eq!(written.unwrap(), [true]);
    let on = json!([{"name": "moved", "state": "ACTIVE", "zoneId": "new"}]);
    desk.ask("PATCH", "/armory/accounts", on).await;
    let shown = desk.get("/armory/accounts/moved").await.json();
    assert_eq!(shown["zoneId"], "new");
    let listed = desk.get("/armory/accounts?zoneId=old").await.json();
    assert_eq!(listed["total"], 0);
    let answer = desk.ask("POST", PATH, json!({"zoneId": "old"})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    let answer = desk.ask("POST", PATH, json!({"zoneId": "new"})).await;
    assert_eq!(outcomes(&answer), ["moved changed DELETING"]);
}

#[tokio::test]
async fn a_body_that_is_neither_names_nor_a_zone_does_nothing() {
    let desk = Desk::with(&["a"]).await;
    for body in [
        json!({}),
        json!({"names": []}),
        json!({"names": ["a"], "zoneId": "Z"}),
        json!({"zoneId": ""}),
        json!({"names": "a"}),
        json!({"name": "a"}),
    ] {
        let answer = desk.ask("POST", PATH, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
}

#[tokio::test]
async fn while_clouddriver_is_away_nothing_is_done() {
    let desk = Desk::with(&["a"]).await;
    desk.source.answer(Some(StatusCode::INTERNAL_SERVER_ERROR));
    let answer = desk.ask("POST", PATH, json!({"names": ["a"]})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
}
