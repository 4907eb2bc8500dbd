//! Answers to requests with an Idempotency-Key.

use super::*;

fn kept(request: &str, answer: Option<(u16, &str)>) -> Option<Kept> {
    Some(Kept {
        request: request.to_owned(),
        answer: answer.map(|(status, body)| (status, body.to_owned())),
    })
}

#[tokio::test]
async fn the_first_answer_of_a_key_stays_also_for_the_next_core() {
    let base = Base::open(DATABASE).await;
    assert_eq!(base.store.claim_key("k", "one").await.unwrap(), None);
    let open = base.store.claim_key("k", "two").await.unwrap();
    assert_eq!(open, kept("one", None), "it is the first's, and open");
    let large = "ä".repeat(100_000);
    assert!(base.store.keep_answer("k", 409, &large).await.unwrap());
    assert!(!base.store.keep_answer("k", 202, "").await.unwrap());
    assert!(!base.store.keep_answer("nobody's", 202, "").await.unwrap());
    let base = base.reopen().await;
    let again = base.store.claim_key("k", "one").await.unwrap();
    assert_eq!(again, kept("one", Some((409, &large))));
}

#[tokio::test]
async fn what_is_a_day_old_is_gone() {
    let base = Base::open(DATABASE).await;
    for key in ["old", "young"] {
        assert_eq!(base.store.claim_key(key, "one").await.unwrap(), None);
        assert!(base.store.keep_answer(key, 202, "").await.unwrap());
    }
    let age = "UPDATE kubesvc_ferry_answers SET asked_at = asked_at - 86400001 WHERE id = 'old'";
    base.run(age).await;
    assert_eq!(base.store.claim_key("other", "one").await.unwrap(), None);
    assert_eq!(base.store.claim_key("old", "two").await.unwrap(), None);
    let young = base.store.claim_key("young", "two").await.unwrap();
    assert_eq!(young, kept("one", Some((202, ""))));
}
