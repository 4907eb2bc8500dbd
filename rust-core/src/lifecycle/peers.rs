//! Several cores on one database: what one core leaves to be done with the agents of another.

use super::Lifecycle;
use super::reconcile::drop;
use crate::account::state::Wanted;
use crate::account::{HoldingState, plan};
use crate::store::{Change, StoreError, Unsent};
use ferry_wire::v1::SaveAccounts;
use ferry_wire::v1::core_message::Kind;

impl Lifecycle {
    /// Sends what other cores left to be sent to our agents.
    pub(super) async fn send_for_peers(&self) -> Result<(), StoreError> {
        for unsent in self.store.unsent(&self.core_id).await? {
            self.send_left(&unsent).await?;
        }
        Ok(())
    }

    /// First it is recorded as sent: to prepare it takes time, and what was decided meanwhile goes
    /// before. A core that dies in between takes the agent's session with it.
    pub(super) async fn send_left(&self, unsent: &Unsent) -> Result<(), StoreError> {
        let Unsent {
            account, holding, ..
        } = unsent;
        let agent_id = holding.agent_id.as_str();
        let message = match holding.state {
            HoldingState::Dropping => Some(drop(account, holding.generation)),
            _ => self.save_of(agent_id, account).await?,
        };
        let Some(message) = message else {
            return Ok(());
        };
        let here = self.registry.sessions();
        match self.store.sent(unsent).await {
            Ok(true) => self.registry.send(agent_id, message).await,
            Ok(false) => {}
            Err(error) => {
                if matches!(error, StoreError::Unsettled(_)) {
                    self.come_anew([agent_id].into_iter(), &here);
                }
                return Err(error);
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

    /// SaveAccounts; `None`: there is none to be sent, or it stays to be sent, since it cannot be
    /// prepared, which the account says, or since the account is not to be served any longer.
    async fn save_of(&self, agent_id: &str, name: &str) -> Result<Option<Kind>, StoreError> {
        let Some(view) = self.store.view(name).await? else {
            return Ok(None);
        };
        let holding = view
            .holdings
            .iter()
            .find(|holding| holding.agent_id == agent_id);
        let Some(holding) = holding else {
            return Ok(None);
        };
        // What was switched off meanwhile is dropped by its next step.
        if view.account.wanted != Wanted::Active || plan::is_withheld(&view) {
            return Ok(None);
        }
        let kept = self.kept(&[name]).await?;
        let cause = match self.prepare(&view.account, &kept).await? {
            Ok(account) => {
                let save = SaveAccounts {
                    zone_id: holding.zone_id.clone(),
                    accounts: vec![account],
                };
                return Ok(Some(Kind::SaveAccounts(save)));
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
        Ok(None)
    }
}
