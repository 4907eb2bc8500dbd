//! Many clusters, and slow ones: none holds up another.

use std::time::{Duration, Instant};

use crate::support::{Agent, Core, CoreSession, Terms, account, dead, mute};
use ferry_wire::v1::Account;
use ferry_wire::v1::account_report::State;

/// So much at once leaves little for heartbeats, which are not what this is about.
const TERMS: Terms = Terms {
    heartbeat_seconds: 20,
    grace_seconds: 60,
};

/// Many whose clusters say nothing, each of which is waited for for a minute.
async fn crowd(session: &CoreSession, mute: &str, size: usize) {
    for number in 0..size {
        let slow = Account {
            deadline_seconds: 300,
            ..account(&format!("slow-{number}"), 1, mute)
        };
        session.save(slow).await;
    }
}

const PATIENT: &str = "timeoutSeconds: 60\n";

#[tokio::test]
async fn slow_clusters_hold_up_nothing() {
    let mut core = Core::start(TERMS).await;
    let agent = Agent::start(core.address, PATIENT);
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    // More than are reached for at the same time.
    crowd(&session, &mute, 100).await;
    session.save(account("quick", 1, &dead())).await;
    // Before any of the others is given up.
    let cause = session.failure_of("quick").await;
    assert!(cause.contains("refuses connections"), "{cause}");
    agent.stop().await;
}

#[tokio::test]
async fn an_answer_of_a_cluster_takes_no_longer_than_timeout_seconds() {
    let mut core = Core::start(TERMS).await;
    let more = "timeoutSeconds: 1\nkubernetes: {retries: {enabled: false}}\n";
    let agent = Agent::start(core.address, more);
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    let began = Instant::now();
    session.save(account("a", 1, &mute)).await;
    let cause = session.failure_of("a").await;
    assert!(cause.contains("1 s"), "{cause}");
    // Without the key a step takes 10 s.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    agent.stop().await;
}

#[tokio::test]
async fn who_waits_for_its_turn_says_so_and_has_its_time_then() {
    let mut core = Core::start(TERMS).await;
    let agent = Agent::start(core.address, PATIENT);
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    crowd(&session, &mute, 300).await;
    let last = Account {
        deadline_seconds: 9,
        ..account("last", 1, &dead())
    };
    session.save(last).await;
    let State::Connecting(first) = session.state_of("last").await else {
        panic!("the others are before it");
    };
    assert!(first.waited_seconds > 0);
    let mut state = session.state_of("last").await;
    while let State::Connecting(later) = state {
        assert!(later.waited_seconds > first.waited_seconds);
        state = session.state_of("last").await;
    }
    let State::Failed(failed) = state else {
        panic!("{state:?}");
    };
    let cause = failed.cause;
    assert!(cause.contains("refuses connections"), "{cause}");
    agent.stop().await;
}
