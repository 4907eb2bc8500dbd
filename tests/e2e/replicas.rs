//! Two sidecars on one database: either takes any request, one sends what the other left to be sent,
//! and what one leaves when it dies the other finishes.

use crate::ground::{PATIENCE, QUICK, fresh, ground};
use crate::switch::Switch;
use ferry_core::failpoint;
use ferry_tests::database::{Database, Kind};
use ferry_tests::{Agent, Schema, Sidecar, clouddriver, wait};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Where A dies: while it sends what the other left to be sent, within a step, between a step and
/// its message, while an agent is heard, and while a write to /credentials is journaled.
const POINTS: [&str; 10] = [
    failpoint::SENT_BEFORE,
    failpoint::SENT_AFTER,
    "core.store.step.after",
    "core.send.save.before",
    "core.send.save.after",
    "core.store.report.before",
    "core.store.report.after",
    "core.store.intent.after",
    "core.store.accept.after",
    "core.store.create.after",
];

/// Sidecars A and B; the agent is connected to A, until it is switched to B.
struct Replicas {
    name: String,
    schema: Schema,
    a: Sidecar,
    b: Sidecar,
    _agent: Agent,
    switch: Switch,
}

impl Replicas {
    fn start(kind: Kind, failpoint: &[(&str, &str)]) -> Replicas {
        let (name, folder) = fresh();
        let schema = Database::shared(kind).schema();
        let key_file = folder.join("ferry.key");
        let [mut a, mut b] = ["a", "b"].map(|replica| {
            let upstream = &ground().clouddriver.url;
            Sidecar::on(&schema, &key_file, &folder.join(replica), upstream, QUICK)
        });
        a.start(failpoint).unwrap();
        b.start(&[]).unwrap();
        let switch = Switch::to(&a.grpc);
        let id = format!("agent-{name}");
        let mut agent = Agent::new(&folder.join("agent"), &id, "zone-a", &switch.address, "");
        agent.start(&[]);
        Replicas {
            name,
            schema,
            a,
            b,
            _agent: agent,
            switch,
        }
    }

    fn account(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// What the audit says: each account's changes, one after the other, make one way from nowhere
    /// to where it stands.
    fn chains(&self) -> BTreeMap<String, Vec<(String, String)>> {
        let rows = self.schema.query(
            "SELECT account, COALESCE(from_status, 'none'), COALESCE(to_status, 'none')
             FROM kubesvc_ferry_audit ORDER BY at, id",
        );
        let mut chains: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for row in rows {
            let [account, from, to] = row.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{row}");
            };
            let chain = chains.entry(account.to_owned()).or_default();
            chain.push((from.to_owned(), to.to_owned()));
        }
        for (account, chain) in &chains {
            // Two cores' rows of one millisecond have no order, so each status is counted: it is
            // left as often as it is reached, but for the ends.
            let mut balance: BTreeMap<&str, i32> = BTreeMap::new();
            for (from, to) in chain {
                *balance.entry(from).or_default() -= 1;
                *balance.entry(to).or_default() += 1;
            }
            balance.retain(|_, count| *count != 0);
            let begins = balance.remove("none").unwrap_or_default();
            let ends: Vec<i32> = balance.into_values().collect();
            let whole = match begins {
                -1 => ends == [1],
                // It was deleted.
                0 => ends.is_empty(),
                _ => false,
            };
            assert!(whole, "{account}: {chain:?}");
        }
        chains
    }
}

#[test]
fn a_replica_serves_the_agent_of_the_other_and_takes_it_over_on_mariadb() {
    serve_and_take_over(Kind::MariaDb);
}

#[test]
fn a_replica_serves_the_agent_of_the_other_and_takes_it_over_on_postgres() {
    serve_and_take_over(Kind::Postgres);
}

fn serve_and_take_over(kind: Kind) {
    let mut replicas = Replicas::start(kind, &[]);
    let name = replicas.account("acc");
    let body = clouddriver::account(&name, &ground().kubeconfig);
    let posted = replicas.b.request("POST", "/credentials", Some(&body));
    assert_eq!(posted.unwrap().status, 200);
    // Also before B has seen that an agent is at A.
    for _ in 0..2 {
        let asked = Instant::now();
        assert_eq!(replicas.b.patch(&name, "ACTIVE").unwrap().status, 202);
        assert_eq!(replicas.a.reaches(&name, "ACTIVE")["zoneId"], "zone-a");
        assert_eq!(replicas.b.account(&name).unwrap()["status"], "ACTIVE");
        // A second until A sees what B left, and what a busy machine takes for the rest.
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!(replicas.b.patch(&name, "INACTIVE").unwrap().status, 202);
        replicas.b.reaches(&name, "INACTIVE");
    }
    assert_eq!(replicas.a.patch(&name, "ACTIVE").unwrap().status, 202);
    replicas.b.reaches(&name, "ACTIVE");
    let before = replicas.chains();

    replicas.switch.set(&replicas.b.grpc);
    replicas.a.process().kill();
    let at_b = wait::until(PATIENCE, || {
        let agents = replicas.b.request("GET", "/armory/agents", None)?.json();
        let account = replicas.b.account(&name)?;
        assert_eq!(account["status"], "ACTIVE", "{account}");
        match account["connections"] == 1 && agents[0]["accounts"] == json!([name]) {
            true => Ok(()),
            false => Err(format!("{account} {agents}")),
        }
    });
    at_b.unwrap();
    // Nothing changes when A's lease ends, either.
    let ended = wait::until(PATIENCE, || {
        let cores = replicas
            .schema
            .query("SELECT core_id FROM kubesvc_ferry_cores");
        assert_eq!(replicas.b.account(&name)?["status"], "ACTIVE");
        match cores.len() {
            1 => Ok(()),
            _ => Err(format!("{cores:?}")),
        }
    });
    ended.unwrap();
    assert_eq!(replicas.chains(), before);
    assert_eq!(replicas.b.patch(&name, "INACTIVE").unwrap().status, 202);
    replicas.b.reaches(&name, "INACTIVE");
}

#[test]
fn both_replicas_take_requests_for_the_same_accounts_on_mariadb() {
    ask_both_at_once(Kind::MariaDb);
}

#[test]
fn both_replicas_take_requests_for_the_same_accounts_on_postgres() {
    ask_both_at_once(Kind::Postgres);
}

fn ask_both_at_once(kind: Kind) {
    const ACCOUNTS: usize = 5;
    const THREADS: usize = 8;
    const ROUNDS: usize = 15;
    let replicas = Replicas::start(kind, &[]);
    let names: Vec<String> = (0..ACCOUNTS)
        .map(|number| replicas.account(&format!("acc-{number}")))
        .collect();
    for name in &names {
        let body = clouddriver::account(name, &ground().kubeconfig);
        let posted = replicas.a.request("POST", "/credentials", Some(&body));
        assert_eq!(posted.unwrap().status, 200);
    }
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (replicas, names) = (&replicas, &names);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let sidecar = [&replicas.a, &replicas.b][(thread + round) % 2];
                    // Each asks for another state, in another order.
                    let state = ["ACTIVE", "INACTIVE"][(thread / 2 + round) % 2];
                    let mut order = names.clone();
                    order.rotate_left(thread % ACCOUNTS);
                    let entry = |name| json!({"name": name, "state": state});
                    let body = order.into_iter().map(entry).collect();
                    let answer = sidecar.request("PATCH", "/armory/accounts", Some(&body));
                    let answer = answer.unwrap();
                    assert!([202, 409].contains(&answer.status), "{answer:?}");
                }
            });
        }
    });
    for (state, sidecar) in [("INACTIVE", &replicas.a), ("ACTIVE", &replicas.b)] {
        for name in &names {
            assert_eq!(sidecar.patch(name, state).unwrap().status, 202);
        }
        for name in &names {
            replicas.a.reaches(name, state);
            replicas.b.reaches(name, state);
        }
    }
    let chains = replicas.chains();
    assert_eq!(chains.len(), ACCOUNTS);
    assert!(chains.values().all(|chain| chain.len() > 4), "{chains:?}");
}

#[test]
fn what_a_replica_leaves_when_it_dies_the_other_finishes_on_mariadb() {
    die_at_every_point(Kind::MariaDb);
}

#[test]
fn what_a_replica_leaves_when_it_dies_the_other_finishes_on_postgres() {
    die_at_every_point(Kind::Postgres);
}

fn die_at_every_point(kind: Kind) {
    let waiting = Mutex::new(POINTS.to_vec());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let Some(point) = waiting.lock().unwrap().pop() else {
                        return;
                    };
                    finish(kind, point);
                }
            });
        }
    });
}

fn finish(kind: Kind, point: &str) {
    let mut replicas = Replicas::start(kind, &[("FERRY_FAILPOINT", point)]);
    let name = replicas.account(&point.replace('.', "-"));
    let body = clouddriver::account(&name, &ground().kubeconfig);
    // Whose answer is lost asks Clouddriver whether it has it.
    let posted = replicas.a.request("POST", "/credentials", Some(&body));
    if posted.is_err() && ground().clouddriver.stored(&name).is_none() {
        let posted = replicas.b.request("POST", "/credentials", Some(&body));
        assert_eq!(posted.unwrap().status, 200, "{point}");
    }
    // A person asks A as long as it lives, then B; or B at once, to leave A something to send.
    let left_by_b = point.starts_with("core.store.sent");
    if left_by_b {
        // An agent that comes later gets it from A itself.
        let connected = wait::until(PATIENCE, || {
            let agents = replicas.b.request("GET", "/armory/agents", None)?.body;
            match agents == "[]" {
                false => Ok(()),
                true => Err(agents),
            }
        });
        connected.unwrap_or_else(|error| panic!("{point}: no agent {error}"));
    }
    let patched = wait::until(PATIENCE, || {
        let sidecar = match replicas.a.process().ended() {
            None if !left_by_b => &replicas.a,
            _ => &replicas.b,
        };
        match sidecar.patch(&name, "ACTIVE")? {
            answer if answer.status == 202 => Ok(()),
            answer => Err(format!("{answer:?}")),
        }
    });
    patched.unwrap_or_else(|error| panic!("{point}: PATCH {error}"));
    let died = replicas.a.process().aborts(PATIENCE);
    died.unwrap_or_else(|error| panic!("{point}: {error}"));
    replicas.switch.set(&replicas.b.grpc);
    replicas.b.reaches(&name, "ACTIVE");
    assert_eq!(replicas.b.patch(&name, "INACTIVE").unwrap().status, 202);
    replicas.b.reaches(&name, "INACTIVE");
    let open = wait::until(PATIENCE, || {
        let open = replicas
            .schema
            .query("SELECT account FROM kubesvc_ferry_intents");
        match open.is_empty() {
            true => Ok(()),
            false => Err(format!("{open:?}")),
        }
    });
    open.unwrap_or_else(|error| panic!("{point}: a write is open {error}"));
    let chains = replicas.chains();
    assert_eq!(chains.keys().collect::<Vec<_>>(), [&name], "{point}");
    let adopted = chains[&name].iter().filter(|(from, _)| from == "none");
    assert_eq!(adopted.count(), 1, "{point}: {chains:?}");
    let bad = ["FAILED", "ORPHANED"];
    let well = chains[&name]
        .iter()
        .all(|(_, to)| !bad.contains(&to.as_str()));
    assert!(well, "{point}: {chains:?}");
}

#[test]
fn a_replica_that_was_taken_for_gone_serves_again_on_mariadb() {
    taken_for_gone(Kind::MariaDb);
}

#[test]
fn a_replica_that_was_taken_for_gone_serves_again_on_postgres() {
    taken_for_gone(Kind::Postgres);
}

/// B took A over while A could not renew its lease, as after a pause, and A could not record that an
/// agent left it.
fn taken_for_gone(kind: Kind) {
    let replicas = Replicas::start(kind, &[]);
    let name = replicas.account("acc");
    let body = clouddriver::account(&name, &ground().kubeconfig);
    let posted = replicas.b.request("POST", "/credentials", Some(&body));
    assert_eq!(posted.unwrap().status, 200);
    assert_eq!(replicas.b.patch(&name, "ACTIVE").unwrap().status, 202);
    replicas.b.reaches(&name, "ACTIVE");
    let connected = "SELECT session_id FROM kubesvc_ferry_agents
         WHERE left_at IS NULL AND agent_id LIKE 'agent-%'";
    let before = replicas.schema.query(connected);
    assert_eq!(before.len(), 1);
    replicas.schema.query(
        "INSERT INTO kubesvc_ferry_agents
         SELECT 'ghost', zone_id, agent_version, core_id, 'none', last_connection, NULL
         FROM kubesvc_ferry_agents;
         DELETE FROM kubesvc_ferry_cores WHERE core_id IN
         (SELECT core_id FROM kubesvc_ferry_agents);
         UPDATE kubesvc_ferry_agents SET left_at = last_connection WHERE agent_id <> 'ghost'",
    );
    let back = wait::until(PATIENCE, || {
        let here = replicas.schema.query(connected);
        let cores = replicas
            .schema
            .query("SELECT core_id FROM kubesvc_ferry_cores");
        let ghosts = replicas.schema.query(
            "SELECT agent_id FROM kubesvc_ferry_agents WHERE agent_id = 'ghost' AND left_at IS NULL",
        );
        match here.len() == 1 && here != before && cores.len() == 2 && ghosts.is_empty() {
            true => Ok(()),
            false => Err(format!("{here:?} {cores:?} {ghosts:?}")),
        }
    });
    back.unwrap();
    assert_eq!(replicas.b.account(&name).unwrap()["status"], "ACTIVE");
    assert_eq!(replicas.b.patch(&name, "INACTIVE").unwrap().status, 202);
    replicas.b.reaches(&name, "INACTIVE");
}
