//! Rows that Armory's plugin has added beside us: nobody's but the take-over's until they are ours.

use super::*;
use crate::source::Names;

const DEFINITION: &str = r#"{"kubeconfigContents":"plain"}"#;
/// Which their plugin may write, too.
const UNKNOWN: &str = "asleep";

/// One of theirs in each state, and one whose time is over. What their INSERT leaves out has these
/// defaults where `reshape` made the columns; tables of our own making demand it.
async fn theirs(base: &Base) -> Vec<&'static str> {
    let states = Status::ALL.iter().map(|status| status.as_str());
    let states: Vec<&str> = states.chain([UNKNOWN]).collect();
    let row = |name: &str, status: &str, due_at: &str| {
        format!("('{name}', 1, 'Z', '{status}', '{DEFINITION}', 'INACTIVE', 0, 0, '[]', {due_at})")
    };
    let rows = states.iter().map(|status| row(status, status, "NULL"));
    let rows: Vec<String> = rows.chain([row("over", "ACTIVATING", "1")]).collect();
    base.run(&format!(
        "INSERT INTO kubesvc_accounts (name, last_updated, zone_id, status, definition, wanted,
         version, generation, toured, due_at) VALUES {}",
        rows.join(", ")
    ))
    .await;
    states.into_iter().chain(["over"]).collect()
}

/// Those that are no longer as their plugin wrote them.
async fn touched(base: &Base) -> Vec<String> {
    let from = format!("FROM kubesvc_accounts WHERE version <> 0 OR definition <> '{DEFINITION}'");
    base.select(&["name"], &from).await
}

#[tokio::test]
async fn no_answer_shows_them() {
    let base = Base::open(DATABASE).await;
    let names = theirs(&base).await;
    assert!(base.store.views(&names).await.unwrap().is_empty());
    assert!(base.store.contents(&names).await.unwrap().is_empty());
    assert!(base.store.details(&names).await.unwrap().is_empty());
    assert!(base.store.known(&names).await.unwrap().is_empty());
    assert!(base.store.facts(&names).await.unwrap().is_empty());
    assert!(base.store.followers("", 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_list_or_count_has_them() {
    let base = Base::open(DATABASE).await;
    let Some(schema) = &base.schema else {
        // A file has none of theirs, which lists and counts go by.
        return;
    };
    theirs(&base).await;
    schema.query("CREATE TABLE kubesvc_ferry_armory_static (name VARCHAR(255))");
    if let Location::Postgres { .. } = base.location {
        schema.query("GRANT SELECT ON kubesvc_ferry_armory_static TO PUBLIC");
    }
    assert!(base.store.count_by_status().await.unwrap().is_empty());
    assert!(base.store.unsettled().await.unwrap().is_empty());
    base.row("ours").await;
    let source = base
        .clouddriver(&[("kubernetes", "ACTIVE"), ("kubernetes", "z")])
        .await;
    let Names::Query(beside, _) = source.names(None, false).await.unwrap() else {
        panic!("it is a table");
    };
    let zone_id = Some("Z".to_owned());
    let all = Filter::default;
    for (filter, beside, expected) in [
        (all(), None, &["ours"][..]),
        // Of one that Clouddriver has, too, nobody lost sight.
        (all(), Some(beside.as_str()), &["ACTIVE", "ours", "z"]),
        (
            Filter {
                status: Some(Status::Active),
                ..all()
            },
            None,
            &[],
        ),
        (Filter { zone_id, ..all() }, None, &[]),
    ] {
        let part = Part {
            after: 0,
            limit: 100,
        };
        let (names, total) = base.store.part(&filter, beside, part).await.unwrap();
        assert_eq!(names, expected, "{filter:?}");
        assert_eq!(total, expected.len() as u64);
        let first = base.store.first(&filter, beside, 100).await.unwrap();
        assert_eq!(first, expected);
    }
    let listed = base.store.names(&all()).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
}

#[tokio::test]
async fn neither_the_sweep_nor_an_agent_takes_them() {
    let base = Base::open(DATABASE).await;
    theirs(&base).await;
    // Other agents still answer for an account of ours of this name, which went.
    base.run(
        "INSERT INTO kubesvc_ferry_holdings (account, agent_id, zone_id, generation, state, since)
         VALUES ('DELETE_FAILED', 'agent', 'Z', 1, 'READY', 1),
         ('DELETE_FAILED', 'other', 'Z', 1, 'DROPPING', 1)",
    )
    .await;
    let brought = StaticAccount {
        definition: "{}".to_owned(),
        held: said("ACTIVE", 0, Some(HoldingState::Ready)),
    };
    let agent = Registration {
        static_accounts: vec![brought],
        ..registration(
            "agent",
            "s",
            vec![said("TO_MIGRATE", 1, Some(HoldingState::Ready))],
        )
    };
    let gone = base.store.register(&agent).await.unwrap();
    assert_eq!(gone.affected, ["ACTIVE", "DELETE_FAILED"]);
    assert_eq!(
        gone.strays,
        ["TO_MIGRATE"],
        "no account of this name is ours"
    );
    let held = base
        .select(&["agent_id", "state"], "FROM kubesvc_ferry_holdings")
        .await;
    assert_eq!(held, ["other|DROPPING"]);
    // With an agent of their zone.
    assert!(base.store.due(100).await.unwrap().is_empty());
    let ready = said("FAILED", 1, Some(HoldingState::Ready));
    assert_eq!(base.report("agent", "s", &ready).await.strays, ["FAILED"]);
    base.store.leave("agent", "s").await.unwrap();
    assert_eq!(touched(&base).await, [""; 0]);
    assert!(matches!(
        base.store.detail("ACTIVE").await.unwrap(),
        Some(AccountDetail::Static { .. })
    ));
}

#[tokio::test]
async fn their_names_are_taken() {
    let base = Base::open(DATABASE).await;
    theirs(&base).await;
    let rows = ["ACTIVE", UNKNOWN, "new"].map(new);
    let made = base.store.create(&rows, &Actor::ferry()).await.unwrap();
    assert_eq!(made.into_iter().collect::<Vec<_>>(), ["new"]);
    assert_eq!(touched(&base).await, ["new"]);
}
