//! The walk with a process killed at every failpoint, and between any two steps: whatever died
//! when, it is restarted, and the walk comes to the same end with nobody's help.

use crate::ground::{PATIENCE, PLANTED, Pair, QUICK, dead_kubeconfig, ground, kubeconfig_of};
use ferry_tests::{Agent, Answer, Cluster, clouddriver, http, wait};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::time::Duration;

const SIGABRT: i32 = 6;
/// One core has no other's messages to send: `replicas` dies there. On a file no start leaves
/// anything half done: `first` dies there. Nothing of Armory's plugin is there: `adoption` dies there.
/// No definition refers to a secret: `references` dies there. No key is changed: `keys` dies there.
const ELSEWHERE: [&str; 7] = [
    "core.store.sent.",
    "core.store.undone.",
    "core.store.reshape.",
    "core.store.adopt.",
    "core.store.reference.",
    "core.store.forget.",
    "core.store.reseal.",
];
/// Walks at the same time.
const THREADS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Sidecar,
    Agent,
}

/// When the victim dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// The first time it passes this failpoint.
    At(&'static str),
    /// After each step of the walk.
    BetweenSteps,
}

#[test]
fn the_walk_survives_the_sidecar_killed_at_every_failpoint() {
    let mut points = [ferry_core::failpoint::ALL, ferry_sidecar::failpoint::ALL].concat();
    points.retain(|point| !ELSEWHERE.iter().any(|there| point.starts_with(there)));
    walk_all(Victim::Sidecar, &points);
}

#[test]
fn the_walk_survives_the_agent_killed_at_every_failpoint() {
    walk_all(Victim::Agent, ferry_agent::failpoint::ALL);
}

fn walk_all(victim: Victim, points: &[&'static str]) {
    assert!(!points.is_empty());
    let mut runs: Vec<When> = points.iter().map(|point| When::At(point)).collect();
    runs.push(When::BetweenSteps);
    let waiting = Mutex::new(runs);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(when) = waiting.lock().unwrap().pop() else {
                        return;
                    };
                    if let Err(reason) = Walk::new(victim, when).run() {
                        failures
                            .lock()
                            .unwrap()
                            .push(format!("{victim:?} {when:?}: {reason}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// One walk, by a person who repeats what was not answered.
struct Walk {
    pair: Pair,
    victim: Victim,
    when: When,
    died: bool,
}

impl Walk {
    fn new(victim: Victim, when: When) -> Walk {
        let mut settings = QUICK.to_owned();
        if expires(when) {
            let cleanup = "kubesvc:\n  cache:\n    accountCleanupFrequencySeconds: 2\n";
            settings = settings.replace("kubesvc:\n", cleanup);
        }
        if scans(when) {
            let patterns =
                "  dynamicAccounts:\n    namePatterns: ['.*-scan']\n    scanFrequencySeconds: 1\n";
            settings = settings.replace("  dynamicAccounts:\n", patterns);
        }
        let mut pair = Pair::new(&settings);
        if matches!(when, When::At(point) if point.contains("report.refused")) {
            let own = format!("{}-own", pair.name);
            pair.configure_agent(&format!(
                "kubernetes: {{accounts: [{{name: {own}, kubeconfigFile: none}}]}}\n"
            ));
        }
        Walk {
            pair,
            victim,
            when,
            died: false,
        }
    }

    fn run(mut self) -> Result<(), String> {
        self.start_sidecar();
        self.start_agent();
        let walked = self.walk();
        let mut logs = || {
            let mut text = self.pair.sidecar.process().log();
            text.push_str(&self.pair.agent.process().log());
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(80)..].join("\n")
        };
        walked.map_err(|reason| format!("{reason}\n{}", logs()))?;
        match (self.died, self.when) {
            (false, When::At(_)) => Err("the walk did not pass this failpoint".to_owned()),
            _ => Ok(()),
        }
    }

    fn walk(&mut self) -> Result<(), String> {
        let kubeconfig = ground().kubeconfig.as_str();
        let [good, dead, refused] =
            ["good", "dead", "refused"].map(|name| format!("{}-{name}", self.pair.name));

        // Clouddriver has it, nobody migrated it: the POST through us is refused.
        let account = clouddriver::account(&refused, kubeconfig);
        assert_eq!(ground().clouddriver.create(&account).status, 200);
        // Whether it is answered or not, it must leave no trace.
        if let Ok(answer) = self
            .pair
            .sidecar
            .request("POST", "/credentials", Some(&account))
        {
            assert_ne!(answer.status, 200, "{}", answer.body);
        }
        self.between_steps();

        self.look_on()?;
        self.strays()?;
        self.create(&good, kubeconfig)?;
        self.create(&dead, &dead_kubeconfig())?;
        self.reaches(&good, "INACTIVE")?;
        self.reaches(&dead, "INACTIVE")?;
        self.between_steps();

        self.patch(&good, "ACTIVE")?;
        self.patch(&dead, "ACTIVE")?;
        self.reaches(&good, "ACTIVE")?;
        self.reaches(&dead, "FAILED")?;
        // What is only tried changes nothing, whoever dies of it.
        let on = json!([{"name": good, "state": "ACTIVE"}]);
        self.ask("PATCH", "/armory/accounts?dryRun=true", Some(&on), &[200])?;
        if matches!(self.when, When::At(point) if point.contains("heartbeat")) {
            // The walk is done before the first heartbeat is due.
            let passed = |walk: &mut Walk| {
                if walk.died {
                    Ok(())
                } else {
                    Err(String::new())
                }
            };
            self.until(passed)?;
        }
        self.between_steps();

        self.disconnect()?;
        self.is_served(&good)?;
        self.between_steps();

        let mut changed = clouddriver::account(&good, kubeconfig);
        changed["namespaces"] = json!(["default"]);
        self.ask("PUT", "/credentials", Some(&changed), &[200])?;
        self.until(|walk| {
            let account = walk.pair.account(&good)?;
            let arrived = account["definition"]["namespaces"] == json!(["default"]);
            let served = account["status"] == "ACTIVE" && account["connections"] == 1;
            if arrived && served {
                Ok(())
            } else {
                Err(account.to_string())
            }
        })?;
        self.between_steps();

        self.pair.agent.process().kill();
        if expires(self.when) {
            self.reaches(&good, "ORPHANED")?;
        }
        self.start_agent();
        self.until(|walk| {
            let agents = walk
                .pair
                .sidecar
                .request("GET", "/armory/agents", None)?
                .json();
            let here = agents[0]["accounts"]
                .as_array()
                .is_some_and(|names| names.contains(&json!(good)));
            if here {
                Ok(())
            } else {
                Err(agents.to_string())
            }
        })?;
        self.is_served(&good)?;
        self.between_steps();

        self.patch(&good, "INACTIVE")?;
        self.reaches(&good, "INACTIVE")?;
        self.between_steps();

        // 404 and 400: an earlier try was carried out, only its answer was lost.
        self.ask("DELETE", &format!("/credentials/{dead}"), None, &[200, 404])?;
        self.is_gone(&dead)?;
        self.ask(
            "DELETE",
            "/armory/accounts",
            Some(&json!([good])),
            &[202, 400],
        )?;
        self.is_gone(&good)?;
        self.between_steps();
        if matches!(self.when, When::At(point) if ["core.store.exit", "core.store.release"]
            .iter().any(|way| point.starts_with(way)))
        {
            self.pair.sidecar.process().terminate(PATIENCE);
        }
        self.is_gone(&refused)?;
        self.tables(&good, &dead, &refused)
    }

    /// What only reads: Clouddriver's accounts through the sidecar, and both programs' own pages.
    fn look_on(&mut self) -> Result<(), String> {
        self.ask("GET", "/credentials/type/kubernetes", None, &[200])?;
        for page in ["{sidecar}/metrics", "{agent}/accounts"] {
            self.until(|walk| {
                let page = page.replace("{sidecar}", &walk.pair.sidecar.admin);
                let answer = http::get(&page.replace("{agent}", &walk.pair.agent.url))?;
                assert_eq!(answer.status, 200, "{answer:?}");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The side ways, each for the points that lie on it alone.
    fn strays(&mut self) -> Result<(), String> {
        let When::At(point) = self.when else {
            return Ok(());
        };
        match point.rsplit_once('.').map(|(way, _)| way) {
            _ if scans(self.when) => self.scanned(),
            Some("core.send.refuse") => self.refused(),
            Some("agent.report.connecting") => self.saved_twice(),
            Some("agent.report.lost") => self.lost(),
            Some("agent.report.refused") => self.not_dropped(),
            _ => Ok(()),
        }
    }

    fn dies(&mut self) -> Result<(), String> {
        self.until(|walk| match walk.died {
            true => Ok(()),
            false => Err("it did not die".to_owned()),
        })
    }

    /// Accounts that nobody but the scan brings. One is deleted here; then Clouddriver loses both.
    fn scanned(&mut self) -> Result<(), String> {
        let names = ["kept", "deleted"].map(|name| format!("{}-{name}-scan", self.pair.name));
        for name in &names {
            let account = clouddriver::account(name, &ground().kubeconfig);
            assert_eq!(ground().clouddriver.create(&account).status, 200);
        }
        let [kept, deleted] = names;
        self.is_served(&kept)?;
        self.is_served(&deleted)?;
        let body = json!([deleted]);
        self.ask("DELETE", "/armory/accounts", Some(&body), &[202, 400, 409])?;
        self.is_gone(&deleted)?;
        let marks = "SELECT COUNT(*) FROM kubesvc_ferry_tombstones WHERE name = ?";
        assert_eq!(self.count(marks, &deleted), 1);
        for name in [&kept, &deleted] {
            assert_eq!(ground().clouddriver.delete(name).status, 200);
        }
        self.until(|walk| match walk.count(marks, &deleted) {
            0 => Ok(()),
            _ => Err(format!("{deleted} is still marked as deleted")),
        })?;
        self.until(|walk| {
            let account = walk.pair.account(&kept)?;
            let said = account["errorMessage"].as_str().unwrap_or_default();
            match said.contains("Clouddriver has had no account of this name") {
                true => Ok(()),
                false => Err(account.to_string()),
            }
        })?;
        let body = json!([kept]);
        self.ask("DELETE", "/armory/accounts", Some(&body), &[202, 400, 409])?;
        self.is_gone(&kept)
    }

    /// An agent that cannot be taken tries again and again.
    fn refused(&mut self) -> Result<(), String> {
        let folder = self.pair.sidecar.folder().join("nowhere");
        let zone = "z".repeat(256);
        let mut agent = Agent::new(&folder, "nowhere", &zone, &self.pair.sidecar.grpc, "");
        agent.start(&[]);
        self.dies()?;
        let said = self.ask("GET", "/armory/agents", None, &[200])?.body;
        assert!(!said.contains("nowhere"), "{said}");
        Ok(())
    }

    /// A message is sent twice when its core could not record the first time, while the agent still
    /// waits for a cluster that says nothing.
    fn saved_twice(&mut self) -> Result<(), String> {
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("https://{}", mute.local_addr().unwrap());
        let name = format!("{}-mute", self.pair.name);
        self.create(&name, &kubeconfig_of(&server))?;
        self.patch(&name, "ACTIVE")?;
        self.until(|walk| {
            let unsent = "UPDATE kubesvc_ferry_holdings SET unsent = 1
                 WHERE account = ? AND state = 'PENDING'";
            walk.change(unsent, &name);
            match walk.died {
                true => Ok(()),
                false => Err("it did not die".to_owned()),
            }
        })?;
        self.reaches(&name, "FAILED")?;
        self.delete(&name)
    }

    /// The cluster of an account that is served dies, and comes back.
    fn lost(&mut self) -> Result<(), String> {
        let folder = self.pair.sidecar.folder().join("cluster");
        let mut cluster = Cluster::start(&folder, PLANTED);
        let name = format!("{}-lost", self.pair.name);
        self.create(&name, &cluster.kubeconfig("token"))?;
        self.patch(&name, "ACTIVE")?;
        self.reaches(&name, "ACTIVE")?;
        cluster.kill();
        self.dies()?;
        cluster.restart();
        self.is_served(&name)?;
        self.delete(&name)
    }

    /// A row says that the agent has an account which is the agent's own: it is not given up there.
    fn not_dropped(&mut self) -> Result<(), String> {
        let own = format!("{}-own", self.pair.name);
        self.create(&own, &dead_kubeconfig())?;
        self.change(
            "INSERT INTO kubesvc_ferry_holdings
             (account, agent_id, zone_id, generation, state, since)
             SELECT a.name, s.agent_id, s.zone_id, a.generation, 'READY', a.last_updated
             FROM kubesvc_accounts a JOIN kubesvc_ferry_static_accounts s ON s.name = a.name
             WHERE a.name = ?",
            &own,
        );
        self.ask("DELETE", &format!("/credentials/{own}"), None, &[200, 404])?;
        let row = "SELECT COUNT(*) FROM kubesvc_accounts WHERE name = ?";
        self.until(|walk| match walk.count(row, &own) {
            0 => Ok(()),
            _ => Err(format!("{own} still has its row")),
        })
    }

    fn delete(&mut self, name: &str) -> Result<(), String> {
        self.ask("DELETE", &format!("/credentials/{name}"), None, &[200, 404])?;
        self.is_gone(name)
    }

    /// POSTs an account until Clouddriver has it.
    fn create(&mut self, name: &str, kubeconfig: &str) -> Result<(), String> {
        let body = clouddriver::account(name, kubeconfig);
        self.until(|walk| {
            match walk
                .pair
                .sidecar
                .request("POST", "/credentials", Some(&body))
            {
                Ok(answer) if answer.status == 200 => Ok(()),
                // An earlier try was carried out, only its answer was lost.
                _ if ground().clouddriver.stored(name).is_some() => Ok(()),
                Ok(answer) => panic!("POST {name}: {} {}", answer.status, answer.body),
                Err(error) => Err(error),
            }
        })
    }

    /// Has the core end its agent's connection.
    fn disconnect(&mut self) -> Result<(), String> {
        let id = self.until(|walk| {
            let agents = walk.pair.sidecar.request("GET", "/armory/agents", None)?;
            let id = agents.json()[0]["agentId"].as_str().map(str::to_owned);
            id.ok_or("no agent is connected".to_owned())
        })?;
        let path = format!("/armory/agent/{id}/disconnect");
        // 404: it is not back yet from the last time.
        self.ask("POST", &path, None, &[202, 404]).map(drop)
    }

    fn patch(&mut self, name: &str, state: &str) -> Result<(), String> {
        let body = json!([{"name": name, "state": state}]).to_string();
        let key = format!("{name} {state}");
        let headers = [
            ("Content-Type", "application/json"),
            ("Idempotency-Key", &key),
        ];
        self.until(|walk| {
            let url = format!("{}/armory/accounts", walk.pair.sidecar.url);
            let answer = http::send("PATCH", &url, &headers, &body)?;
            assert_eq!(answer.status, 202, "PATCH {name}: {answer:?}");
            Ok(())
        })
    }

    /// Repeats a request until it is answered, with one of these codes.
    fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        expected: &[u16],
    ) -> Result<Answer, String> {
        self.until(|walk| {
            let answer = walk.pair.sidecar.request(method, path, body)?;
            assert!(
                expected.contains(&answer.status),
                "{method} {path}: {answer:?}"
            );
            Ok(answer)
        })
    }

    fn reaches(&mut self, name: &str, status: &str) -> Result<(), String> {
        let reached = self.until(|walk| {
            let account = walk.pair.account(name)?;
            let now = format!("{} {}", account["status"], account["errorMessage"]);
            if account["status"] == status {
                Ok(())
            } else {
                Err(now)
            }
        });
        reached.map_err(|reason| format!("{name} does not become {status} {reason}"))
    }

    fn is_served(&mut self, name: &str) -> Result<(), String> {
        self.until(|walk| {
            let account = walk.pair.account(name)?;
            let served = account["status"] == "ACTIVE" && account["connections"] == 1;
            if served {
                Ok(())
            } else {
                Err(account.to_string())
            }
        })
    }

    fn is_gone(&mut self, name: &str) -> Result<(), String> {
        self.until(|walk| match walk.pair.account(name) {
            Err(answer) if answer.starts_with("404") => Ok(()),
            other => Err(format!("{name} is still there: {other:?}")),
        })
    }

    /// What SQL says in the end: nothing open, each account taken exactly once.
    fn tables(&mut self, good: &str, dead: &str, refused: &str) -> Result<(), String> {
        self.until(
            |walk| match walk.count("SELECT COUNT(*) FROM kubesvc_ferry_intents", "") {
                0 => Ok(()),
                open => Err(format!("{open} writes are still open")),
            },
        )?;
        let evictions = "SELECT COUNT(*) FROM kubesvc_ferry_evictions";
        self.until(|walk| match walk.count(evictions, "") {
            0 => Ok(()),
            left => Err(format!("{left} connections are still to be ended")),
        })?;
        let taken =
            "SELECT COUNT(*) FROM kubesvc_ferry_audit WHERE event = 'Adopt' AND account = ?";
        let counts = [good, dead, refused].map(|name| self.count(taken, name));
        if counts != [1, 1, 0] {
            return Err(format!(
                "taken {counts:?} times instead of once, once and never"
            ));
        }
        Ok(())
    }

    fn count(&self, sql: &'static str, name: &str) -> i64 {
        self.at_tables(async |connection| {
            let query = sqlx::query(sql);
            let query = if name.is_empty() {
                query
            } else {
                query.bind(name)
            };
            query.fetch_one(connection).await.unwrap().get(0)
        })
    }

    /// Changes what the tables say of `name`.
    fn change(&self, sql: &'static str, name: &str) {
        self.at_tables(async |connection| {
            let query = sqlx::query(sql).bind(name);
            query.execute(connection).await.unwrap();
        });
    }

    fn at_tables<T>(&self, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
        let options = SqliteConnectOptions::new().filename(self.pair.sidecar.database());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { work(&mut options.connect().await.unwrap()).await })
    }

    /// Repeats `what` until it is `Ok`; what has died meanwhile is started again.
    fn until<T>(
        &mut self,
        mut what: impl FnMut(&mut Walk) -> Result<T, String>,
    ) -> Result<T, String> {
        wait::until(PATIENCE, || {
            self.revive();
            what(self)
        })
    }

    fn between_steps(&mut self) {
        if self.when != When::BetweenSteps {
            return;
        }
        match self.victim {
            Victim::Sidecar => self.pair.sidecar.process().kill(),
            Victim::Agent => self.pair.agent.process().kill(),
        }
        self.died = true;
        self.start_victim();
    }

    fn revive(&mut self) {
        let ended = match self.victim {
            Victim::Sidecar => self.pair.sidecar.process().ended(),
            Victim::Agent => self.pair.agent.process().ended(),
        };
        if let Some(status) = ended {
            assert_eq!(
                status.signal(),
                Some(SIGABRT),
                "{:?} ended by itself",
                self.victim
            );
            assert!(!self.died, "{:?} died twice", self.victim);
            self.died = true;
            // As long as a supervisor takes.
            std::thread::sleep(Duration::from_millis(300));
            self.start_victim();
        }
    }

    fn start_victim(&mut self) {
        match self.victim {
            Victim::Sidecar => self.start_sidecar(),
            Victim::Agent => self.start_agent(),
        }
    }

    fn environment(&self, victim: Victim) -> Vec<(&'static str, &'static str)> {
        match self.when {
            When::At(point) if self.victim == victim && !self.died => {
                vec![("FERRY_FAILPOINT", point)]
            }
            _ => Vec::new(),
        }
    }

    fn start_sidecar(&mut self) {
        if let Err(not) = self.pair.sidecar.start(&self.environment(Victim::Sidecar)) {
            let aborted = not
                .status
                .is_some_and(|status| status.signal() == Some(SIGABRT));
            assert!(
                aborted && !self.died,
                "the sidecar does not start: {}",
                not.log
            );
            self.died = true;
            self.pair
                .sidecar
                .start(&[])
                .expect("it starts after it died at its start");
        }
    }

    fn start_agent(&mut self) {
        let environment = self.environment(Victim::Agent);
        self.pair.agent.start(&environment);
    }
}

/// Whether the walk waits for the end of an agent's lease, which takes its time.
fn scans(when: When) -> bool {
    let ways = ["core.store.lease", "core.store.gone", "core.store.unbury"];
    matches!(when, When::At(point) if ways.iter().any(|way| point.starts_with(way)))
}

fn expires(when: When) -> bool {
    matches!(when, When::At(point) if point.starts_with("core.store.expire"))
}
