//! Idempotency-Key, when the core dies at any point of a request: who repeats it gets the answer that
//! the first would have given, and nothing is done twice.

use super::*;
use crate::failpoint::test_fuse;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// A write; those that are about the account `a` alone change it.
const WRITES: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/armory/accounts",
        r#"[{"name":"new"},{"name":"a"},{"name":"new2","zoneId":"z"}]"#,
    ),
    (
        "POST",
        "/armory/accounts?report=items",
        r#"[{"name":"new"},{"name":"a"},{"name":"on"},{"name":"nobody"}]"#,
    ),
    (
        "PATCH",
        "/armory/accounts",
        r#"[{"name":"a","state":"ACTIVE"}]"#,
    ),
    (
        "PATCH",
        "/armory/accounts?report=items",
        r#"[{"name":"a","state":"ACTIVE"},{"name":"on","state":"ACTIVE"},{"name":"b","state":"INACTIVE"},
            {"name":"going","state":"ACTIVE"},{"name":"own","state":"ACTIVE"},
            {"name":"new","state":"ACTIVE"},{"name":"nobody","state":"ACTIVE"}]"#,
    ),
    (
        "PATCH",
        "/armory/accounts/dynamic",
        r#"[{"name":"a","state":"ACTIVE","zoneId":"y"},{"name":"going","state":"ACTIVE"}]"#,
    ),
    (
        "DELETE",
        "/armory/accounts",
        r#"["a","on","going","nobody"]"#,
    ),
    ("DELETE", "/armory/accounts/a?report=items", ""),
    (
        "POST",
        "/armory/accounts/dynamic?report=items",
        r#"[{"name":"d1","serviceAccount":true},{"name":"d2","kubeconfigContents":"x"},
            {"name":"a","serviceAccount":true},{"name":"none"}]"#,
    ),
    (
        "PUT",
        "/armory/accounts/dynamic?report=items",
        r#"{"name":"a","kubeconfigContents":"another"}"#,
    ),
    (
        "POST",
        "/armory/accounts/rollback",
        r#"{"names":["a","on","new","own","nobody"]}"#,
    ),
    ("POST", "/armory/accounts/rollback", r#"{"zoneId":"z"}"#),
];

impl Desk {
    /// Accounts of every kind.
    async fn of_all_kinds() -> Desk {
        let desk = Desk::with(&["a", "b", "on", "going"]).await;
        for name in ["new", "new2"] {
            desk.source.put(name, json!({"kubeconfigContents": "x"}));
        }
        desk.agent("agent", "z", &["going"], &[("own", json!({}))])
            .await;
        let on = json!([{"name": "on", "state": "ACTIVE", "zoneId": "z"},
            {"name": "b", "state": "ACTIVE", "zoneId": "z"}]);
        assert_eq!(desk.ask("PATCH", "/armory/accounts", on).await.status, 202);
        let going = desk
            .ask("DELETE", "/armory/accounts", json!(["going"]))
            .await;
        assert_eq!(going.status, 202);
        assert_eq!(desk.status("going").await, Some(Status::Deleting));
        desk
    }

    async fn by_key(&self, (method, path, body): (&str, &str, &str)) -> Answer {
        let headers = [("X-SPINNAKER-USER", "anna"), ("Idempotency-Key", "k")];
        self.send(method, path, &headers, body).await
    }

    /// `false`: it was answered before so many points were passed.
    async fn dies_after(&self, points: u32, write: (&str, &str, &str)) -> bool {
        test_fuse::light(points);
        let answered = AssertUnwindSafe(self.by_key(write)).catch_unwind().await;
        test_fuse::put_out();
        self.run("UPDATE kubesvc_ferry_answers SET claimed_until = 0")
            .await;
        answered.is_err()
    }

    async fn run(&self, text: &str) {
        let mut tx = self.api.store.pool().write().await.unwrap();
        crate::sql::sql(text).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What was done, and to whom; how many outcomes are kept.
    async fn done(&self) -> (Vec<String>, usize) {
        let mut tx = self.api.store.pool().read().await.unwrap();
        let audit = "SELECT account || ' ' || event || ' ' || COALESCE(from_status, '-') || ' '
             || COALESCE(to_status, '-') AS said FROM kubesvc_ferry_audit ORDER BY said";
        let audit = crate::sql::sql(audit).column(&mut tx).await.unwrap();
        let kept = crate::sql::sql("SELECT id FROM kubesvc_ferry_outcomes");
        let kept = kept.column(&mut tx).await.unwrap();
        (audit, kept.len())
    }
}

/// Without its time.
fn said(answer: &Answer) -> (StatusCode, String) {
    let text = match answer.text.split_once("\"timestamp\":\"") {
        Some((before, after)) => format!("{before}{}", after.split_once('"').unwrap().1),
        None => answer.text.clone(),
    };
    (answer.status, text)
}

#[tokio::test]
async fn a_repetition_after_a_death_is_answered_as_without_and_does_nothing_twice() {
    for write in WRITES {
        let desk = Desk::of_all_kinds().await;
        let expected = said(&desk.by_key(*write).await);
        let done = desk.done().await;
        assert_eq!(done.1, 0, "{write:?}");
        let mut points = 1;
        loop {
            let desk = Desk::of_all_kinds().await;
            if !desk.dies_after(points, *write).await {
                break;
            }
            let again = desk.by_key(*write).await;
            assert_eq!(said(&again), expected, "{write:?} after {points} points");
            assert_eq!(desk.done().await, done, "{write:?} after {points} points");
            let again = desk.by_key(*write).await;
            assert_eq!(said(&again), expected, "{write:?} after {points} points");
            points += 1;
        }
        assert!(points > 4, "{write:?}: {points}");
    }
}

#[tokio::test]
async fn what_was_switched_off_meanwhile_stays_off() {
    let on = (
        "PATCH",
        "/armory/accounts",
        r#"[{"name":"a","state":"ACTIVE"},{"name":"on","state":"ACTIVE"}]"#,
    );
    let off = json!([{"name": "a", "state": "INACTIVE"}, {"name": "on", "state": "INACTIVE"}]);
    let (mut points, mut done) = (1, 0);
    loop {
        let desk = Desk::of_all_kinds().await;
        if !desk.dies_after(points, on).await {
            break;
        }
        points += 1;
        if desk.status("a").await != Some(Status::ToMigrate) {
            continue;
        }
        done += 1;
        let answer = desk.ask("PATCH", "/armory/accounts", off.clone()).await;
        assert_eq!(answer.status, 202);
        assert_eq!(desk.by_key(on).await.status, 202);
        // Also the one that was on already when it was asked for.
        for name in ["a", "on"] {
            assert_eq!(
                desk.status(name).await,
                Some(Status::Inactive),
                "{name}, {points}"
            );
        }
    }
    assert!(done > 1, "{done}");
}

#[tokio::test]
async fn what_was_deleted_meanwhile_is_not_made_again() {
    let post = ("POST", "/armory/accounts", r#"[{"name":"new"}]"#);
    let desk = Desk::of_all_kinds().await;
    // The key's points and the first of the row's; after that it is there.
    assert!(desk.dies_after(4, post).await);
    assert_eq!(desk.status("new").await, Some(Status::Inactive));
    desk.ask("DELETE", "/armory/accounts", json!(["new"])).await;
    let again = desk.by_key(post).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (202, "[]"));
    assert_eq!(desk.status("new").await, None);
}

#[tokio::test]
async fn who_goes_on_rolls_back_what_was_in_the_zone_at_first() {
    let write = ("POST", "/armory/accounts/rollback", r#"{"zoneId":"z"}"#);
    let mut points = 1;
    loop {
        let desk = Desk::of_all_kinds().await;
        if !desk.dies_after(points, write).await {
            break;
        }
        points += 1;
        if desk.status("on").await.is_some() {
            continue;
        }
        let late = json!([{"name": "a", "state": "ACTIVE", "zoneId": "z"}]);
        desk.ask("PATCH", "/armory/accounts", late).await;
        let again = desk.by_key(write).await;
        assert_eq!(again.status, 202, "{}", again.text);
        assert_eq!(again.json()["items"].as_array().unwrap().len(), 2);
        assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
    }
}

#[tokio::test]
async fn a_large_batch_goes_on_where_it_ended() {
    let names: Vec<String> = (0..1100).map(|at| format!("a{at:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let entries = |state| -> Value {
        let entry = |name: &&str| json!({"name": name, "state": state});
        names.iter().map(entry).collect()
    };
    let on = entries("ACTIVE").to_string();
    let write = ("PATCH", "/armory/accounts?report=items", on.as_str());
    let desk = Desk::with(&names).await;
    let expected = said(&desk.by_key(write).await);
    let done = desk.done().await;

    let desk = Desk::with(&names).await;
    // The key's points, those of two parts of three.
    assert!(desk.dies_after(6, write).await);
    assert_eq!(desk.done().await.1, 2, "a row for each part");
    assert_eq!(desk.status("a0999").await, Some(Status::ToMigrate));
    assert_eq!(desk.status("a1000").await, Some(Status::Inactive));
    assert_eq!(said(&desk.by_key(write).await), expected);
    assert_eq!(desk.done().await, done);
}
