//! Scans of a small Clouddriver, on a real store. No engine runs: what a scan makes stays as it
//! left it.

#[path = "configured_scan_tests.rs"]
mod configured;

use super::*;
use crate::account::Status;
use crate::account::scan::{Origin, Pattern, ScanRules};
use crate::lifecycle::Parts;
use crate::source::test_source::TestSource;
use crate::store::{Registration, StaticAccount};
use serde_json::{Value, json};

struct Ground {
    lifecycle: Lifecycle,
    source: TestSource,
    memory: Memory,
    _folder: tempfile::TempDir,
}

fn rules(batch_size: usize) -> ScanRules {
    let pattern = |text: &str| Pattern {
        of: Origin::Stored,
        text: text.to_owned(),
        regex: regex::Regex::new(&format!("\\A(?:{text})\\z")).unwrap(),
    };
    ScanRules {
        enabled: true,
        patterns: vec![pattern("apple.*"), pattern(".*depot.*")],
        batch_size,
        frequency: Duration::from_secs(60),
    }
}

impl Ground {
    async fn open(batch_size: usize) -> Ground {
        Ground::of(rules(batch_size)).await
    }

    async fn of(rules: ScanRules) -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let source = TestSource::start().await;
        let parts = Parts::in_folder(folder.path(), source.source()).await;
        let lifecycle = Lifecycle::new(Parts { rules, ..parts });
        Ground {
            lifecycle,
            source,
            memory: Memory::default(),
            _folder: folder,
        }
    }

    fn put(&self, name: &str, file: &str) {
        self.source.put(name, json!({"kubeconfigFile": file}));
    }

    async fn scan(&mut self) {
        self.lifecycle.scan_once(&mut self.memory).await.unwrap();
    }

    async fn status(&self, name: &str) -> Option<Status> {
        let view = self.lifecycle.store.view(name).await.unwrap();
        view.map(|view| view.account.status)
    }

    async fn version(&self, name: &str) -> i64 {
        let view = self.lifecycle.store.view(name).await.unwrap();
        view.unwrap().account.version
    }

    async fn file(&self, name: &str) -> String {
        let contents = self.lifecycle.store.contents(&[name]).await.unwrap();
        let kept: Value = serde_json::from_str(&contents[name].definition).unwrap();
        kept["kubeconfigFile"].as_str().unwrap().to_owned()
    }

    async fn migrate(&self, name: &str) {
        let account = self.lifecycle.source.find(name, None).await.unwrap();
        let definition = Definition::part(account.unwrap());
        let actor = Actor::ferry();
        let made = self.lifecycle.adopt(name, &definition, false, &actor);
        assert!(made.await.unwrap());
    }

    async fn delete(&self, name: &str) {
        let verb = super::super::Verb::Delete;
        let actor = Actor::ferry();
        self.lifecycle.ask(name, verb, &actor).await.unwrap();
    }
}

#[tokio::test]
async fn what_matches_goes_on_to_active_and_nothing_else_does() {
    let mut ground = Ground::open(100).await;
    for name in ["apple-1", "home-depot", "pear", "an-apple"] {
        ground.put(name, "/k");
    }
    ground.source.put_of_type("aws", "apple-aws", json!({}));
    ground.scan().await;
    for (name, status) in [
        ("apple-1", Some(Status::ToMigrate)),
        ("home-depot", Some(Status::ToMigrate)),
        ("pear", None),
        ("an-apple", None),
        ("apple-aws", None),
    ] {
        assert_eq!(ground.status(name).await, status, "{name}");
    }
    ground.put("apple-2", "/k");
    ground.scan().await;
    assert_eq!(ground.status("apple-2").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn what_is_deleted_at_clouddriver_while_it_is_taken_leaves_no_row() {
    let ground = Ground::open(100).await;
    ground.put("apple-1", "/k");
    ground.put("apple-2", "/k");
    // Once the scan has read them, and before it has written them.
    ground.source.after_the_next_answer("apple-1", None);
    let mut waiting = ["apple-1", "apple-2"].map(str::to_owned).into();
    ground.lifecycle.take(&mut waiting).await.unwrap();
    assert_eq!(ground.status("apple-1").await, None);
    assert_eq!(ground.status("apple-2").await, Some(Status::ToMigrate));
    let marks = ground.lifecycle.store.tombstones("", 9).await.unwrap();
    assert!(marks.is_empty(), "it may come back: {marks:?}");
}

#[tokio::test]
async fn scans_come_at_their_frequency() {
    let frequency = Duration::from_millis(300);
    let ground = Ground::of(ScanRules {
        frequency,
        ..rules(1)
    });
    let ground = ground.await;
    for name in ["apple-1", "apple-2", "apple-3"] {
        ground.put(name, "/k");
    }
    let lifecycle = Arc::new(ground.lifecycle);
    let begin = Instant::now();
    let scans = tokio::spawn(lifecycle.clone().scan());
    // Each takes one of them.
    let all = async {
        while lifecycle.store.view("apple-3").await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, all).await.unwrap();
    assert!(begin.elapsed() >= frequency * 2, "{:?}", begin.elapsed());
    scans.abort();
}

#[tokio::test]
async fn a_scan_takes_a_batch_and_the_next_goes_on() {
    let mut ground = Ground::open(2).await;
    for at in 0..5 {
        ground.put(&format!("apple-{at}"), "/k");
    }
    for taken in [2, 4, 5, 5] {
        ground.scan().await;
        let counted = ground.lifecycle.store.count_by_status().await.unwrap();
        assert_eq!(counted, [(Status::ToMigrate, taken)]);
    }
}

#[tokio::test]
async fn a_person_who_was_faster_is_not_overruled() {
    let mut ground = Ground::open(100).await;
    ground.put("apple", "/k");
    ground.migrate("apple").await;
    ground.scan().await;
    assert_eq!(ground.status("apple").await, Some(Status::Inactive));
}

#[tokio::test]
async fn an_idle_scan_writes_nothing() {
    let mut ground = Ground::open(100).await;
    ground.put("apple", "/k");
    ground.put("other", "/k");
    ground.migrate("other").await;
    ground.scan().await;
    let before = (ground.version("apple").await, ground.version("other").await);
    for _ in 0..3 {
        ground.scan().await;
    }
    let after = (ground.version("apple").await, ground.version("other").await);
    assert_eq!(before, after);
}

#[tokio::test]
async fn what_was_edited_behind_our_back_is_followed() {
    let mut ground = Ground::open(100).await;
    ground.put("a", "/k");
    ground.migrate("a").await;
    // Also when the edit came before the first scan of this core.
    for file in ["/first", "/second"] {
        ground.put("a", file);
        ground.scan().await;
        assert_eq!(ground.file("a").await, file);
    }
}

#[tokio::test]
async fn what_a_page_shows_does_not_go_over_what_a_request_brought_since() {
    let mut ground = Ground::open(100).await;
    ground.put("a", "/new");
    ground.migrate("a").await;
    ground.put("a", "/old");
    let new = json!({"kubeconfigFile": "/new"});
    ground.source.after_the_next_answer("a", Some(new));
    let version = ground.version("a").await;
    ground.scan().await;
    assert_eq!(ground.file("a").await, "/new");
    assert_eq!(ground.version("a").await, version);
    assert!(ground.memory.again.is_empty());
}

#[tokio::test]
async fn what_is_written_at_clouddriver_while_it_is_followed_is_followed_too() {
    let mut ground = Ground::open(100).await;
    ground.put("a", "/first");
    ground.migrate("a").await;
    ground.put("a", "/second");
    for file in ["/second", "/third"] {
        let next = json!({"kubeconfigFile": file});
        ground.source.after_the_next_answer("a", Some(next));
    }
    ground.scan().await;
    assert_eq!(ground.file("a").await, "/third");
}

#[tokio::test]
async fn what_is_written_at_clouddriver_while_it_is_taken_is_what_is_kept() {
    let ground = Ground::open(100).await;
    ground.put("apple", "/old");
    let new = json!({"kubeconfigFile": "/new"});
    ground.source.after_the_next_answer("apple", Some(new));
    let mut waiting = ["apple".to_owned()].into();
    ground.lifecycle.take(&mut waiting).await.unwrap();
    assert_eq!(ground.file("apple").await, "/new");
}

#[tokio::test]
async fn a_deleted_account_is_not_taken_again_until_the_source_forgot_it() {
    let mut ground = Ground::open(100).await;
    ground.put("apple", "/k");
    ground.scan().await;
    ground.delete("apple").await;
    assert_eq!(ground.status("apple").await, None);
    ground.put("apple", "/edited");
    ground.scan().await;
    ground.memory = Memory::default();
    ground.scan().await;
    assert_eq!(
        ground.status("apple").await,
        None,
        "not by another core either"
    );
    ground.source.remove("apple");
    // Somebody else is there, so that an empty answer is none.
    ground.put("pear", "/k");
    ground.scan().await;
    assert_eq!(ground.lifecycle.store.buried("apple").await.unwrap(), None);
    ground.put("apple", "/k");
    ground.scan().await;
    assert_eq!(ground.status("apple").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn what_clouddriver_lost_stays_and_is_said_to_be_gone() {
    let mut ground = Ground::open(100).await;
    ground.put("a", "/k");
    ground.put("pear", "/k");
    ground.migrate("a").await;
    ground.scan().await;
    ground.source.remove("a");
    ground.scan().await;
    assert_eq!(ground.status("a").await, Some(Status::Inactive));
    assert!(ground.lifecycle.store.gone_at("a").await.unwrap().is_some());
    ground.put("a", "/k");
    ground.scan().await;
    assert_eq!(ground.lifecycle.store.gone_at("a").await.unwrap(), None);
}

#[tokio::test]
async fn of_many_accounts_a_scan_reads_some_and_in_turn_all() {
    let mut ground = Ground::open(100).await;
    for at in 0..2500 {
        ground.put(&format!("pear-{at:04}"), "/k");
    }
    ground.put("z", "/k");
    ground.migrate("z").await;
    let mut asked = ground.source.users().len();
    let mut versions = vec![ground.version("z").await];
    for round in 0..4 {
        if round == 2 {
            ground.put("z", "/edited");
        }
        ground.scan().await;
        versions.push(ground.version("z").await);
        assert_eq!(ground.lifecycle.store.gone_at("z").await.unwrap(), None);
        let before = std::mem::replace(&mut asked, ground.source.users().len());
        // Two more where something changed.
        assert!(asked - before <= 6, "round {round}: {}", asked - before);
    }
    assert_eq!(versions[0], versions[3], "it is among the last");
    assert_eq!(versions[4], versions[0] + 1);
    ground.source.remove("z");
    for _ in 0..2 {
        ground.scan().await;
    }
    assert!(ground.lifecycle.store.gone_at("z").await.unwrap().is_some());
}

#[tokio::test]
async fn accounts_that_clouddriver_leaves_out_of_a_page_do_not_end_the_list() {
    let mut ground = Ground::open(100).await;
    ground.put("apple-1", "/k");
    for at in 0..1200 {
        ground.source.put_unreadable(&format!("b-{at:04}"));
    }
    ground.put("depot", "/k");
    ground.put("z", "/k");
    ground.migrate("z").await;
    let listed = ground.lifecycle.source.names(None, false).await.unwrap();
    let crate::source::Names::Listed(listed) = listed else {
        panic!("it is no table");
    };
    assert_eq!(listed.as_ref(), ["apple-1", "depot", "z"]);
    for _ in 0..2 {
        ground.scan().await;
    }
    assert_eq!(ground.status("depot").await, Some(Status::ToMigrate));
    assert_eq!(ground.lifecycle.store.gone_at("z").await.unwrap(), None);
    ground.put("z", "/edited");
    let before = ground.version("z").await;
    for _ in 0..2 {
        ground.scan().await;
    }
    assert_eq!(ground.version("z").await, before + 1);
}

#[tokio::test]
async fn what_may_only_be_hidden_is_not_said_to_be_gone() {
    let mut ground = Ground::open(100).await;
    let restricted = json!({"kubeconfigFile": "/k", "permissions": {"READ": ["dev"]}});
    ground.source.put("a", restricted);
    ground.put("pear", "/k");
    ground.migrate("a").await;
    ground.source.remove("a");
    ground.scan().await;
    assert_eq!(ground.lifecycle.store.gone_at("a").await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_answer_is_no_reason_to_take_everything_for_gone() {
    let mut ground = Ground::open(100).await;
    ground.put("a", "/k");
    ground.migrate("a").await;
    ground.source.remove("a");
    ground.scan().await;
    assert_eq!(ground.lifecycle.store.gone_at("a").await.unwrap(), None);
}

#[tokio::test]
async fn what_an_agent_brings_is_left_to_it() {
    let mut ground = Ground::open(100).await;
    ground.put("apple", "/k");
    let held = crate::store::Held {
        account: "apple".to_owned(),
        generation: 0,
        state: None,
        cause: None,
        cluster: Default::default(),
        namespaces: None,
    };
    let mut registration = Registration {
        agent_id: "agent".to_owned(),
        zone_id: "Z".to_owned(),
        agent_version: "1".to_owned(),
        takes_dynamic: true,
        core_id: "core".to_owned(),
        session_id: "session".to_owned(),
        static_accounts: vec![StaticAccount {
            definition: "{}".to_owned(),
            held,
        }],
        held: Vec::new(),
    };
    let store = ground.lifecycle.store.clone();
    store.register(&registration).await.unwrap();
    ground.scan().await;
    ground.scan().await;
    assert_eq!(ground.status("apple").await, None);

    registration.session_id = "later".to_owned();
    registration.static_accounts.clear();
    store.register(&registration).await.unwrap();
    ground.scan().await;
    assert_eq!(ground.status("apple").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn a_source_that_is_away_is_scanned_later() {
    let mut ground = Ground::open(100).await;
    ground.put("apple", "/k");
    ground.source.answer(Some(http::StatusCode::BAD_GATEWAY));
    assert!(
        ground
            .lifecycle
            .scan_once(&mut ground.memory)
            .await
            .is_err()
    );
    ground.source.answer(None);
    ground.scan().await;
    assert_eq!(ground.status("apple").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn without_automatic_migration_changes_are_followed_and_nothing_is_taken() {
    let mut ground = Ground::of(ScanRules::off()).await;
    ground.put("apple", "/k");
    ground.scan().await;
    assert!(
        ground.source.users().is_empty(),
        "nothing here concerns Clouddriver"
    );
    for name in ["a", "b"] {
        ground.put(name, "/k");
        ground.migrate(name).await;
    }
    ground.put("a", "/edited");
    ground.source.remove("b");
    ground.scan().await;
    let store = &ground.lifecycle.store;
    let content = store.content("a").await.unwrap().unwrap();
    assert!(content.definition.contains("/edited"));
    assert!(store.gone_at("b").await.unwrap().is_some());
    assert_eq!(ground.status("apple").await, None);
}

#[tokio::test]
async fn the_task_follows_changes_also_when_nothing_is_migrated_by_itself() {
    let ground = Ground::of(ScanRules::off()).await;
    ground.put("a", "/k");
    ground.migrate("a").await;
    ground.put("a", "/edited");
    let store = ground.lifecycle.store.clone();
    let task = tokio::spawn(Arc::new(ground.lifecycle).scan());
    let followed = async {
        loop {
            let content = store.content("a").await.unwrap().unwrap();
            if content.definition.contains("/edited") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), followed);
    in_time.await.expect("the first look is at once");
    task.abort();
}
