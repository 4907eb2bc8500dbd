//! Batches of which one account cannot be read, prepared or sent: it fails alone, and the others go
//! on.

use super::*;
use crate::account::{Cluster, HoldingState, Status};
use crate::hub::test_agent::{self, Line};
use crate::source::test_source::TestSource;
use crate::store::{Actor, Held, Registration, Report};
use ferry_wire::v1::Register;
use ferry_wire::v1::core_message::Kind;
use serde_json::json;

struct Ground {
    lifecycle: Lifecycle,
    names: Vec<String>,
    _source: TestSource,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// Seven accounts to be ACTIVE, and an agent for them.
    async fn open() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let source = TestSource::start().await;
        let parts = Parts::in_folder(folder.path(), source.source()).await;
        let lifecycle = Lifecycle::new(parts);
        let names: Vec<String> = (0..7).map(|number| format!("account-{number}")).collect();
        for name in &names {
            let object = json!({"kubeconfigFile": "/kubeconfig"});
            let object = object.as_object().unwrap().clone();
            let definition = crate::account::definition::Definition::part(object);
            let actor = Actor::ferry();
            let adopted = lifecycle.adopt(name, &definition, true, &actor);
            assert!(adopted.await.unwrap());
        }
        let connected = Registration {
            agent_id: "agent".to_owned(),
            zone_id: "Z".to_owned(),
            agent_version: "1".to_owned(),
            takes_dynamic: true,
            core_id: "core".to_owned(),
            session_id: "s".to_owned(),
            static_accounts: Vec::new(),
            held: Vec::new(),
        };
        lifecycle.store.register(&connected).await.unwrap();
        Ground {
            lifecycle,
            names,
            _source: source,
            _folder: folder,
        }
    }

    /// The agent's session, which is at this core.
    fn enter(&self) -> Line {
        let register = Register {
            agent_id: "agent".to_owned(),
            zone_id: "Z".to_owned(),
            ..Register::default()
        };
        let (event, line) = test_agent::connects(register, "core", "s");
        let AgentEvent::Connected { entry, .. } = event else {
            panic!("it connects");
        };
        self.lifecycle.registry.enter(entry);
        line
    }

    async fn run(&self, text: &str) {
        let mut tx = self.lifecycle.store.pool().write().await.unwrap();
        crate::sql::sql(text).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn reconcile(&self) -> Vec<String> {
        self.lifecycle.reconcile_each(self.names.clone()).await
    }

    /// That of each account but this one.
    async fn statuses_but(&self, but: &str) -> Vec<Status> {
        let others = self.names.iter().filter(|name| *name != but);
        let others: Vec<&str> = others.map(String::as_str).collect();
        let views = self.lifecycle.store.views(&others).await.unwrap();
        views.values().map(|view| view.account.status).collect()
    }

    async fn account(&self, name: &str) -> crate::account::Account {
        let view = self.lifecycle.store.view(name).await.unwrap();
        view.unwrap().account
    }

    /// Accounts with a message that another core left to this one.
    async fn unsent(&self) -> Vec<String> {
        let unsent = self.lifecycle.store.unsent("core").await.unwrap();
        let mut names: Vec<String> = unsent.into_iter().map(|unsent| unsent.account).collect();
        names.sort();
        names
    }

    async fn all_ready(&self) {
        let views = self.names.iter();
        let reports = views.map(|name| Report {
            agent_id: "agent".to_owned(),
            session_id: "s".to_owned(),
            held: Held {
                account: name.clone(),
                generation: i64::MAX,
                state: Some(HoldingState::Ready),
                cause: None,
                cluster: Cluster::default(),
                namespaces: None,
            },
        });
        let reports: Vec<Report> = reports.collect();
        self.lifecycle.reported(&reports).await;
    }
}

/// SQLite has one connection that writes: it may be with who notes a reference that was resolved.
#[tokio::test]
async fn accounts_with_references_hold_up_no_other() {
    let ground = Ground::open().await;
    ground
        .run(
            "UPDATE kubesvc_accounts SET kubeconfig_file = 'encryptedFile:vault!e:kv!p:it!k:it'
              WHERE name > 'account-2'",
        )
        .await;
    let reconciled = tokio::time::timeout(Duration::from_secs(4), ground.reconcile());
    assert!(reconciled.await.unwrap().is_empty());
    let others = ground.statuses_but("").await;
    let one = |status: &Status| others.iter().filter(|other| *other == status).count();
    assert_eq!(one(&Status::Activating), 3, "{others:?}");
    assert!(ground.account("account-3").await.message.is_some());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_no_other() {
    let ground = Ground::open().await;
    ground
        .run("UPDATE kubesvc_accounts SET wanted = 'NONSENSE' WHERE name = 'account-4'")
        .await;
    assert_eq!(ground.reconcile().await, ["account-4"]);
    let others = ground.statuses_but("account-4").await;
    assert_eq!(others, [Status::Activating; 6]);
    ground
        .run("UPDATE kubesvc_accounts SET wanted = 'ACTIVE' WHERE name = 'account-4'")
        .await;
    assert!(ground.reconcile().await.is_empty());
    assert_eq!(ground.statuses_but("").await, [Status::Activating; 7]);
}

#[tokio::test]
async fn a_report_that_cannot_be_recorded_holds_up_no_other() {
    let ground = Ground::open().await;
    assert!(ground.reconcile().await.is_empty());
    ground
        .run("UPDATE kubesvc_ferry_holdings SET state = 'NONSENSE' WHERE account = 'account-2'")
        .await;
    ground.all_ready().await;
    let recorded = "SELECT account FROM kubesvc_ferry_holdings WHERE state = 'READY'";
    let mut tx = ground.lifecycle.store.pool().read().await.unwrap();
    let recorded = crate::sql::sql(recorded).column(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut others = ground.names.clone();
    others.remove(2);
    assert_eq!(recorded, others);
}

#[tokio::test]
async fn one_that_cannot_be_prepared_fails_alone() {
    let ground = Ground::open().await;
    ground
        .run("UPDATE kubesvc_accounts SET definition = '{}' WHERE name = 'account-6'")
        .await;
    assert!(ground.reconcile().await.is_empty());
    let others = ground.statuses_but("account-6").await;
    assert_eq!(others, [Status::Activating; 6]);
    let account = ground.account("account-6").await;
    assert_eq!(account.status, Status::Failed);
    assert!(
        account
            .message
            .unwrap()
            .contains("neither kubeconfigContents")
    );
}

#[tokio::test]
async fn what_another_core_left_and_cannot_be_prepared_is_tried_again() {
    let ground = Ground::open().await;
    // This core has no session with the agent: what follows is left to the one that has.
    assert!(ground.reconcile().await.is_empty());
    for text in [
        "UPDATE kubesvc_ferry_holdings SET unsent = 0 WHERE account <> 'account-3'",
        "UPDATE kubesvc_accounts SET status = 'ACTIVE', zone_id = 'Z', due_at = NULL
         WHERE name = 'account-3'",
        "UPDATE kubesvc_accounts SET definition = '{}' WHERE name = 'account-3'",
    ] {
        ground.run(text).await;
    }
    // The second time is not due.
    for _ in 0..2 {
        ground.lifecycle.send_for_peers().await.unwrap();
        assert_eq!(ground.unsent().await, ["account-3"]);
        let account = ground.account("account-3").await;
        assert_eq!((account.status, account.failed_count), (Status::Active, 1));
        assert!(account.message.unwrap().contains("neither"));
    }
    ground
        .run(
            "UPDATE kubesvc_accounts SET definition = '{\"serviceAccount\": true}', due_at = 1
             WHERE name = 'account-3'",
        )
        .await;
    assert!(ground.reconcile().await.is_empty());
    ground.lifecycle.send_for_peers().await.unwrap();
    assert!(ground.unsent().await.is_empty());
}

#[tokio::test]
async fn what_another_core_left_fails_with_its_cause_while_it_is_activated() {
    let ground = Ground::open().await;
    assert!(ground.reconcile().await.is_empty());
    assert_eq!(ground.unsent().await.len(), 7);
    ground
        .run("UPDATE kubesvc_accounts SET definition = '{}' WHERE name = 'account-3'")
        .await;
    ground.lifecycle.send_for_peers().await.unwrap();
    let account = ground.account("account-3").await;
    assert_eq!(account.status, Status::Failed);
    assert!(account.message.unwrap().contains("neither"));
    assert_eq!(ground.unsent().await, ["account-3"]);
    assert_eq!(
        ground.statuses_but("account-3").await,
        [Status::Activating; 6]
    );
}

#[tokio::test]
async fn what_another_core_left_is_not_sent_when_something_newer_was_decided_meanwhile() {
    let ground = Ground::open().await;
    assert!(ground.reconcile().await.is_empty());
    let mut line = ground.enter();
    let left = ground.lifecycle.store.unsent("core").await.unwrap();
    assert_eq!(left.len(), 7);
    ground
        .run(
            "UPDATE kubesvc_ferry_holdings SET generation = generation + 1
             WHERE account = 'account-3'",
        )
        .await;
    ground.lifecycle.send_left(&left).await;
    let mut sent = Vec::new();
    while let Ok(message) = line.inbox.try_recv() {
        if let Some(Kind::SaveAccounts(save)) = message.unwrap().kind {
            sent.extend(save.accounts.into_iter().map(|account| account.name));
        }
    }
    let mut others = ground.names.clone();
    others.remove(3);
    assert_eq!(sent, others);
    assert_eq!(ground.unsent().await, ["account-3"]);
}

#[tokio::test]
async fn an_agent_comes_anew_when_nobody_knows_whether_what_it_is_told_is_recorded() {
    let ground = Ground::open().await;
    let line = ground.enter();
    // Each COMMIT of a holding is answered with an error.
    for text in [
        "CREATE TABLE nowhere (id INTEGER PRIMARY KEY)",
        "CREATE TABLE broken (id INTEGER REFERENCES nowhere DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER breaks AFTER INSERT ON kubesvc_ferry_holdings
         BEGIN INSERT INTO broken VALUES (1); END",
    ] {
        ground.run(text).await;
    }
    assert_eq!(ground.reconcile().await.len(), 7);
    assert!(line.end.is_cancelled());
    assert!(ground.lifecycle.registry.sessions().is_empty());
}
