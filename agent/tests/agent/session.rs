//! The agent's side of the session: what it registers, obeys, reports, and does when the core is gone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::{Agent, Core, Terms, account, dead, mute, until};
use ferry_wire::v1::account_report::State;

#[tokio::test]
async fn it_registers_what_it_has_and_beats() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("kubeconfig");
    std::fs::write(&file, dead()).unwrap();
    let more = format!(
        "kubernetes:\n  accounts:\n  - name: fixed\n    kubeconfigFile: {}\n    permissions: {{READ: [a, team b, 7]}}\n",
        file.display()
    );
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    let register = &session.register;
    assert_eq!(
        (register.agent_id.as_str(), register.zone_id.as_str()),
        ("agent-1", "zone-1")
    );
    assert_eq!(register.version, env!("CARGO_PKG_VERSION"));
    assert!(register.held.is_empty());
    let [fixed] = &register.static_accounts[..] else {
        panic!("{register:?}")
    };
    assert_eq!(fixed.name, "fixed");
    let definition: serde_json::Value = serde_json::from_str(&fixed.definition).unwrap();
    let permissions = serde_json::json!({"READ": ["a", "team b", 7]});
    assert_eq!(definition["permissions"], permissions);
    if let Some(State::Connecting(_)) = fixed.report.as_ref().unwrap().state {
        assert!(
            session
                .failure_of("fixed")
                .await
                .contains("refuses connections")
        );
    }
    until("it beats twice", || {
        session.heartbeats.load(Ordering::SeqCst) >= 2
    })
    .await;

    session.delete_of(&["fixed"], 2).await;
    let report = session.report().await;
    // It answers the deletion, and says nothing of the static account.
    assert_eq!((report.account.as_str(), report.generation), ("fixed", 2));
    assert!(
        matches!(report.state, Some(State::Dropped(_))),
        "{report:?}"
    );
    session.save(account("fixed", 3, &dead())).await;
    let report = session.report().await;
    assert_eq!(report.generation, 3);
    let Some(State::Failed(failed)) = report.state else {
        panic!("not failed")
    };
    assert!(
        failed.cause.contains("in its own configuration"),
        "{}",
        failed.cause
    );
    agent.stop().await;
    session.ended().await;
}

#[tokio::test]
async fn operations_are_idempotent_and_the_newest_generation_counts() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    let (mute, _listener) = mute();

    session.save(account("a", 5, &mute)).await;
    session.save(account("a", 5, &mute)).await;
    let report = session.report().await;
    assert!(
        matches!(report.state, Some(State::Connecting(_))),
        "{report:?}"
    );
    assert_eq!(report.generation, 5);
    // Older: what is held counts.
    session.save(account("a", 4, &dead())).await;
    assert_eq!(session.report().await.generation, 5);
    // Newer: replaces.
    session.save(account("a", 6, &dead())).await;
    let report = session.report().await;
    assert_eq!(report.generation, 6);
    assert!(matches!(report.state, Some(State::Failed(_))), "{report:?}");
    // A failed one is idle until it is asked again.
    session.no_report(Duration::from_millis(300)).await;
    session.save(account("a", 6, &dead())).await;
    assert!(
        session
            .failure_of("a")
            .await
            .contains("refuses connections")
    );

    // A deletion that a newer SaveAccounts overtook: what is held counts, and stays.
    session.delete_of(&["a"], 5).await;
    let report = session.report().await;
    assert_eq!(report.generation, 6);
    assert!(matches!(report.state, Some(State::Failed(_))), "{report:?}");

    session.save_in("zone-2", account("b", 1, &dead())).await;
    session.no_report(Duration::from_millis(300)).await;

    session.delete(&["a", "never", "a"]).await;
    let mut dropped = Vec::new();
    for _ in 0..2 {
        let report = session.report().await;
        assert!(
            matches!(report.state, Some(State::Dropped(_))),
            "{report:?}"
        );
        dropped.push((report.account, report.generation));
    }
    dropped.sort();
    assert_eq!(dropped, [("a".into(), 6), ("never".into(), 0)]);

    // Deleted and saved again at once: first dropped, then the new one.
    session.save(account("c", 1, &mute)).await;
    session.delete(&["c"]).await;
    session.save(account("c", 2, &dead())).await;
    assert!(matches!(session.state_of("c").await, State::Dropped(_)));
    assert!(
        session
            .failure_of("c")
            .await
            .contains("refuses connections")
    );
    agent.stop().await;
}

#[tokio::test]
async fn it_comes_back_with_what_it_holds() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    session.save(account("dead", 2, &dead())).await;
    session.failure_of("dead").await;
    session.save(account("mute", 3, &mute)).await;
    session.save(account("mute", 3, &mute)).await;
    assert!(matches!(
        session.state_of("mute").await,
        State::Connecting(_)
    ));

    let address = core.crash();
    session.ended().await;
    let mut core = Core::start_at(address, Terms::default()).await;
    let session = core.session().await;
    let held = &session.register.held;
    assert_eq!(held.len(), 2, "{held:?}");
    assert_eq!((held[0].account.as_str(), held[0].generation), ("dead", 2));
    assert!(matches!(held[0].state, Some(State::Failed(_))));
    assert!(matches!(held[1].state, Some(State::Connecting(_))));

    // A core that says nothing is as good as none.
    session.silent.store(true, Ordering::SeqCst);
    let again = core.session().await;
    assert_eq!(again.register.held.len(), 2);
    agent.stop().await;
}

#[tokio::test]
async fn without_a_core_for_the_grace_time_it_stops_its_dynamic_accounts() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("kubeconfig");
    std::fs::write(&file, dead()).unwrap();
    let more = format!(
        "kubernetes:\n  accounts: [{{name: fixed, kubeconfigFile: {}}}]\n",
        file.display()
    );
    let terms = Terms {
        heartbeat_seconds: 1,
        grace_seconds: 2,
    };
    let mut core = Core::start(terms).await;
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    session.save(account("a", 1, &dead())).await;
    // Longer than the grace time: a core that is there is no missing core.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    session.save(account("a", 1, &dead())).await;
    loop {
        let report = session.report().await;
        if report.account == "a" {
            assert!(matches!(report.state, Some(State::Failed(_))), "{report:?}");
            break;
        }
    }
    let address = core.crash();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let mut core = Core::start_at(address, terms).await;
    let register = core.session().await.register;
    assert!(register.held.is_empty(), "{register:?}");
    assert_eq!(register.static_accounts.len(), 1);
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_without_dynamic_accounts_says_so_for_each() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "dynamicAccountsEnabled: false\n");
    let mut session = core.session().await;
    assert!(session.register.refuses_dynamic);
    session.save(account("a", 1, &dead())).await;
    let cause = session.failure_of("a").await;
    assert!(cause.contains("dynamicAccountsEnabled is false"), "{cause}");
    session.delete(&["a"]).await;
    assert!(matches!(session.state_of("a").await, State::Dropped(_)));
    agent.stop().await;
}
