//! Several cores on one database: what one core leaves to be done with the agents of another.

use super::Lifecycle;
use crate::account::state::Wanted;
use crate::account::{HoldingState, plan};
use crate::store::{Change, StoreError, Unsent};
use ferry_wire::v1::SaveAccounts;
use ferry_wire::v1::core_message::Kind;

impl Lifecycle {
    /// Sends what other cores left to be sent to our agents.
    pub(super) async fn send_for_peers(&self) -> Result<(), StoreError> {
        for unsent in self.store.unsent(&self.core_id).await? {
            let Unsent {
                account, holding, ..
            } = &unsent;
            let done = match holding.state {
                HoldingState::Dropping => {
                    self.drop_at(&holding.agent_id, account, holding.generation)
                        .await;
                    true
                }
                _ => self.save_at(&holding.agent_id, account).await?,
            };
            if done {
                self.store.sent(&unsent).await?;
            }
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

    /// Sends SaveAccounts; `false`: it stays to be sent, since it cannot be prepared, which the account
    /// says, or since the account is not to be served any longer.
    async fn save_at(&self, agent_id: &str, name: &str) -> Result<bool, StoreError> {
        let Some(view) = self.store.view(name).await? else {
            return Ok(true);
        };
        let holding = view
            .holdings
            .iter()
            .find(|holding| holding.agent_id == agent_id);
        let Some(holding) = holding else {
            return Ok(true);
        };
        // What was switched off meanwhile is dropped by its next step.
        if view.account.wanted != Wanted::Active || plan::is_withheld(&view) {
            return Ok(false);
        }
        let kept = self.kept(&[name]).await?;
        let cause = match self.prepare(&view.account, &kept).await? {
            Ok(account) => {
                let save = SaveAccounts {
                    zone_id: holding.zone_id.clone(),
                    accounts: vec![account],
                };
                self.registry.send(agent_id, Kind::SaveAccounts(save)).await;
                return Ok(true);
            }
            Err(cause) => cause,
        };
        tracing::warn!(account = name, cause, "not sent to its agent yet");
        if let Some(step) = plan::unpreparable(&view, cause, &self.limits) {
            let change = Change {
                view,
                step,
                content: None,
            };
            self.write(vec![(change, None)]).await?;
            self.look_at(vec![name.to_owned()]);
        }
        Ok(false)
    }
}
