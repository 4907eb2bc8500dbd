//! Takes one account as far as it goes: look, decide, write, send; again until there is nothing to
//! do but wait.

use super::Lifecycle;
use crate::account::plan;
use crate::account::step::{Message, Step};
use crate::account::{Account, View};
use crate::store::{Actor, StoreError};
use ferry_wire::v1::core_message::Kind;
use ferry_wire::v1::{DeleteAccounts, Deletion, SaveAccounts};

/// More steps than any account can take in a row; more would be a circle.
const MAX_STEPS: usize = 100;

impl Lifecycle {
    /// Takes `name` as far as it goes now.
    pub(super) async fn reconcile(&self, name: &str) -> Result<(), StoreError> {
        for _ in 0..MAX_STEPS {
            let Some(view) = self.store.view(name).await? else {
                return Ok(());
            };
            // After the view: what it says of holdings, this must not be older than.
            let agents = self.store.connected().await?;
            let here = self.registry.connected();
            let Some(mut step) = plan::next(&view, &agents, &self.limits) else {
                return Ok(());
            };
            let mut save = None;
            if let Some(account) = step.account.as_ref().filter(|_| step.saves()) {
                match self.prepare(account).await? {
                    Ok(prepared) => save = Some(prepared),
                    Err(cause) => match plan::unpreparable(&view, cause, &self.limits) {
                        Some(instead) => step = instead,
                        None => return Ok(()),
                    },
                }
            }
            // A lost swap means that somebody else moved it: look again.
            if self
                .store
                .write(&view, &step, &here, None, &Actor::ferry())
                .await?
            {
                self.moved(&view, &step);
                self.send(name, &step, save).await;
            }
        }
        tracing::error!(account = name, "no end of steps: left to the next sweep");
        Ok(())
    }

    /// Says what a written step changed.
    pub(super) fn moved(&self, view: &View, step: &Step) {
        let Some(event) = step.event else { return };
        let from = view.account.status;
        let to = step
            .account
            .as_ref()
            .map_or("none", |account| account.status.as_str());
        let message = step
            .account
            .as_ref()
            .and_then(|account| account.message.as_deref());
        tracing::info!(account = view.account.name, %from, to, ?event, message, "transition");
        self.metrics.transition(from.as_str(), to);
    }

    async fn send(&self, name: &str, step: &Step, save: Option<ferry_wire::v1::Account>) {
        for message in &step.messages {
            match message {
                Message::Save { agent_id } => {
                    let zone = step.holdings.iter().find(|held| held.agent_id == *agent_id);
                    let (Some(account), Some(holding)) = (&save, zone) else {
                        continue;
                    };
                    let save = SaveAccounts {
                        zone_id: holding.zone_id.clone(),
                        accounts: vec![account.clone()],
                    };
                    self.registry.send(agent_id, Kind::SaveAccounts(save)).await;
                }
                Message::Delete { agent_id } => {
                    let held = step.holdings.iter().find(|held| held.agent_id == *agent_id);
                    let generation = held.map_or(0, |held| held.generation);
                    self.drop_at(agent_id, name, generation).await;
                }
            }
        }
    }

    /// Tells one agent to drop one account, which we take it to have in this generation.
    pub(super) async fn drop_at(&self, agent_id: &str, name: &str, generation: i64) {
        let deletion = Deletion {
            name: name.to_owned(),
            generation: u64::try_from(generation).unwrap_or_default(),
        };
        let accounts = vec![deletion];
        let delete = Kind::DeleteAccounts(DeleteAccounts { accounts });
        self.registry.send(agent_id, delete).await;
    }

    /// How long an agent may take: what is left of the deadline, less the way back.
    pub(super) fn seconds_left(&self, account: &Account) -> u32 {
        let whole = u32::try_from(self.limits.transition.as_secs()).unwrap_or(u32::MAX);
        let left = account.due_at.map_or(whole, |due| {
            u32::try_from((due - account.last_updated).max(0) / 1000).unwrap_or(u32::MAX)
        });
        left.clamp(1, whole.max(1))
    }
}
