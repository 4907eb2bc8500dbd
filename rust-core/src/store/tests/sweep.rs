//! What the sweep asks every second: no question of it costs more where there are more accounts that
//! rest.

use super::*;
use crate::sql::Statement;
use crate::store::{listing, steps};

/// The databases' planners take a scan for tables as small as a page.
const ROWS: usize = 5000;

/// Lines of the plan that go through a whole table of accounts or holdings.
async fn scans(base: &Base, statement: Statement) -> Vec<String> {
    let (explain, columns): (_, &[&str]) = match base.location {
        Location::Sqlite(_) => ("EXPLAIN QUERY PLAN ", &["detail"]),
        Location::MySql { .. } => ("EXPLAIN ", &["type", "table", "key"]),
        Location::Postgres { .. } => ("EXPLAIN ", &["QUERY PLAN"]),
    };
    let mut explained = crate::sql::sql("");
    explained.push_all(explain, statement, "");
    let mut tx = base.store.pool.read().await.unwrap();
    let rows = explained.all(&mut tx).await.unwrap();
    assert!(!rows.is_empty());
    let text = |row: &crate::sql::Record| {
        let texts = columns.iter().map(|column| {
            let text: Option<String> = row.get(column).unwrap();
            text.unwrap_or_default()
        });
        texts.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = rows.iter().map(text).collect();
    lines.retain(|line| match base.location {
        Location::Sqlite(_) => line.starts_with("SCAN"),
        Location::MySql { .. } => line.starts_with("ALL") || line.starts_with("index "),
        Location::Postgres { .. } => line.contains("Seq Scan"),
    });
    lines
}

#[tokio::test]
async fn what_it_asks_is_answered_by_indexes() {
    let base = Base::open(DATABASE).await;
    let names: Vec<String> = (0..ROWS).map(|at| format!("a{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    base.rows(&names).await;
    base.run("UPDATE kubesvc_accounts SET status = 'ACTIVE', zone_id = 'Z'")
        .await;
    base.run(
        "INSERT INTO kubesvc_ferry_holdings (account, agent_id, zone_id, generation, state, since)
         SELECT name, 'agent', 'Z', 1, 'READY', 1 FROM kubesvc_accounts",
    )
    .await;
    let table = match base.location {
        Location::MySql { .. } => "TABLE",
        _ => "",
    };
    for name in ["kubesvc_accounts", "kubesvc_ferry_holdings"] {
        let analyze = format!("ANALYZE {table} {name}");
        match &base.schema {
            Some(schema) => drop(schema.query(&analyze)),
            None => base.run(&analyze).await,
        }
    }
    let now = base.view("a0").await.now;
    for (what, statement) in [
        ("over", listing::over(now, 1000)),
        ("sending", listing::sending(1000)),
        ("awaited", listing::awaited(&["Z".to_owned()], 1000)),
        ("left", steps::left(&["agent"])),
    ] {
        assert_eq!(scans(&base, statement).await, [""; 0], "{what}");
    }
    // The test would see a scan.
    let all = crate::sql::sql("SELECT * FROM kubesvc_accounts WHERE error_message = 'x'");
    assert_eq!(scans(&base, all).await.len(), 1);
}
