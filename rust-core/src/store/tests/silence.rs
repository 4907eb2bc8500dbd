//! A server that vanishes without a word, as in a failover or behind a firewall: its connections stay,
//! and nothing comes on them any more.

use super::*;
use crate::error::causes;
use crate::sql::{Tx, sql};
use ferry_tests::Relay;
use futures_util::future::join_all;
use std::time::Instant;

/// How long an answer is waited for here.
const ANSWER: Duration = Duration::from_secs(1);
/// The same, on a busy machine.
const BUSY: Duration = Duration::from_secs(10);
/// All connections of the pool.
const ALL: usize = 10;

/// A store whose way to its database is a relay's.
async fn relayed(base: &Base) -> (Relay, Store) {
    let url = |user| base.schema.as_ref().unwrap().url(user);
    let direct = url(User::Service);
    let (_, place) = direct.split_once('@').unwrap();
    let (server, _) = place.split_once('/').unwrap();
    let relay = Relay::start(server, None);
    let url = |user| SecretString::from(url(user).replace(server, &relay.address.to_string()));
    let location = Location::parse(&url(User::Service), Some(&url(User::Migrate)));
    let mut store = Store::open(&location.unwrap()).await.unwrap();
    store.pool = store.pool.answering_within(ANSWER);
    (relay, store)
}

/// As many transactions at a time as the pool has connections.
async fn all_at_once(store: &Store) -> Vec<Tx> {
    let begun = (0..ALL).map(async |_| {
        let mut tx = store.pool.write().await?;
        tx.now().await?;
        Ok::<_, sqlx::Error>(tx)
    });
    let begun = join_all(begun).await.into_iter();
    begun.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn nothing_waits_for_long_and_no_connection_is_lost() {
    let base = Base::open(DATABASE).await;
    let (relay, store) = relayed(&base).await;
    let mut begun = all_at_once(&store).await;
    let [mut asking, committing, dropped, committed] = [(); 4].map(|()| begun.pop().unwrap());
    for tx in begun {
        tx.commit().await.unwrap();
    }
    let idle = async || {
        while store.pool_settings()[0].idle < ALL - 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BUSY, idle()).await.unwrap();

    // Its connection is on the way back to the pool, and this one thread has not asked it yet.
    committed.commit().await.unwrap();
    relay.swallow();
    drop(dropped);
    let since = Instant::now();
    let touch = sql("UPDATE kubesvc_accounts SET failed_count = 7 WHERE name = ?").text("hunter2");
    let unanswered = touch.run(&mut asking).await.unwrap_err();
    let unanswered = causes(&StoreError::from(unanswered));
    let said = "did not answer within 1s: UPDATE kubesvc_accounts SET failed_count = 7";
    assert!(unanswered.contains(said), "{unanswered}");
    assert!(!unanswered.contains("hunter2"), "{unanswered}");
    let again = asking.now().await;
    assert!(again.is_err(), "its connection is gone");
    let unsettled = StoreError::of_commit(committing.commit().await.unwrap_err());
    assert!(matches!(unsettled, StoreError::Unsettled(_)));
    let unsettled = causes(&unsettled);
    assert!(
        unsettled.contains("did not answer within 1s: COMMIT"),
        "{unsettled}"
    );
    assert!(since.elapsed() < BUSY, "{:?}", since.elapsed());

    relay.forward();
    let all = all_at_once(&store).await;
    assert_eq!(store.pool_settings()[0].connections as usize, all.len());
}
