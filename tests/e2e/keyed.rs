//! A write with an Idempotency-Key whose replica dies at every point of its way: the other replica,
//! asked the same, gives the answer that the first would have given, and nothing is done twice.

use crate::ground::{PATIENCE, fresh, ground};
use ferry_tests::database::{Database, Kind};
use ferry_tests::{Answer, Schema, Sidecar, clouddriver, http};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Mutex;

/// A write of the accounts whose names begin with a text, and where its replica dies besides at the
/// points that every such write passes.
#[derive(Debug, Clone, Copy)]
struct Write {
    name: &'static str,
    points: &'static [&'static str],
    request: fn(&str) -> (&'static str, &'static str, Value),
}

const EVERY: &[&str] = &["core.store.key.", "core.store.answer."];

const WRITES: [Write; 5] = [
    Write {
        name: "post",
        points: &["core.store.create."],
        request: |prefix| {
            let entries = ["new", "a", "b"].map(|name| json!({"name": format!("{prefix}{name}")}));
            ("POST", "/armory/accounts?report=items", json!(entries))
        },
    },
    Write {
        name: "patch",
        points: &["core.store.step."],
        request: |prefix| {
            let entries = ["a", "b", "nobody"];
            let entries = entries.map(|name| format!("{prefix}{name}"));
            let entries = entries.map(|name| json!({"name": name, "state": "ACTIVE"}));
            ("PATCH", "/armory/accounts?report=items", json!(entries))
        },
    },
    Write {
        name: "delete",
        points: &["core.store.step."],
        request: |prefix| {
            let names = ["a", "b"].map(|name| format!("{prefix}{name}"));
            ("DELETE", "/armory/accounts?report=items", json!(names))
        },
    },
    Write {
        name: "rollback",
        points: &["core.store.meant.", "core.store.step."],
        request: |prefix| {
            let zone = json!({"zoneId": format!("{prefix}zone")});
            ("POST", "/armory/accounts/rollback", zone)
        },
    },
    Write {
        name: "leave",
        points: &["core.store.bury."],
        request: |prefix| {
            let names = json!({"names": [format!("{prefix}new")]});
            ("POST", "/armory/accounts/rollback", names)
        },
    },
];

/// One database, a replica B on it, and for every run a replica A that dies.
struct Place {
    schema: Schema,
    key_file: PathBuf,
    folder: PathBuf,
    name: String,
    b: Sidecar,
}

impl Place {
    fn start(kind: Kind) -> Place {
        let (name, folder) = fresh();
        let schema = Database::shared(kind).schema();
        let key_file = folder.join("ferry.key");
        let upstream = &ground().clouddriver.url;
        let mut b = Sidecar::on(&schema, &key_file, &folder.join("b"), upstream, "");
        b.start(&[]).unwrap();
        Place {
            schema,
            key_file,
            folder,
            name,
            b,
        }
    }

    /// Another replica, which dies at `point`.
    fn another(&self, name: &str, point: &str) -> Sidecar {
        let folder = self.folder.join(format!("{name}-{point}"));
        let upstream = &ground().clouddriver.url;
        let mut a = Sidecar::on(&self.schema, &self.key_file, &folder, upstream, "");
        a.start(&[("FERRY_FAILPOINT", point)]).unwrap();
        a
    }

    /// Two accounts that are migrated, in a zone that has no agent, and one that is not.
    fn accounts(&self, run: &str) -> String {
        let prefix = format!("{}-{run}-", self.name);
        for name in ["a", "b", "new"] {
            let account = clouddriver::account(&format!("{prefix}{name}"), &ground().kubeconfig);
            assert_eq!(ground().clouddriver.create(&account).status, 200);
        }
        let zone = format!("{prefix}zone");
        let entries =
            ["a", "b"].map(|name| json!({"name": format!("{prefix}{name}"), "zoneId": zone}));
        let posted = self
            .b
            .request("POST", "/armory/accounts", Some(&json!(entries)));
        assert_eq!(posted.unwrap().status, 202);
        prefix
    }

    /// What was done to the accounts of a run.
    fn audit(&self, prefix: &str) -> Vec<String> {
        let rows = self.schema.query(&format!(
            "SELECT account, event, COALESCE(from_status, '-'), COALESCE(to_status, '-')
             FROM kubesvc_ferry_audit WHERE account LIKE '{prefix}%' ORDER BY account, event"
        ));
        rows.into_iter()
            .map(|row| row.replace(prefix, ""))
            .collect()
    }

    fn is_switched_on(&self, prefix: &str) -> bool {
        let rows = self.schema.query(&format!(
            "SELECT status FROM kubesvc_accounts WHERE name = '{prefix}a'"
        ));
        rows == ["TO_MIGRATE"]
    }
}

fn send(sidecar: &Sidecar, write: Write, prefix: &str) -> Result<Answer, String> {
    let (method, path, body) = (write.request)(prefix);
    let key = format!("{prefix} {}", write.name);
    let json = ("Content-Type", "application/json");
    let headers = [json, ("Idempotency-Key", key.as_str())];
    let url = format!("{}{path}", sidecar.url);
    http::send(method, &url, &headers, &body.to_string())
}

/// Every byte of it but the names of the run and the time.
fn said(answer: &Answer, prefix: &str) -> (u16, String) {
    let mut text = answer.body.replace(prefix, "");
    if let Some((before, after)) = text.split_once("\"timestamp\":\"") {
        text = format!("{before}{}", after.split_once('"').unwrap().1);
    }
    (answer.status, text)
}

#[test]
fn the_other_replica_goes_on_with_a_request_with_a_key_on_mariadb() {
    die_everywhere(Kind::MariaDb);
}

#[test]
fn the_other_replica_goes_on_with_a_request_with_a_key_on_postgres() {
    die_everywhere(Kind::Postgres);
}

fn die_everywhere(kind: Kind) {
    let place = Place::start(kind);
    let mut runs = Vec::new();
    for write in WRITES {
        let prefix = place.accounts(&format!("{}-whole", write.name));
        let answer = send(&place.b, write, &prefix).unwrap();
        let expected = (said(&answer, &prefix), place.audit(&prefix));
        let points = ferry_core::failpoint::ALL.iter().copied();
        for point in points {
            let mut ways = EVERY.iter().chain(write.points);
            if ways.any(|way| point.starts_with(way)) {
                runs.push((write, point, expected.clone()));
            }
        }
    }
    assert_eq!(runs.len(), 5 * 4 + 6 * 2);
    let waiting = Mutex::new(runs);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((write, point, expected)) = waiting.lock().unwrap().pop() else {
                        return;
                    };
                    let prefix = place.accounts(&format!("{}-{point}", write.name));
                    die(&place, write, point, &prefix);
                    let what = format!("{} {point}", write.name);
                    let off = write.name == "patch" && place.is_switched_on(&prefix);
                    if off {
                        let off = place.b.patch(&format!("{prefix}a"), "INACTIVE");
                        assert_eq!(off.unwrap().status, 202, "{what}");
                    }
                    let again = send(&place.b, write, &prefix).unwrap();
                    assert_eq!(said(&again, &prefix), expected.0, "{what}");
                    let mut audit = place.audit(&prefix);
                    if off {
                        audit.retain(|row| !row.starts_with("a\tDeactivate"));
                        assert!(
                            !place.is_switched_on(&prefix),
                            "{what}: it was switched off"
                        );
                    }
                    assert_eq!(audit, expected.1, "{what}");
                }
            });
        }
    });
}

/// A dies of the request.
fn die(place: &Place, write: Write, point: &str, prefix: &str) {
    let mut a = place.another(write.name, point);
    let answer = send(&a, write, prefix);
    assert!(answer.is_err(), "{} {point}: {answer:?}", write.name);
    let died = a.process().aborts(PATIENCE);
    died.unwrap_or_else(|error| panic!("{} {point}: {error}", write.name));
}

#[test]
fn two_replicas_that_are_asked_the_same_at_once_do_it_once_on_mariadb() {
    ask_both(Kind::MariaDb);
}

#[test]
fn two_replicas_that_are_asked_the_same_at_once_do_it_once_on_postgres() {
    ask_both(Kind::Postgres);
}

fn ask_both(kind: Kind) {
    let place = Place::start(kind);
    let a = place.another("both", "nowhere");
    for write in WRITES {
        let prefix = place.accounts(write.name);
        let answers = std::thread::scope(|scope| {
            let asked = [&a, &place.b, &a, &place.b];
            let asked = asked.map(|sidecar| scope.spawn(|| send(sidecar, write, &prefix)));
            asked.map(|answer| answer.join().unwrap().unwrap())
        });
        let replayed = |answer: &&Answer| answer.header("idempotent-replayed").is_some();
        assert_eq!(answers.iter().filter(replayed).count(), 3, "{answers:?}");
        for answer in &answers {
            assert_eq!(answer.status, answers[0].status, "{answer:?}");
            assert_eq!(answer.body, answers[0].body);
        }
        let audit = place.audit(&prefix);
        let once: std::collections::BTreeSet<&String> = audit.iter().collect();
        assert_eq!(once.len(), audit.len(), "{audit:?}");
    }
}
