//! The database goes away under a running sidecar: it answers for itself that it cannot, stands in
//! nobody's way, and goes on by itself when the database is back.

use crate::ground::{PATIENCE, QUICK, fresh, ground};
use ferry_tests::database::{Database, Kind};
use ferry_tests::{Agent, Answer, Sidecar, clouddriver, http, wait};
use std::time::{Duration, Instant};

/// Five seconds until a request gives up its wait for a connection, and a busy machine's time.
const AT_ONCE: Duration = Duration::from_secs(15);

#[test]
fn the_sidecar_outlives_mariadb() {
    outlive(Kind::MariaDb);
}

#[test]
fn the_sidecar_outlives_postgres() {
    outlive(Kind::Postgres);
}

fn outlive(kind: Kind) {
    let mut database = Database::start(kind);
    let (name, folder) = fresh();
    let upstream = &ground().clouddriver.url;
    let key_file = folder.join("ferry.key");
    let mut sidecar = Sidecar::on(&database.schema(), &key_file, &folder, upstream, QUICK);
    sidecar.start(&[]).unwrap();
    let mut agent = Agent::new(
        &folder,
        &format!("agent-{name}"),
        "zone-a",
        &sidecar.grpc,
        "",
    );
    agent.start(&[]);
    let post = |sidecar: &Sidecar, name: &str| {
        let body = clouddriver::account(name, &ground().kubeconfig);
        let posted = sidecar.request("POST", "/credentials", Some(&body));
        assert_eq!(posted.unwrap().status, 200, "{name}");
    };
    let [before, asked, frozen, killed] =
        ["before", "asked", "frozen", "killed"].map(|account| format!("{name}-{account}"));
    for account in [&before, &asked] {
        post(&sidecar, account);
    }
    assert_eq!(sidecar.patch(&before, "ACTIVE").unwrap().status, 202);
    sidecar.reaches(&before, "ACTIVE");

    assert_eq!(sidecar.patch(&asked, "ACTIVE").unwrap().status, 202);
    database.signal("STOP");
    is_away(&sidecar, &before);
    post(&sidecar, &frozen);
    // Another core may have taken it over by then.
    let given_up = wait::until(PATIENCE, || match sidecar.log() {
        log if log.contains("no database for 15 s") => Ok(()),
        log => Err(log),
    });
    given_up.unwrap();
    database.signal("CONT");
    is_back(&sidecar);
    sidecar.reaches(&asked, "ACTIVE");
    sidecar.reaches(&before, "ACTIVE");

    assert_eq!(sidecar.patch(&asked, "INACTIVE").unwrap().status, 202);
    database.signal("KILL");
    is_away(&sidecar, &before);
    post(&sidecar, &killed);
    database.restart();
    is_back(&sidecar);
    sidecar.reaches(&asked, "INACTIVE");
    sidecar.reaches(&before, "ACTIVE");
    // What nobody could journal is counted, and taken over all the same: the process lives.
    let metrics = http::get(&format!("{}/metrics", sidecar.admin)).unwrap();
    let unjournaled = "kubesvc_intercept_unjournaled_total 2\n";
    assert!(metrics.body.contains(unjournaled), "{}", metrics.body);
    for account in [&frozen, &killed] {
        sidecar.reaches(account, "INACTIVE");
    }
}

/// While it lasts our own paths are 503, and Clouddriver's are answered by Clouddriver.
fn is_away(sidecar: &Sidecar, account: &str) {
    let begun = Instant::now();
    let unavailable = |answer: Answer| {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.header("retry-after"), Some("5"), "{answer:?}");
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    };
    let admin = |path: &str| http::get(&format!("{}{path}", sidecar.admin)).unwrap();
    std::thread::scope(|scope| {
        for path in ["/armory/accounts", "/armory/agents"] {
            scope.spawn(move || unavailable(sidecar.request("GET", path, None).unwrap()));
        }
        scope.spawn(move || unavailable(sidecar.patch(account, "INACTIVE").unwrap()));
        scope.spawn(move || assert_eq!(admin("/ready").status, 503));
        let passed = sidecar.request("GET", "/credentials/type/kubernetes?limit=1", None);
        assert_eq!(passed.unwrap().status, 200);
        assert_eq!(admin("/health").status, 200);
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "they wait for nobody"
        );
    });
}

fn is_back(sidecar: &Sidecar) {
    let ready = wait::until(PATIENCE, || {
        let answer = http::get(&format!("{}/ready", sidecar.admin))?;
        match answer.status {
            200 => Ok(()),
            _ => Err(format!("{answer:?}")),
        }
    });
    ready.unwrap();
}
