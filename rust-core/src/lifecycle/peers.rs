//! Several cores on one database: what one core leaves to be done with the agents of another.

use super::Lifecycle;
use crate::account::HoldingState;
use crate::store::{StoreError, Unsent};
use ferry_wire::v1::SaveAccounts;
use ferry_wire::v1::core_message::Kind;

impl Lifecycle {
    /// Sends what other cores left to be sent to our agents.
    pub(super) async fn send_for_peers(&self) -> Result<(), StoreError> {
        for unsent in self.store.unsent(&self.core_id).await? {
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

    /// Ends an agent's connection, to whatever core: within a sweep when it is another's. `false`:
    /// it is not connected.
    pub async fn disconnect(&self, agent_id: &str) -> Result<bool, StoreError> {
        let session = self.store.evict(agent_id).await?;
        if let Some(session_id) = &session {
            self.registry.end(agent_id, session_id);
        }
        Ok(session.is_some())
    }

    /// Ends those of our agents' connections that were asked to be ended.
    pub(super) async fn evict(&self) -> Result<(), StoreError> {
        let evictions = self.store.evictions().await?;
        if evictions.is_empty() {
            return Ok(());
        }
        for (agent_id, session_id) in evictions {
            self.registry.end(&agent_id, &session_id);
        }
        self.store.forget_evictions().await
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
        let kept = self.kept(&[name]).await?;
        match self.prepare(&view.account, &kept).await? {
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
