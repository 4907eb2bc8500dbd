//! The first start on an empty database, killed wherever it changes something: the next goes on from
//! there. On MySQL making a table is no part of a transaction; on the others it is.

use crate::ground::{QUICK, fresh, ground};
use ferry_core::failpoint;
use ferry_tests::Sidecar;
use ferry_tests::clouddriver;
use ferry_tests::database::{Database, Kind};

#[test]
fn a_first_start_on_mariadb_is_finished_wherever_it_died() {
    die_at_every_point(Kind::MariaDb, &UNDONE);
}

#[test]
fn a_first_start_on_postgres_is_finished_wherever_it_died() {
    die_at_every_point(Kind::Postgres, &[]);
}

/// Passed on MySQL alone.
const UNDONE: [&str; 2] = [failpoint::UNDONE_BEFORE, failpoint::UNDONE_AFTER];

fn die_at_every_point(kind: Kind, more: &[&str]) {
    let points = [
        failpoint::LOCK_BEFORE,
        failpoint::LOCK_AFTER,
        failpoint::HISTORY_BEFORE,
        failpoint::HISTORY_AFTER,
        failpoint::MIGRATE_BEFORE,
        failpoint::ENTER_BEFORE,
        failpoint::ENTER_AFTER,
    ];
    for point in points.iter().chain(more) {
        let mut sidecar = sidecar(kind);
        dies(&mut sidecar, point);
        sidecar.start(&[]).unwrap();
        serves(&sidecar);
    }
}

#[test]
fn a_start_that_dies_at_every_statement_comes_to_its_end_on_mariadb() {
    die_at_every_statement(Kind::MariaDb);
}

#[test]
fn a_start_that_dies_at_every_statement_comes_to_its_end_on_postgres() {
    die_at_every_statement(Kind::Postgres);
}

/// Each start makes one table, or an index, and dies.
fn die_at_every_statement(kind: Kind) {
    let mut sidecar = sidecar(kind);
    let point = ("FERRY_FAILPOINT", failpoint::MIGRATE_AFTER);
    let mut deaths = 0;
    while let Err(not) = sidecar.start(&[point]) {
        assert!(not.aborted(), "{not:?}");
        deaths += 1;
    }
    assert!((7..50).contains(&deaths), "{deaths}");
    serves(&sidecar);
}

fn sidecar(kind: Kind) -> Sidecar {
    let (_, folder) = fresh();
    let schema = Database::shared(kind).schema();
    let key_file = folder.join("ferry.key");
    let upstream = &ground().clouddriver.url;
    Sidecar::on(&schema, &key_file, &folder, upstream, QUICK)
}

fn dies(sidecar: &mut Sidecar, point: &str) {
    let Err(not) = sidecar.start(&[("FERRY_FAILPOINT", point)]) else {
        panic!("{point} was not passed");
    };
    assert!(not.aborted(), "{point}: {not:?}");
}

/// Every table is there: a write is journaled, an account made, and asked to go on.
fn serves(sidecar: &Sidecar) {
    let (name, _) = fresh();
    let body = clouddriver::account(&name, &ground().kubeconfig);
    let posted = sidecar.request("POST", "/credentials", Some(&body));
    assert_eq!(posted.unwrap().status, 200);
    sidecar.reaches(&name, "INACTIVE");
    assert_eq!(sidecar.patch(&name, "ACTIVE").unwrap().status, 202);
    sidecar.reaches(&name, "TO_MIGRATE");
    let agents = sidecar.request("GET", "/armory/agents", None);
    assert_eq!(agents.unwrap().status, 200);
}
