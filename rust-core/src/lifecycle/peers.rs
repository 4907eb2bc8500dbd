//! Several cores on one database: which agents are connected to any of them, and the messages that
//! one core leaves for the agents of another.

use super::Lifecycle;
use crate::account::{Agent, HoldingState};
use crate::store::{StoreError, Unsent};
use ferry_wire::v1::SaveAccounts;
use ferry_wire::v1::core_message::Kind;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How long it may take until an agent of another core is seen here.
const FRESH: Duration = Duration::from_secs(1);

/// The agents of all cores, as SQL said not long ago.
#[derive(Debug, Default)]
pub(super) struct Agents(Mutex<Option<(Instant, Arc<[Agent]>)>>);

impl Agents {
    /// What is known is out of date: one of our own came or left.
    pub(super) fn forget(&self) {
        *self
            .0
            .lock()
            .expect("nothing panics while it holds the agents") = None;
    }

    fn fresh(&self) -> Option<Arc<[Agent]>> {
        let known = self
            .0
            .lock()
            .expect("nothing panics while it holds the agents");
        known
            .as_ref()
            .filter(|(read, _)| read.elapsed() < FRESH)
            .map(|(_, agents)| agents.clone())
    }

    fn keep(&self, agents: Arc<[Agent]>) {
        let mut known = self
            .0
            .lock()
            .expect("nothing panics while it holds the agents");
        *known = Some((Instant::now(), agents));
    }
}

impl Lifecycle {
    /// The agents that are connected to any core.
    pub(super) async fn connected(&self) -> Result<Arc<[Agent]>, StoreError> {
        if let Some(agents) = self.agents.fresh() {
            return Ok(agents);
        }
        let agents: Arc<[Agent]> = self.store.connected().await?.into();
        self.agents.keep(agents.clone());
        Ok(agents)
    }

    /// Sends what other cores left to be sent to our agents.
    pub(super) async fn send_for_peers(&self) -> Result<(), StoreError> {
        for unsent in self.store.unsent(&self.registry.connected()).await? {
            let Unsent {
                account, holding, ..
            } = &unsent;
            match holding.state {
                HoldingState::Dropping => {
                    self.drop_at(&holding.agent_id, account, holding.generation)
                        .await;
                }
                _ => self.save_at(&holding.agent_id, account).await?,
            }
            self.store.sent(&unsent).await?;
        }
        Ok(())
    }

    async fn save_at(&self, agent_id: &str, name: &str) -> Result<(), StoreError> {
        let Some(view) = self.store.view(name).await? else {
            return Ok(());
        };
        let holding = view
            .holdings
            .iter()
            .find(|holding| holding.agent_id == agent_id);
        let Some(holding) = holding else {
            return Ok(());
        };
        match self.prepare(&view.account).await? {
            Ok(account) => {
                let accounts = vec![account];
                let save = SaveAccounts {
                    zone_id: holding.zone_id.clone(),
                    accounts,
                };
                self.registry.send(agent_id, Kind::SaveAccounts(save)).await;
            }
            Err(cause) => tracing::warn!(account = name, cause, "not sent to its agent"),
        }
        Ok(())
    }
}
