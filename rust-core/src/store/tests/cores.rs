//! Which cores are up, and what one leaves to another.

use super::*;
use crate::account::step::Message;
use HoldingState::*;

const GRACE: Duration = Duration::from_secs(600);

async fn connect(base: &Base, agent: &str, core_id: &str, held: Vec<Held>) {
    let registration = Registration {
        core_id: core_id.to_owned(),
        ..registration(agent, "s", held)
    };
    base.store.register(&registration).await.unwrap();
}

async fn seen(base: &Base, core_id: &str) -> bool {
    base.store.seen(core_id, &LIMITS).await.unwrap()
}

async fn ids(base: &Base) -> Vec<String> {
    let agents = base.store.connected().await.unwrap();
    agents.into_iter().map(|agent| agent.id).collect()
}

#[tokio::test]
async fn deadlines_and_leases_begin_anew_with_the_first_core() {
    let base = Base::open(DATABASE).await;
    let now = base.row("a").await.now;
    base.row("b").await;
    base.change("a", |account| account.due_at = Some(now - 3_600_000))
        .await;
    connect(&base, "agent", "one", vec![said("b", 5, Some(Ready))]).await;
    connect(&base, "away", "one", vec![said("b", 5, Some(Ready))]).await;
    base.store.leave("away", "s").await.unwrap();
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 3600000")
        .await;
    base.store.enter("two", &LIMITS).await.unwrap();
    let due = base.view("a").await.account.due_at.unwrap();
    assert!(
        (now + 60_000..now + 90_000).contains(&due),
        "{due} after {now}"
    );
    assert_eq!(base.view("b").await.account.due_at, None);
    assert!(
        ids(&base).await.is_empty(),
        "nobody is connected to this core"
    );
    assert!(base.store.expire(GRACE).await.unwrap().affected.is_empty());
    assert_eq!(base.holders("b").await.len(), 2, "holdings survive");
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 610000")
        .await;
    assert_eq!(base.store.expire(GRACE).await.unwrap().affected, ["b"]);
    assert!(base.holders("b").await.is_empty());
}

#[tokio::test]
async fn a_core_whose_lease_is_over_is_taken_over_once() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.store.enter("one", &LIMITS).await.unwrap();
    base.run("INSERT INTO kubesvc_ferry_cores VALUES ('two', 0)")
        .await;
    assert!(!seen(&base, "two").await, "one is up");
    connect(&base, "1", "one", vec![said("a", 5, Some(Pending))]).await;
    connect(&base, "2", "two", vec![said("a", 5, Some(Pending))]).await;
    assert_eq!(ids(&base).await, ["1", "2"]);
    base.run("UPDATE kubesvc_ferry_cores SET last_seen = last_seen - 15000 WHERE core_id = 'one'")
        .await;
    let version = base.view("a").await.account.version;
    assert!(seen(&base, "two").await);
    assert_eq!(ids(&base).await, ["2"]);
    let holders = [("1".to_owned(), Away), ("2".to_owned(), Pending)];
    assert_eq!(
        base.holders("a").await,
        holders,
        "what one's agent was asked is not on its way"
    );
    assert_eq!(base.view("a").await.account.version, version + 1);
    assert!(!seen(&base, "two").await);
    // One that ends in order leaves no lease behind, and no connection whose end was not recorded.
    base.store.exit("two").await.unwrap();
    assert!(ids(&base).await.is_empty());
    let cores = base.select(&["core_id"], "FROM kubesvc_ferry_cores").await;
    assert!(cores.is_empty(), "{cores:?}");
}

#[tokio::test]
async fn deadlines_and_leases_begin_anew_after_the_database_was_away() {
    let base = Base::open(DATABASE).await;
    let now = base.row("a").await.now;
    base.store.enter("one", &LIMITS).await.unwrap();
    connect(&base, "here", "one", vec![said("a", 5, Some(Ready))]).await;
    connect(&base, "away", "one", vec![said("a", 5, Some(Ready))]).await;
    base.store.leave("away", "s").await.unwrap();
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 3600000")
        .await;
    let overdue = |account: &mut Account| account.due_at = Some(now - 1);
    base.change("a", overdue).await;
    base.run("UPDATE kubesvc_ferry_cores SET last_seen = last_seen - 15000")
        .await;
    assert!(seen(&base, "one").await);
    let due = base.view("a").await.account.due_at.unwrap();
    assert!(
        (now + 60_000..now + 90_000).contains(&due),
        "{due} after {now}"
    );
    assert_eq!(ids(&base).await, ["here"], "its connection did not end");
    assert!(base.store.expire(GRACE).await.unwrap().affected.is_empty());
    assert!(!seen(&base, "one").await);
    // Another went on meanwhile.
    base.change("a", overdue).await;
    base.run("INSERT INTO kubesvc_ferry_cores SELECT 'two', last_seen FROM kubesvc_ferry_cores")
        .await;
    base.run("UPDATE kubesvc_ferry_cores SET last_seen = last_seen - 15000 WHERE core_id = 'one'")
        .await;
    assert!(!seen(&base, "one").await);
    assert_eq!(base.view("a").await.account.due_at, Some(now - 1));
}

#[tokio::test]
async fn what_is_due_waits_as_long_as_no_core_was_up() {
    let base = Base::open(DATABASE).await;
    let store = base.store.clone().among_others();
    let now = base.row("a").await.now;
    store.enter("one", &LIMITS).await.unwrap();
    connect(&base, "away", "one", vec![said("a", 5, Some(Ready))]).await;
    store.leave("away", "s").await.unwrap();
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 15000")
        .await;
    base.change("a", |account| account.due_at = Some(now + 1000))
        .await;
    // It dies, and the next starts before its lease is over.
    base.run("UPDATE kubesvc_ferry_cores SET last_seen = last_seen - 10000")
        .await;
    store.enter("two", &LIMITS).await.unwrap();
    let due = base.view("a").await.account.due_at.unwrap();
    assert!((now + 11_000..now + 20_000).contains(&due), "{due}");
    assert!(
        store
            .expire(Duration::ZERO)
            .await
            .unwrap()
            .affected
            .is_empty()
    );
    // Of one that is up nothing is missed.
    store.enter("three", &LIMITS).await.unwrap();
    assert_eq!(base.view("a").await.account.due_at, Some(due));
}

#[tokio::test]
async fn a_message_for_an_agent_of_another_core_is_left_to_it() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.hold("a", &["far", "near"], Ready).await;
    let generation = base.view("a").await.account.generation;
    let held = [said("a", generation, Some(Ready))];
    connect(&base, "near", "here", held.to_vec()).await;
    connect(&base, "far", "there", held.to_vec()).await;
    connect(&base, "idle", "there", Vec::new()).await;
    let view = base.view("a").await;
    let mut step = Step::same(&view);
    for held in &mut step.holdings {
        held.state = Dropping;
        let agent_id = held.agent_id.clone();
        step.messages.push(Message::Delete { agent_id });
    }
    // `far` was here before.
    let here = [("near", "s"), ("far", "before")];
    let written = base
        .store
        .write(&view, &step, &here, None, &Actor::ferry())
        .await;
    assert!(written.unwrap());
    assert!(
        base.store.unsent("here").await.unwrap().is_empty(),
        "this core sends it itself"
    );
    let left = base.store.unsent("there").await.unwrap();
    let [left] = left.as_slice() else {
        panic!("{left:?}")
    };
    let agent_id = left.holding.agent_id.as_str();
    assert_eq!((left.account.as_str(), agent_id), ("a", "far"));
    assert_eq!(left.holding.state, Dropping);

    // Before that is recorded as sent, another is left.
    let view = base.view("a").await;
    let mut step = Step::same(&view);
    step.holdings[0].state = Pending;
    let agent_id = "far".to_owned();
    step.messages.push(Message::Save { agent_id });
    assert!(base.write(&view, &step).await);
    let sent = base.store.sent(&[left]).await.unwrap();
    assert_eq!(sent, [false], "it is overtaken");
    let later = base.store.unsent("there").await.unwrap();
    assert_eq!(later[0].holding.state, Pending);
    assert_eq!(base.store.sent(&[&later[0]]).await.unwrap(), [true]);
    let again = base.store.sent(&[&later[0]]).await.unwrap();
    assert_eq!(again, [false], "once");
    assert!(base.store.unsent("there").await.unwrap().is_empty());
}

#[tokio::test]
async fn of_many_messages_that_were_left_those_that_are_overtaken_stay() {
    let base = Base::open(DATABASE).await;
    for agent in ["far", "near"] {
        connect(&base, agent, "there", Vec::new()).await;
    }
    for name in ["a", "b", "c"] {
        base.row(name).await;
        base.hold(name, &["far", "near"], Pending).await;
    }
    base.run("UPDATE kubesvc_ferry_holdings SET unsent = 1")
        .await;
    let left = base.store.unsent("there").await.unwrap();
    assert_eq!(left.len(), 6);
    for (change, of) in [
        ("unsent = 2", "account = 'a' AND agent_id = 'far'"),
        ("state = 'DROPPING'", "account = 'b' AND agent_id = 'far'"),
        (
            "generation = generation + 1",
            "account = 'b' AND agent_id = 'near'",
        ),
    ] {
        let change = format!("UPDATE kubesvc_ferry_holdings SET {change} WHERE {of}");
        base.run(&change).await;
    }
    base.run("DELETE FROM kubesvc_ferry_holdings WHERE account = 'c' AND agent_id = 'near'")
        .await;
    let left: Vec<&Unsent> = left.iter().collect();
    let sent = base.store.sent(&left).await.unwrap();
    let sent = left.into_iter().zip(sent).filter(|(_, sent)| *sent);
    let sent: Vec<&Unsent> = sent.map(|(left, _)| left).collect();
    assert_eq!(about(sent), ["a near", "c far"]);
    let left = base.store.unsent("there").await.unwrap();
    assert_eq!(about(&left), ["a far", "b far", "b near"]);
}

/// Accounts and agents of messages, sorted.
fn about<'a>(unsent: impl IntoIterator<Item = &'a Unsent>) -> Vec<String> {
    let about = unsent.into_iter();
    let about = about.map(|unsent| format!("{} {}", unsent.account, unsent.holding.agent_id));
    let mut about: Vec<String> = about.collect();
    about.sort();
    about
}

#[tokio::test]
async fn a_message_that_cannot_be_read_keeps_no_other() {
    let base = Base::open(DATABASE).await;
    connect(&base, "agent", "there", Vec::new()).await;
    for name in ["a", "b", "c"] {
        base.row(name).await;
        base.hold(name, &["agent"], Pending).await;
    }
    base.run("UPDATE kubesvc_ferry_holdings SET unsent = 1")
        .await;
    base.run("UPDATE kubesvc_ferry_holdings SET state = 'NONSENSE' WHERE account = 'b'")
        .await;
    let left = base.store.unsent("there").await.unwrap();
    assert_eq!(about(&left), ["a agent", "c agent"]);
}

#[tokio::test]
async fn a_message_that_was_left_is_dropped_when_its_agent_connects_or_leaves() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    for leaves in [false, true] {
        connect(&base, "far", "one", Vec::new()).await;
        let view = base.view("a").await;
        let mut step = Step::same(&view);
        step.holdings = vec![Holding {
            agent_id: "far".to_owned(),
            zone_id: "Z".to_owned(),
            generation: 5,
            state: Pending,
            cause: None,
            cluster: Cluster::default(),
        }];
        let agent_id = "far".to_owned();
        step.messages.push(Message::Save { agent_id });
        assert!(base.write(&view, &step).await);
        assert_eq!(base.store.unsent("one").await.unwrap().len(), 1);
        if leaves {
            base.store.leave("far", "s").await.unwrap();
        } else {
            connect(&base, "far", "two", vec![said("a", 5, Some(Ready))]).await;
        }
        for core in ["one", "two"] {
            let unsent = base.store.unsent(core).await.unwrap();
            assert!(unsent.is_empty(), "leaves: {leaves}");
        }
    }
}

#[tokio::test]
async fn a_core_that_was_taken_over_enters_anew_and_its_agents_count_as_gone() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.store.enter("one", &LIMITS).await.unwrap();
    connect(&base, "1", "one", vec![said("a", 5, Some(Pending))]).await;
    assert_eq!(
        base.store.sessions("one").await.unwrap(),
        [("1".to_owned(), "s".to_owned())].into()
    );
    // By another, while it could not say that it is there; then an agent registered with it.
    base.run("DELETE FROM kubesvc_ferry_cores").await;
    assert!(seen(&base, "one").await);
    assert!(base.store.sessions("one").await.unwrap().is_empty());
    assert_eq!(base.holders("a").await.len(), 1, "the holding stays");
    assert!(!seen(&base, "one").await);
    let cores = base.select(&["core_id"], "FROM kubesvc_ferry_cores").await;
    assert_eq!(cores, ["one"]);
}
