//! What is known of secrets that accounts refer to.

use super::*;

fn sent(account: &str, generation: i64, fingerprint: &str) -> Sent {
    Sent {
        account: account.to_owned(),
        generation,
        fingerprint: fingerprint.to_owned(),
    }
}

async fn due(base: &Base) -> Vec<Sent> {
    // Of what was looked at in this millisecond half a `ZERO` has passed, too.
    let due = base.store.due_references(Duration::ZERO, 10).await;
    due.unwrap()
}

#[tokio::test]
async fn the_first_secret_of_a_generation_is_what_counts() {
    let base = Base::open(DATABASE).await;
    let store = &base.store;
    base.rows(&["a", "idle", "failed"]).await;
    base.run("UPDATE kubesvc_accounts SET status = 'ACTIVE', wanted = 'ACTIVE' WHERE name = 'a'")
        .await;
    base.run(
        "UPDATE kubesvc_accounts SET status = 'FAILED', wanted = 'ACTIVE' WHERE name = 'failed'",
    )
    .await;
    for (remembered, kept) in [
        (sent("a", 5, ""), sent("a", 5, "")),
        (sent("a", 5, "one"), sent("a", 5, "one")),
        (sent("a", 5, "two"), sent("a", 5, "one")),
        (sent("a", 5, ""), sent("a", 5, "one")),
        (sent("a", 4, "old"), sent("a", 5, "one")),
        (sent("a", 6, "two"), sent("a", 6, "two")),
        (sent("a", 7, ""), sent("a", 7, "")),
    ] {
        store.remember_reference(&remembered).await.unwrap();
        assert_eq!(due(&base).await, [kept], "after {remembered:?}");
    }
    for name in ["idle", "failed"] {
        let sent = sent(name, 1, "x");
        store.remember_reference(&sent).await.unwrap();
    }
    let looked_at = [sent("a", 7, ""), sent("failed", 1, "x")];
    assert_eq!(due(&base).await, looked_at);
    base.run(
        "UPDATE kubesvc_ferry_references SET looked_at = looked_at - 1 WHERE account = 'failed'",
    )
    .await;
    let oldest = store.due_references(Duration::ZERO, 1).await.unwrap();
    assert_eq!(oldest, looked_at[1..], "who waits longest is first");
    store.due_references(Duration::ZERO, 10).await.unwrap();
    let minute = Duration::from_secs(60);
    let again = store.due_references(minute, 10).await.unwrap();
    assert!(again.is_empty(), "they were looked at just now: {again:?}");

    let renewed = sent("a", 7, "anew");
    let two = sent("a", 7, "two");
    store.remember_reference(&two).await.unwrap();
    store.renew_reference(&two, "anew").await.unwrap();
    store.renew_reference(&two, "late").await.unwrap();
    assert!(due(&base).await.contains(&renewed), "nobody sent another");
    let looked_at = [renewed, sent("failed", 1, "x")];

    store.forget_reference(&sent("a", 6, "two")).await.unwrap();
    assert_eq!(due(&base).await, looked_at, "another was sent since");
    store.forget_reference(&looked_at[0]).await.unwrap();
    assert_eq!(due(&base).await, looked_at[1..]);
}

#[tokio::test]
async fn with_a_row_goes_what_is_known_of_its_secret() {
    let base = Base::open(DATABASE).await;
    let view = base.row("a").await;
    let sent = sent("a", view.account.generation, "x");
    base.store.remember_reference(&sent).await.unwrap();
    let mut step = Step::same(&view);
    step.account = None;
    let ferry = Actor::ferry();
    let written = base.store.write(&view, &step, &[], None, &ferry).await;
    assert!(written.unwrap());
    let left = base.select(&["account"], "FROM kubesvc_ferry_references");
    assert!(left.await.is_empty());
}
