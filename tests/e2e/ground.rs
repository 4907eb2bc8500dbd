//! What all tests of this suite share, started once: an API server and Clouddriver's host. Each
//! test has its own sidecar and agent, and account names of its own.

pub use ferry_tests::ferry::PATIENCE;
use ferry_tests::{Agent, Clouddriver, Cluster, Sidecar, clouddriver};
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// A token that must be found nowhere.
pub const PLANTED: &str = "planted-token-7f3a9c51e8d2";
/// The shared parts.
pub struct Ground {
    pub clouddriver: Clouddriver,
    pub kubeconfig: String,
    /// One of a user who has no rights.
    pub reader: String,
    pub folder: tempfile::TempDir,
    _cluster: Mutex<Cluster>,
}

/// Starts the shared parts, once.
pub fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let cluster = Cluster::start(&folder.path().join("cluster"), PLANTED);
        let clouddriver = Clouddriver::start(&folder.path().join("clouddriver"));
        let kubeconfig = cluster.kubeconfig("token");
        assert!(kubeconfig.contains(PLANTED));
        Ground {
            clouddriver,
            kubeconfig,
            reader: cluster.kubeconfig("reader"),
            folder,
            _cluster: Mutex::new(cluster),
        }
    })
}

/// A kubeconfig of a server where nobody listens.
pub fn dead_kubeconfig() -> String {
    kubeconfig_of(&format!(
        "https://127.0.0.1:{}",
        ferry_tests::place::free_port()
    ))
}

/// A kubeconfig of this server, with the planted token.
pub fn kubeconfig_of(server: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": {"token": PLANTED}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    })
    .to_string()
}

/// Times that make a walk quick.
pub const QUICK: &str = "kubesvc:\n  heartbeat:\n    period: 1\n  dynamicAccounts:\n    \
    retryFrequencySeconds: 1\n    transitionTimeoutSeconds: 15\n";

/// A name that no other test has, and a folder of that name.
pub fn fresh() -> (String, PathBuf) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = ground().folder.path().join(&name);
    (name, folder)
}

fn agent(name: &str, folder: &Path, sidecar: &Sidecar, more: &str) -> Agent {
    let id = format!("agent-{name}");
    Agent::new(folder, &id, "zone-a", &sidecar.grpc, more)
}

/// One test's own sidecar and agent.
pub struct Pair {
    pub name: String,
    pub sidecar: Sidecar,
    pub agent: Agent,
}

impl Pair {
    /// Works on the sidecar's tables.
    pub fn at_tables<T>(&self, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
        let options = SqliteConnectOptions::new().filename(self.sidecar.database());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { work(&mut options.connect().await.unwrap()).await })
    }

    /// A pair with fresh folders, not started. `settings` is the sidecar's YAML.
    pub fn new(settings: &str) -> Pair {
        let (name, folder) = fresh();
        let sidecar = Sidecar::new(&folder, &ground().clouddriver.url, settings);
        let agent = agent(&name, &folder, &sidecar, "");
        Pair {
            name,
            sidecar,
            agent,
        }
    }

    /// Gives its agent, which does not run yet, this YAML besides.
    pub fn configure_agent(&mut self, more: &str) {
        self.agent = agent(&self.name, self.sidecar.folder(), &self.sidecar, more);
    }

    /// A pair that runs.
    pub fn start(settings: &str) -> Pair {
        let mut pair = Pair::new(settings);
        pair.sidecar.start(&[]).unwrap();
        pair.agent.start(&[]);
        pair
    }

    /// POSTs an account through the sidecar; answers its name.
    pub fn post(&self, name: &str, kubeconfig: &str) -> String {
        let name = format!("{}-{name}", self.name);
        let body = clouddriver::account(&name, kubeconfig);
        let answer = self
            .sidecar
            .request("POST", "/credentials", Some(&body))
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        name
    }

    /// PATCHes an account to `state`.
    pub fn patch(&self, name: &str, state: &str) {
        let answer = self.sidecar.patch(name, state).unwrap();
        let said = (answer.status, answer.body.as_str());
        assert_eq!(said, (202, ""), "{name}:\n{}", self.sidecar.log());
    }

    /// The account as KubesvcAccount; `Err` with what came instead.
    pub fn account(&self, name: &str) -> Result<Value, String> {
        self.sidecar.account(name)
    }

    /// Waits until the account has this status.
    pub fn reaches(&self, name: &str, status: &str) -> Value {
        self.sidecar.reaches(name, status)
    }
}
