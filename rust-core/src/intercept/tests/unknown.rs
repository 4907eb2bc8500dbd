//! Writes whose answer nobody heard, and those that could not be recorded at once: they stay in
//! the journal and are settled against the source.

use super::*;

const AN_HOUR_OLD: &str = "UPDATE kubesvc_ferry_intents SET opened_at = opened_at - 3600000";

#[tokio::test]
async fn a_new_account_that_the_source_has_is_recorded() {
    let post = Post::open().await;
    for (begun, name) in [(post.post("a").await, "a"), (post.put("b").await, "b")] {
        begun.settle(Outcome::Unknown).await;
        post.source.put(name, fields());
        assert_eq!(post.status(name).await, None);
    }
    // Dropped without an outcome, as when the door breaks.
    drop(post.post("c").await);
    post.source.put("c", fields());
    post.resume().await;
    for name in ["a", "b", "c"] {
        assert_eq!(post.status(name).await, Some(Status::Inactive), "{name}");
    }
}

#[tokio::test]
async fn one_that_the_source_has_not_is_waited_for_and_then_given_up() {
    let post = Post::open().await;
    post.post("a").await.settle(Outcome::Unknown).await;
    post.resume().await;
    assert_eq!(
        post.open_intents().await,
        1,
        "Clouddriver may still be at work"
    );
    let post = Post::open().await;
    post.post("a").await.settle(Outcome::Unknown).await;
    post.sql(AN_HOUR_OLD).await;
    post.resume().await;
    assert_eq!(post.open_intents().await, 0);
    assert_eq!(post.status("a").await, None);
}

#[tokio::test]
async fn one_that_was_there_before_was_not_made_by_this_write() {
    let post = Post::open().await;
    post.source.put("a", fields());
    post.post("a").await.settle(Outcome::Unknown).await;
    post.put("a").await.settle(Outcome::Unknown).await;
    post.sql(AN_HOUR_OLD).await;
    post.resume().await;
    assert_eq!(post.status("a").await, None);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn when_nobody_knows_what_was_before_the_body_decides() {
    let post = Post::open().await;
    post.source.answer(Some(StatusCode::BAD_GATEWAY));
    post.post("same").await.settle(Outcome::Unknown).await;
    post.post("other").await.settle(Outcome::Unknown).await;
    post.source.answer(None);
    // Clouddriver keeps what it was sent, with fields of its own.
    let mut stored = account("same");
    stored["lastModified"] = json!(1);
    post.source.put("same", stored);
    post.source.put(
        "other",
        json!({"@type": "kubernetes", "kubeconfigFile": "/other"}),
    );
    post.resume().await;
    assert_eq!(post.status("same").await, Some(Status::Inactive));
    assert_eq!(post.status("other").await, None);
}

#[tokio::test]
async fn a_delete_that_happened_is_recorded_and_one_that_did_not_is_not() {
    let post = Post::open().await;
    post.adopt("gone").await;
    post.adopt("there").await;
    post.delete("gone").await.settle(Outcome::Unknown).await;
    post.delete("there").await.settle(Outcome::Unknown).await;
    post.source.remove("gone");
    post.resume().await;
    assert_eq!(post.status("gone").await, None);
    assert_eq!(post.status("there").await, Some(Status::Inactive));
    assert_eq!(post.open_intents().await, 1, "it may still happen");
}

#[tokio::test]
async fn a_put_of_a_migrated_account_is_followed_up() {
    let post = Post::open().await;
    post.adopt("a").await;
    let before = post.row("a").await.unwrap().generation;
    post.put("a").await.settle(Outcome::Unknown).await;
    post.source.put("a", json!({"kubeconfigFile": "/other"}));
    post.resume().await;
    assert_eq!(post.row("a").await.unwrap().generation, before + 1);
    assert_eq!(
        post.open_intents().await,
        1,
        "what was seen may be another's write"
    );
}

#[tokio::test]
async fn an_accepted_write_is_recorded_when_the_source_is_back() {
    let post = Post::open().await;
    let begun = post.post("a").await;
    post.source.put("a", fields());
    post.source.answer(Some(StatusCode::BAD_GATEWAY));
    begun.settle(answered(201)).await;
    assert_eq!(post.status("a").await, None);
    let (intents, _) = post.store.open_intents().await.unwrap();
    assert!(intents[0].accepted);
    post.sql(AN_HOUR_OLD).await;
    post.resume().await;
    assert_eq!(
        post.open_intents().await,
        1,
        "age is no reason to lose what was accepted"
    );
    post.source.answer(None);
    post.resumes_to("a", Status::Inactive).await;
}

#[tokio::test]
async fn a_running_interceptor_settles_what_is_open_at_its_start() {
    let post = Post::open().await;
    drop(post.post("a").await);
    post.source.put("a", fields());
    post.interceptor.run();
    let settled = async {
        while post.open_intents().await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled)
        .await
        .unwrap();
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    post.interceptor.shutdown().await;
}

#[tokio::test]
async fn what_is_still_under_way_is_left_to_itself() {
    let post = Post::open().await;
    drop(post.post("a").await);
    post.source.put("a", fields());
    post.interceptor.settle_once(false).await.unwrap();
    assert_eq!(post.status("a").await, None);
    post.sql(AN_HOUR_OLD).await;
    post.interceptor.settle_once(false).await.unwrap();
    assert_eq!(post.status("a").await, Some(Status::Inactive));
}

impl Post {
    async fn resumes_to(&self, name: &str, status: Status) {
        self.resume().await;
        assert_eq!(self.status(name).await, Some(status));
        assert_eq!(self.open_intents().await, 0);
    }
}

#[tokio::test]
async fn activation_that_a_dead_process_left_out_is_made_up_for() {
    let post = Post::with(true).await;
    drop(post.post("a").await);
    post.source.put("a", fields());
    // The process died between the two steps.
    let definition = post.source.source().find("a", None).await.unwrap().unwrap();
    let definition = crate::account::definition::Definition::part(definition);
    let asked = crate::lifecycle::Asked::default();
    let lifecycle = &post.interceptor.lifecycle;
    assert!(
        lifecycle
            .adopt("a", &definition, asked, &Actor::ferry())
            .await
            .unwrap()
    );
    post.resumes_to("a", Status::ToMigrate).await;
}

#[tokio::test]
async fn a_post_while_the_row_is_being_deleted_becomes_the_next_row() {
    let post = Post::open().await;
    post.adopt("a").await;
    post.held("a").await;
    let begun = post.delete("a").await;
    post.source.remove("a");
    begun.settle(answered(200)).await;
    assert_eq!(post.status("a").await, Some(Status::Deleting));
    let begun = post.post("a").await;
    post.source.put("a", json!({"kubeconfigFile": "/next"}));
    begun.settle(answered(201)).await;
    assert_eq!(post.status("a").await, Some(Status::Deleting));
    assert_eq!(
        post.open_intents().await,
        1,
        "what was accepted is not lost"
    );
    // The agent lets go, and the engine removes the row.
    post.released().await;
    let view = post.store.view("a").await.unwrap().unwrap();
    let limits = Limits {
        transition: Duration::from_secs(60),
        retry: Duration::from_secs(5),
        max_retries: 3,
    };
    let step = crate::account::plan::next(&view, &[], &limits).unwrap();
    assert!(
        post.store
            .write(&view, &step, &[], None, &Actor::ferry())
            .await
            .unwrap()
    );
    post.resumes_to("a", Status::Inactive).await;
    let content = post.store.content("a").await.unwrap().unwrap();
    assert!(
        content.definition.contains("/next"),
        "{}",
        content.definition
    );
}
