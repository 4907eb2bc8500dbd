//! Requests with an Idempotency-Key: who carries one out, what came of its accounts, its answer.

use super::*;
use crate::account::transition::Event;
use crate::store::{Claim, Outcome, Stands};
use std::sync::Arc;

/// A base with claims on it; of this module alone, which is compiled for each database.
struct Keyed(Base);

impl std::ops::Deref for Keyed {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.0
    }
}

impl Keyed {
    async fn open() -> Keyed {
        Keyed(Base::open(DATABASE).await)
    }

    /// Claims a key that is free.
    async fn claim(&self, key: &str) -> Claim {
        match self.store.claim_key(key, "one").await.unwrap().stands {
            Stands::Claimed(claim) => claim,
            other => panic!("{key}: {other:?}"),
        }
    }

    async fn is_under_way(&self, key: &str) -> bool {
        let kept = self.store.claim_key(key, "other").await.unwrap();
        assert_eq!(kept.request, "one", "it is the first's");
        matches!(kept.stands, Stands::UnderWay)
    }

    /// As if who has the claims had died.
    async fn bury(&self) {
        let late = "UPDATE kubesvc_ferry_answers SET claimed_until = claimed_until - 5000";
        self.run(late).await;
    }

    async fn outcomes(&self) -> usize {
        let rows = self.select(&["id"], "FROM kubesvc_ferry_outcomes").await;
        rows.len()
    }

    /// Makes accounts for this claim.
    async fn make(&self, names: &[&str], claim: &Arc<Claim>) -> Result<usize, StoreError> {
        let rows: Vec<NewRow> = names.iter().map(|name| new(name)).collect();
        let made = self.store.create(&rows, &by(claim)).await?;
        Ok(made.len())
    }
}

fn by(claim: &Arc<Claim>) -> Actor {
    Actor {
        claim: Some(claim.clone()),
        ..Actor::ferry()
    }
}

#[tokio::test]
async fn the_first_answer_of_a_key_stays_also_for_the_next_core() {
    let base = Keyed::open().await;
    let claim = base.claim("k").await;
    assert!(base.is_under_way("k").await);
    let large = "ä".repeat(100_000);
    assert!(base.store.keep_answer(&claim, 409, &large).await.unwrap());
    assert!(!base.store.keep_answer(&claim, 202, "").await.unwrap());
    let base = base.0.reopen().await;
    let again = base.store.claim_key("k", "two").await.unwrap();
    assert_eq!(again.request, "one");
    let Stands::Answered(status, body) = again.stands else {
        panic!("{again:?}");
    };
    assert_eq!((status, body), (409, large));
}

#[tokio::test]
async fn what_is_a_day_old_is_gone() {
    let base = Keyed::open().await;
    for key in ["old", "young"] {
        let claim = Arc::new(base.claim(key).await);
        assert_eq!(base.make(&[key], &claim).await.unwrap(), 1);
    }
    for table in ["answers", "outcomes"] {
        let key = if table == "answers" {
            "id"
        } else {
            "answer_id"
        };
        base.run(&format!(
            "UPDATE kubesvc_ferry_{table} SET asked_at = asked_at - 86400001 WHERE {key} = 'old'"
        ))
        .await;
    }
    let anew = base.claim("old").await;
    assert_eq!(anew.made().count(), 0);
    assert!(base.is_under_way("young").await);
    assert_eq!(base.outcomes().await, 1);
}

#[tokio::test]
async fn who_takes_over_knows_what_was_done_and_who_was_taken_over_does_nothing_any_longer() {
    let base = Keyed::open().await;
    let first = Arc::new(base.claim("k").await);
    assert_eq!(base.make(&["a", "b"], &first).await.unwrap(), 2);
    assert!(base.is_under_way("k").await);
    base.bury().await;
    // Not dead: what it writes says so, and so does a word without a change.
    assert_eq!(base.make(&["c"], &first).await.unwrap(), 1);
    assert!(base.is_under_way("k").await);
    base.bury().await;
    base.store.renew_claim(&first).await.unwrap();
    assert!(base.is_under_way("k").await);
    base.bury().await;

    let second = Arc::new(base.claim("k").await);
    assert_eq!(second.made().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(second.outcome("a"), Some(&Outcome::Made));
    assert!(base.is_under_way("k").await);
    let late = base.make(&["d"], &first).await;
    assert!(matches!(late, Err(StoreError::Taken)), "{late:?}");
    assert!(base.store.view("d").await.unwrap().is_none());
    base.store.renew_claim(&first).await.unwrap();
    base.store.release_claim(&first).await.unwrap();
    assert!(base.is_under_way("k").await, "none of it is the first's");
    assert!(!base.store.keep_answer(&first, 202, "").await.unwrap());

    assert_eq!(base.outcomes().await, 2);
    assert!(base.store.keep_answer(&second, 202, "").await.unwrap());
    assert_eq!(base.outcomes().await, 0, "the answer is in their place");
}

#[tokio::test]
async fn what_comes_of_accounts_is_kept_with_their_changes_or_without() {
    let base = Keyed::open().await;
    base.row("moved").await;
    let claim = Arc::new(base.claim("k").await);
    let names = ["moved", "stays", "nobody", "open"].map(str::to_owned);
    base.store.mean(&names, &by(&claim)).await.unwrap();
    let view = base.view("moved").await;
    let step = Step::of(&view, Event::Activate, false, false, &LIMITS).unwrap();
    let change = Change {
        view,
        step,
        content: None,
    };
    let refused = Outcome::Refused(Status::Deleting, "it \"goes\", ä".to_owned());
    let settled = [("stays", refused.clone()), ("nobody", Outcome::Rowless)];
    let (here, actor) = (Default::default(), by(&claim));
    let changes = [change];
    let asked = base.store.write_asked(&changes, &settled, &here, &actor);
    assert_eq!(asked.await.unwrap(), [true]);
    // The view is not of today any longer: nothing is written, and nothing kept.
    let asked = base.store.write_all(&changes, &here, &actor);
    assert_eq!(asked.await.unwrap(), [false]);
    assert_eq!(base.outcomes().await, 2);

    base.store.release_claim(&claim).await.unwrap();
    let next = base.claim("k").await;
    let moved = crate::store::Moved {
        before: Status::Inactive,
        after: Some(Status::ToMigrate),
        changed: true,
    };
    assert_eq!(next.outcome("moved"), Some(&Outcome::Moved(moved)));
    assert_eq!(next.outcome("stays"), Some(&refused));
    assert_eq!(next.outcome("nobody"), Some(&Outcome::Rowless));
    assert_eq!(next.outcome("open"), None);
    assert_eq!(next.meant().count(), 4);
}

#[tokio::test]
async fn of_many_that_want_a_dead_ones_claim_one_gets_it() {
    let base = Keyed::open().await;
    base.claim("k").await;
    base.bury().await;
    let tries = (0..8).map(|_| {
        let store = base.store.clone();
        tokio::spawn(async move { store.claim_key("k", "one").await.unwrap().stands })
    });
    let mut claimed = 0;
    for attempt in tries.collect::<Vec<_>>() {
        if let Stands::Claimed(_) = attempt.await.unwrap() {
            claimed += 1;
        }
    }
    assert_eq!(claimed, 1);
}
