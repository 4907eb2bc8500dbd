//! Scans of accounts that stand in Clouddriver's configuration.

use super::{Ground, rules};
use crate::account::Status;
use crate::account::scan::{Origin, ScanRules};
use crate::lifecycle::scan::Memory;
use serde_json::{Value, json};

/// The patterns of [`rules`], for configured accounts.
fn rules_for_configured() -> ScanRules {
    let mut rules = rules(100);
    for pattern in &mut rules.patterns {
        pattern.of = Origin::Configured;
    }
    rules
}

impl Ground {
    /// With these accounts in Clouddriver's configuration, after a restart.
    fn configure(&mut self, accounts: Value) {
        let configured = crate::source::Configured::for_tests(&accounts);
        self.lifecycle.source = self.source.source().with(configured);
        self.memory = Memory::default();
    }
}

#[tokio::test]
async fn each_list_of_patterns_is_for_its_own_accounts() {
    let mut ground = Ground::of(rules_for_configured()).await;
    ground.put("apple-stored", "/k");
    ground.put("apple-both", "/k");
    ground.configure(json!([
        {"name": "apple-file", "kubeconfigFile": "/k"},
        {"name": "apple-both", "kubeconfigFile": "/k"},
        {"name": "pear-file", "kubeconfigFile": "/k"},
        {"name": "apple-own", "serviceAccount": true},
    ]));
    ground.scan().await;
    for (name, status) in [
        ("apple-file", Some(Status::ToMigrate)),
        ("apple-stored", None),
        ("apple-both", None),
        ("pear-file", None),
        ("apple-own", None),
    ] {
        assert_eq!(ground.status(name).await, status, "{name}");
    }
    let mut ground = Ground::open(100).await;
    ground.put("apple-stored", "/k");
    ground.configure(json!([{"name": "apple-file", "kubeconfigFile": "/k"}]));
    ground.scan().await;
    assert!(ground.status("apple-stored").await.is_some());
    assert!(ground.status("apple-file").await.is_none());
}

#[tokio::test]
async fn what_was_edited_in_the_configuration_is_followed_after_a_restart() {
    let mut ground = Ground::of(rules_for_configured()).await;
    ground.configure(json!([{"name": "a", "kubeconfigFile": "/1"}]));
    ground.migrate("a").await;
    ground.scan().await;
    let version = ground.version("a").await;
    ground.configure(json!([{"name": "a", "kubeconfigFile": "/2"}]));
    ground.scan().await;
    assert_eq!(ground.file("a").await, "/2");
    assert!(ground.version("a").await > version);
    // One that no agent can serve is not handed to any.
    ground.configure(json!([{"name": "a", "serviceAccount": true}]));
    ground.scan().await;
    assert_eq!(ground.file("a").await, "/2");
    ground.put("a", "/stored");
    ground.scan().await;
    assert_eq!(ground.file("a").await, "/stored");
}

#[tokio::test]
async fn what_is_no_longer_configured_says_so_and_stays() {
    let mut ground = Ground::of(rules_for_configured()).await;
    ground.put("stored", "/k");
    ground.configure(json!([{"name": "a", "kubeconfigFile": "/1"}]));
    ground.migrate("a").await;
    ground.scan().await;
    let store = ground.lifecycle.store.clone();
    assert_eq!(store.gone_at("a").await.unwrap(), None);
    ground.configure(json!([]));
    ground.scan().await;
    assert!(store.gone_at("a").await.unwrap().is_some());
    assert_eq!(ground.status("a").await, Some(Status::Inactive));
    ground.configure(json!([{"name": "a", "kubeconfigFile": "/1"}]));
    ground.scan().await;
    assert_eq!(store.gone_at("a").await.unwrap(), None);
}

#[tokio::test]
async fn what_was_deleted_here_is_not_taken_again_while_it_is_configured() {
    let mut ground = Ground::of(rules_for_configured()).await;
    ground.put("stored", "/k");
    let apple = json!([{"name": "apple", "kubeconfigFile": "/1"}]);
    ground.configure(apple.clone());
    ground.migrate("apple").await;
    ground.delete("apple").await;
    ground.configure(apple.clone());
    ground.scan().await;
    assert_eq!(ground.status("apple").await, None);
    ground.configure(json!([]));
    ground.scan().await;
    ground.configure(apple);
    ground.scan().await;
    assert_eq!(ground.status("apple").await, Some(Status::ToMigrate));
}
