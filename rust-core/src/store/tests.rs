//! What every database must hold to. [`Base`] alone knows which one it is.

use super::*;
use crate::account::step::Step;
use crate::account::{Account, Cluster, Holding, HoldingState, Limits, Status, View};

#[path = "tests/agents.rs"]
mod agents_tests;
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

impl Base {
    async fn open() -> Base {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("ferry.db")).await.unwrap();
        Base { folder, store }
    }

    /// Closed and opened anew, as by a core that starts.
    async fn reopen(self) -> Base {
        self.store.close().await;
        let path = self.folder.path().join("ferry.db");
        Base {
            store: Store::open(&path).await.unwrap(),
            folder: self.folder,
        }
    }

    /// Runs this SQL beside the store; answers the first column as texts.
    async fn sql(&self, sql: &'static str) -> Vec<String> {
        let rows = sqlx::query(sql)
            .fetch_all(&self.store.writer)
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Every byte that the database keeps.
    async fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = file.unwrap().path();
            if path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("ferry.db")
            {
                all.extend(std::fs::read(path).unwrap());
            }
        }
        all
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
        assert!(
            self.store
                .write(&view, &step, None, &Actor::ferry())
                .await
                .unwrap()
        );
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
        assert!(
            self.store
                .write(&view, &step, None, &Actor::ferry())
                .await
                .unwrap()
        );
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
