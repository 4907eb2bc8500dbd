//! Many reports in one transaction.

use super::*;
use HoldingState::*;

#[tokio::test]
async fn each_report_counts_in_the_order_they_were_said() {
    let base = Base::open(DATABASE).await;
    base.rows(&["a", "b", "c"]).await;
    for (agent, session) in [("one", "1"), ("two", "2")] {
        let held = vec![said("a", 5, Some(Pending))];
        let connected = registration(agent, session, held);
        base.store.register(&connected).await.unwrap();
    }
    base.hold("b", &["one"], Dropping).await;
    let generation = base.view("b").await.account.generation;
    let before = base.view("c").await.account;
    let reports = [
        report("one", "1", &said("a", 5, Some(Ready))),
        report("two", "2", &said("a", 5, Some(Ready))),
        report("one", "1", &said("stray", 5, Some(Ready))),
        report("one", "1", &said("b", generation, None)),
        report("one", "1", &said("a", 5, Some(Lost))),
        // After it let go, it was given the account again.
        report("one", "1", &said("b", generation + 1, Some(Ready))),
        report("one", "ended", &said("c", 5, Some(Ready))),
    ];
    let gone = base.store.report(&reports).await.unwrap();
    let affected: Vec<_> = gone.iter().map(|gone| gone.affected.join(" ")).collect();
    assert_eq!(affected, ["a", "a", "", "b", "a", "b", ""]);
    assert_eq!(gone[2].strays, ["stray"]);
    let holds = |agent: &str, state| (agent.to_owned(), state);
    let holders = base.holders("a").await;
    assert_eq!(holders, [holds("one", Lost), holds("two", Ready)]);
    assert_eq!(base.holders("b").await, [holds("one", Ready)]);
    let holding = &base.view("b").await.holdings[0];
    assert_eq!(holding.generation, generation + 1);
    assert_eq!(base.view("c").await.account, before);
}

#[tokio::test]
async fn a_report_that_says_what_is_known_changes_nothing() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let held = vec![said("a", 5, Some(Ready))];
    let connected = registration("agent", "s", held);
    base.store.register(&connected).await.unwrap();
    let before = base.view("a").await.account;
    let gone = base.report("agent", "s", &said("a", 5, Some(Ready))).await;
    assert!(gone.affected.is_empty());
    assert_eq!(base.view("a").await.account, before);
    // What waits to be sent to it need not be any longer.
    base.run("UPDATE kubesvc_ferry_holdings SET unsent = 1")
        .await;
    let gone = base.report("agent", "s", &said("a", 5, Some(Ready))).await;
    assert_eq!(gone.affected, ["a"]);
    assert!(base.store.unsent("core").await.unwrap().is_empty());
}

#[tokio::test]
async fn more_reports_than_one_statement_takes() {
    let base = Base::open(DATABASE).await;
    let names: Vec<String> = (0..1200).map(|number| format!("acc-{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    base.rows(&names).await;
    let connected = registration("agent", "s", Vec::new());
    base.store.register(&connected).await.unwrap();
    let held = names.iter().map(|name| said(name, 5, Some(Ready)));
    let reports: Vec<Report> = held.map(|held| report("agent", "s", &held)).collect();
    let gone = base.store.report(&reports).await.unwrap();
    let affected: Vec<&String> = gone.iter().flat_map(|gone| &gone.affected).collect();
    assert_eq!(affected, names);
    for name in [names[0], names[1199]] {
        assert_eq!(base.holders(name).await, [("agent".to_owned(), Ready)]);
        assert_eq!(base.view(name).await.account.version, 2);
    }
}

#[tokio::test]
async fn what_was_kept_in_a_newer_generation_is_not_on_its_way_out() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let connected = registration("agent", "s", Vec::new());
    base.store.register(&connected).await.unwrap();
    base.hold("a", &["agent"], Dropping).await;
    let asked = base.view("a").await.holdings[0].generation;
    base.report("agent", "s", &said("a", asked, Some(Ready)))
        .await;
    assert_eq!(
        base.holders("a").await[0].1,
        Dropping,
        "it has not obeyed yet"
    );
    base.report("agent", "s", &said("a", asked + 1, Some(Ready)))
        .await;
    let holding = &base.view("a").await.holdings[0];
    assert_eq!((holding.state, holding.generation), (Ready, asked + 1));
}

#[tokio::test]
async fn who_holds_what_could_not_be_deleted_is_asked_again_when_another_lets_go() {
    let base = Base::open(DATABASE).await;
    base.rows(&["a", "b"]).await;
    for agent in ["one", "two", "three"] {
        let connected = registration(agent, "s", Vec::new());
        base.store.register(&connected).await.unwrap();
    }
    let asked = |name| {
        let base = &base;
        async move {
            base.run("UPDATE kubesvc_ferry_holdings SET state = 'DROPPING'")
                .await;
            let holders = base.holders(name).await;
            assert!(holders.iter().all(|(_, state)| *state == Dropping));
        }
    };
    for name in ["a", "b"] {
        base.hold(name, &["one", "two", "three"], Dropping).await;
    }
    base.run(
        "UPDATE kubesvc_accounts SET status = 'DELETE_FAILED', wanted = 'DELETED' WHERE name = 'a'",
    )
    .await;
    let generation = base.view("a").await.holdings[0].generation;
    base.report("one", "s", &said("a", generation, None)).await;
    let holds = |agent: &str, state| (agent.to_owned(), state);
    let pending = [holds("three", Pending), holds("two", Pending)];
    assert_eq!(base.holders("a").await, pending);
    // One that is on its way goes on.
    base.report("one", "s", &said("b", generation, None)).await;
    assert_eq!(base.holders("b").await[0].1, Dropping);
    // Its lease ends, or it comes without.
    asked("a").await;
    let connected = registration("two", "t", Vec::new());
    base.store.register(&connected).await.unwrap();
    assert_eq!(base.holders("a").await, [holds("three", Pending)]);
    base.hold("a", &["one"], Dropping).await;
    asked("a").await;
    base.store.leave("one", "s").await.unwrap();
    base.run("UPDATE kubesvc_ferry_agents SET left_at = 1 WHERE agent_id = 'one'")
        .await;
    base.store.expire(Duration::from_secs(600)).await.unwrap();
    assert_eq!(base.holders("a").await, [holds("three", Pending)]);
}
