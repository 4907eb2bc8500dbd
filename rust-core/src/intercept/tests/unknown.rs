//! Writes whose answer nobody heard, and those that could not be recorded at once: they stay in
//! the journal and are settled against the source.

use super::*;
use crate::lifecycle::Verb;

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

#[tokio::test]
async fn a_write_that_takes_long_is_left_to_itself_as_long_as_its_process_lives() {
    let post = Post::open().await;
    let begun = post.post("a").await;
    post.sql(AN_HOUR_OLD).await;
    for all in [true, false] {
        post.interceptor.settle_once(all).await.unwrap();
        assert_eq!(post.open_intents().await, 1);
    }
    drop(begun);
    post.source.put("a", fields());
    post.resumes_to("a", Status::Inactive).await;
}

#[tokio::test]
async fn what_another_core_gave_up_is_not_lost() {
    let post = Post::open().await;
    post.adopt("put").await;
    let begun = (
        post.post("a").await,
        post.put("b").await,
        post.put("put").await,
    );
    post.sql(AN_HOUR_OLD).await;
    post.other().settle_once(true).await.unwrap();
    assert_eq!(post.open_intents().await, 0);
    post.source.answer(Some(StatusCode::BAD_GATEWAY));
    begun.0.settle(answered(201)).await;
    begun.1.settle(Outcome::Unknown).await;
    post.source.answer(None);
    // Whichever core is left looks at them.
    post.other().settle_once(true).await.unwrap();
    assert_eq!(post.open_intents().await, 2);
    post.source.put("a", fields());
    post.source.put("b", fields());
    post.other().settle_once(true).await.unwrap();
    for name in ["a", "b"] {
        assert_eq!(post.status(name).await, Some(Status::Inactive), "{name}");
    }
    // It began before the account was deleted, whenever its intent came back.
    let delete = post.delete("put").await;
    post.source.remove("put");
    delete.settle(answered(200)).await;
    post.source.put("put", fields());
    begun.2.settle(answered(200)).await;
    assert_eq!(post.status("put").await, Some(Status::Inactive));
}

impl Post {
    /// Another core on the same tables.
    fn other(&self) -> Arc<Interceptor> {
        let Interceptor {
            source, lifecycle, ..
        } = &*self.interceptor;
        let (source, lifecycle) = (source.clone(), lifecycle.clone());
        let metrics = self.metrics.clone();
        Interceptor::new(self.store.clone(), source, lifecycle, metrics, false, false)
    }

    async fn resumes_to(&self, name: &str, status: Status) {
        self.resume().await;
        assert_eq!(self.status(name).await, Some(status));
        assert_eq!(self.open_intents().await, 0);
    }
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
    assert_eq!(post.open_intents().await, 0, "the row keeps it");
    post.let_go("a").await;
    assert_eq!(post.definition("a").await, "/next");
    let audit = post.audit().await;
    assert_eq!(
        audit
            .iter()
            .filter(|line| line.starts_with("a Adopt"))
            .count(),
        2
    );
}

#[tokio::test]
async fn a_put_while_the_row_is_being_deleted_becomes_the_next_row() {
    let post = Post::open().await;
    post.adopt("a").await;
    post.held("a").await;
    let (lifecycle, actor) = (&post.interceptor.lifecycle, Actor::ferry());
    lifecycle.ask("a", Verb::Delete, &actor).await.unwrap();
    let begun = post.put("a").await;
    post.source.put("a", json!({"kubeconfigFile": "/next"}));
    begun.settle(answered(200)).await;
    assert_eq!(post.status("a").await, Some(Status::Deleting));
    assert_eq!(post.open_intents().await, 0);
    // A later one wins, and a DELETE that nobody heard the answer of changes nothing.
    let begun = post.put("a").await;
    post.source.put("a", json!({"kubeconfigFile": "/later"}));
    begun.settle(answered(200)).await;
    post.let_go("a").await;
    assert_eq!(post.definition("a").await, "/later");
}

#[tokio::test]
async fn a_delete_forgets_what_was_to_follow() {
    let post = Post::open().await;
    post.adopt("a").await;
    post.held("a").await;
    let (lifecycle, actor) = (&post.interceptor.lifecycle, Actor::ferry());
    lifecycle.ask("a", Verb::Delete, &actor).await.unwrap();
    let begun = post.put("a").await;
    post.source.put("a", json!({"kubeconfigFile": "/next"}));
    begun.settle(answered(200)).await;
    let begun = post.delete("a").await;
    post.source.remove("a");
    begun.settle(answered(200)).await;
    post.released().await;
    post.step("a").await;
    assert_eq!(post.status("a").await, None);
    assert_eq!(
        post.sql("SELECT name FROM kubesvc_ferry_next").await,
        [""; 0]
    );
}

#[tokio::test]
async fn what_follows_goes_on_to_active_where_that_is_configured() {
    let post = Post::with(true, false).await;
    let begun = post.post("a").await;
    post.source.put("a", fields());
    begun.settle(answered(201)).await;
    post.held("a").await;
    let begun = post.delete("a").await;
    post.source.remove("a");
    begun.settle(answered(200)).await;
    let begun = post.post("a").await;
    post.source.put("a", fields());
    begun.settle(answered(201)).await;
    assert_eq!(post.status("a").await, Some(Status::Deleting));
    post.released().await;
    post.step("a").await;
    assert_eq!(post.status("a").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn what_clouddriver_took_and_does_not_show_yet_is_waited_for() {
    let post = Post::open().await;
    post.post("a").await.settle(answered(201)).await;
    assert_eq!(post.status("a").await, None);
    post.resume().await;
    assert_eq!(post.open_intents().await, 1);
    post.source.put("a", fields());
    post.resumes_to("a", Status::Inactive).await;
    // A DELETE that does not show yet, likewise.
    post.delete("a").await.settle(answered(200)).await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    post.source.remove("a");
    post.resume().await;
    assert_eq!(
        (post.status("a").await, post.open_intents().await),
        (None, 0)
    );
}

#[tokio::test]
async fn a_write_that_was_in_no_journal_is_journaled_once_it_is_accepted() {
    let post = Post::open().await;
    let away = "ALTER TABLE kubesvc_ferry_intents RENAME TO away";
    let back = "ALTER TABLE away RENAME TO kubesvc_ferry_intents";
    post.sql(away).await;
    let begun = post.post("a").await;
    let settled = tokio::spawn(begun.settle(answered(201)));
    post.source.answer(Some(StatusCode::BAD_GATEWAY));
    post.sql(back).await;
    settled.await.unwrap();
    let journaled = async {
        while post.open_intents().await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), journaled)
        .await
        .unwrap();
    post.source.put("a", fields());
    post.source.answer(None);
    post.resumes_to("a", Status::Inactive).await;
}

#[tokio::test]
async fn a_put_that_was_accepted_is_adopted_when_nobody_knows_what_was_before() {
    let post = Post::with(true, false).await;
    post.source.answer(Some(StatusCode::BAD_GATEWAY));
    let begun = post.put("a").await;
    post.source
        .put("a", json!({"kubeconfigFile": "/as-clouddriver-likes-it"}));
    post.source.answer(None);
    begun.settle(answered(200)).await;
    // It may have been there, and nobody's: it is not switched on.
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn of_two_that_record_at_the_same_time_the_later_definition_stays() {
    let post = Post::open().await;
    let begun = post.post("a").await;
    post.source.put("a", json!({"kubeconfigFile": "/1"}));
    // Between reading and writing the source changes twice, and another records that first.
    for later in ["/2", "/3"] {
        let fields = Some(json!({"kubeconfigFile": later}));
        post.source.after_the_next_answer("a", fields);
    }
    begun.settle(answered(201)).await;
    assert_eq!(post.definition("a").await, "/3");
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn what_is_deleted_while_it_is_recorded_leaves_no_row() {
    let post = Post::open().await;
    let begun = post.post("a").await;
    post.source.put("a", fields());
    post.source.after_the_next_answer("a", None);
    begun.settle(answered(201)).await;
    assert_eq!(
        (post.status("a").await, post.open_intents().await),
        (None, 0)
    );
}

#[tokio::test]
async fn what_comes_back_while_it_is_deleted_is_not_lost() {
    let post = Post::open().await;
    post.adopt("a").await;
    let begun = post.delete("a").await;
    post.source.remove("a");
    let fields = json!({"kubeconfigFile": "/again"});
    post.source.after_the_next_answer("a", Some(fields));
    begun.settle(answered(200)).await;
    assert_eq!(post.definition("a").await, "/again");
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn who_may_not_see_an_account_does_not_delete_it_by_a_broken_connection() {
    let post = Post::open().await;
    post.adopt("a").await;
    // Clouddriver lists it to others alone.
    post.source.remove("a");
    post.delete("a").await.settle(Outcome::Unknown).await;
    post.resume().await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    post.sql(AN_HOUR_OLD).await;
    post.resume().await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    assert_eq!(post.open_intents().await, 0);
}

impl Post {
    /// One step of the engine's.
    async fn step(&self, name: &str) {
        let view = self.store.view(name).await.unwrap().unwrap();
        let limits = Limits {
            transition: Duration::from_secs(60),
            retry: Duration::from_secs(5),
            max_retries: 3,
        };
        let step = crate::account::plan::next(&view, &[], &limits).unwrap();
        let actor = Actor::ferry();
        let written = self.store.write(&view, &step, &[], None, &actor);
        assert!(written.await.unwrap());
    }

    /// The agent lets go, the engine removes the row, and the next begins.
    async fn let_go(&self, name: &str) {
        self.released().await;
        self.step(name).await;
        assert_eq!(self.status(name).await, Some(Status::Inactive));
        assert_eq!(
            self.sql("SELECT name FROM kubesvc_ferry_next").await,
            [""; 0]
        );
    }

    /// The kubeconfigFile of what is kept.
    async fn definition(&self, name: &str) -> String {
        let content = self.store.content(name).await.unwrap().unwrap();
        let definition: Value = serde_json::from_str(&content.definition).unwrap();
        definition["kubeconfigFile"].as_str().unwrap().to_owned()
    }
}
