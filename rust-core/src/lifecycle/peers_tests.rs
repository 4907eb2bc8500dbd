//! Two cores on one store: one decides, and leaves its messages to the other, which has the agents.

use super::*;
use crate::hub::AgentEvent;
use crate::hub::test_agent::{self, Line};
use crate::lifecycle::Parts;
use crate::secret::Keyring;
use crate::source::test_source::TestSource;
use crate::store::{Actor, Content, Location, NewRow, Registration, Store};
use ferry_wire::v1::Register;
use std::collections::BTreeSet;

struct Ground {
    decides: Lifecycle,
    sends: Lifecycle,
    names: Vec<String>,
    _source: TestSource,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// So many accounts that are given to these agents.
    async fn open(accounts: usize, agents: &[&str]) -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("ferry.db"));
        let store = Store::open(&location).await.unwrap().among_others();
        let source = TestSource::start().await;
        let core = |id: &str| {
            let keyring = Keyring::beside(&folder.path().join("key")).unwrap();
            let parts = Parts::for_tests(store.clone().of_core(id), keyring, source.source());
            let core_id = id.to_owned();
            Lifecycle::new(Parts { core_id, ..parts })
        };
        let (decides, sends) = (core("decides"), core("sends"));
        for agent_id in agents {
            let registration = Registration {
                agent_id: (*agent_id).to_owned(),
                zone_id: "Z".to_owned(),
                agent_version: "1".to_owned(),
                takes_dynamic: true,
                core_id: "sends".to_owned(),
                session_id: "s".to_owned(),
                static_accounts: Vec::new(),
                held: Vec::new(),
            };
            store.register(&registration).await.unwrap();
        }
        let rows = (0..accounts).map(|number| NewRow {
            name: format!("account-{number:03}"),
            requested_zone: None,
            kubeconfig_file: Some("/kubeconfig".to_owned()),
            content: Content {
                definition: "{}".to_owned(),
                secret: None,
                inline: true,
            },
            activate: Some(decides.limits),
        });
        let rows: Vec<NewRow> = rows.collect();
        let made = store.create(&rows, &Actor::ferry()).await.unwrap();
        let names: Vec<String> = made.into_iter().collect();
        assert!(decides.reconcile_each(names.clone()).await.is_empty());
        Ground {
            decides,
            sends,
            names,
            _source: source,
            _folder: folder,
        }
    }

    /// An agent's session.
    fn enter(&self, agent_id: &str) -> Line {
        let register = Register {
            agent_id: agent_id.to_owned(),
            zone_id: "Z".to_owned(),
            ..Register::default()
        };
        let (event, line) = test_agent::connects(register, "sends", "s");
        let AgentEvent::Connected { entry, .. } = event else {
            panic!("it connects");
        };
        self.sends.registry.enter(entry);
        line
    }

    async fn run(&self, text: &str) {
        let mut tx = self.sends.store.pool().write().await.unwrap();
        crate::sql::sql(text).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Accounts and agents of what is still to be sent.
    async fn unsent(&self) -> Vec<(String, String)> {
        let unsent = self.sends.store.unsent("sends").await.unwrap();
        let unsent = unsent.into_iter();
        unsent
            .map(|unsent| (unsent.account, unsent.holding.agent_id))
            .collect()
    }

    /// In how many transactions messages were recorded as sent: those of one bear its time.
    async fn transactions(&self) -> usize {
        let mut tx = self.sends.store.pool().read().await.unwrap();
        let times = "SELECT DISTINCT CAST(sent_at AS TEXT) FROM kubesvc_ferry_operations
             WHERE sent_at IS NOT NULL";
        let times = crate::sql::sql(times).column(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        times.len()
    }
}

/// The account of a message, and whether it is given or taken away.
async fn taken(line: &mut Line) -> (String, bool) {
    let message = line.inbox.recv().await.unwrap().unwrap();
    match message.kind.unwrap() {
        Kind::SaveAccounts(mut save) => (save.accounts.remove(0).name, true),
        Kind::DeleteAccounts(mut delete) => (delete.accounts.remove(0).name, false),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_agent_that_takes_nothing_holds_up_no_other() {
    let ground = Ground::open(600, &["stuck", "takes"]).await;
    let stuck = ground.enter("stuck");
    while stuck.inbox.len() < stuck.inbox.max_capacity() {
        ground.sends.drop_at("stuck", "other").await;
    }
    let mut line = ground.enter("takes");
    let all_taken = async {
        let mut names = Vec::new();
        while names.len() < ground.names.len() {
            names.push(taken(&mut line).await.0);
        }
        names
    };
    let names = tokio::select! {
        sent = ground.sends.send_for_peers() => panic!("no agent is waited for: {sent:?}"),
        names = all_taken => names,
    };
    let names: BTreeSet<String> = names.into_iter().collect();
    assert!(names.iter().eq(&ground.names));
    let batches = 2 * ground.names.len() / TOGETHER;
    let transactions = ground.transactions().await;
    assert!(transactions <= 2 * batches, "{transactions}");
    // What waits for the other one is bounded.
    let unsent = ground.unsent().await;
    assert!(unsent.iter().all(|(_, agent_id)| agent_id == "stuck"));
    assert!(unsent.len() >= 600 - AHEAD - 1, "{}", unsent.len());
}

#[tokio::test]
async fn an_account_that_cannot_be_sent_holds_up_no_other() {
    let ground = Ground::open(9, &["agent"]).await;
    let mut line = ground.enter("agent");
    for text in [
        "UPDATE kubesvc_accounts SET wanted = 'NONSENSE' WHERE name = 'account-001'",
        "UPDATE kubesvc_accounts SET kubeconfig_file = NULL WHERE name = 'account-003'",
        "UPDATE kubesvc_ferry_holdings SET state = 'DROPPING' WHERE account = 'account-004'",
        "CREATE TRIGGER breaks AFTER UPDATE ON kubesvc_ferry_holdings
         WHEN NEW.account = 'account-006' BEGIN SELECT RAISE(ABORT, 'no'); END",
    ] {
        ground.run(text).await;
    }
    ground.sends.send_for_peers().await.unwrap();
    let mut messages = BTreeSet::new();
    while !line.inbox.is_empty() {
        messages.insert(taken(&mut line).await);
    }
    let save = |number| (format!("account-00{number}"), number != 4);
    assert_eq!(messages, BTreeSet::from([0, 2, 4, 5, 7, 8].map(save)));
    let left = [1, 3, 6].map(|number| (format!("account-00{number}"), "agent".to_owned()));
    assert_eq!(ground.unsent().await, left);
    let view = ground.decides.store.view("account-003").await.unwrap();
    let said = view.unwrap().account.message.unwrap();
    assert!(said.contains("neither kubeconfigContents"), "{said}");
}

#[tokio::test]
async fn agents_come_anew_when_nobody_knows_whether_what_they_are_sent_is_recorded() {
    let ground = Ground::open(3, &["one", "two"]).await;
    let lines = ["one", "two", "other"].map(|agent_id| ground.enter(agent_id));
    // Each COMMIT of a message is answered with an error.
    for text in [
        "CREATE TABLE nowhere (id INTEGER PRIMARY KEY)",
        "CREATE TABLE broken (id INTEGER REFERENCES nowhere DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER breaks AFTER UPDATE ON kubesvc_ferry_holdings
         BEGIN INSERT INTO broken VALUES (1); END",
    ] {
        ground.run(text).await;
    }
    ground.sends.send_for_peers().await.unwrap();
    let ended = lines.each_ref().map(|line| line.end.is_cancelled());
    assert_eq!(ended, [true, true, false]);
    assert!(lines.iter().all(|line| line.inbox.is_empty()));
    assert_eq!(ground.unsent().await.len(), 6);
}
