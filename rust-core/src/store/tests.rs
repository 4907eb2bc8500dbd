//! What every database must hold to. [`Base`] alone knows which one it is.

use super::*;
use crate::account::step::Step;
use crate::account::{Account, Agent, Cluster, Holding, HoldingState, Limits, Status, View};
use std::time::Duration;

#[path = "tests/agents.rs"]
mod agents_tests;
#[path = "tests/cores.rs"]
mod cores_tests;
#[path = "tests/journal.rs"]
mod journal_tests;
#[path = "tests/listing.rs"]
mod listing_tests;
#[path = "tests/rows.rs"]
mod rows_tests;
#[path = "tests/statics.rs"]
mod statics_tests;

/// A database of its own for a test.
struct Base {
    folder: tempfile::TempDir,
    store: Store,
}

fn location(folder: &tempfile::TempDir) -> Location {
    Location::Sqlite(folder.path().join("ferry.db"))
}

impl Base {
    async fn open() -> Base {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&location(&folder)).await.unwrap();
        Base { folder, store }
    }

    /// Closed and opened anew, as by a core that starts.
    async fn reopen(self) -> Base {
        self.store.close().await;
        Base {
            store: Store::open(&location(&self.folder)).await.unwrap(),
            folder: self.folder,
        }
    }

    /// Runs this SQL beside the store.
    async fn run(&self, text: &str) {
        let mut tx = self.store.pool.write().await.unwrap();
        crate::sql::sql(text).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// These text columns of what follows, row by row, joined by `|`; a NULL is empty.
    async fn select(&self, columns: &[&str], from: &str) -> Vec<String> {
        let mut tx = self.store.pool.read().await.unwrap();
        let select = crate::sql::sql(format!("SELECT {} {from}", columns.join(", ")));
        let rows = select.all(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut lines = Vec::new();
        for row in rows {
            let text = |column: &&str| row.get::<Option<String>>(column).unwrap();
            let texts = columns
                .iter()
                .map(|column| text(column).unwrap_or_default());
            lines.push(texts.collect::<Vec<_>>().join("|"));
        }
        lines
    }

    /// The events of the audit, sorted: two of one millisecond have no order.
    async fn events(&self, account: &str) -> Vec<String> {
        let from = format!("FROM kubesvc_ferry_audit WHERE account = '{account}' ORDER BY event");
        self.select(&["event"], &from).await
    }

    /// Every byte that the database keeps.
    async fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = file.unwrap().path();
            if path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("ferry.db")
            {
                all.extend(std::fs::read(path).unwrap());
            }
        }
        all
    }

    async fn write(&self, view: &View, step: &Step) -> bool {
        let actor = Actor::ferry();
        self.store
            .write(view, step, &[], None, &actor)
            .await
            .unwrap()
    }

    /// An INACTIVE row.
    async fn row(&self, name: &str) -> View {
        let made = self
            .store
            .create(name, None, None, &content("{}"), &Actor::ferry())
            .await;
        assert!(made.unwrap());
        self.view(name).await
    }

    async fn view(&self, name: &str) -> View {
        self.store.view(name).await.unwrap().unwrap()
    }

    /// Writes the row as `change` makes it, without an event.
    async fn change(&self, name: &str, change: impl FnOnce(&mut Account)) {
        let view = self.view(name).await;
        let mut step = Step::same(&view);
        change(step.account.as_mut().unwrap());
        assert!(self.write(&view, &step).await);
    }

    /// Gives the account to these agents of zone Z in this state.
    async fn hold(&self, name: &str, agents: &[&str], state: HoldingState) {
        let view = self.view(name).await;
        let mut step = Step::same(&view);
        for agent_id in agents {
            step.holdings.retain(|held| held.agent_id != *agent_id);
            step.holdings.push(Holding {
                agent_id: (*agent_id).to_owned(),
                zone_id: "Z".to_owned(),
                generation: view.account.generation,
                state,
                cause: None,
                cluster: Cluster::default(),
            });
        }
        assert!(self.write(&view, &step).await);
    }

    /// Agent and state of every holding of `name`.
    async fn holders(&self, name: &str) -> Vec<(String, HoldingState)> {
        let holdings = self.view(name).await.holdings;
        holdings
            .into_iter()
            .map(|held| (held.agent_id, held.state))
            .collect()
    }
}

fn content(definition: &str) -> Content {
    Content {
        definition: definition.to_owned(),
        secret: None,
    }
}

/// What an agent says of one account.
fn said(account: &str, generation: i64, state: Option<HoldingState>) -> Held {
    Held {
        account: account.to_owned(),
        generation,
        state,
        cause: None,
        cluster: Cluster::default(),
    }
}

/// `agent` of zone Z connects with all it holds.
fn registration(agent_id: &str, session_id: &str, held: Vec<Held>) -> Registration {
    Registration {
        agent_id: agent_id.to_owned(),
        zone_id: "Z".to_owned(),
        agent_version: "1".to_owned(),
        core_id: "core".to_owned(),
        session_id: session_id.to_owned(),
        static_accounts: Vec::new(),
        held,
    }
}

const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};
