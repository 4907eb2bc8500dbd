//! The table against the lifecycle as it was decided, written down a second time as a grid: one
//! column per status, one line per event and condition.

use super::*;
use crate::account::model::{Cluster, Limits};
use std::collections::HashSet;
use std::time::Duration;

/// INACTIVE TO_MIGRATE ACTIVATING ACTIVE FAILED ORPHANED TO_DEACTIVATE DEACTIVATING DELETING
/// DELETE_FAILED, in this order in every line of [`GRID`].
const COLUMNS: [(&str, Status); 10] = [
    ("in", Inactive),
    ("tm", ToMigrate),
    ("ac", Activating),
    ("AC", Active),
    ("FA", Failed),
    ("or", Orphaned),
    ("td", ToDeactivate),
    ("de", Deactivating),
    ("dl", Deleting),
    ("df", DeleteFailed),
];

/// `=` the status stays, `x` the row goes, `n` it goes and the next begins, `-` refused. A condition that a line does not name may
/// hold or not. While it is being deleted a second DELETE changes nothing: the row goes by itself.
/// What is to be INACTIVE or gone already is where a claim leads.
const GRID: &str = "
event          | when                       | in tm ac AC FA or td de dl df
Adopt          |                            | -  -  -  -  -  -  -  -  -  -
Activate       | claimed                    | -  -  -  -  -  -  -  -  -  -
Activate       | free, same                 | tm =  =  =  tm tm tm tm -  -
Activate       | free, retargets            | tm tm tm tm tm tm tm tm -  -
Deactivate     | held                       | =  td td td td td =  =  -  -
Deactivate     | not held                   | =  in in in in in =  =  -  -
Update         | wants active               | =  =  =  =  tm =  =  =  -  -
Update         | wants less                 | =  =  =  =  =  =  =  =  -  -
Delete         | held                       | dl dl dl dl dl dl dl dl =  dl
Delete         | not held                   | x  x  x  x  x  x  x  x  =  x
Claimed        | wants active, held         | -  td td td td td -  -  -  -
Claimed        | wants active, not held     | -  in in in in in -  -  -  -
Claimed        | wants less                 | -  -  -  -  -  -  -  -  -  -
Succeed        |                            | -  -  -  -  -  -  -  -  =  =
AgentAvailable | wants active, lacked agent | -  ac -  -  tm ac -  -  -  -
AgentAvailable | wants active, other cause  | -  ac -  -  -  ac -  -  -  -
AgentAvailable | wants less                 | -  ac -  -  -  ac -  -  -  -
Reached        |                            | -  -  AC -  -  -  -  -  -  -
ZoneFailed     | zones left                 | -  FA tm -  -  -  -  -  -  -
ZoneFailed     | last zone                  | -  FA FA -  -  -  -  -  -  -
Deadline       | zones left                 | -  FA tm FA -  -  FA FA df -
Deadline       | last zone                  | -  FA FA FA -  -  FA FA df -
Unpreparable   |                            | -  FA -  -  -  -  -  -  -  -
Told           |                            | -  -  -  -  -  -  de -  -  -
Released       | wants active, nothing next | -  -  -  or -  -  in in x  x
Released       | wants active, next         | -  -  -  or -  -  in in n  n
Released       | wants less, nothing next   | -  -  -  or in -  in in x  x
Released       | wants less, next           | -  -  -  or in -  in in n  n
Refused        |                            | -  -  -  -  -  -  FA FA df -
HolderBack     |                            | -  -  -  -  -  -  -  -  -  dl
Retry          | wants active, left         | -  -  -  -  tm -  -  -  -  -
Retry          | wants less, left           | -  -  -  -  td -  -  -  -  -
Retry          | exhausted                  | -  -  -  -  -  -  -  -  -  -
";

const NOW: i64 = 1_000_000;
const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};

/// Every event. The match fails to compile when one is added and not listed.
fn events() -> Vec<Event> {
    use Event::*;
    let all = vec![
        Adopt,
        Activate,
        Deactivate,
        Update,
        Delete,
        Succeed,
        Claimed,
        AgentAvailable,
        Reached,
        ZoneFailed,
        Unpreparable,
        Told,
        Released,
        Refused,
        HolderBack,
        Deadline,
        Retry,
    ];
    for event in &all {
        match event {
            Adopt | Activate | Deactivate | Update | Delete | Succeed | Claimed
            | AgentAvailable | Reached | ZoneFailed | Unpreparable | Told | Released | Refused
            | HolderBack | Deadline | Retry => {}
        }
    }
    all
}

/// What can have been asked for last where an account stands so.
fn wanted_in(status: Status) -> &'static [Wanted] {
    match status {
        ToMigrate | Activating | Active | Orphaned => &[Wanted::Active],
        Failed => &[Wanted::Active, Wanted::Inactive],
        Inactive | ToDeactivate | Deactivating => &[Wanted::Inactive],
        Deleting | DeleteFailed => &[Wanted::Deleted],
    }
}

fn row(status: Status, wanted: Wanted, failure: Option<Failure>, failed_count: u32) -> Account {
    Account {
        status,
        wanted,
        version: 7,
        generation: 70,
        requested_zone: Some("asked".to_owned()),
        target_zone: Some("target".to_owned()),
        zone_id: Some("worked".to_owned()),
        kubeconfig_file: Some("/kubeconfigfiles/a".to_owned()),
        failed_count,
        failure,
        message: Some("said before".to_owned()),
        toured: vec!["toured".to_owned()],
        due_at: Some(NOW - 1),
        cluster: Cluster {
            kube_host: Some("https://k".to_owned()),
            ..Cluster::default()
        },
        ..Account::adopted("a", None, 1)
    }
}

/// Every row and every combination of facts there can be.
fn situations() -> Vec<(Account, Facts)> {
    let mut all = Vec::new();
    for (_, status) in COLUMNS {
        for wanted in wanted_in(status) {
            for failure in [None, Some(Failure::NoAgent), Some(Failure::Agents)] {
                for (failed_count, next) in [
                    (0, None),
                    (2, None),
                    (3, None),
                    (9, None),
                    (1, Some(Wanted::Inactive)),
                    (1, Some(Wanted::Active)),
                ] {
                    for bits in 0..16 {
                        let bit = |at: u32| bits >> at & 1 == 1;
                        let facts = Facts {
                            held: bit(0),
                            claimed: bit(1),
                            retargets: bit(2),
                            zones_left: bit(3),
                        };
                        let mut row = row(status, *wanted, failure, failed_count);
                        row.next = next;
                        all.push((row, facts));
                    }
                }
            }
        }
    }
    all
}

fn holds(condition: &str, account: &Account, facts: &Facts) -> bool {
    match condition {
        "held" => facts.held,
        "not held" => !facts.held,
        "claimed" => facts.claimed,
        "free" => !facts.claimed,
        "same" => !facts.retargets,
        "retargets" => facts.retargets,
        "zones left" => facts.zones_left,
        "last zone" => !facts.zones_left,
        "wants active" => account.wanted == Wanted::Active,
        "wants less" => account.wanted != Wanted::Active,
        "lacked agent" => account.failure == Some(Failure::NoAgent),
        "other cause" => account.failure != Some(Failure::NoAgent),
        "next" => account.next.is_some(),
        "nothing next" => account.next.is_none(),
        "left" => account.failed_count < 3,
        "exhausted" => account.failed_count >= 3,
        other => panic!("`{other}` is no condition"),
    }
}

/// A line of the grid: event, conditions, cells.
type Line = (&'static str, Vec<&'static str>, Vec<&'static str>);

fn grid() -> Vec<Line> {
    let mut lines = Vec::new();
    for line in GRID.trim().lines().skip(1) {
        let [event, when, cells] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("`{line}` has not three parts");
        };
        let when = when.split(',').map(str::trim);
        let when = when.filter(|condition| !condition.is_empty()).collect();
        let cells: Vec<&str> = cells.split_whitespace().collect();
        assert_eq!(cells.len(), COLUMNS.len(), "{line}");
        lines.push((event.trim(), when, cells));
    }
    lines
}

/// What the grid says: the one line that fits, in the column of the status.
fn decided(grid: &[Line], account: &Account, event: Event, facts: &Facts) -> &'static str {
    let name = format!("{event:?}");
    let fitting: Vec<&Line> = (grid.iter())
        .filter(|(of, when, _)| *of == name && when.iter().all(|c| holds(c, account, facts)))
        .collect();
    let [(_, _, cells)] = fitting[..] else {
        panic!("{event:?} {account:?} {facts:?}: {fitting:?}");
    };
    let column = (COLUMNS.iter()).position(|(_, status)| *status == account.status);
    cells[column.unwrap()]
}

/// Every legal transition of a row: before, event, after.
fn transitions() -> Vec<(Account, Event, &'static Rule, Option<Account>)> {
    let mut all = every_transition();
    all.retain(|(_, _, rule, _)| rule.to != To::Next);
    all
}

fn every_transition() -> Vec<(Account, Event, &'static Rule, Option<Account>)> {
    let mut all = Vec::new();
    for (account, facts) in situations() {
        for event in events() {
            if let Ok(rule) = find(&account, event, &facts, &LIMITS) {
                let after = follow(&account, rule, &LIMITS, NOW);
                all.push((account.clone(), event, rule, after));
            }
        }
    }
    all
}

#[test]
fn every_status_and_event_leads_where_it_was_decided() {
    let grid = grid();
    for (account, facts) in situations() {
        for event in events() {
            let said = match find(&account, event, &facts, &LIMITS) {
                Err(Illegal) => "-",
                Ok(rule) => match rule.to {
                    To::Same => "=",
                    To::Gone => "x",
                    To::Next => "n",
                    To::Status(to) => COLUMNS.iter().find(|(_, status)| *status == to).unwrap().0,
                },
            };
            let expected = decided(&grid, &account, event, &facts);
            assert_eq!(said, expected, "{event:?} {facts:?} {account:#?}");
        }
    }
}

#[test]
fn no_rule_is_idle() {
    let used: HashSet<*const Rule> = (every_transition().iter())
        .map(|(_, _, rule, _)| *rule as *const Rule)
        .collect();
    for rule in TABLE {
        let makes_the_row = rule.from.is_empty();
        assert!(
            makes_the_row || used.contains(&(rule as *const Rule)),
            "{rule:?}"
        );
    }
    let makes: Vec<_> = TABLE.iter().filter(|rule| rule.from.is_empty()).collect();
    assert_eq!(makes.len(), 1);
    assert_eq!(
        (makes[0].event, makes[0].to),
        (Event::Adopt, To::Status(Inactive))
    );
    let new = Account::adopted("a", Some("z".to_owned()), NOW);
    assert_eq!(
        (new.status, new.wanted, new.due_at),
        (Inactive, Wanted::Inactive, None)
    );
}

#[test]
fn what_is_wanted_changes_by_requests_and_claims_alone() {
    for (before, event, rule, after) in transitions() {
        let Some(after) = after else { continue };
        let expected = match (event, rule.to) {
            (Event::Activate, _) => Wanted::Active,
            (Event::Deactivate | Event::Claimed, _) => Wanted::Inactive,
            (Event::Delete, _) => Wanted::Deleted,
            _ => before.wanted,
        };
        assert_eq!(after.wanted, expected, "{event:?} {before:#?}");
        assert!(
            wanted_in(after.status).contains(&after.wanted),
            "{event:?} {after:#?}"
        );
    }
}

#[test]
fn a_transient_status_gets_a_deadline_and_a_failure_a_retry_while_attempts_are_left() {
    for (before, event, rule, after) in transitions() {
        let Some(after) = after else { continue };
        let expected = match (rule.to, after.status) {
            (To::Same, Active | Orphaned) if event == Event::Update => None,
            (To::Same, _) => before.due_at,
            (_, ToMigrate | Activating | ToDeactivate | Deactivating | Deleting) => {
                Some(NOW + 60_000)
            }
            (_, Failed) if after.failed_count < 3 => Some(NOW + 5_000),
            _ => None,
        };
        assert_eq!(after.due_at, expected, "{event:?} {before:#?}");
    }
}

#[test]
fn failures_are_counted_and_forgiven_where_it_was_decided() {
    for (before, event, rule, after) in transitions() {
        let Some(after) = after else { continue };
        let forgiven = match event {
            Event::Activate | Event::Deactivate | Event::Delete => rule.to != To::Same,
            Event::Update | Event::AgentAvailable => before.status == Failed && rule.to != To::Same,
            Event::Reached => true,
            // Nothing is left of a failure once it is off.
            Event::Released => after.status == Inactive,
            _ => false,
        };
        let moves = rule.to != To::Same;
        let anew = event == Event::Update && matches!(before.status, Active | Orphaned);
        // Those are of the agent that stands by.
        let is_other = before.status == Active && before.failure == Some(Failure::Agents);
        let count = match is_other && (moves || anew) {
            true => 0,
            false => before.failed_count,
        };
        let entered = moves && matches!(after.status, Failed | DeleteFailed);
        let expected = match (forgiven, entered) {
            (true, _) => 0,
            (_, true) => count + 1,
            _ => count,
        };
        assert_eq!(after.failed_count, expected, "{event:?} {before:#?}");
        let message = (!forgiven).then(|| "said before".to_owned());
        assert_eq!(after.message, message, "{event:?} {before:#?}");
        let failure = before.failure.filter(|_| !moves && !anew);
        assert_eq!(after.failure, failure, "{event:?} {before:#?}");
    }
}

#[test]
fn a_generation_begins_with_a_new_try_or_definition() {
    for (before, event, rule, after) in transitions() {
        let Some(after) = after else { continue };
        let begins = match event {
            Event::Activate => rule.to != To::Same,
            Event::Update => true,
            Event::AgentAvailable => after.status == Activating,
            _ => false,
        };
        let expected = before.generation + i64::from(begins);
        assert_eq!(after.generation, expected, "{event:?} {before:#?}");
    }
}

#[test]
fn a_tour_of_the_zones_begins_anew_and_goes_on_where_it_was_decided() {
    for (before, event, rule, after) in transitions() {
        let Some(after) = after else { continue };
        let expected: &[&str] = match (event, after.status) {
            // What one tour tried is no reason to leave it out of the next.
            _ if rule.to == To::Same => &["toured"],
            (Event::ZoneFailed | Event::Deadline, ToMigrate) => &["toured", "target"],
            (_, ToMigrate | Active | Failed | DeleteFailed) => &[],
            _ => &["toured"],
        };
        assert_eq!(after.toured, expected, "{event:?} {before:#?}");
    }
}

#[test]
fn what_the_table_does_not_speak_of_stays() {
    for (before, event, _, after) in transitions() {
        let Some(after) = after else { continue };
        let same = Account {
            status: after.status,
            wanted: after.wanted,
            generation: after.generation,
            failed_count: after.failed_count,
            failure: after.failure,
            message: after.message.clone(),
            toured: after.toured.clone(),
            due_at: after.due_at,
            next: after.next,
            ..before.clone()
        };
        assert_eq!(after, same, "{event:?}");
        let kept = before
            .next
            .filter(|_| event != Event::Delete || !before.status.is_deleting());
        assert_eq!(after.next, kept, "{event:?}");
    }
}

#[test]
fn the_row_that_follows_begins_as_if_there_had_been_none() {
    let mut begun = HashSet::new();
    for (before, _, rule, after) in every_transition() {
        if rule.to != To::Next {
            continue;
        }
        let after = after.unwrap();
        assert!(after.generation > before.generation && after.generation >= NOW);
        let fresh = Account {
            version: before.version,
            generation: after.generation,
            ..Account::adopted("a", None, NOW)
        };
        let expected = match before.next {
            Some(Wanted::Active) => Account {
                status: ToMigrate,
                wanted: Wanted::Active,
                due_at: Some(NOW + 60_000),
                ..fresh
            },
            _ => fresh,
        };
        assert_eq!(after, expected);
        begun.insert(after.status);
    }
    assert_eq!(begun, HashSet::from([Inactive, ToMigrate]));
}
