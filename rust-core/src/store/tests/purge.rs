//! What is removed by age.

use super::*;
use crate::sql::Value;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Rows of this age in days, made by a clock that is as many days ahead.
async fn add(base: &Base, count: usize, age: i64, ahead: i64) {
    let mut tx = base.store.pool.write().await.unwrap();
    let at = tx.now().await.unwrap() - age * DAY;
    let id = || {
        let clock = u64::try_from(at + ahead * DAY).unwrap();
        Value::text(ulid::Ulid::from_parts(clock, rand()).to_string().as_str())
    };
    let text = || Value::text("x");
    let audit = ["id", "account", "event", "who", "at"];
    let rows = (0..count).map(|_| [id(), text(), text(), text(), Value::number(at)]);
    let table = "kubesvc_ferry_audit";
    crate::sql::insert(&mut tx, table, audit, rows.collect())
        .await
        .unwrap();
    let operations = [
        "id",
        "account",
        "agent_id",
        "operation",
        "generation",
        "received_by",
        "received_at",
    ];
    let rows = (0..count).map(|_| {
        let number = Value::number;
        [id(), text(), text(), text(), number(1), text(), number(at)]
    });
    let table = "kubesvc_ferry_operations";
    crate::sql::insert(&mut tx, table, operations, rows.collect())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn rand() -> u128 {
    ulid::Ulid::new().random()
}

async fn left(base: &Base) -> (usize, usize) {
    let audit = base.select(&["id"], "FROM kubesvc_ferry_audit").await;
    let operations = base.select(&["id"], "FROM kubesvc_ferry_operations").await;
    (audit.len(), operations.len())
}

#[tokio::test]
async fn rows_go_when_they_are_too_old_some_at_a_time() {
    let base = Base::open(DATABASE).await;
    let retention = Retention {
        audit: Duration::from_secs(10 * 24 * 60 * 60),
        operations: Duration::from_secs(3 * 24 * 60 * 60),
    };
    add(&base, 1200, 11, 0).await;
    add(&base, 5, 4, 0).await;
    add(&base, 7, 1, 0).await;
    // One transaction removes no more than a batch of each.
    assert!(base.store.purge(&retention).await.unwrap());
    assert_eq!(left(&base).await, (712, 712));
    assert!(base.store.purge(&retention).await.unwrap());
    assert!(!base.store.purge(&retention).await.unwrap());
    assert_eq!(left(&base).await, (12, 7));
    assert!(!base.store.purge(&retention).await.unwrap());
    assert_eq!(left(&base).await, (12, 7));
}

#[tokio::test]
async fn a_core_whose_clock_is_wrong_costs_no_row() {
    let base = Base::open(DATABASE).await;
    let retention = Retention {
        audit: Duration::from_secs(10 * 24 * 60 * 60),
        operations: Duration::from_secs(10 * 24 * 60 * 60),
    };
    add(&base, 3, 1, -1000).await;
    assert!(!base.store.purge(&retention).await.unwrap());
    assert_eq!(left(&base).await, (3, 3));
}
