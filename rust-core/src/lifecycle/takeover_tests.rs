//! Populated tables of Armory's plugin, on MariaDB and PostgreSQL, with the two users that Spinnaker
//! documents: every row becomes ours where it lies, and nothing of it is lost.

use super::*;
use crate::account::{HoldingState, Status};
use crate::lifecycle::Parts;
use crate::source::test_source::TestSource;
use crate::store::{
    ARMORY_AGENTS, AccountDetail, Filter, Held, Location, Registration, StaticAccount,
};
use ferry_tests::armory::{Changelog, populate};
use ferry_tests::database::{Database, Kind, Schema, User};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const TOKEN: &str = "pla1n-t0ken-of-armory";
const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};
const SERVERS: [Kind; 2] = [Kind::MariaDb, Kind::Postgres];

fn kubeconfig() -> String {
    format!("apiVersion: v1\nusers: [{{name: it, user: {{token: {TOKEN}}}}}]\n")
}

/// As their definitions have it.
fn encoded() -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, kubeconfig())
}

struct Left {
    schema: Schema,
    keyring: Keyring,
    source: TestSource,
    folder: tempfile::TempDir,
}

impl Left {
    async fn new(kind: Kind, changelog: Changelog) -> Left {
        let schema = Database::shared(kind).schema();
        populate(&schema, changelog, &kubeconfig());
        let folder = tempfile::tempdir().unwrap();
        Left {
            schema,
            keyring: Keyring::beside(&folder.path().join("key")).unwrap(),
            source: TestSource::start().await,
            folder,
        }
    }

    async fn store(&self) -> Store {
        let url = |user| SecretString::from(self.schema.url(user));
        let place = Location::parse(&url(User::Service), Some(&url(User::Migrate)));
        Store::open(&place.unwrap()).await.unwrap()
    }

    async fn taken(&self) -> Store {
        let store = self.store().await;
        let source = self.source.source();
        take_over(&store, &self.keyring, &source, &LIMITS)
            .await
            .unwrap();
        store
    }

    /// What their plugin adds while it is still there: an account that it was asked for, and one that
    /// an agent of theirs brings.
    fn add(&self) {
        self.schema.query(&format!(
            "INSERT INTO kubesvc_accounts (name, last_updated, kube_host, cert_fingerprint,
             max_watch_age_seconds, zone_id, dynamic, status, definition, failed_count, connections)
             VALUES ('later', 1, '', '', 1, 'zone-a', TRUE, 'TO_MIGRATE',
             '{{\"name\":\"later\",\"kubeconfigContents\":\"{}\"}}', 0, 0),
             ('Static', 1, '', '', 1, 'zone-a', FALSE, NULL, NULL, 0, 7)",
            encoded()
        ));
    }

    /// Every row of a table as text by its columns.
    fn rows(&self, table: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        let columns = self.columns(table);
        let value = |column: &String| match self.schema.kind() {
            Kind::MariaDb => format!("COALESCE(CONCAT('=', {column} + 0), 'NULL')"),
            Kind::Postgres => format!("COALESCE('=' || CAST({column} AS TEXT), 'NULL')"),
        };
        let text = |column: &String| match (self.schema.kind(), column.as_str()) {
            (Kind::MariaDb, "dynamic") => value(column),
            (Kind::MariaDb, _) => format!("COALESCE(CONCAT('=', {column}), 'NULL')"),
            _ => value(column),
        };
        let select: Vec<String> = columns.iter().map(text).collect();
        let query = format!("SELECT {} FROM {table}", select.join(", "));
        let rows = self.schema.query(&query).into_iter().map(|row| {
            let values = row.split('\t').map(str::to_owned);
            let row: BTreeMap<_, _> = columns.iter().cloned().zip(values).collect();
            (row["name"].clone(), row)
        });
        rows.collect()
    }

    fn columns(&self, table: &str) -> Vec<String> {
        let schema = match self.schema.kind() {
            Kind::MariaDb => "DATABASE()",
            Kind::Postgres => "current_schema()",
        };
        self.schema.query(&format!(
            "SELECT column_name FROM information_schema.columns
             WHERE table_schema = {schema} AND table_name = '{table}' ORDER BY ordinal_position"
        ))
    }

    fn everything(&self) -> String {
        let tables = [
            "kubesvc_accounts",
            "kubesvc_ferry_armory_static",
            "kubesvc_ferry_holdings",
            "kubesvc_ferry_audit",
            "kubesvc_assignments",
        ];
        let rows = tables.map(|table| {
            let order = match table {
                "kubesvc_ferry_holdings" | "kubesvc_ferry_audit" => "account",
                "kubesvc_assignments" => "id",
                _ => "name",
            };
            let escape = match self.schema.kind() {
                Kind::MariaDb => "",
                Kind::Postgres => "SET bytea_output = 'escape';",
            };
            let query = format!("{escape}SELECT * FROM {table} ORDER BY {order}");
            self.schema.query(&query).join("\n")
        });
        rows.join("\n")
    }
}

async fn stands(store: &Store, name: &str) -> Option<Status> {
    let view = store.view(name).await.unwrap()?;
    Some(view.account.status)
}

#[tokio::test]
async fn every_row_becomes_ours_where_it_lies() {
    for kind in SERVERS {
        for changelog in Changelog::ALL {
            become_ours(&Left::new(kind, changelog).await, changelog).await;
        }
    }
}

async fn become_ours(left: &Left, changelog: Changelog) {
    let (before, log) = (left.rows("kubesvc_accounts"), changelog.read(&left.schema));
    let assigned = left.schema.query("SELECT * FROM kubesvc_assignments");
    let columns = left.columns("kubesvc_accounts");
    let store = left.taken().await;

    let now = left.columns("kubesvc_accounts");
    assert_eq!(now[..columns.len()], columns, "columns stay");
    let ours = left.rows("kubesvc_accounts");
    let apart = left.rows("kubesvc_ferry_armory_static");
    assert_eq!(ours.len() + apart.len(), before.len(), "rows stay");
    assert_eq!(
        apart.keys().collect::<Vec<_>>(),
        ["=Static", "=static-too"],
        "agents' own"
    );
    let kept = [
        "kube_version",
        "kube_host",
        "cert_fingerprint",
        "max_watch_age_seconds",
        "props",
        "zone_id",
        "dynamic",
        "connections",
        "failed_count",
    ];
    for (name, row) in &before {
        let after = ours.get(name).or_else(|| apart.get(name)).unwrap();
        for column in kept {
            assert_eq!(after[column], row[column], "{name} {column}");
        }
    }
    for (name, status) in [
        ("active", Status::Active),
        ("inactive", Status::Inactive),
        ("failed", Status::Failed),
        ("orphaned", Status::Orphaned),
        ("to-migrate", Status::ToMigrate),
        ("activating", Status::ToMigrate),
        ("to-deactivate", Status::ToDeactivate),
        ("deactivating", Status::ToDeactivate),
        ("deleting", Status::Deleting),
        ("at-the-agent", Status::Inactive),
        ("empty", Status::Failed),
        ("missing", Status::Failed),
        ("broken", Status::Failed),
    ] {
        assert_eq!(stands(&store, name).await, Some(status), "{name}");
    }
    let failed = store.view("failed").await.unwrap().unwrap().account;
    assert_eq!(failed.message.as_deref(), Some("no route to host"));
    for (name, said) in [
        ("empty", "without a definition"),
        ("missing", "without a definition"),
        ("broken", "not a JSON object"),
    ] {
        let account = store.view(name).await.unwrap().unwrap().account;
        assert!(account.message.unwrap().contains(said));
    }
    let active = store.view("active").await.unwrap().unwrap();
    let held: Vec<_> = active.holdings.iter().collect();
    assert_eq!(held.len(), 1);
    assert_eq!(
        (held[0].agent_id.as_str(), held[0].state),
        (ARMORY_AGENTS, HoldingState::Away)
    );

    let content = store.content("active").await.unwrap().unwrap();
    let sealed = content.secret.unwrap();
    let opened = left.keyring.open_sealed("active", &sealed).unwrap();
    let definition = Definition {
        public: serde_json::from_str(&content.definition).unwrap(),
        secrets: Some(opened),
    };
    let contents = definition.kubeconfig_contents().unwrap();
    assert_eq!(contents.expose_secret(), kubeconfig());
    assert_eq!(definition.public["namespaces"], json!(["default"]));
    let everything = left.everything();
    assert!(!everything.contains(TOKEN));
    assert!(!everything.contains(&encoded()[..40]));

    // Again, as by the next start: nothing is left to do.
    left.taken().await;
    assert_eq!(left.everything(), everything);
    assert_eq!(changelog.read(&left.schema), log);
    assert_eq!(
        left.schema.query("SELECT * FROM kubesvc_assignments"),
        assigned
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_cores_that_start_each_row_is_taken_over_by_one() {
    for kind in SERVERS {
        let left = Left::new(kind, Changelog::BuiltIn).await;
        let taken = || left.taken();
        tokio::join!(taken(), taken(), taken());
        let adopted = left.schema.query(
            "SELECT account, COUNT(*) FROM kubesvc_ferry_audit WHERE event = 'Adopt'
             GROUP BY account",
        );
        assert_eq!(adopted.len(), 13, "{adopted:?}");
        assert!(
            adopted.iter().all(|row| row.ends_with("\t1")),
            "{adopted:?}"
        );
        assert_eq!(left.rows("kubesvc_ferry_armory_static").len(), 2);
    }
}

#[tokio::test]
async fn without_a_key_no_secret_is_lost() {
    for kind in SERVERS {
        let mut left = Left::new(kind, Changelog::Bare).await;
        left.keyring = Keyring::none();
        let before = left.rows("kubesvc_accounts");
        let store = left.store().await;
        let source = left.source.source();
        let attempt = take_over(&store, &left.keyring, &source, &LIMITS).await;
        let error = attempt.unwrap_err().to_string();
        assert!(
            error.starts_with("kubesvc.secrets.keyFile is not set")
                && error.contains("11 of")
                && !error.contains(TOKEN),
            "{error}"
        );
        let now = left.rows("kubesvc_accounts");
        for (name, row) in &before {
            assert_eq!(now[name]["definition"], row["definition"], "{name}");
            let account = json!({"kubeconfigContents": kubeconfig()});
            left.source.put(&name[1..], account);
        }
        let store = left.taken().await;
        let content = store.content("active").await.unwrap().unwrap();
        assert!(content.secret.unwrap().bytes.is_empty());
        assert!(!left.everything().contains(TOKEN));
    }
}

/// An agent of ours with an account of its own by the name that one of theirs brought.
fn with_static() -> Registration {
    let held = Held {
        account: "Static".to_owned(),
        generation: 0,
        state: Some(HoldingState::Ready),
        cause: None,
        cluster: Default::default(),
        namespaces: None,
    };
    let definition = "{}".to_owned();
    Registration {
        agent_id: "agent".to_owned(),
        zone_id: "zone-a".to_owned(),
        agent_version: "1".to_owned(),
        takes_dynamic: true,
        core_id: "core".to_owned(),
        session_id: "s".to_owned(),
        static_accounts: vec![StaticAccount { definition, held }],
        held: Vec::new(),
    }
}

#[tokio::test]
async fn what_their_plugin_adds_is_nobodys_until_it_is_taken_over() {
    for kind in SERVERS {
        let left = Left::new(kind, Changelog::Classpath).await;
        let store = left.taken().await;
        let counted = async || {
            let mut counted = store.count_by_status().await.unwrap();
            counted.sort();
            counted
        };
        let names = ["later", "Static"];
        let is_new = |name: &String| names.contains(&name.as_str());
        let listed = async || {
            let listed = store.names(&Filter::default()).await.unwrap();
            let names = listed.into_iter().map(|listed| listed.name);
            names.filter(is_new).collect::<Vec<_>>()
        };
        let before = counted().await;
        left.add();
        let added = left.rows("kubesvc_accounts");
        assert_eq!(counted().await, before);
        assert_eq!(listed().await, [""; 0]);
        assert!(store.details(&names).await.unwrap().is_empty());
        assert!(store.views(&names).await.unwrap().is_empty());
        let unsettled = store.unsettled().await.unwrap();
        assert!(!unsettled.contains(&"later".to_owned()));

        let gone = store.register(&with_static()).await.unwrap();
        assert!(!gone.affected.contains(&"later".to_owned()));
        let due = store.due(1000).await.unwrap();
        assert!(!due.contains(&"later".to_owned()));
        assert_eq!(listed().await, ["Static"], "the agent's");
        let now = left.rows("kubesvc_accounts");
        for name in names {
            let name = format!("={name}");
            assert_eq!(now[&name], added[&name]);
        }

        left.taken().await;
        assert_eq!(stands(&store, "later").await, Some(Status::ToMigrate));
        let content = store.content("later").await.unwrap().unwrap();
        assert!(content.secret.is_some());
        assert!(!left.everything().contains(&encoded()[..40]));
        let apart = left.rows("kubesvc_ferry_armory_static");
        assert_eq!(
            (apart.len(), apart["=Static"]["connections"].as_str()),
            (2, "=7")
        );
        assert!(!left.rows("kubesvc_accounts").contains_key("=Static"));
        assert!(matches!(
            store.detail("Static").await.unwrap(),
            Some(AccountDetail::Static { .. })
        ));
    }
}

#[tokio::test]
async fn what_clouddriver_was_told_meanwhile_is_followed() {
    for kind in SERVERS {
        let left = Left::new(kind, Changelog::Bare).await;
        let store = left.taken().await;
        let keyring = Keyring::beside(&left.folder.path().join("key")).unwrap();
        let parts = Parts::for_tests(store.clone(), keyring, left.source.source());
        let lifecycle = Lifecycle::new(parts);
        left.add();
        let account = json!({"kubeconfigFile": "/later"});
        left.source.put("later", account);
        left.taken().await;
        let all = || BTreeSet::from(["later".to_owned(), "active".to_owned()]);
        let mut behind = all();
        left.source.answer(Some(StatusCode::SERVICE_UNAVAILABLE));
        lifecycle.catch_up(&mut behind).await.unwrap_err();
        assert_eq!(behind, all(), "it is asked again");
        left.source.answer(None);
        lifecycle.catch_up(&mut behind).await.unwrap();
        let content = store.content("later").await.unwrap().unwrap();
        assert_eq!(content.secret, None);
        assert!(content.definition.contains("/later"), "{content:?}");
        let names: Vec<&String> = behind.iter().collect();
        assert_eq!(names, ["later"], "Clouddriver has no other");
        lifecycle.catch_up(&mut behind).await.unwrap();
        assert!(behind.is_empty(), "nothing came in between");
    }
}

#[tokio::test]
async fn what_is_set_apart_changes_keys_with_the_rest() {
    for kind in SERVERS {
        let left = Left::new(kind, Changelog::Bare).await;
        let store = left.taken().await;
        let [old, new] = ["key", "new"].map(|name| left.folder.path().join(name));
        let keyring = Keyring::beside(&new).unwrap().with_others(&[old]).unwrap();
        let parts = Parts::for_tests(store, keyring, left.source.source());
        let lifecycle = Lifecycle::new(parts);
        let counted = async || {
            let keys = lifecycle.keys().await.unwrap();
            let uses = keys.uses.into_iter();
            let of_others = |key_id: &str| keys.key_id.as_deref() != Some(key_id);
            uses.map(|keyed| (of_others(&keyed.key_id), keyed.secrets))
                .collect::<Vec<_>>()
        };
        assert_eq!(counted().await, [(true, 11)]);
        let rotated = lifecycle.rotate_keys().await.unwrap();
        assert_eq!((rotated.resealed, rotated.closed), (11, 0));
        assert_eq!(counted().await, [(false, 11)]);
        let apart = "SELECT secret_key_id FROM kubesvc_ferry_armory_static
                     WHERE name = 'static-too'";
        let key_id = lifecycle.keys().await.unwrap().key_id.unwrap();
        assert_eq!(left.schema.query(apart), [key_id]);
    }
}
