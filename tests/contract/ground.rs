//! Where the cases run: five places, each a Clouddriver with Ferry on a database of its own and one
//! agent, started by the first case that needs it. They share an API server and the database
//! servers. Cases of one place run side by side, with account names of their own.

use ferry_tests::database::{Database, Kind, Schema};
use ferry_tests::{Agent, Cluster, Door, clouddriver};
use serde_json::json;
use std::ops::Deref;
use std::path::Path;
use std::sync::OnceLock;

/// Times that make a walk quick.
const QUICK: &str = "kubesvc:\n  heartbeat:\n    period: 1\n  dynamicAccounts:\n    \
    retryFrequencySeconds: 1\n    transitionTimeoutSeconds: 15\n";

/// A token of the cluster's, which no answer of ours may show.
const TOKEN: &str = "contract-token-5d1e7b90c4f2";

/// A door with an agent.
pub struct Place {
    door: Door,
    _agent: Agent,
}

impl Place {
    fn start(name: &str, kind: Option<Kind>, make: fn(Option<&Schema>, &Path) -> Door) -> Place {
        let folder = common().folder.path().join(name);
        let schema = kind.map(|kind| Database::shared(kind).schema());
        let mut door = make(schema.as_ref(), &folder);
        door.start(&[])
            .unwrap_or_else(|not| panic!("{name} does not start: {}", not.log));
        let home = folder.join("agent");
        let mut agent = Agent::new(&home, "agent-a", "zone-a", door.grpc(), "");
        agent.start(&[]);
        Place {
            door,
            _agent: agent,
        }
    }

    /// POSTs an account to Clouddriver.
    pub fn post(&self, name: &str, kubeconfig: &str) {
        let body = clouddriver::account(name, kubeconfig);
        let answer = self.request("POST", "/credentials", Some(&body)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

impl Deref for Place {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

/// The five places.
pub mod places {
    use super::{Door, Kind, OnceLock, Path, Place, QUICK, Schema};

    fn sidecar(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, QUICK)
    }

    fn plugin(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::plugin(schema.unwrap(), folder, QUICK)
    }

    macro_rules! places {
        ($($name:ident: $door:ident, $kind:expr;)*) => {$(
            pub fn $name() -> &'static Place {
                static PLACE: OnceLock<Place> = OnceLock::new();
                PLACE.get_or_init(|| Place::start(stringify!($name), $kind, $door))
            }
        )*};
    }

    places! {
        sidecar_on_sqlite: sidecar, None;
        sidecar_on_mariadb: sidecar, Some(Kind::MariaDb);
        sidecar_on_postgres: sidecar, Some(Kind::Postgres);
        plugin_on_mariadb: plugin, Some(Kind::MariaDb);
        plugin_on_postgres: plugin, Some(Kind::Postgres);
    }
}

/// Makes of each function of these names, which takes a `&Place`, one test per place.
macro_rules! at_each_door {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            $crate::ground::at_each_door!(@ $case: sidecar_on_sqlite, sidecar_on_mariadb, sidecar_on_postgres,
                plugin_on_mariadb, plugin_on_postgres);
        }
    )*};
    (@ $case:ident: $($place:ident),*) => {$(
        #[test]
        fn $place() {
            super::$case($crate::ground::places::$place());
        }
    )*};
}
pub(crate) use at_each_door;

struct Common {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

fn common() -> &'static Common {
    static COMMON: OnceLock<Common> = OnceLock::new();
    COMMON.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let cluster = Cluster::start(&folder.path().join("cluster"), TOKEN);
        Common { cluster, folder }
    })
}

/// A kubeconfig of the API server.
pub fn kubeconfig() -> String {
    common().cluster.kubeconfig("token")
}

/// A kubeconfig of a server where nobody listens.
pub fn dead_kubeconfig() -> String {
    let server = format!("https://127.0.0.1:{}", ferry_tests::place::free_port());
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": {"token": TOKEN}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    })
    .to_string()
}
