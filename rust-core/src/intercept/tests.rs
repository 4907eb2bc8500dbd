//! What becomes of writes to `/credentials`, on a real store and a small Clouddriver. The test
//! plays Clouddriver: it puts what a write made there, then tells the outcome.

use super::*;
use crate::account::{Account, HoldingState, Limits, Status};
use crate::lifecycle::Parts;
use crate::secret::Keyring;
use crate::source::Configured;
use crate::source::test_source::TestSource;
use crate::store::Location;
use crate::store::{Held, Registration};
use serde_json::{Value, json};

#[path = "tests/answered.rs"]
mod answered;
#[path = "tests/configured.rs"]
mod configured;
#[path = "tests/references.rs"]
mod references;
#[path = "tests/unknown.rs"]
mod unknown;

struct Post {
    store: Store,
    source: TestSource,
    metrics: Arc<Metrics>,
    interceptor: Arc<Interceptor>,
    folder: tempfile::TempDir,
}

impl Post {
    async fn open() -> Post {
        Post::with(false, false).await
    }

    async fn with(activate: bool, strict: bool) -> Post {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("ferry.db")))
            .await
            .unwrap();
        let keyring = Keyring::beside(&folder.path().join("ferry.key")).unwrap();
        let metrics = Arc::new(Metrics::new());
        let source = TestSource::start().await;
        let configured = json!({"name": "file", "kubeconfigFile": "/file"});
        let configured = configured.as_object().unwrap().clone();
        let configured = Configured::of([(String::new(), configured, None)]).0;
        let clouddriver = source.source().with(configured);
        let lifecycle = Arc::new(Lifecycle::new(Parts {
            metrics: metrics.clone(),
            ..Parts::for_tests(store.clone(), keyring, clouddriver.clone())
        }));
        let interceptor = Interceptor::new(
            store.clone(),
            clouddriver,
            lifecycle,
            metrics.clone(),
            activate,
            strict,
        );
        Post {
            store,
            source,
            metrics,
            interceptor,
            folder,
        }
    }

    async fn begin(&self, method: Method, path: &str, body: Value) -> Option<Interception> {
        let request = format!("{method} {path}");
        let headers = [
            ("x-spinnaker-user", "anna"),
            ("x-spinnaker-request-id", &request),
        ];
        let headers = headers.map(|(name, value)| {
            let name = name.parse::<http::HeaderName>().unwrap();
            (name, value.parse().unwrap())
        });
        let headers = HeaderMap::from_iter(headers);
        let body = Bytes::from(body.to_string());
        let begun = self.interceptor.begin(&method, path, &headers, &body);
        begun.await.unwrap()
    }

    /// POST, PUT or DELETE of the account `a` or another.
    async fn post(&self, name: &str) -> Interception {
        let begun = self
            .begin(Method::POST, "/credentials", account(name))
            .await;
        begun.unwrap()
    }

    async fn put(&self, name: &str) -> Interception {
        let path = format!("/credentials/{name}");
        self.begin(Method::PUT, &path, account(name)).await.unwrap()
    }

    async fn delete(&self, name: &str) -> Interception {
        let path = format!("/credentials/{name}");
        self.begin(Method::DELETE, &path, Value::Null)
            .await
            .unwrap()
    }

    /// A POST that Clouddriver took.
    async fn adopt(&self, name: &str) {
        let begun = self.post(name).await;
        self.source.put(name, fields());
        begun.settle(answered(201)).await;
        assert_eq!(self.status(name).await, Some(Status::Inactive));
    }

    async fn row(&self, name: &str) -> Option<Account> {
        self.store
            .view(name)
            .await
            .unwrap()
            .map(|view| view.account)
    }

    async fn status(&self, name: &str) -> Option<Status> {
        self.row(name).await.map(|account| account.status)
    }

    async fn open_intents(&self) -> usize {
        self.store.open_intents().await.unwrap().0.len()
    }

    /// Runs this SQL beside the store; answers the first column as texts.
    async fn sql(&self, sql: &'static str) -> Vec<String> {
        use sqlx::{Connection, Row};
        let path = self.folder.path().join("ferry.db");
        let url = format!("sqlite:{}", path.display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Who did what, sorted: two of one millisecond have no order.
    async fn audit(&self) -> Vec<String> {
        self.sql("SELECT account || ' ' || event || ' ' || who FROM kubesvc_ferry_audit ORDER BY 1")
            .await
    }

    /// Every open intent is looked at once, as at the start of a core.
    async fn resume(&self) {
        assert!(self.open_intents().await > 0, "nothing is open");
        self.interceptor.settle_once(true).await.unwrap();
    }

    /// An agent connects that holds `name`.
    async fn held(&self, name: &str) {
        let generation = self.row(name).await.unwrap().generation;
        let held = Held {
            account: name.to_owned(),
            generation,
            state: Some(HoldingState::Ready),
            cause: None,
            cluster: Default::default(),
            namespaces: None,
        };
        self.store
            .register(&registration(vec![held]))
            .await
            .unwrap();
    }

    /// The agent connects anew without anything.
    async fn released(&self) {
        self.store
            .register(&registration(Vec::new()))
            .await
            .unwrap();
    }
}

fn registration(held: Vec<Held>) -> Registration {
    Registration {
        agent_id: "agent".to_owned(),
        zone_id: "Z".to_owned(),
        agent_version: "1".to_owned(),
        takes_dynamic: true,
        core_id: "core".to_owned(),
        session_id: "session".to_owned(),
        static_accounts: Vec::new(),
        held,
    }
}

fn fields() -> Value {
    json!({"kubeconfigFile": "/k", "namespaces": ["n"]})
}

/// As a client sends it: Clouddriver stores it with other fields beside.
fn account(name: &str) -> Value {
    json!({"@type": "kubernetes", "type": "kubernetes", "name": name, "kubeconfigFile": "/k",
        "namespaces": ["n"]})
}

fn answered(status: u16) -> Outcome {
    Outcome::Answered(StatusCode::from_u16(status).unwrap())
}
