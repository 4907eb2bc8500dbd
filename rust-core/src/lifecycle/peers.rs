//! Several cores on one database: the messages that one core leaves for the agents of another.

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
