//! The walk with a process killed at every failpoint, and between any two steps: whatever died
//! when, it is restarted, and the walk comes to the same end with nobody's help.

mod person;
mod programs;
mod strays;
mod tables;

use crate::ground::{PATIENCE, Pair, QUICK, dead_kubeconfig, ground};
use ferry_tests::clouddriver;
use serde_json::json;
use std::sync::Mutex;

/// One core has no other's messages to send: `replicas` dies there. On a file no start leaves
/// anything half done: `first` dies there. Nothing of Armory's plugin is there: `adoption` dies there.
/// No definition refers to a secret: `references` and `written` die there. No key is changed: `keys` dies there.
/// No zone is rolled back, and nothing that is not migrated: `keyed` dies there. No other core has an agent to try an account: `peers`
/// dies there.
const ELSEWHERE: [&str; 14] = [
    "core.store.try.",
    "core.store.tried.",
    "core.store.trial-end.",
    "core.store.meant.",
    "core.store.bury.",
    "core.store.sent.",
    "core.store.undone.",
    "core.store.reshape.",
    "core.store.adopt.",
    "core.store.reference.",
    "core.store.forget.",
    "core.store.written.",
    "core.store.unwrite.",
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
        Walk {
            pair: Pair::new(&settings),
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
        walked.map_err(|reason| format!("{reason}\n{}", logs()))
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
            self.dies()?;
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
        self.tables(&good, &dead, &refused)?;
        if self.died {
            return Ok(());
        }
        // What it wrote last is seen before it dies of it.
        self.dies()?;
        self.tables(&good, &dead, &refused)
    }
}

/// Whether accounts are scanned on the walk.
fn scans(when: When) -> bool {
    let ways = ["core.store.lease", "core.store.gone", "core.store.unbury"];
    matches!(when, When::At(point) if ways.iter().any(|way| point.starts_with(way)))
}

/// Whether the walk waits for the end of an agent's lease, which takes its time.
fn expires(when: When) -> bool {
    matches!(when, When::At(point) if point.starts_with("core.store.expire"))
}
