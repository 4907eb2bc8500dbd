//! Writes of a name that stands in Clouddriver's configuration: `file`.

use super::*;
use crate::account::definition::Definition;

impl Post {
    /// POST /armory/accounts of it.
    async fn migrate_the_configured_one(&self) {
        let account = self.interceptor.lifecycle.at_clouddriver(&["file"], None);
        let definition = Definition::part(account.await.unwrap()["file"].clone());
        let (lifecycle, actor) = (&self.interceptor.lifecycle, Actor::ferry());
        let made = lifecycle.adopt("file", &definition, false, &actor);
        assert!(made.await.unwrap());
    }

    async fn file(&self) -> String {
        let content = self.store.content("file").await.unwrap().unwrap();
        let definition: Value = serde_json::from_str(&content.definition).unwrap();
        definition["kubeconfigFile"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_put_of_one_that_nobody_migrated_is_clouddrivers_alone() {
    let post = Post::open().await;
    let begun = post.put("file").await;
    post.source.put("file", fields());
    begun.settle(answered(200)).await;
    assert_eq!(post.status("file").await, None);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_put_goes_before_the_configuration_and_a_delete_ends_the_row() {
    let post = Post::open().await;
    post.migrate_the_configured_one().await;
    let begun = post.put("file").await;
    post.source.put("file", fields());
    begun.settle(answered(200)).await;
    assert_eq!(post.file().await, "/k");
    let begun = post.delete("file").await;
    post.source.remove("file");
    begun.settle(answered(200)).await;
    assert_eq!(post.status("file").await, None);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn what_clouddriver_refuses_or_never_did_leaves_the_row() {
    let post = Post::open().await;
    post.migrate_the_configured_one().await;
    post.post("file").await.settle(answered(400)).await;
    post.delete("file").await.settle(answered(404)).await;
    post.delete("file").await.settle(Outcome::Unknown).await;
    post.resume().await;
    assert_eq!(post.status("file").await, Some(Status::Inactive));
    assert_eq!(post.file().await, "/file");
}

#[tokio::test]
async fn a_stored_one_that_the_api_leaves_out_goes_before_it_too() {
    let post = Post::open().await;
    post.migrate_the_configured_one().await;
    let reference = "encryptedFile:k8s!n:one!k:it.yml";
    let body = json!({"type": "kubernetes", "name": "file", "kubeconfigFile": reference});
    let begun = post.begin(Method::PUT, "/credentials", body).await;
    begun.unwrap().settle(answered(200)).await;
    assert_eq!(post.file().await, reference);
    let lifecycle = &post.interceptor.lifecycle;
    let configured = lifecycle.configured(&["file"], None).await.unwrap();
    assert!(configured.is_empty(), "{configured:?}");
    post.delete("file").await.settle(answered(200)).await;
    assert_eq!(post.status("file").await, None);
    let configured = lifecycle.configured(&["file"], None).await.unwrap();
    assert_eq!(configured.len(), 1);
}
