//! Keys are changed by a request: every secret is sealed with the new one, and opens.

use super::*;
use secrecy::ExposeSecret;
use std::path::PathBuf;

impl Desk {
    fn key_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As after a restart with the key in the file `name`, and these that open.
    async fn rekeyed(self, name: &str, others: &[&str]) -> Desk {
        let keyring = Keyring::beside(&self.key_file(name)).unwrap();
        let others: Vec<PathBuf> = others.iter().map(|name| self.key_file(name)).collect();
        let Desk {
            api,
            source,
            folder,
        } = self;
        let lifecycle = Lifecycle::new(Parts::for_tests(
            api.store.clone(),
            keyring.with_others(&others).unwrap(),
            source.source(),
        ));
        lifecycle.announce_keys().await.unwrap();
        let api = Api {
            lifecycle: Arc::new(lifecycle),
            ..api
        };
        Desk {
            api,
            source,
            folder,
        }
    }

    async fn rotate(&self) -> Answer {
        self.ask("POST", "/armory/keys/rotate", Value::Null).await
    }

    async fn secret(&self, name: &str) -> String {
        let secret = self.api.lifecycle.secrets_for_tests(name).await.unwrap();
        secret.expose_secret().to_owned()
    }
}

#[tokio::test]
async fn every_secret_is_sealed_anew_and_opens() {
    let names: Vec<String> = (0..250).map(|number| format!("a{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let desk = Desk::with(&names).await;
    let before = desk.get("/armory/keys").await.json();
    let old = before["keyId"].as_str().unwrap();
    assert_eq!(before["secrets"], json!([{"keyId": old, "count": 250}]));
    assert_eq!(before["otherKeyIds"], json!([]));
    // A key that is named twice is one.
    let desk = desk
        .rekeyed("new.key", &["ferry.key", "ferry.key", "new.key"])
        .await;
    let keys = desk.get("/armory/keys").await.json();
    let new = keys["keyId"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    assert_eq!(keys["otherKeyIds"], json!([old]));
    let version = desk.api.store.view("a007").await.unwrap().unwrap().account;
    let rotated = desk.rotate().await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.text);
    assert_eq!(
        rotated.json(),
        json!({"keyId": new, "resealed": 250, "secrets": [{"keyId": new, "count": 250}]})
    );
    let after = desk.api.store.view("a007").await.unwrap().unwrap().account;
    assert_eq!(after, version, "no agent is sent anything");
    assert_eq!(desk.rotate().await.json()["resealed"], 0);
    let desk = desk.rekeyed("new.key", &[]).await;
    for name in ["a000", "a099", "a100", "a249"] {
        assert!(desk.secret(name).await.contains(TOKEN), "{name}");
    }
}

#[tokio::test]
async fn what_does_not_open_is_named_and_stays_as_it_is() {
    let desk = Desk::with(&["a", "b"]).await;
    let old = desk.get("/armory/keys").await.json()["keyId"].clone();
    let desk = desk.rekeyed("new.key", &[]).await;
    let refused = desk.rotate().await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let named: Vec<String> = refused
        .accounts()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(named, ["a", "b"]);
    let old = old.as_str().unwrap();
    assert!(refused.accounts()[0].1.contains(old), "{}", refused.text);
    assert!(refused.message().contains("2 do not open"));
    // What keeps something of it waits for the key; a whole new one, as the message asks for, does not.
    let dynamic = "/armory/accounts/dynamic";
    let keeps = json!({"name": "b", "context": "c"});
    let answer = desk.ask("PUT", dynamic, keeps).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let whole = json!({"name": "b", "kubeconfigContents": "token: another"});
    let answer = desk.ask("PUT", dynamic, whole).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert!(desk.secret("b").await.contains("another"));
    let refused = desk.rotate().await;
    assert_eq!(refused.accounts().len(), 1, "{}", refused.text);
    let desk = desk.rekeyed("ferry.key", &[]).await;
    assert!(desk.secret("a").await.contains(TOKEN));
}

#[tokio::test]
async fn keys_are_not_changed_without_one_or_while_a_core_lacks_it() {
    let refused = Desk::keyless().await.rotate().await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.message().contains("kubesvc.secrets.keyFile"));
    let desk = Desk::with(&["a"])
        .await
        .rekeyed("new.key", &["ferry.key"])
        .await;
    let limits = Limits {
        transition: Duration::from_secs(60),
        retry: Duration::from_secs(5),
        max_retries: 3,
    };
    desk.api.store.enter("other", &limits).await.unwrap();
    let refused = desk.rotate().await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let message = refused.message();
    let said = message.contains("otherKeyFiles") && message.ends_with(": other");
    assert!(said, "{message}");
    let keys = desk.get("/armory/keys").await.json();
    let new = keys["keyId"].as_str().unwrap().to_owned();
    assert_ne!(keys["secrets"][0]["keyId"], json!(new), "nothing was done");
    desk.api
        .store
        .announce_keys("other", &[&new])
        .await
        .unwrap();
    assert_eq!(desk.rotate().await.status, StatusCode::OK);
}
