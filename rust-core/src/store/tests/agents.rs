//! What agents say: connecting, reporting, leaving, and leases that end.

use super::*;
use crate::store::AccountDetail;
use HoldingState::*;

#[tokio::test]
async fn an_agent_that_connects_holds_what_it_brings_and_no_more() {
    let base = Base::open(DATABASE).await;
    for name in ["kept", "lost", "new"] {
        base.row(name).await;
    }
    base.hold("kept", &["agent", "other"], Dropping).await;
    base.hold("lost", &["agent", "other"], Pending).await;
    let versions = [
        base.view("kept").await,
        base.view("lost").await,
        base.view("new").await,
    ];
    let brings = ["kept", "new", "stray"].map(|name| said(name, 5, Some(Ready)));
    let gone = base
        .store
        .register(&registration("agent", "s", brings.to_vec()))
        .await
        .unwrap();
    assert_eq!(gone.strays, ["stray"]);
    assert_eq!(gone.affected, ["kept", "lost", "new"]);
    let other = |state| ("other".to_owned(), state);
    let agent = ("agent".to_owned(), Ready);
    assert_eq!(base.holders("kept").await, [agent.clone(), other(Dropping)]);
    assert_eq!(base.holders("lost").await, [other(Pending)]);
    assert_eq!(base.holders("new").await, [agent]);
    let holding = &base.view("new").await.holdings[0];
    assert_eq!((holding.generation, holding.zone_id.as_str()), (5, "Z"));
    // A decision that was made before is to fail.
    for before in versions {
        let after = base.view(&before.account.name).await;
        assert_eq!(after.account.version, before.account.version + 1);
    }
}

#[tokio::test]
async fn an_agent_that_connects_moves_those_that_wait_for_one() {
    let base = Base::open(DATABASE).await;
    let waiting = [
        ("1", Status::ToMigrate, None, None, true),
        ("2", Status::Failed, Some("NO_AGENT"), None, true),
        ("3", Status::Failed, Some("AGENTS"), None, false),
        ("4", Status::Active, None, Some("Z"), true),
        ("5", Status::Active, None, Some("Y"), false),
        ("6", Status::Orphaned, None, Some("Z"), true),
        ("7", Status::Orphaned, None, Some("Y"), false),
        ("8", Status::Activating, None, Some("Z"), true),
        ("9", Status::Inactive, None, Some("Z"), false),
    ];
    for (name, status, failure, zone, _) in waiting {
        base.row(name).await;
        let zone = zone.map(str::to_owned);
        base.change(name, |account| {
            account.status = status;
            account.failure = failure.map(|word: &str| word.parse().unwrap());
            (account.zone_id, account.target_zone) = (zone.clone(), zone);
        })
        .await;
    }
    let gone = base
        .store
        .register(&registration("agent", "s", Vec::new()))
        .await
        .unwrap();
    let expected: Vec<&str> = waiting
        .iter()
        .filter(|(.., moves)| *moves)
        .map(|(name, ..)| *name)
        .collect();
    assert_eq!(gone.affected, expected);
}

#[tokio::test]
async fn an_agent_brings_more_than_one_statement_takes() {
    let base = Base::open(DATABASE).await;
    let name = |number: usize| format!("acc-{number:04}");
    let names: Vec<String> = (0..1200).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    base.rows(&names).await;
    let holds = |names: &[&str], state| {
        let held = names.iter().map(|name| said(name, 5, Some(state)));
        registration("agent", "s", held.collect())
    };
    let gone = base.store.register(&holds(&names, Ready)).await.unwrap();
    assert_eq!((gone.affected.len(), gone.strays.len()), (1200, 0));
    base.run("UPDATE kubesvc_ferry_holdings SET since = 7")
        .await;
    let kept = &[&names[600..], &["stray"]].concat();
    let gone = base.store.register(&holds(kept, Lost)).await.unwrap();
    assert_eq!(gone.affected, names);
    assert_eq!(gone.strays, ["stray"]);
    let held = base
        .select(
            &["account"],
            "FROM kubesvc_ferry_holdings WHERE state = 'LOST' AND since = 7 ORDER BY account",
        )
        .await;
    assert_eq!(held, names[600..]);
    let rest = "FROM kubesvc_ferry_holdings WHERE state <> 'LOST'";
    assert!(base.select(&["account"], rest).await.is_empty());
    for name in [names[0], names[1199]] {
        assert_eq!(base.view(name).await.account.version, 3);
    }
}

#[tokio::test]
async fn an_agent_that_moved_to_another_zone_holds_there() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.hold("a", &["agent"], Ready).await;
    let mut moved = registration("agent", "s", vec![said("a", 5, Some(Ready))]);
    moved.zone_id = "Y".to_owned();
    base.store.register(&moved).await.unwrap();
    assert_eq!(base.view("a").await.holdings[0].zone_id, "Y");
}

/// What becomes of a holding in generation 5 and this state by this report.
async fn after(known: HoldingState, generation: i64, said_state: Option<HoldingState>) -> String {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let held = vec![said("a", 5, Some(known))];
    base.store
        .register(&registration("agent", "s", held))
        .await
        .unwrap();
    let version = base.view("a").await.account.version;
    let gone = base
        .report("agent", "s", &said("a", generation, said_state))
        .await;
    let view = base.view("a").await;
    let changed = view.account.version != version;
    assert_eq!(gone.affected, if changed { vec!["a"] } else { vec![] });
    assert!(gone.strays.is_empty());
    match (view.holdings.first(), changed) {
        (None, true) => "gone".to_owned(),
        (Some(held), true) => format!("{} {}", held.state, held.generation),
        (Some(held), false) => {
            assert_eq!((held.state, held.generation), (known, 5));
            "same".to_owned()
        }
        (None, false) => panic!("a holding went without a version"),
    }
}

#[tokio::test]
async fn a_report_counts_when_it_is_about_what_was_asked_last() {
    for (known, generation, state, expected) in [
        (Pending, 5, Some(Ready), "READY 5"),
        (Pending, 5, Some(Failed), "FAILED 5"),
        (Ready, 5, Some(Lost), "LOST 5"),
        (Pending, 6, Some(Ready), "READY 6"),
        // Of an older generation: the newer one is under way.
        (Pending, 4, Some(Ready), "same"),
        (Pending, 4, Some(Failed), "same"),
        // Dropped counts when it was asked for, and is about this life of the holding.
        (Dropping, 5, None, "gone"),
        (Dropping, 6, None, "gone"),
        (Dropping, 0, None, "same"),
        (Dropping, 4, None, "same"),
        (Pending, 4, None, "same"),
        (Ready, 4, None, "same"),
        // It is not there, though nobody asked.
        (Pending, 5, None, "AWAY 5"),
        (Ready, 5, None, "AWAY 5"),
        (Failed, 5, None, "AWAY 5"),
        (Away, 5, None, "same"),
        // While it is to be dropped, only a refusal says anything.
        (Dropping, 5, Some(Ready), "same"),
        (Dropping, 5, Some(Failed), "same"),
        (Dropping, 5, Some(Refused), "REFUSED 5"),
        (Ready, 5, Some(Refused), "same"),
    ] {
        let said = after(known, generation, state).await;
        assert_eq!(said, expected, "{known} then {state:?} of {generation}");
    }
}

#[tokio::test]
async fn a_report_says_what_was_found_out() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.store
        .register(&registration("agent", "s", Vec::new()))
        .await
        .unwrap();
    let mut report = said("a", 5, Some(Ready));
    report.cluster.kube_host = Some("https://k".to_owned());
    report.cause = Some("half of it".to_owned());
    base.report("agent", "s", &report).await;
    let holding = &base.view("a").await.holdings[0];
    assert_eq!(holding.cluster, report.cluster);
    assert_eq!(
        (holding.cause.as_deref(), holding.zone_id.as_str()),
        (Some("half of it"), "Z")
    );
}

#[tokio::test]
async fn a_report_of_no_account_or_no_session_changes_nothing() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.store
        .register(&registration("agent", "new", Vec::new()))
        .await
        .unwrap();
    let stray = base
        .report("agent", "new", &said("b", 5, Some(Ready)))
        .await;
    assert_eq!(
        (stray.strays, stray.affected.len()),
        (vec!["b".to_owned()], 0)
    );
    let before = base.view("a").await.account;
    for (agent, session) in [("agent", "old"), ("other", "new")] {
        let gone = base
            .report(agent, session, &said("a", 5, Some(Ready)))
            .await;
        assert!(gone.affected.is_empty() && gone.strays.is_empty());
    }
    base.report("agent", "new", &said("a", 5, None)).await;
    let after = base.view("a").await;
    assert_eq!((after.account, after.holdings.len()), (before, 0));
}

#[tokio::test]
async fn an_agent_that_leaves_keeps_its_holdings_until_their_lease_is_over() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.row("b").await;
    let held = vec![said("a", 5, Some(Ready)), said("b", 5, Some(Pending))];
    base.store
        .register(&registration("agent", "s", held))
        .await
        .unwrap();
    let gone = base.store.leave("agent", "s").await.unwrap();
    assert_eq!(gone.affected, ["a", "b"]);
    assert_eq!(base.holders("a").await, [("agent".to_owned(), Ready)]);
    assert_eq!(base.holders("b").await, [("agent".to_owned(), Away)]);
    assert!(base.store.agents().await.unwrap().is_empty());
    let again = base.store.leave("agent", "s").await.unwrap();
    assert!(again.affected.is_empty(), "it has left already");
    let grace = Duration::from_secs(600);
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 609000")
        .await;
    assert!(base.store.expire(grace).await.unwrap().affected.is_empty());
    let version = base.view("a").await.account.version;
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 1000")
        .await;
    assert_eq!(base.store.expire(grace).await.unwrap().affected, ["a", "b"]);
    assert!(base.holders("a").await.is_empty());
    assert_eq!(base.view("a").await.account.version, version + 1);
    assert!(base.store.expire(grace).await.unwrap().affected.is_empty());
}

#[tokio::test]
async fn the_end_of_an_earlier_connection_changes_nothing() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let held = vec![said("a", 5, Some(Pending))];
    base.store
        .register(&registration("agent", "old", held.clone()))
        .await
        .unwrap();
    base.store
        .register(&registration("agent", "new", held))
        .await
        .unwrap();
    let before = base.view("a").await;
    assert!(
        base.store
            .leave("agent", "old")
            .await
            .unwrap()
            .affected
            .is_empty()
    );
    let after = base.view("a").await;
    assert_eq!(
        (after.account, after.holdings),
        (before.account, before.holdings)
    );
    assert_eq!(base.store.agents().await.unwrap().len(), 1);
    base.run("UPDATE kubesvc_ferry_agents SET last_connection = 0")
        .await;
    let over = base.store.expire(Duration::ZERO).await.unwrap();
    assert!(over.affected.is_empty(), "who is connected has no lease");
}

#[tokio::test]
async fn who_comes_back_in_time_keeps_its_lease() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let held = vec![said("a", 5, Some(Ready))];
    base.store
        .register(&registration("agent", "1", held.clone()))
        .await
        .unwrap();
    base.store.leave("agent", "1").await.unwrap();
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 3600000")
        .await;
    base.store
        .register(&registration("agent", "2", held))
        .await
        .unwrap();
    assert!(
        base.store
            .expire(Duration::ZERO)
            .await
            .unwrap()
            .affected
            .is_empty()
    );
    assert_eq!(base.holders("a").await.len(), 1);
}

#[tokio::test]
async fn who_came_back_and_left_again_has_a_new_lease() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let held = vec![said("a", 5, Some(Ready))];
    base.store
        .register(&registration("agent", "1", held))
        .await
        .unwrap();
    base.store.leave("agent", "1").await.unwrap();
    // Its former lease was seen to be over just before.
    let (affected, _) = base.store.forget("agent", 600_000).await.unwrap();
    assert!(affected.is_empty());
    assert_eq!(base.holders("a").await.len(), 1);
}

#[tokio::test]
async fn one_agent_of_an_account_caches() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    for (agent, state) in [("1", Failed), ("2", Ready), ("3", Ready)] {
        let held = vec![said("a", 5, Some(state))];
        base.store
            .register(&registration(agent, agent, held))
            .await
            .unwrap();
    }
    let agents = base.store.agents().await.unwrap();
    let caching: Vec<_> = agents
        .iter()
        .map(|a| (a.agent_id.as_str(), a.caching))
        .collect();
    assert_eq!(caching, [("1", false), ("2", true), ("3", false)]);
    assert!(
        agents
            .iter()
            .all(|agent| agent.accounts == ["a"] && agent.core_id == "core")
    );
    // One that left is counted on for a while, but caches nothing.
    base.store.leave("2", "2").await.unwrap();
    let agents = base.store.agents().await.unwrap();
    let caching: Vec<_> = agents
        .iter()
        .map(|a| (a.agent_id.as_str(), a.caching))
        .collect();
    assert_eq!(caching, [("1", false), ("3", true)]);
    let Some(AccountDetail::Dynamic { caching, .. }) = base.store.detail("a").await.unwrap() else {
        panic!("there is a row");
    };
    assert_eq!(caching.as_deref(), Some("3"));
}

#[tokio::test]
async fn an_agent_that_refuses_dynamic_accounts_is_none_to_give_them_to() {
    let base = Base::open(DATABASE).await;
    let connected = async || -> Vec<String> {
        let agents = base.store.connected().await.unwrap();
        agents.into_iter().map(|agent| agent.id).collect()
    };
    for (takes_dynamic, session, expected) in [
        (false, "1", vec!["b"]),
        (false, "2", vec!["b"]),
        (true, "3", vec!["a", "b"]),
    ] {
        base.store
            .register(&registration("b", "b", Vec::new()))
            .await
            .unwrap();
        let agent = Registration {
            takes_dynamic,
            ..registration("a", session, Vec::new())
        };
        base.store.register(&agent).await.unwrap();
        assert_eq!(connected().await, expected);
        assert_eq!(base.store.agents().await.unwrap().len(), 2);
    }
}
