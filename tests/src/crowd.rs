//! Many accounts at once, some of them dead: put in service through a sidecar by two agents, each in
//! a zone of its own, over a few API servers; each account has a server URL of its own there. The dead
//! are all of one zone, and both have as many that live: the other one shows how long these take by
//! themselves, on the same machine in the same minute. A dead one refuses connections, or takes them
//! and never answers. All keys have their defaults.

use crate::clouddriver::account;
use crate::ferry::Ferry;
use crate::place::free_port;
use crate::process::Process;
use crate::{Agent, Cluster, Door, wait};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// The first one has all the dead.
const ZONES: [&str; 2] = ["zone-a", "zone-b"];
/// Clients that POST accounts at once.
const CLIENTS: usize = 8;
/// How long all may take together on a machine that is busy with other things, too.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many of what.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// All accounts.
    pub accounts: usize,
    /// Those of them whose cluster is dead.
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
    /// From the PATCH until all that live among the dead were.
    pub beside_dead: Duration,
    /// From the PATCH until all that live in the zone without any dead were.
    pub by_themselves: Duration,
    /// How many of the dead ones were ACTIVE when all that live were.
    pub risen: usize,
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
/// When a part does not start, or they are not within ten minutes.
pub fn run(folder: &Path, size: Size) -> Outcome {
    let mut crowd = Crowd::start(folder, size);
    crowd.post();
    let patch: Value = (0..size.accounts)
        .map(|at| json!({"name": name(at), "state": "ACTIVE", "zoneId": size.zone(at)}))
        .collect();
    let before = crowd.costs();
    let answer = crowd
        .door
        .request("PATCH", "/armory/accounts", Some(&patch));
    assert_eq!(answer.unwrap().status, 202);
    let start = Instant::now();
    let mut all = [None; ZONES.len()];
    let mut half = None;
    let live = size.accounts - size.dead;
    let waited = wait::until(PATIENCE, || {
        let active = ZONES.map(|zone| crowd.count(&format!("status=ACTIVE&zoneId={zone}")));
        let now = start.elapsed();
        for ((all, active), zone) in all.iter_mut().zip(active).zip(ZONES) {
            if active >= size.living(zone) {
                all.get_or_insert(now);
            }
        }
        let active: usize = active.iter().sum();
        if active >= live / 2 {
            half.get_or_insert(now);
        }
        match all {
            [Some(beside_dead), Some(by_themselves)] => Ok((beside_dead, by_themselves)),
            _ => Err(format!("{active} of {live} are ACTIVE")),
        }
    });
    let (beside_dead, by_themselves) = waited.unwrap();
    Outcome {
        half: half.unwrap_or(beside_dead),
        beside_dead,
        by_themselves,
        risen: crowd.count("status=ACTIVE") - live,
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
    /// The dead that come before this account: they are spread evenly among the others.
    fn dead_before(self, at: usize) -> usize {
        at * self.dead / self.accounts
    }

    fn life(self, at: usize) -> Life {
        let before = self.dead_before(at);
        match before == self.dead_before(at + 1) {
            true => Life::Lives,
            false => [Life::Refuses, Life::Hangs][before % 2],
        }
    }

    /// Its number among those that live.
    fn number(self, at: usize) -> usize {
        at - self.dead_before(at)
    }

    fn zone(self, at: usize) -> &'static str {
        match self.life(at) {
            Life::Lives => ZONES[self.number(at) % 2],
            Life::Refuses | Life::Hangs => ZONES[0],
        }
    }

    /// How many live in a zone.
    fn living(self, zone: &str) -> usize {
        let lives = |at: &usize| self.life(*at) == Life::Lives && self.zone(*at) == zone;
        (0..self.accounts).filter(lives).count()
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
        let mut door = Door::sidecar(None, folder, "");
        let started = door.start(&[]);
        started.unwrap_or_else(|not| panic!("the sidecar does not start: {}", not.log));
        let agents = ZONES.map(|zone| {
            let folder = folder.join(zone);
            let mut agent = Agent::new(&folder, zone, zone, door.grpc(), "");
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
        let cluster = &self.clusters[self.size.number(at) / 2 % self.clusters.len()];
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

    fn count(&self, filter: &str) -> usize {
        let path = format!("/armory/accounts?limit=1&{filter}");
        let listed = self.door.request("GET", &path, None).unwrap().json();
        usize::try_from(listed["total"].as_u64().unwrap()).unwrap()
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
