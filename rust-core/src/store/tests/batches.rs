//! Many accounts in one transaction: made, looked at and changed, past what one statement takes.

use super::*;
use crate::account::transition::Event;
use crate::sql::CHUNK;
use std::collections::BTreeSet;

/// Names whose order is that of their numbers; more than two statements take.
fn many() -> Vec<String> {
    (0..CHUNK * 2 + 1).map(|at| format!("a{at:04}")).collect()
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn many_rows_are_made_at_once_and_those_already_there_are_left() {
    let base = Base::open(DATABASE).await;
    let names = many();
    let there = names[CHUNK].as_str();
    let before = base.row(there).await.account;
    let rows: Vec<NewRow> = names.iter().map(|name| new(name)).collect();
    let made = base.store.create(&rows, &Actor::ferry()).await.unwrap();
    let expected = names.iter().filter(|name| *name != there).cloned();
    assert_eq!(made, expected.collect::<BTreeSet<_>>());
    let views = base.store.views(&refs(&names)).await.unwrap();
    assert!(views.keys().eq(&names));
    assert_eq!(views[there].account, before);
    let events = "FROM kubesvc_ferry_audit WHERE to_status = 'INACTIVE' ORDER BY account";
    assert_eq!(base.select(&["account"], events).await, names);
}

#[tokio::test]
async fn long_definitions_go_by_as_many_statements_as_they_need() {
    let base = Base::open(DATABASE).await;
    let definition = |at: usize| format!("{{\"{at}\":\"{}\"}}", "x".repeat(700_000));
    let row = |at: usize| NewRow {
        content: content(&definition(at)),
        ..new(&format!("a{at}"))
    };
    let rows: Vec<NewRow> = (0..8).map(row).collect();
    let made = base.store.create(&rows, &Actor::ferry()).await.unwrap();
    assert_eq!(made.len(), 8);
    for at in 0..8 {
        let kept = base.store.content(&format!("a{at}")).await.unwrap();
        assert_eq!(kept, Some(content(&definition(at))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_batches_that_overlap_one_makes_each_row() {
    let base = Base::open(DATABASE).await;
    let names = many();
    let makers = (0..4).map(|maker| {
        let store = base.store.clone();
        let mut rows: Vec<NewRow> = names.iter().map(|name| new(name)).collect();
        rows.rotate_left(maker * 100);
        tokio::spawn(async move { store.create(&rows, &Actor::ferry()).await })
    });
    let mut made = Vec::new();
    for maker in makers.collect::<Vec<_>>() {
        made.extend(maker.await.unwrap().unwrap());
    }
    made.sort();
    assert_eq!(made, names);
    let audit = base.select(&["account"], "FROM kubesvc_ferry_audit").await;
    assert_eq!(audit.len(), names.len());
}

#[tokio::test]
async fn of_many_changes_those_that_lost_are_left_and_the_others_written() {
    let base = Base::open(DATABASE).await;
    let names = ["a", "b", "c", "d"];
    base.rows(&names).await;
    base.hold("d", &["agent"], HoldingState::Ready).await;
    let views = base.store.views(&names).await.unwrap();
    base.change("b", |account| account.message = Some("faster".to_owned()))
        .await;
    let new = content("{\"new\":1}");
    let changes = views.into_values().map(|view| {
        let event = match view.account.name.as_str() {
            "c" => Event::Update,
            "d" => Event::Delete,
            _ => Event::Activate,
        };
        let step = Step::of(&view, event, false, false, &LIMITS).unwrap();
        let content = (event == Event::Update).then_some(&new);
        Change {
            view,
            step,
            content,
        }
    });
    let changes: Vec<Change<'_>> = changes.collect();
    let actor = Actor::ferry();
    let written = base
        .store
        .write_all(&changes, &Default::default(), &actor)
        .await
        .unwrap();
    assert_eq!(written, [true, false, true, true]);
    assert_eq!(base.view("a").await.account.status, Status::ToMigrate);
    assert_eq!(base.view("b").await.account.status, Status::Inactive);
    assert_eq!(base.store.content("c").await.unwrap(), Some(new));
    let d = base.view("d").await;
    assert_eq!((d.account.status, d.holdings.len()), (Status::Deleting, 1));
    assert_eq!(base.events("a").await, ["Activate", "Adopt"]);
    assert_eq!(base.events("b").await, ["Adopt"]);
}

#[tokio::test]
async fn known_is_what_has_a_row_or_is_brought_by_an_agent() {
    let base = Base::open(DATABASE).await;
    base.rows(&["a", "both"]).await;
    let brought = ["own", "both"].map(|name| StaticAccount {
        definition: "{}".to_owned(),
        held: said(name, 0, None),
    });
    let agent = Registration {
        static_accounts: brought.into(),
        ..registration("agent", "s", Vec::new())
    };
    base.store.register(&agent).await.unwrap();
    let known = base.store.known(&["a", "A", "both", "nobody", "own"]).await;
    let expected = ["a", "both", "own"].map(str::to_owned);
    assert_eq!(known.unwrap(), expected.into());
    assert!(base.store.known(&[""; 0]).await.unwrap().is_empty());
}
