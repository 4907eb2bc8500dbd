//! The API as functions, on a real store and a small Clouddriver. No agent and no engine run here:
//! what a request changes stays as it left it.

use super::*;
use crate::account::scan::{Origin, Pattern, ScanRules};
use crate::account::{Cluster, HoldingState, Limits, Status};
use crate::lifecycle::Parts;
use crate::secret::Keyring;
use crate::source::test_source::TestSource;
use crate::store::{Held, Location, Registration, StaticAccount};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

#[path = "tests/agents.rs"]
mod agents;
#[path = "tests/audit.rs"]
mod audit;
#[path = "tests/configured.rs"]
mod configured;
#[path = "tests/died.rs"]
mod died;
#[path = "tests/dry_run.rs"]
mod dry_run;
#[path = "tests/dynamic.rs"]
mod dynamic;
#[path = "tests/keys.rs"]
mod keys;
#[path = "tests/list.rs"]
mod list;
#[path = "tests/migrate.rs"]
mod migrate;
#[path = "tests/operations.rs"]
mod operations;
#[path = "tests/patch.rs"]
mod patch;
#[path = "tests/refusals.rs"]
mod refusals;
#[path = "tests/repeat.rs"]
mod repeat;
#[path = "tests/report.rs"]
mod report;
#[path = "tests/rollback.rs"]
mod rollback;
#[path = "tests/scan.rs"]
mod scan;
#[path = "tests/shape.rs"]
mod shape;

/// Planted in definitions; no answer may show it.
const TOKEN: &str = "pla1n-t0ken";

struct Desk {
    api: Api,
    source: TestSource,
    folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The reasons of an error, by account.
    fn accounts(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let body = self.json();
        let accounts = body["accounts"].as_array().unwrap();
        accounts
            .iter()
            .map(|account| (text(&account["name"]), text(&account["reason"])))
            .collect()
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

impl Desk {
    async fn open() -> Desk {
        Desk::scanning(ScanRules::off()).await
    }

    async fn scanning(rules: ScanRules) -> Desk {
        Desk::made(rules, true).await
    }

    /// Without a key, as on a shared database that has none.
    async fn keyless() -> Desk {
        Desk::made(ScanRules::off(), false).await
    }

    async fn made(rules: ScanRules, has_key: bool) -> Desk {
        Desk::configured(rules, has_key, &json!([])).await
    }

    /// With these accounts in Clouddriver's configuration.
    async fn configured(rules: ScanRules, has_key: bool, accounts: &Value) -> Desk {
        let configured = crate::source::Configured::for_tests(accounts);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("ferry.db")))
            .await
            .unwrap();
        let keyring = match has_key {
            true => Keyring::beside(&folder.path().join("ferry.key")).unwrap(),
            false => Keyring::none(),
        };
        let source = TestSource::start().await;
        let clouddriver = source.source().with(configured);
        let lifecycle = Lifecycle::new(Parts {
            rules,
            ..Parts::for_tests(store.clone(), keyring, clouddriver.clone())
        });
        let api = Api {
            store,
            source: clouddriver,
            lifecycle: Arc::new(lifecycle),
            enabled: true,
            empty_object_for_unknown: false,
            max_body: 100_000,
        };
        Desk {
            api,
            source,
            folder,
        }
    }

    /// With these accounts at Clouddriver, all migrated.
    async fn with(names: &[&str]) -> Desk {
        let desk = Desk::open().await;
        for name in names {
            desk.source.put(
                name,
                json!({"kubeconfigContents": format!("token: {TOKEN}")}),
            );
        }
        let entries: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        let answer = desk.ask("POST", "/armory/accounts", json!(entries)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        desk
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        self.say(method, path, &body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.say("GET", path, "").await
    }

    async fn say(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &[("X-SPINNAKER-USER", "anna")], body)
            .await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        let (parts, body) = self.api.handle(request).await.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            !text.contains(TOKEN),
            "{method} {path} shows a secret: {text}"
        );
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// An agent connects that holds these accounts and brings those by its own configuration.
    async fn agent(&self, id: &str, zone: &str, held: &[&str], own: &[(&str, Value)]) {
        let mut brings = Vec::new();
        for name in held {
            let view = self.api.store.view(name).await.unwrap().unwrap();
            brings.push(ready(name, view.account.generation));
        }
        let own = own.iter().map(|(name, definition)| StaticAccount {
            definition: definition.to_string(),
            held: ready(name, 0),
        });
        let registration = registration(id, zone, brings, own.collect());
        self.api.store.register(&registration).await.unwrap();
    }

    async fn status(&self, name: &str) -> Option<Status> {
        let view = self.api.store.view(name).await.unwrap();
        view.map(|view| view.account.status)
    }
}

fn registration(
    id: &str,
    zone: &str,
    held: Vec<Held>,
    static_accounts: Vec<StaticAccount>,
) -> Registration {
    Registration {
        agent_id: id.to_owned(),
        zone_id: zone.to_owned(),
        agent_version: "1".to_owned(),
        takes_dynamic: true,
        core_id: "core".to_owned(),
        session_id: format!("session of {id}"),
        static_accounts,
        held,
    }
}

fn ready(name: &str, generation: i64) -> Held {
    Held {
        account: name.to_owned(),
        generation,
        state: Some(HoldingState::Ready),
        cause: None,
        cluster: Cluster {
            kube_host: Some("https://kube".to_owned()),
            kube_version: Some("v1.36.3".to_owned()),
            cert_fingerprint: Some("ab12".to_owned()),
        },
        namespaces: None,
    }
}
