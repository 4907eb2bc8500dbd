//! What is kept of what happened: counts and times in `/metrics`, operations, the audit; and how it goes.

use crate::ground::{PATIENCE, Pair, QUICK, dead_kubeconfig, ground};
use ferry_tests::{http, wait};
use serde_json::Value;

/// A pair with one account that is served, and one that failed as often as it is tried.
fn walked() -> (Pair, String, String) {
    let pair = Pair::start(QUICK);
    let good = pair.post("good", &ground().kubeconfig);
    let dead = pair.post("dead", &dead_kubeconfig());
    pair.patch(&good, "ACTIVE");
    pair.patch(&dead, "ACTIVE");
    pair.reaches(&good, "ACTIVE");
    let tried = wait::until(PATIENCE, || {
        let account = pair.account(&dead)?;
        match account["status"] == "FAILED" && account["retryCount"] == 3 {
            true => Ok(()),
            false => Err(account.to_string()),
        }
    });
    tried.unwrap();
    (pair, good, dead)
}

#[test]
fn accounts_transitions_tries_and_operations_are_counted() {
    let (pair, ..) = walked();
    let count = |name: &str| {
        let metrics = http::get(&format!("{}/metrics", pair.sidecar.admin)).unwrap();
        let line = metrics.body.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        let value = value.unwrap_or_else(|| panic!("{name}: {}", metrics.body));
        value.parse::<f64>().unwrap()
    };
    for (name, expected) in [
        (r#"kubesvc_accounts{status="ACTIVE"}"#, 1.0),
        (r#"kubesvc_accounts{status="FAILED"}"#, 1.0),
        (r#"kubesvc_accounts{status="INACTIVE"}"#, 0.0),
        (
            r#"kubesvc_transitions_total{from="none",to="INACTIVE"}"#,
            2.0,
        ),
        (
            r#"kubesvc_transitions_total{from="ACTIVATING",to="ACTIVE"}"#,
            1.0,
        ),
        (
            r#"kubesvc_transition_seconds_count{from="ACTIVATING",to="ACTIVE"}"#,
            1.0,
        ),
        (
            r#"kubesvc_transition_seconds_count{from="ACTIVATING",to="FAILED"}"#,
            3.0,
        ),
        ("kubesvc_retries_total", 2.0),
        ("kubesvc_agents", 1.0),
    ] {
        // A step is counted after it is written.
        let counted = wait::until(PATIENCE, || match count(name) {
            value if value == expected => Ok(()),
            value => Err(format!("{name} {value}, not {expected}")),
        });
        counted.unwrap();
    }
    let ended = |result: &str| {
        count(&format!(
            "kubesvc_ops_processTime_seconds_count{{result=\"{result}\"}}"
        ))
    };
    assert!(ended("completed") >= 1.0 && ended("failed") >= 3.0);
}

#[test]
fn every_operation_ends_and_history_that_is_too_old_goes() {
    let (mut pair, good, dead) = walked();
    let ask = |pair: &Pair, path: &str| pair.sidecar.request("GET", path, None);
    let operations = || ask(&pair, "/armory/agent/operations").unwrap().json();
    // What failed was sent three times, and taken back as often; the last of it once it is FAILED.
    let ended = wait::until(PATIENCE, || {
        let all = operations();
        let of = |account: &str, outcome: &str| {
            let is = |operation: &&Value| {
                operation["account"] == account && operation["finalOutcome"] == outcome
            };
            all.as_array().unwrap().iter().filter(is).count()
        };
        let ended = [
            of(&good, "completed"),
            of(&dead, "failed"),
            of(&dead, "completed"),
        ];
        match ended == [1, 3, 3] && all.as_array().unwrap().len() == 7 {
            true => Ok(()),
            false => Err(format!("{ended:?}: {all}")),
        }
    });
    ended.unwrap();

    pair.sidecar.process().terminate(PATIENCE);
    let tables = [
        ("kubesvc_ferry_operations", "received_at"),
        ("kubesvc_ferry_audit", "at"),
    ];
    for (table, time) in tables {
        // From 1970, all but the account's that is served.
        change(
            &pair,
            &format!(
                "UPDATE {table} SET id = '00000000' || substr(id, 9), {time} = 0
                 WHERE account <> '{good}'"
            ),
        );
    }
    pair.sidecar.start(&[]).unwrap();
    let gone = wait::until(PATIENCE, || {
        let operations = ask(&pair, "/armory/agent/operations")?.body;
        let audit = ask(&pair, "/armory/audit")?.body;
        // The audit's rows come when they are ten seconds old.
        let kept = audit.contains(&good);
        match operations.contains(&dead) || audit.contains(&dead) || !kept {
            true => Err(audit),
            false => Ok(operations),
        }
    });
    let operations = gone.unwrap();
    assert!(operations.contains(&good), "{operations}");
}

/// Runs this SQL in the sidecar's database.
fn change(pair: &Pair, text: &str) {
    pair.at_tables(async |connection| {
        let text = sqlx::AssertSqlSafe(text.to_owned());
        sqlx::query(text).execute(connection).await.unwrap();
    });
}
