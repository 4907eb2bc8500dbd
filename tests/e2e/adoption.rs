//! Ferry on the populated tables of Armory's plugin: it takes them over where they lie, whatever
//! dies meanwhile, and its agents go on with the accounts.

use crate::ground::{PATIENCE, PLANTED, QUICK, fresh, ground};
use ferry_tests::armory::{Changelog, populate};
use ferry_tests::database::{Database, Kind};
use ferry_tests::ferry::Ferry;
use ferry_tests::sidecar::write_key;
use ferry_tests::{Agent, Door, Schema, Sidecar, wait};
use std::path::Path;

/// Where a start dies.
const POINTS: [&str; 4] = [
    "core.store.reshape.before",
    "core.store.reshape.after",
    "core.store.adopt.before",
    "core.store.adopt.after",
];

fn sidecar(schema: &Schema, folder: &Path, replica: &str) -> Sidecar {
    let (key_file, upstream) = (folder.join("ferry.key"), &ground().clouddriver.url);
    std::fs::create_dir_all(folder).unwrap();
    Sidecar::on(schema, &key_file, &folder.join(replica), upstream, QUICK)
}

/// What the accounts of the fixture come to once an agent of `zone-a` is there.
fn goes_on(ferry: &Ferry, grpc: &str, name: &str, folder: &Path) {
    let id = format!("agent-{name}");
    let mut agent = Agent::new(&folder.join("agent"), &id, "zone-a", grpc, "");
    agent.start(&[]);
    for account in ["active", "to-migrate", "activating"] {
        let served = wait::until(PATIENCE, || {
            let account = ferry.account(account)?;
            match account["status"] == "ACTIVE" && account["connections"] == 1 {
                true => Ok(()),
                false => Err(account.to_string()),
            }
        });
        served.unwrap_or_else(|error| panic!("{account}: {error}"));
    }
    for (account, status) in [
        ("inactive", "INACTIVE"),
        ("to-deactivate", "INACTIVE"),
        ("deactivating", "INACTIVE"),
        ("failed", "FAILED"),
        ("orphaned", "ORPHANED"),
        ("empty", "FAILED"),
        ("missing", "FAILED"),
        ("broken", "FAILED"),
    ] {
        ferry.reaches(account, status);
    }
    let gone = wait::until(PATIENCE, || match ferry.account("deleting") {
        Err(answer) if answer.starts_with("404") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    gone.unwrap();
    for account in ["inactive", "failed"] {
        assert_eq!(ferry.patch(account, "ACTIVE").unwrap().status, 202);
        ferry.reaches(account, "ACTIVE");
    }
    let broken = ferry.account("broken").unwrap();
    let said = broken["errorMessage"].as_str().unwrap();
    assert!(said.contains("not a JSON object"), "{said}");
    assert!(!broken.to_string().contains(PLANTED));
}

#[test]
fn a_start_on_armorys_tables_survives_its_death_on_mariadb() {
    die_at_every_point(Kind::MariaDb);
}

#[test]
fn a_start_on_armorys_tables_survives_its_death_on_postgres() {
    die_at_every_point(Kind::Postgres);
}

fn die_at_every_point(kind: Kind) {
    for (point, changelog) in POINTS.into_iter().zip(Changelog::ALL.into_iter().cycle()) {
        let (name, folder) = fresh();
        let schema = Database::shared(kind).schema();
        populate(&schema, changelog, &ground().kubeconfig);
        let log = changelog.read(&schema);
        let mut sidecar = sidecar(&schema, &folder, "sidecar");
        let not = sidecar
            .start(&[("FERRY_FAILPOINT", point)])
            .expect_err(point);
        assert!(not.aborted(), "{point}: {not:?}");
        sidecar
            .start(&[])
            .unwrap_or_else(|not| panic!("{point}: {}", not.log));
        assert_eq!(
            schema.query("SELECT COUNT(*) FROM kubesvc_ferry_armory_static"),
            ["2"],
            "{point}"
        );
        goes_on(&sidecar, &sidecar.grpc, &name, &folder);
        assert_eq!(changelog.read(&schema), log);
    }
}

#[test]
fn two_sidecars_that_start_at_once_take_them_over_once() {
    for kind in [Kind::MariaDb, Kind::Postgres] {
        let (name, folder) = fresh();
        let schema = Database::shared(kind).schema();
        populate(&schema, Changelog::BuiltIn, &ground().kubeconfig);
        let mut replicas = ["a", "b"].map(|replica| sidecar(&schema, &folder, replica));
        std::thread::scope(|scope| {
            for replica in &mut replicas {
                scope.spawn(|| replica.start(&[]).unwrap());
            }
        });
        goes_on(&replicas[0], &replicas[0].grpc, &name, &folder);
        let taken = schema.query(
            "SELECT COUNT(*), COUNT(DISTINCT account) FROM kubesvc_ferry_audit
             WHERE event = 'Adopt'",
        );
        assert_eq!(taken, ["13\t13"]);
        assert_eq!(replicas[1].account("active").unwrap()["status"], "ACTIVE");
    }
}

#[test]
fn the_plugin_takes_them_over() {
    for kind in [Kind::MariaDb, Kind::Postgres] {
        let (name, folder) = fresh();
        let schema = Database::shared(kind).schema();
        populate(&schema, Changelog::Classpath, &ground().kubeconfig);
        let log = Changelog::Classpath.read(&schema);
        std::fs::create_dir_all(&folder).unwrap();
        let key = folder.join("ferry.key");
        write_key(&key);
        let more = format!("{QUICK}kubesvc.secrets.keyFile: {}\n", key.display());
        let mut door = Door::plugin(&schema, &folder.join("plugin"), &more);
        door.start(&[])
            .unwrap_or_else(|not| panic!("{kind:?}: {}", not.log));
        goes_on(&door, door.grpc(), &name, &folder);
        assert_eq!(Changelog::Classpath.read(&schema), log);
    }
}
