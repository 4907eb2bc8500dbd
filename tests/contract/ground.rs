//! Where the cases run: five places, each a Clouddriver with Ferry on a database of its own and one
//! agent, started by the first case that needs it. They share an API server, the database servers
//! and a Clouddriver without Ferry. Cases of one place run side by side, with account names of
//! their own.

use crate::document;
use ferry_tests::database::{Database, Kind, Schema};
use ferry_tests::ferry::PATIENCE;
use ferry_tests::{Agent, Answer, Clouddriver, Cluster, Door, clouddriver, http, wait};
use serde_json::{Value, json};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Times that make a walk quick; and Clouddriver looks every half a second what is stored.
pub const QUICK: &str = "\
kubesvc:
  heartbeat.period: 1
  cache.accountCleanupFrequencySeconds: 4
  dynamicAccounts:
    retryFrequencySeconds: 1
    transitionTimeoutSeconds: 15
credentials.poller:
  enabled: true
  types.kubernetes.reloadFrequencyMs: 500
";

/// Accounts of Clouddriver's own configuration, beside those it stores. No case of another file has any
/// of these names.
pub fn configured() -> String {
    // As YAML reads it, too.
    let kubeconfig = json!(kubeconfig());
    format!(
        "\
kubernetes.accounts:
  - name: configured-1
    kubeconfigContents: {kubeconfig}
    namespaces: [default]
    permissions: {{READ: [dev], WRITE: [ops]}}
  - name: standing-2
    kube-config-file: /kubeconfigfiles/standing-2
    cacheThreads: '2'
    onlySpinnakerManaged: true
  - name: standing-own
    serviceAccount: true
  - name: standing-none
    context: it
  - name: configured-stored
    kubeconfigFile: /kubeconfigfiles/of-the-configuration
  - name: configured-scanned-1
    kubeconfigContents: {kubeconfig}
  - name: configured-scanned-own
    serviceAccount: true
"
    )
}

/// [`QUICK`], with accounts of the configuration.
fn quick() -> String {
    format!("{QUICK}{}", configured())
}

/// A token of the cluster's, which no answer of ours may show.
pub const TOKEN: &str = "contract-token-5d1e7b90c4f2";

/// A door, and the agent of zone-a with one account of its own.
pub struct Place {
    /// A name that no other place has.
    pub name: &'static str,
    door: Door,
    schema: Option<Schema>,
    folder: PathBuf,
    _agent: Agent,
    /// A Clouddriver without Ferry on the plugin's database.
    beside: OnceLock<Clouddriver>,
}

impl Place {
    fn start(
        name: &'static str,
        kind: Option<Kind>,
        make: fn(Option<&Schema>, &Path) -> Door,
    ) -> Place {
        let folder = common().folder.path().join(name);
        let schema = kind.map(|kind| Database::shared(kind).schema());
        let mut door = make(schema.as_ref(), &folder);
        door.start(&[])
            .unwrap_or_else(|not| panic!("{name} does not start: {}", not.log));
        let home = folder.join("agent-a");
        std::fs::create_dir_all(&home).unwrap();
        let file = home.join("on-premises");
        std::fs::write(&file, kubeconfig()).unwrap();
        let own = format!(
            "kubernetes:\n  accounts:\n    - name: on-premises\n      kubeconfigFile: {}\n",
            file.display()
        );
        let mut agent = Agent::new(&home, "agent-a", "zone-a", door.grpc(), &own);
        agent.start(&[]);
        let place = Place {
            name,
            door,
            schema,
            folder,
            _agent: agent,
            beside: OnceLock::new(),
        };
        place.connected("agent-a");
        place
    }

    /// The kubeconfig's file of agent-a's own account, `on-premises`.
    pub fn file_of_its_own_account(&self) -> String {
        self.folder
            .join("agent-a/on-premises")
            .display()
            .to_string()
    }

    /// Another agent, not started.
    pub fn agent(&self, id: &str, zone: &str) -> Agent {
        Agent::new(&self.folder.join(id), id, zone, self.grpc(), "")
    }

    /// Waits until this agent is connected.
    pub fn connected(&self, id: &str) {
        let connected = wait::until(PATIENCE, || {
            // One place asks for it.
            let token = ("Authorization", "Bearer contract-api-token");
            let agents = self.send("GET", "/armory/agents", &[token], "").json();
            let mut ids = agents.as_array().unwrap().iter();
            match ids.any(|agent| agent["agentId"] == id) {
                true => Ok(()),
                false => Err(agents.to_string()),
            }
        });
        connected.unwrap_or_else(|error| panic!("{id} is not connected: {error}"));
    }

    /// POSTs an account to Clouddriver.
    pub fn post(&self, name: &str, kubeconfig: &str) {
        let body = clouddriver::account(name, kubeconfig);
        let answer = self.request("POST", "/credentials", Some(&body)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// PUTs an account to Clouddriver.
    pub fn put(&self, account: &Value) {
        let answer = self.request("PUT", "/credentials", Some(account)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// PATCHes an account to `state`, and waits until it has this status.
    pub fn switch(&self, name: &str, state: &str, status: &str) -> Value {
        let answer = self.patch(name, state).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (202, ""));
        self.reaches(name, status)
    }

    /// Waits until Ferry knows nothing of this account.
    pub fn forgets(&self, name: &str) {
        let gone = wait::until(PATIENCE, || match self.account(name) {
            Err(answer) if answer.starts_with("404") => Ok(()),
            other => Err(format!("{other:?}")),
        });
        gone.unwrap_or_else(|error| panic!("{name} stays: {error}"));
    }

    /// Clouddriver, past Ferry.
    pub fn past_ferry(&self) -> &Clouddriver {
        match &self.door {
            Door::Sidecar(_, clouddriver) => clouddriver,
            Door::Plugin(_) => self.beside.get_or_init(|| {
                let schema = self.schema.as_ref().unwrap();
                let home = self.folder.join("beside");
                std::fs::create_dir_all(&home).unwrap();
                std::fs::write(home.join("clouddriver.yml"), quick()).unwrap();
                Clouddriver::start_on(schema, &home)
            }),
        }
    }

    /// POSTs an account to Clouddriver, past Ferry.
    pub fn post_past_ferry(&self, account: &Value) -> Answer {
        self.past_ferry().create(account)
    }

    /// Runs this SQL in the place's schema.
    pub fn sql(&self, sql: &str) -> Vec<String> {
        self.schema.as_ref().unwrap().query(sql)
    }

    /// Sends a request as it is given; the answer is one that is documented.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = http::send(method, &format!("{}{path}", self.url), headers, body).unwrap();
        document::holds(method, path, &answer);
        answer
    }
}

impl Deref for Place {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

/// The five places, two where the feature is switched off, two that record every write, two where
/// Clouddriver keeps no accounts, two that let writes pass, two that activate what is written, two whose
/// tables go, and one that asks for a token.
pub mod places {
    use super::{Clouddriver, Door, Kind, OnceLock, Path, Place, Schema, configured, quick};
    use crate::keys::without_effect;
    use ferry_tests::sidecar::write_key;

    /// No dynamic accounts, and compatible where the contract contradicts itself.
    const OFF: &str = "kubesvc.dynamicAccounts.enabled: false\n\
                       kubesvc.compat.emptyObjectForUnknown: true\n";

    /// No write to /credentials passes unrecorded; bodies have a low bound; the scan takes what is
    /// called so, and has been before a case makes any; what has no effect is set, too.
    fn strict() -> String {
        format!(
            "\
kubesvc.api.maxBodySize: 64KB
kubesvc.dynamicAccounts:
  interceptor.strict: true
  namePatterns: ['scanned-.*']
  credentialScanNamePatterns: ['configured-scanned-.*']
  scanFrequencySeconds: 86400
{}{}",
            without_effect(),
            configured()
        )
    }

    fn sidecar_strict(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, &strict())
    }

    fn plugin_strict(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::plugin(schema.unwrap(), folder, &strict())
    }

    /// As before Clouddriver kept accounts itself.
    pub fn without_storage() -> String {
        format!("account.storage.enabled: false\n{}", configured())
    }

    fn sidecar_without_storage(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, &without_storage())
    }

    fn plugin_without_storage(schema: Option<&Schema>, folder: &Path) -> Door {
        // Clouddriver makes its tables also where it does not use them; this host does not.
        drop(Clouddriver::start_on(
            schema.unwrap(),
            &folder.join("before"),
        ));
        Door::plugin(schema.unwrap(), folder, &without_storage())
    }

    /// Asks everybody for a token.
    fn asking(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, "sidecar.api.token: contract-api-token\n")
    }

    /// Migrates nothing that is written.
    fn passing() -> String {
        format!(
            "{}kubesvc.dynamicAccounts.interceptor.enabled: false\n",
            quick()
        )
    }

    fn sidecar_passing(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, &passing())
    }

    fn plugin_passing(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::plugin(schema.unwrap(), folder, &passing())
    }

    /// Activates what is written.
    fn eager() -> String {
        format!(
            "{}kubesvc.dynamicAccounts.interceptor.activate: true\n",
            quick()
        )
    }

    fn sidecar_eager(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, &eager())
    }

    fn plugin_eager(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::plugin(schema.unwrap(), folder, &eager())
    }

    fn sidecar(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, &quick())
    }

    fn sidecar_off(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::sidecar(schema, folder, OFF)
    }

    fn plugin_off(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::plugin(schema.unwrap(), folder, OFF)
    }

    fn plugin(schema: Option<&Schema>, folder: &Path) -> Door {
        Door::plugin(schema.unwrap(), folder, &quick())
    }

    fn plugin_with_a_key(schema: Option<&Schema>, folder: &Path) -> Door {
        std::fs::create_dir_all(folder).unwrap();
        let key = folder.join("ferry.key");
        write_key(&key);
        let more = format!("{}kubesvc.secrets.keyFile: {}\n", quick(), key.display());
        Door::plugin(schema.unwrap(), folder, &more)
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
        plugin_on_mariadb: plugin_with_a_key, Some(Kind::MariaDb);
        plugin_on_postgres: plugin, Some(Kind::Postgres);
        sidecar_switched_off: sidecar_off, None;
        plugin_switched_off: plugin_off, Some(Kind::MariaDb);
        sidecar_that_is_strict: sidecar_strict, Some(Kind::Postgres);
        plugin_that_is_strict: plugin_strict, Some(Kind::MariaDb);
        sidecar_without_accounts: sidecar_without_storage, None;
        plugin_without_accounts: plugin_without_storage, Some(Kind::Postgres);
        sidecar_that_lets_pass: sidecar_passing, None;
        plugin_that_lets_pass: plugin_passing, Some(Kind::MariaDb);
        sidecar_that_activates: sidecar_eager, None;
        plugin_that_activates: plugin_eager, Some(Kind::Postgres);
        sidecar_that_loses_its_tables: sidecar, Some(Kind::MariaDb);
        plugin_that_loses_its_tables: plugin_with_a_key, Some(Kind::MariaDb);
        sidecar_with_a_token: asking, None;
    }
}

/// Makes of each function of these names, which takes a `&Place`, one test per place: the five, or
/// those named.
macro_rules! at_each_door {
    ($($case:ident),* $(,)?) => {
        $($crate::ground::at_each_door!($case: sidecar_on_sqlite, sidecar_on_mariadb,
            sidecar_on_postgres, plugin_on_mariadb, plugin_on_postgres);)*
    };
    ($case:ident: $($place:ident),*) => {
        mod $case {
            $crate::ground::at_each_door!(@ $case: $($place),*);
        }
    };
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

/// A Clouddriver without Ferry.
pub fn plain_clouddriver() -> &'static Clouddriver {
    static PLAIN: OnceLock<Clouddriver> = OnceLock::new();
    PLAIN.get_or_init(|| clouddriver_without_ferry("plain", &quick()))
}

/// One that keeps no accounts.
pub fn plain_clouddriver_without_accounts() -> &'static Clouddriver {
    static PLAIN: OnceLock<Clouddriver> = OnceLock::new();
    PLAIN.get_or_init(|| clouddriver_without_ferry("plain-without", &places::without_storage()))
}

fn clouddriver_without_ferry(name: &str, settings: &str) -> Clouddriver {
    let home = common().folder.path().join(name);
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("clouddriver.yml"), settings).unwrap();
    Clouddriver::start(&home)
}

/// `https://127.0.0.1:port` of the API server.
pub fn server() -> &'static str {
    &common().cluster.server
}

/// A kubeconfig of the API server.
pub fn kubeconfig() -> String {
    common().cluster.kubeconfig("token")
}

/// A kubeconfig of a server where nobody listens.
pub fn dead_kubeconfig() -> String {
    let port = ferry_tests::place::free_port();
    kubeconfig_of(&format!("https://127.0.0.1:{port}"))
}

/// A kubeconfig of this server, with the token.
pub fn kubeconfig_of(server: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": {"token": TOKEN}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    })
    .to_string()
}
