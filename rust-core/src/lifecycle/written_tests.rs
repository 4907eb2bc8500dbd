//! Accounts that were written with references, beside what Clouddriver shows of them, on a real store.

use super::*;
use crate::lifecycle::scan::Memory;
use crate::lifecycle::{Asked, Parts, Verb};
use crate::source::Source;
use crate::source::test_source::TestSource;
use crate::sql::sql;
use crate::store::{Actor, Intent};
use serde_json::json;

const REFERENCE: &str = "encryptedFile:k8s!n:one!k:it.yml";
const RESOLVED: &str = "users:\n- token: r3solved";

struct Ground {
    lifecycle: Lifecycle,
    source: TestSource,
    memory: Memory,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// With the account `a`, written with a reference, and migrated; and one that is listed.
    async fn open(shown: Option<Value>) -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let source = TestSource::start().await;
        let parts = Parts::in_folder(folder.path(), source.source()).await;
        let ground = Ground {
            lifecycle: Lifecycle::new(parts),
            source,
            memory: Memory::default(),
            _folder: folder,
        };
        ground.source.put("z", json!({}));
        if let Some(shown) = shown {
            ground.source.put("a", shown);
        }
        let body = json!({"name": "a", "kubeconfigContents": REFERENCE});
        let written = Definition::part(body.as_object().unwrap().clone());
        let intent = Intent {
            id: "1".to_owned(),
            method: "PUT".to_owned(),
            account: "a".to_owned(),
            body_fields: "kubeconfigContents,name".to_owned(),
            body_sha256: String::new(),
            definition: ground.lifecycle.to_write_down(&written),
            existed: None,
            accepted: true,
            who: "anna".to_owned(),
            request_id: None,
            opened_at: 0,
        };
        let store = &ground.lifecycle.store;
        store.open_intent(&intent).await.unwrap();
        store.write_down(&intent, None).await.unwrap();
        store.close_intent(&intent).await.unwrap();
        let account = ground.at_clouddriver().await.unwrap();
        let row = Definition::part(account);
        let row = ground
            .lifecycle
            .new_row("a", &row, Asked::default())
            .unwrap();
        let (rows, actor) = ([row], Actor::ferry());
        let made = ground.lifecycle.create(&rows, &actor).await.unwrap();
        assert!(!made.is_empty());
        ground
    }

    async fn at_clouddriver(&self) -> Option<source::Definition> {
        let found = self.lifecycle.at_clouddriver(&["a"], None).await;
        found.unwrap().remove("a")
    }

    async fn scan(&mut self) {
        self.lifecycle.scan_in_turn(&mut self.memory).await;
    }

    /// A row's version, and its definition without its secrets.
    async fn row(&self) -> (i64, Value) {
        let store = &self.lifecycle.store;
        let content = store.content("a").await.unwrap().unwrap();
        let view = store.view("a").await.unwrap().unwrap();
        let definition = serde_json::from_str(&content.definition).unwrap();
        (view.account.version, definition)
    }

    async fn is_gone(&self) -> bool {
        self.lifecycle.store.gone_at("a").await.unwrap().is_some()
    }

    async fn run(&self, statement: &str) {
        let mut tx = self.lifecycle.store.pool().write().await.unwrap();
        sql(statement).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn shown(more: &str) -> Option<Value> {
    Some(json!({"kubeconfigContents": RESOLVED, "context": more}))
}

#[tokio::test]
async fn what_else_changes_behind_our_back_is_followed_and_the_reference_stays() {
    let mut ground = Ground::open(shown("one")).await;
    ground.scan().await;
    let (before, definition) = ground.row().await;
    assert_eq!(definition["kubeconfigContents"], REFERENCE);
    ground.source.put("a", shown("two").unwrap());
    ground.scan().await;
    let (version, definition) = ground.row().await;
    assert_eq!(version, before + 1);
    assert_eq!(definition["context"], "two");
    assert_eq!(definition["kubeconfigContents"], REFERENCE);
    // The secret is another one: that is looked at where it lies.
    let rotated = json!({"kubeconfigContents": "users: []\n", "context": "two"});
    ground.source.put("a", rotated);
    ground.scan().await;
    assert_eq!(ground.row().await, (version, definition));
}

#[tokio::test]
async fn a_kubeconfig_in_another_place_goes_before_what_was_written() {
    let mut ground = Ground::open(shown("one")).await;
    ground.source.put("a", json!({"kubeconfigFile": "/k"}));
    ground.scan().await;
    let (_, definition) = ground.row().await;
    assert_eq!(definition["kubeconfigFile"], "/k");
    assert_eq!(definition.get("kubeconfigContents"), None);
    // What the scan had read may have been there before the write.
    assert!(!ground.lifecycle.written(&["a"]).await.unwrap().is_empty());
    ground
        .run("UPDATE kubesvc_ferry_written SET written_at = written_at - 3600000")
        .await;
    ground.source.put("a", json!({"kubeconfigFile": "/l"}));
    ground.scan().await;
    assert!(ground.lifecycle.written(&["a"]).await.unwrap().is_empty());
    assert_eq!(ground.row().await.1["kubeconfigFile"], "/l");
    ground.source.remove("a");
    ground.scan().await;
    assert!(ground.is_gone().await);
}

#[tokio::test]
async fn one_that_is_left_out_is_not_gone() {
    let mut ground = Ground::open(None).await;
    let (version, definition) = ground.row().await;
    assert_eq!(definition["kubeconfigContents"], REFERENCE);
    for _ in 0..2 {
        ground.scan().await;
    }
    assert!(!ground.is_gone().await);
    assert_eq!(ground.row().await, (version, definition));
    // Listed once its secret can be read, and no longer when it cannot.
    for is_listed in [true, false] {
        match is_listed {
            true => ground.source.put("a", shown("one").unwrap()),
            false => ground.source.remove("a"),
        }
        ground.scan().await;
        assert!(!ground.is_gone().await);
        assert_eq!(ground.row().await.1["kubeconfigContents"], REFERENCE);
    }
}

#[tokio::test]
async fn what_a_scan_had_read_before_the_write_does_not_stay() {
    let mut ground = Ground::open(None).await;
    let before = json!({"name": "a", "kubeconfigFile": "/before"});
    let before = Definition::part(before.as_object().unwrap().clone());
    let actor = Actor::ferry();
    ground.lifecycle.update("a", &before, &actor).await.unwrap();
    ground.scan().await;
    let (_, definition) = ground.row().await;
    assert_eq!(definition["kubeconfigContents"], REFERENCE);
    assert_eq!(definition.get("kubeconfigFile"), None);
}

#[tokio::test]
async fn taken_out_of_ferry_and_migrated_again_it_has_its_reference() {
    for shown in [shown("one"), None] {
        let ground = Ground::open(shown).await;
        let actor = Actor::ferry();
        let delete = ground.lifecycle.ask("a", Verb::Delete, &actor);
        delete.await.unwrap();
        assert!(ground.lifecycle.store.view("a").await.unwrap().is_none());
        let account = ground.at_clouddriver().await.unwrap();
        assert_eq!(account["kubeconfigContents"], REFERENCE);
        assert_eq!(account["name"], "a");
    }
}

#[tokio::test]
async fn an_engine_that_is_no_longer_there_leaves_it_to_clouddriver() {
    let ground = Ground::open(shown("one")).await;
    let parts = Parts::for_tests(
        ground.lifecycle.store.clone(),
        crate::secret::Keyring::none(),
        ground.source.source(),
    );
    let without = Lifecycle::new(Parts {
        resolver: crate::secret::Resolver::new(Default::default()).unwrap(),
        ..parts
    });
    let found = without.at_clouddriver(&["a"], None).await.unwrap();
    assert_eq!(found["a"]["kubeconfigContents"], RESOLVED);
}

#[tokio::test]
async fn clouddrivers_table_shows_everything_itself() {
    let ground = Ground::open(None).await;
    ground
        .run("CREATE TABLE accounts (id TEXT, type TEXT, body TEXT, last_modified_at INTEGER)")
        .await;
    ground
        .run("INSERT INTO accounts VALUES ('a', 'kubernetes', '{\"kubeconfigFile\": \"/k\"}', 1)")
        .await;
    let store = &ground.lifecycle.store;
    let table = Source::table(store.pool()).await.unwrap().unwrap();
    let parts = Parts::for_tests(store.clone(), crate::secret::Keyring::none(), table);
    let lifecycle = Lifecycle::new(parts);
    let found = lifecycle.at_clouddriver(&["a"], None).await.unwrap();
    assert_eq!(found["a"]["kubeconfigFile"], "/k");
    assert_eq!(found["a"].get("kubeconfigContents"), None);
    let body = json!({"kubeconfigFile": REFERENCE});
    let written = Definition::part(body.as_object().unwrap().clone());
    assert_eq!(lifecycle.to_write_down(&written), None);
    assert!(ground.lifecycle.to_write_down(&written).is_some());
}

#[tokio::test]
async fn without_a_key_what_clouddriver_shows_is_not_taken_for_the_reference() {
    let ground = Ground::open(None).await;
    let shown = json!({"kubeconfigContents": RESOLVED, "oauthToken": "t0ken"});
    ground.source.put("a", shown);
    let parts = Parts::for_tests(
        ground.lifecycle.store.clone(),
        crate::secret::Keyring::none(),
        ground.source.source(),
    );
    let keyless = Lifecycle::new(parts);
    let account = Definition::part(ground.at_clouddriver().await.unwrap());
    keyless
        .update("a", &account, &Actor::ferry())
        .await
        .unwrap();
    let content = keyless.store.content("a").await.unwrap().unwrap();
    assert!(content.secret.as_ref().unwrap().is_at_source());
    let opened = keyless.open("a", &content).await.unwrap();
    assert!(opened.kubeconfig_contents().is_none());
    assert_eq!(opened.text("kubeconfigContents"), Some(REFERENCE));
}

#[tokio::test]
async fn one_with_permissions_that_is_left_out_is_nobodys_to_see() {
    let ground = Ground::open(None).await;
    let seen = async || {
        let seen = ground
            .lifecycle
            .seen_at_clouddriver(&["a"], Some("bob"))
            .await;
        seen.unwrap().contains_key("a")
    };
    assert!(seen().await);
    ground
        .run("UPDATE kubesvc_ferry_written SET definition = '{\"name\": \"a\", \"permissions\": {\"READ\": [\"dev\"]}}'")
        .await;
    assert!(!seen().await);
    assert!(ground.at_clouddriver().await.is_some());
    ground.source.put("a", shown("one").unwrap());
    assert!(seen().await, "Clouddriver shows it");
}
