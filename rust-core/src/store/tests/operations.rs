//! What agents were told, and what came of it.

use super::*;
use crate::account::step::Message;
use HoldingState::*;

/// Tells an agent about an account: `save`, or to drop it.
async fn tell(base: &Base, name: &str, agent_id: &str, save: bool, here: bool) {
    let view = base.view(name).await;
    let mut step = Step::same(&view);
    step.holdings.retain(|held| held.agent_id != agent_id);
    step.holdings.push(Holding {
        agent_id: agent_id.to_owned(),
        zone_id: "Z".to_owned(),
        generation: 5,
        state: if save { Pending } else { Dropping },
        cause: None,
        cluster: Cluster::default(),
    });
    step.messages.push(match save {
        true => Message::Save {
            agent_id: agent_id.to_owned(),
        },
        false => Message::Delete {
            agent_id: agent_id.to_owned(),
        },
    });
    let session = [(agent_id, "s")];
    let here = if here { &session[..] } else { &[] };
    let written = base
        .store
        .write(&view, &step, here, None, &Actor::ferry())
        .await;
    assert!(written.unwrap());
}

/// Account, what it was told, how it ended and to whom it was reported, the earliest first.
async fn history(base: &Base) -> Vec<String> {
    let rows = base.store.operations(0, 100).await.unwrap();
    let rows = rows.iter().rev().map(|row| {
        let outcome = row.outcome.as_deref().unwrap_or("under way");
        let to = row.reported_to.as_deref().unwrap_or("nobody");
        assert_eq!(row.ended_at.is_some(), row.outcome.is_some());
        format!("{} {} {outcome}, {to}", row.account, row.operation)
    });
    rows.collect()
}

async fn open() -> Base {
    let base = Base::open(DATABASE).await;
    let store = base.store.clone().of_core("core");
    let base = Base { store, ..base };
    base.row("a").await;
    base
}

async fn connect(base: &Base, held: Vec<Held>) -> Gone {
    let registration = registration("agent", "s", held);
    base.store.register(&registration).await.unwrap()
}

async fn answers(base: &Base, generation: i64, state: Option<HoldingState>) -> Gone {
    let held = said("a", generation, state);
    base.report("agent", "s", &held).await
}

#[tokio::test]
async fn an_answer_ends_what_it_answers() {
    for (save, generation, state, outcome) in [
        (true, 5, Some(Ready), "completed, core"),
        (true, 6, Some(Ready), "completed, core"),
        (true, 5, Some(Failed), "failed, core"),
        (true, 5, Some(Pending), "under way, nobody"),
        (true, 4, Some(Ready), "under way, nobody"),
        (true, 5, None, "under way, nobody"),
        (false, 5, None, "completed, core"),
        (false, 5, Some(Refused), "failed, core"),
        (false, 4, None, "under way, nobody"),
        (false, 5, Some(Ready), "under way, nobody"),
    ] {
        let base = open().await;
        connect(&base, Vec::new()).await;
        tell(&base, "a", "agent", save, true).await;
        let gone = answers(&base, generation, state).await;
        let operation = if save {
            "SaveAccounts"
        } else {
            "DeleteAccounts"
        };
        assert_eq!(history(&base).await, [format!("a {operation} {outcome}")]);
        let ended: Vec<&str> = gone.ended.iter().map(|ended| ended.outcome).collect();
        let expected = outcome
            .split(',')
            .next()
            .filter(|word| *word != "under way");
        assert_eq!(ended, Vec::from_iter(expected), "{operation} {state:?}");
    }
}

#[tokio::test]
async fn it_says_who_decided_who_sent_and_when() {
    let base = open().await;
    connect(&base, Vec::new()).await;
    tell(&base, "a", "agent", true, true).await;
    let row = base.store.operations(0, 1).await.unwrap().remove(0);
    let sent = row.sent.unwrap();
    assert_eq!(
        (row.received.core_id.as_str(), sent.core_id.as_str()),
        ("core", "core")
    );
    assert!(row.received.at > 1_700_000_000_000 && sent.at == row.received.at);
    assert_eq!(row.agent_id, "agent");
    assert_eq!(row.ended_at, None);
    answers(&base, 5, Some(Ready)).await;
    let ended = base.store.operation(&row.id).await.unwrap().unwrap();
    assert!(ended.ended_at.unwrap() >= row.received.at);
    assert!(base.store.operation("nobody's").await.unwrap().is_none());
}

#[tokio::test]
async fn another_core_sends_what_this_one_began() {
    let base = open().await;
    let there = base.store.clone().of_core("there");
    let agent = Registration {
        core_id: "there".to_owned(),
        ..registration("agent", "s", Vec::new())
    };
    base.store.register(&agent).await.unwrap();
    tell(&base, "a", "agent", true, false).await;
    let row = base.store.operations(0, 1).await.unwrap().remove(0);
    assert!(row.sent.is_none(), "{row:?}");
    let left = there.unsent("there").await.unwrap();
    assert_eq!(there.sent(&[&left[0]]).await.unwrap(), [true]);
    let row = base.store.operation(&row.id).await.unwrap().unwrap();
    assert_eq!(row.sent.unwrap().core_id, "there");
    assert_eq!(row.received.core_id, "core");
}

#[tokio::test]
async fn what_an_agent_is_told_later_supersedes_what_it_did_not_answer() {
    let base = open().await;
    base.row("b").await;
    connect(&base, Vec::new()).await;
    tell(&base, "a", "agent", true, true).await;
    tell(&base, "b", "agent", true, true).await;
    tell(&base, "a", "other", true, true).await;
    tell(&base, "a", "agent", false, true).await;
    let expected = [
        "a SaveAccounts superseded, nobody",
        "b SaveAccounts under way, nobody",
        "a SaveAccounts under way, nobody",
        "a DeleteAccounts under way, nobody",
    ];
    assert_eq!(history(&base).await, expected);
    answers(&base, 5, None).await;
    assert_eq!(history(&base).await[3], "a DeleteAccounts completed, core");
    assert_eq!(history(&base).await[..3], expected[..3]);
    // Pages, the latest first.
    let page = base.store.operations(1, 2).await.unwrap();
    let page: Vec<&str> = page.iter().map(|row| row.agent_id.as_str()).collect();
    assert_eq!(page, ["other", "agent"]);
}

#[tokio::test]
async fn an_agent_that_comes_back_answers_by_what_it_brings() {
    for (save, brings, outcome) in [
        (true, Some(Ready), "completed, core"),
        (true, Some(Failed), "failed, core"),
        (true, Some(Pending), "under way, nobody"),
        (true, None, "lost, nobody"),
        (false, None, "completed, core"),
        (false, Some(Ready), "under way, nobody"),
    ] {
        let base = open().await;
        connect(&base, Vec::new()).await;
        tell(&base, "a", "agent", save, true).await;
        let brought = brings.map(|state| said("a", 5, Some(state)));
        connect(&base, brought.into_iter().collect()).await;
        let operation = if save {
            "SaveAccounts"
        } else {
            "DeleteAccounts"
        };
        assert_eq!(history(&base).await, [format!("a {operation} {outcome}")]);
    }
}

#[tokio::test]
async fn an_agent_that_stays_away_answers_nothing() {
    let base = open().await;
    connect(&base, Vec::new()).await;
    tell(&base, "a", "agent", true, true).await;
    base.store.leave("agent", "s").await.unwrap();
    assert_eq!(history(&base).await, ["a SaveAccounts under way, nobody"]);
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 3600000")
        .await;
    let gone = base.store.expire(Duration::ZERO).await.unwrap();
    assert_eq!(gone.ended.len(), 1);
    assert_eq!(history(&base).await, ["a SaveAccounts lost, nobody"]);
}

#[tokio::test]
async fn accounts_that_nobody_knows_are_dropped_by_an_operation_too() {
    let base = open().await;
    connect(&base, vec![said("stray", 5, Some(Ready))]).await;
    let held = said("other", 5, Some(Ready));
    base.report("agent", "s", &held).await;
    for (name, generation) in [("stray", 5), ("other", 0)] {
        let held = said(name, generation, None);
        base.report("agent", "s", &held).await;
    }
    let expected = ["stray", "other"].map(|name| format!("{name} DeleteAccounts completed, core"));
    assert_eq!(history(&base).await, expected);
}

#[tokio::test]
async fn of_many_reports_at_once_each_ends_what_it_answers() {
    let base = open().await;
    base.row("b").await;
    connect(&base, Vec::new()).await;
    tell(&base, "a", "agent", true, true).await;
    tell(&base, "b", "agent", true, true).await;
    let reports = [
        report("agent", "ended", &said("a", 5, Some(Ready))),
        report("agent", "s", &said("stray", 5, Some(Ready))),
        report("agent", "s", &said("b", 5, Some(Failed))),
        report("agent", "s", &said("stray", 5, Some(Lost))),
        report("agent", "s", &said("b", 5, Some(Ready))),
    ];
    let gone = base.store.report(&reports).await.unwrap();
    let ended: Vec<usize> = gone.iter().map(|gone| gone.ended.len()).collect();
    assert_eq!(ended, [0, 0, 1, 0, 0]);
    let expected = [
        "a SaveAccounts under way, nobody",
        "b SaveAccounts failed, core",
        "stray DeleteAccounts under way, nobody",
    ];
    assert_eq!(history(&base).await, expected);
}
