//! Idempotency-Key.

use super::*;
use crate::store::Stands;

const ON: &str = r#"[{"name":"a","state":"ACTIVE"}]"#;
const OFF: &str = r#"[{"name":"a","state":"INACTIVE"}]"#;

impl Desk {
    async fn keyed(&self, key: &str, method: &str, path: &str, body: &str) -> Answer {
        let headers = [("X-SPINNAKER-USER", "anna"), ("Idempotency-Key", key)];
        self.send(method, path, &headers, body).await
    }
}

impl Desk {
    /// Another that carries out this PATCH with this key.
    async fn claim(&self, key: &str, body: &str) -> Claim {
        let text = format!("PATCH /armory/accounts\n{body}");
        let text = secrecy::SecretString::from(text);
        let request = self.api.lifecycle.fingerprint(&text).unwrap();
        self.claimed(key, &request).await
    }

    async fn claimed(&self, key: &str, request: &str) -> Claim {
        let id = format!("anna\n{key}");
        let id = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, id.as_bytes());
        let id = crate::encoding::hex(id.as_ref());
        match self.api.store.claim_key(&id, request).await.unwrap().stands {
            Stands::Claimed(claim) => claim,
            other => panic!("{other:?}"),
        }
    }
}

fn is_again(answer: &Answer) -> bool {
    answer.headers.contains_key("idempotent-replayed")
}

#[tokio::test]
async fn the_same_request_is_answered_as_at_first() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({}));
    let entry = r#"[{"name":"a"}]"#;
    let first = desk.keyed("k1", "POST", "/armory/accounts", entry).await;
    assert_eq!((first.status.as_u16(), is_again(&first)), (202, false));
    for _ in 0..2 {
        let again = desk.keyed("k1", "POST", "/armory/accounts", entry).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        assert!(is_again(&again));
        assert_eq!(again.headers["content-type"], "application/json");
    }
    // What was switched on and off since is not switched on by an old request.
    assert_eq!(
        desk.keyed("k2", "PATCH", "/armory/accounts", ON)
            .await
            .status,
        202
    );
    assert_eq!(
        desk.keyed("k3", "PATCH", "/armory/accounts", OFF)
            .await
            .status,
        202
    );
    let late = desk.keyed("k2", "PATCH", "/armory/accounts", ON).await;
    assert_eq!((late.status.as_u16(), late.text.as_str()), (202, ""));
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
    let refused = r#"[{"name":"a"},{"name":"nobody"}]"#;
    let first = desk.keyed("k4", "POST", "/armory/accounts", refused).await;
    let again = desk.keyed("k4", "POST", "/armory/accounts", refused).await;
    assert_eq!(first.status, StatusCode::BAD_REQUEST);
    assert_eq!((first.status, first.text), (again.status, again.text));
}

#[tokio::test]
async fn another_request_with_the_key_is_refused_and_does_nothing() {
    let desk = Desk::with(&["a"]).await;
    desk.keyed("k", "PATCH", "/armory/accounts", ON).await;
    for (method, path, body) in [
        ("PATCH", "/armory/accounts", OFF),
        ("PATCH", "/armory/accounts?report=items", ON),
        ("DELETE", "/armory/accounts/a", ""),
    ] {
        let answer = desk.keyed("k", method, path, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert!(answer.message().contains("Idempotency-Key"));
    }
    assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
    // A key is its sender's own.
    let other = [("X-SPINNAKER-USER", "bert"), ("Idempotency-Key", "k")];
    let answer = desk.send("PATCH", "/armory/accounts", &other, OFF).await;
    assert_eq!(answer.status, 202);
    // A read has none.
    assert_eq!(
        desk.keyed("k", "GET", "/armory/accounts", "").await.status,
        200
    );
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let desk = Desk::with(&["a"]).await;
    let (most, too_long) = ("k".repeat(255), "k".repeat(256));
    for key in ["", &too_long, "schlüssel"] {
        let answer = desk.keyed(key, "PATCH", "/armory/accounts", ON).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key}");
        assert!(answer.message().contains("Idempotency-Key"));
    }
    let twice = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")];
    let answer = desk.send("PATCH", "/armory/accounts", &twice, ON).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
    assert_eq!(
        desk.keyed(&most, "PATCH", "/armory/accounts", ON)
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn a_request_that_another_carries_out_is_waited_for() {
    let desk = Desk::with(&["a"]).await;
    let claim = desk.claim("k", ON).await;
    let late = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(desk.status("a").await, Some(Status::Inactive));
        desk.api.store.keep_answer(&claim, 202, "[]").await.unwrap()
    };
    let (answer, kept) = tokio::join!(desk.keyed("k", "PATCH", "/armory/accounts", ON), late);
    assert!(kept);
    assert_eq!((answer.status.as_u16(), is_again(&answer)), (202, true));
    assert_eq!(answer.text, "[]");
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
}

#[tokio::test]
async fn one_that_takes_long_is_to_be_asked_for_again() {
    let desk = Desk::with(&["a"]).await;
    let claim = desk.claim("k", ON).await;
    let goes_on = async {
        loop {
            desk.api.store.renew_claim(&claim).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let answer = tokio::select! {
        answer = desk.keyed("k", "PATCH", "/armory/accounts", ON) => answer,
        () = goes_on => unreachable!(),
    };
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    assert!(answer.message().contains("again"), "{}", answer.text);
    assert_eq!(answer.headers["retry-after"], "5");
    // Another request with the key is told at once, and takes nothing over.
    let other = desk.keyed("k", "PATCH", "/armory/accounts", OFF).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
}

#[tokio::test]
async fn a_request_whose_process_died_is_carried_out() {
    let desk = Desk::with(&["a"]).await;
    let claim = desk.claim("k", ON).await;
    // Nothing is heard of the claim any longer.
    let answer = desk.keyed("k", "PATCH", "/armory/accounts", ON).await;
    assert_eq!((answer.status.as_u16(), is_again(&answer)), (202, false));
    assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
    let again = desk.keyed("k", "PATCH", "/armory/accounts", ON).await;
    assert!(is_again(&again));
    assert!(!desk.api.store.keep_answer(&claim, 500, "").await.unwrap());
}

#[tokio::test]
async fn a_request_that_is_known_by_a_key_that_was_taken_away_is_answered_as_at_first() {
    let desk = Desk::with(&["a"]).await;
    let gone = Keyring::beside(&desk.folder.path().join("gone.key")).unwrap();
    let text = secrecy::SecretString::from(format!("PATCH /armory/accounts\n{ON}"));
    let claim = desk.claimed("k", &gone.fingerprint(&text).unwrap()).await;
    desk.api.store.keep_answer(&claim, 202, "[]").await.unwrap();
    let answer = desk.keyed("k", "PATCH", "/armory/accounts", ON).await;
    assert_eq!((answer.status.as_u16(), is_again(&answer)), (202, true));
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
}

#[tokio::test]
async fn of_many_at_the_same_time_all_are_answered_the_same() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({}));
    let body = r#"[{"name":"a"}]"#;
    let post = || desk.keyed("k", "POST", "/armory/accounts", body);
    let answers = tokio::join!(post(), post(), post(), post());
    let first = post().await;
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_eq!((answer.status, &answer.text), (first.status, &first.text));
    }
}

#[tokio::test]
async fn an_answer_to_come_again_is_not_kept() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({}));
    desk.source.answer(Some(StatusCode::INTERNAL_SERVER_ERROR));
    let body = r#"[{"name":"a"}]"#;
    let away = desk.keyed("k", "POST", "/armory/accounts", body).await;
    assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
    desk.source.answer(None);
    let answer = desk.keyed("k", "POST", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_cannot_be_read_now_is_no_answer_for_good() {
    let desk = Desk::keyless().await;
    desk.source.put("a", json!({"kubeconfigContents": TOKEN}));
    desk.ask("POST", "/armory/accounts", json!([{"name": "a"}]))
        .await;
    let put = async || {
        let (path, body) = ("/armory/accounts/dynamic", r#"{"name":"a","context":"c"}"#);
        desk.keyed("k", "PUT", path, body).await
    };
    desk.source.answer(Some(StatusCode::BAD_GATEWAY));
    let away = put().await;
    assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(away.message().contains("cannot be read"), "{}", away.text);
    desk.source.answer(None);
    assert_eq!(put().await.status, StatusCode::ACCEPTED);
}
