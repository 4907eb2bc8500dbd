//! The parts of the demo: two API servers of which one is stopped again, Clouddriver's host with the
//! sidecar in front of it or the plugin in it, and the agent, each on free loopback ports and with everything it writes in the demo's folder.

use ferry_tests::database::{Database, Kind};
use ferry_tests::{Agent, Cluster, Door, Plugin};
use serde_json::json;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The agent's zone.
pub const ZONE: &str = "zone-a";

/// A FAILED account is tried again after a minute: time to read why it failed.
const SETTINGS: &str = "kubesvc:\n  dynamicAccounts:\n    retryFrequencySeconds: 60\n";

/// Everything that runs.
pub struct Parts {
    /// What the agent is to reach.
    pub good: Good,
    /// A kubeconfig of an API server that is no more.
    pub dead: Dead,
    /// Clouddriver's account parts, with Ferry.
    pub door: Door,
    /// Dials Ferry.
    pub agent: Agent,
    /// Clouddriver's, where the plugin is: the sidecar and Clouddriver have files.
    _database: Option<Database>,
}

/// The cluster that works.
pub enum Good {
    /// Started here.
    Ours(Cluster),
    /// The reader's own, by their kubeconfig.
    Theirs {
        /// Its file.
        path: PathBuf,
        /// Its text.
        kubeconfig: String,
    },
}

impl Good {
    fn start(folder: &Path, token: &str) -> Result<Good, String> {
        let path = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty());
        let Some(path) = path.map(PathBuf::from) else {
            return Ok(Good::Ours(Cluster::start(&folder.join("cluster"), token)));
        };
        match std::fs::read_to_string(&path) {
            Ok(kubeconfig) => Ok(Good::Theirs { path, kubeconfig }),
            Err(error) => Err(format!(
                "KUBECONFIG={} cannot be read: {error}. Name one file, or unset it to use a \
                 cluster of the demo's own.",
                path.display()
            )),
        }
    }

    fn kubeconfig(&self) -> String {
        match self {
            Good::Ours(cluster) => cluster.kubeconfig("token"),
            Good::Theirs { kubeconfig, .. } => kubeconfig.clone(),
        }
    }
}

/// The cluster that does not.
pub struct Dead {
    /// Where it was.
    pub server: String,
    kubeconfig: String,
}

impl Dead {
    fn start(folder: &Path, token: &str) -> Dead {
        let mut cluster = Cluster::start(&folder.join("dead-cluster"), token);
        let kubeconfig = cluster.kubeconfig("token");
        cluster.kill();
        Dead {
            server: cluster.server.clone(),
            kubeconfig,
        }
    }
}

impl Parts {
    /// Starts everything. `Err`: what is in the way, and what to do.
    pub fn start(folder: &Path, plugin: bool) -> Result<Parts, String> {
        let token = random_token()?;
        let (good, dead, (mut door, database)) = std::thread::scope(|scope| {
            let good = scope.spawn(|| Good::start(folder, &token));
            let dead = scope.spawn(|| Dead::start(folder, &token));
            let door = door(&folder.join("ferry"), plugin);
            // A part that does not start has said why.
            let gone = |_| "a part did not start".to_owned();
            Ok::<_, String>((
                good.join().map_err(gone)??,
                dead.join().map_err(gone)?,
                door,
            ))
        })?;
        door.start(&[])
            .map_err(|not| format!("Ferry does not start: {}", not.log))?;
        let home = folder.join("agent");
        let mut agent = Agent::new(&home, "demo-agent", ZONE, door.grpc(), "");
        agent.start(&[]);
        Ok(Parts {
            good,
            dead,
            door,
            agent,
            _database: database,
        })
    }

    /// Writes the body of POST /credentials for `name` into a file, which holds the kubeconfig.
    pub fn body(&self, folder: &Path, name: &str) -> Result<PathBuf, String> {
        let kubeconfig = match name {
            "dead" => self.dead.kubeconfig.clone(),
            _ => self.good.kubeconfig(),
        };
        let body = json!({"type": "kubernetes", "name": name, "kubeconfigContents": kubeconfig});
        let path = folder.join(format!("{name}.json"));
        let mut options = std::fs::File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(body.to_string().as_bytes()))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(path)
    }
}

/// The plugin is as people install it, and Clouddriver has a database server then.
fn door(folder: &Path, plugin: bool) -> (Door, Option<Database>) {
    if !plugin {
        return (Door::sidecar(None, folder, SETTINGS), None);
    }
    let database = Database::start(Kind::MariaDb);
    let plugin = Plugin::packed(&database.schema(), folder, SETTINGS);
    (Door::Plugin(plugin), Some(database))
}

fn random_token() -> Result<String, String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("/dev/urandom cannot be read: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
