//! Many accounts at once, some of them dead: put in service through a sidecar by two agents, each in
//! a zone of its own, over a few API servers; each account has a server URL of its own there. What it
//! takes until all that live are served is measured. A dead one refuses connections, or takes them and
//! never answers.

use crate::clouddriver::account;
use crate::ferry::Ferry;
use crate::place::free_port;
use crate::process::Process;
use crate::{Agent, Cluster, Door, wait};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const ZONES: [&str; 2] = ["zone-a", "zone-b"];
/// Clients that POST accounts at once.
const CLIENTS: usize = 8;
/// Longer than all of it takes: what hangs is being tried until the end. An API server that so many ask
/// at once may cut connections; that is tried again.
const SETTINGS: &str = "kubesvc:\n  dynamicAccounts:\n    \
    transitionTimeoutSeconds: 1800\n    retryFrequencySeconds: 5\n    maxRetries: 100\n";
/// Of the agents: as long, for one step towards a cluster.
const AGENTS: &str = "timeoutSeconds: 600";
const PATIENCE: Duration = Duration::from_secs(1500);

/// How many of what.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// All accounts.
    pub accounts: usize,
    /// Those of them whose cluster is dead, a multiple of four and at most 1000.
    pub dead: usize,
    /// API servers.
    pub servers: usize,
}

/// What one process took.
#[derive(Debug, Clone)]
pub struct Cost {
    /// Which.
    pub what: &'static str,
    /// Resident memory in KiB, when all that live were served.
    pub rss_kib: u64,
    /// Processor time from the PATCH until then.
    pub cpu: Duration,
    /// Open file descriptors then.
    pub files: usize,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// From the PATCH until half of those that live were ACTIVE.
    pub half: Duration,
    /// From the PATCH until all of them were.
    pub all: Duration,
    /// How many of the dead ones were ACTIVE then.
    pub risen: usize,
    /// How many of those that hang were given up by then.
    pub given_up: usize,
    /// Sidecar, agents and API servers.
    pub costs: Vec<Cost>,
}

/// The parts, running.
struct Crowd {
    size: Size,
    door: Door,
    agents: Vec<Agent>,
    clusters: Vec<Cluster>,
    refuses: String,
    /// Takes connections and says nothing.
    hangs: SocketAddr,
}

/// Starts everything in `folder`, puts all accounts in service by one request and waits until those
/// that live are ACTIVE.
///
/// # Panics
/// When a part does not start, or they are not within 25 minutes.
pub fn run(folder: &Path, size: Size) -> Outcome {
    let mut crowd = Crowd::start(folder, size);
    crowd.post();
    let patch: Value = (0..size.accounts)
        .map(|at| json!({"name": name(at), "state": "ACTIVE", "zoneId": ZONES[at % 2]}))
        .collect();
    let before = crowd.costs();
    let answer = crowd
        .door
        .request("PATCH", "/armory/accounts", Some(&patch));
    assert_eq!(answer.unwrap().status, 202);
    let start = Instant::now();
    let live = size.accounts - size.dead;
    crowd.wait_for(live / 2);
    let half = start.elapsed();
    crowd.wait_for(live);
    let all = start.elapsed();
    let active = crowd.count("status=ACTIVE");
    Outcome {
        half,
        all,
        risen: active - live,
        given_up: crowd.given_up(),
        costs: crowd.costs_since(&before),
    }
}

/// What an account's cluster does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Lives,
    Refuses,
    Hangs,
}

impl Size {
    /// The dead are spread evenly among the others, over both zones.
    fn life(self, at: usize) -> Life {
        let dead_before = |pair: usize| pair * self.dead / self.accounts;
        let before = dead_before(at / 2);
        if before == dead_before(at / 2 + 1) {
            Life::Lives
        } else {
            [Life::Refuses, Life::Hangs][before % 2]
        }
    }
}

fn name(at: usize) -> String {
    format!("crowd-{at:05}")
}

impl Crowd {
    fn start(folder: &Path, size: Size) -> Crowd {
        let clusters = (0..size.servers)
            .map(|at| Cluster::start(&folder.join(format!("cluster-{at}")), "crowd-token"))
            .collect();
        let mut door = Door::sidecar(None, folder, SETTINGS);
        let started = door.start(&[]);
        started.unwrap_or_else(|not| panic!("the sidecar does not start: {}", not.log));
        let agents = ZONES.map(|zone| {
            let folder = folder.join(zone);
            let mut agent = Agent::new(&folder, zone, zone, door.grpc(), AGENTS);
            agent.start(&[]);
            agent
        });
        Crowd {
            size,
            door,
            agents: agents.into(),
            clusters,
            refuses: format!("https://127.0.0.1:{}", free_port()),
            hangs: hanging(),
        }
    }

    fn kubeconfig(&self, at: usize) -> String {
        let cluster = &self.clusters[at / 2 % self.clusters.len()];
        let kubeconfig = cluster.kubeconfig("token");
        let server = match self.size.life(at) {
            Life::Lives => cluster.server.clone(),
            Life::Refuses => self.refuses.clone(),
            Life::Hangs => format!("https://{}", self.hangs),
        };
        let alias = format!("{server}/clusters/{}", name(at));
        kubeconfig.replace(&cluster.server, &alias)
    }

    fn post(&self) {
        let url = &self.door.url;
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                scope.spawn(move || {
                    let ferry = Ferry { url: url.clone() };
                    for at in (client..self.size.accounts).step_by(CLIENTS) {
                        let body = account(&name(at), &self.kubeconfig(at));
                        let answer = ferry.request("POST", "/credentials", Some(&body)).unwrap();
                        assert_eq!(answer.status, 200, "{}", answer.body);
                    }
                });
            }
        });
    }

    /// Those that hang and are not being tried, nor waiting for it.
    fn given_up(&self) -> usize {
        let hangs = (0..self.size.accounts).filter(|at| self.size.life(*at) == Life::Hangs);
        let hangs: Vec<String> = hangs.map(name).collect();
        let path = "/armory/accounts?limit=1000&status=FAILED";
        let failed = self.door.request("GET", path, None).unwrap().json();
        let failed = failed["items"].as_array().unwrap().iter();
        let failed = failed.map(|item| item["name"].as_str().unwrap());
        failed
            .filter(|failed| hangs.iter().any(|name| name == failed))
            .count()
    }

    fn count(&self, filter: &str) -> usize {
        let path = format!("/armory/accounts?limit=1&{filter}");
        let listed = self.door.request("GET", &path, None).unwrap().json();
        usize::try_from(listed["total"].as_u64().unwrap()).unwrap()
    }

    fn wait_for(&self, active: usize) {
        let waited = wait::until(PATIENCE, || match self.count("status=ACTIVE") {
            count if count >= active => Ok(()),
            count => Err(format!("{count} of {active} are ACTIVE")),
        });
        waited.unwrap();
    }

    fn costs(&mut self) -> Vec<Cost> {
        let mut costs = vec![cost("sidecar", self.door.process())];
        for (what, agent) in ["agent of zone-a", "agent of zone-b"]
            .iter()
            .zip(&mut self.agents)
        {
            costs.push(cost(what, agent.process()));
        }
        let servers = self.clusters.iter().map(Cluster::process);
        costs.extend(servers.map(|process| cost("API server", process)));
        costs
    }

    fn costs_since(&mut self, before: &[Cost]) -> Vec<Cost> {
        let mut costs = self.costs();
        for (cost, before) in costs.iter_mut().zip(before) {
            cost.cpu -= before.cpu;
        }
        costs
    }
}

/// Where connections are taken, kept until the process ends, and never answered.
fn hanging() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<TcpStream>>());
    address
}

fn cost(what: &'static str, process: &Process) -> Cost {
    Cost {
        what,
        rss_kib: process.rss_kib(),
        cpu: process.cpu(),
        files: process.files(),
    }
}
