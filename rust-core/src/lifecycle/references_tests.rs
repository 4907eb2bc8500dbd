//! Looks at referenced secrets while keys are changed, on a real store and a Vault of the tests'. No
//! engine runs.

use super::*;
use crate::account::definition::Definition;
use crate::lifecycle::Parts;
use crate::secret::{Engines, Keyring, Resolver, VaultLogin, VaultSettings};
use crate::source::test_source::TestSource;
use crate::store::{Location, Store};
use ferry_tests::vault::Vault;
use serde_json::json;
use std::path::Path;

const REFERENCE: &str = "encryptedFile:vault!e:kv!p:kube!k:config";

/// A core with the key of this name, and those that only open.
async fn core(store: &Store, folder: &Path, vault: &Vault, keys: &[&str]) -> Lifecycle {
    let [sealing, others @ ..] = keys else {
        panic!("no key");
    };
    let keyring = Keyring::beside(&folder.join(sealing)).unwrap();
    let others: Vec<_> = others.iter().map(|name| folder.join(name)).collect();
    let vault = Some(VaultSettings {
        url: vault.url.clone(),
        login: VaultLogin::Token(SecretString::from("t0ken")),
        authority: Some(vault.authority.clone()),
    });
    let engines = Engines {
        vault,
        ..Engines::default()
    };
    let source = TestSource::start().await.source();
    Lifecycle::new(Parts {
        resolver: Resolver::new(engines).unwrap(),
        ..Parts::for_tests(store.clone(), keyring.with_others(&others).unwrap(), source)
    })
}

impl Lifecycle {
    async fn generation(&self) -> i64 {
        self.store
            .view("a")
            .await
            .unwrap()
            .unwrap()
            .account
            .generation
    }

    async fn looked_at(&self) -> Sent {
        let mut due = self.store.due_references(Duration::ZERO, 1).await.unwrap();
        let sent = due.pop().unwrap();
        assert_eq!(self.look_at_one(sent).await, None);
        self.store
            .due_references(Duration::ZERO, 1)
            .await
            .unwrap()
            .pop()
            .unwrap()
    }
}

#[tokio::test]
async fn a_key_that_is_taken_away_makes_no_secret_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::start(folder.path());
    vault.let_in("t0ken");
    vault.put("kv", "kube", "config", "one");
    let location = Location::Sqlite(folder.path().join("ferry.db"));
    let store = Store::open(&location).await.unwrap();
    let before = core(&store, folder.path(), &vault, &["old"]).await;
    let object = json!({"name": "a", "kubeconfigContents": REFERENCE});
    let definition = Definition::part(object.as_object().unwrap().clone());
    before
        .adopt("a", &definition, false, &Actor::ferry())
        .await
        .unwrap();
    let mut tx = store.pool().write().await.unwrap();
    let served = "UPDATE kubesvc_accounts SET status = 'ACTIVE', wanted = 'ACTIVE'";
    crate::sql::sql(served).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let account = store.view("a").await.unwrap().unwrap().account;
    before.resolve(&account, REFERENCE).await.unwrap().unwrap();
    let first = before.looked_at().await;

    // Taken away before anybody looked with both.
    let without = core(&store, folder.path(), &vault, &["new"]).await;
    let known = without.looked_at().await;
    assert_eq!(without.generation().await, account.generation);
    assert!(known != first && without.keyring.is_current(&known.fingerprint));

    // Looked at with both, a secret that changes afterwards is seen without the older one.
    let both = core(&store, folder.path(), &vault, &["newer", "new"]).await;
    let known = both.looked_at().await;
    assert!(both.keyring.is_current(&known.fingerprint));
    let last = core(&store, folder.path(), &vault, &["newer"]).await;
    assert_eq!(last.looked_at().await, known);
    assert_eq!(last.generation().await, account.generation);
    vault.put("kv", "kube", "config", "two");
    last.looked_at().await;
    assert_eq!(last.generation().await, account.generation + 1);
}
