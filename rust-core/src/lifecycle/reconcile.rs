//! Takes accounts as far as they go: look, decide, write, send; again until there is nothing to do
//! but wait. Many are looked at and written together; what is slow to prepare holds up no other.

use super::prepare::Kept;
use super::{Lifecycle, TOGETHER};
use crate::account::plan;
use crate::account::step::{Message, Step};
use crate::account::transition::Event;
use crate::account::{Account, View};
use crate::store::{Actor, Change, StoreError};
use ferry_wire::v1::core_message::Kind;
use ferry_wire::v1::{self, DeleteAccounts, Deletion, SaveAccounts};
use futures_util::future::{join, join_all};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc;

/// More steps than any account can take in a row; more would be a circle.
const MAX_STEPS: usize = 100;

/// A step with the message that goes with it.
pub(super) type Prepared = (Change<'static>, Option<v1::Account>);

impl Lifecycle {
    /// Takes these accounts as far as they go now.
    pub(super) async fn reconcile(&self, names: &[String]) -> Result<(), StoreError> {
        let mut open = names.to_vec();
        for _ in 0..MAX_STEPS {
            if open.is_empty() {
                return Ok(());
            }
            let names: Vec<&str> = open.iter().map(String::as_str).collect();
            let views = self.store.views(&names).await?;
            open = self.step(views).await?;
        }
        tracing::error!(accounts = ?open, "no end of steps: left to the next sweep");
        Ok(())
    }

    /// Takes accounts one step further; answers those of them that are to be looked at again.
    async fn step(&self, views: BTreeMap<String, View>) -> Result<Vec<String>, StoreError> {
        // After the views: what they say of holdings, this must not be older than.
        let agents = self.store.connected().await?;
        let planned = views.into_values().filter_map(|view| {
            let step = plan::next(&view, &agents, &self.limits)?;
            Some((view, step))
        });
        let planned: Vec<(View, Step)> = planned.collect();
        let saved = planned.iter().filter(|(_, step)| step.saves());
        let saved: Vec<&str> = saved.map(|(view, _)| view.account.name.as_str()).collect();
        let kept = &self.kept(&saved).await?;
        // Unbounded, and never awaited in turns: who prepares may have the connection that who writes
        // waits for.
        let (done, mut ready) = mpsc::unbounded_channel();
        let prepare = async move {
            let prepared = stream::iter(planned)
                .map(|(view, step)| self.prepared(view, step, kept))
                .buffer_unordered(TOGETHER)
                .try_filter_map(async |prepared| Ok(prepared));
            let mut prepared = std::pin::pin!(prepared);
            while let Some(one) = prepared.try_next().await? {
                // Refused once something could not be written: the rest is left to the next sweep.
                if done.send(one).is_err() {
                    break;
                }
            }
            Ok::<_, StoreError>(())
        };
        let write = async move {
            let (mut chunk, mut again) = (Vec::new(), Vec::new());
            while ready.recv_many(&mut chunk, TOGETHER).await > 0 {
                let names = chunk
                    .iter()
                    .map(|(change, _): &Prepared| &change.view.account.name);
                again.extend(names.cloned());
                self.write(std::mem::take(&mut chunk)).await?;
            }
            Ok::<_, StoreError>(again)
        };
        // What is being written is sent, too, whatever cannot be prepared meanwhile.
        let (prepared, again) = join(prepare, write).await;
        prepared?;
        again
    }

    /// A step with its message; `None`: there is nothing to do.
    async fn prepared(
        &self,
        view: View,
        step: Step,
        kept: &Kept,
    ) -> Result<Option<Prepared>, StoreError> {
        let (mut step, mut save) = (step, None);
        if let Some(account) = step.account.as_ref().filter(|_| step.saves()) {
            match self.prepare(account, kept).await? {
                Ok(prepared) => save = Some(prepared),
                Err(cause) => match plan::unpreparable(&view, cause, &self.limits) {
                    Some(instead) => step = instead,
                    None => return Ok(None),
                },
            }
        }
        let change = Change {
            view,
            step,
            content: None,
        };
        Ok(Some((change, save)))
    }

    /// Writes steps and sends what follows from them. A lost swap means that somebody else moved the
    /// account.
    pub(super) async fn write(&self, mut prepared: Vec<Prepared>) -> Result<(), StoreError> {
        prepared
            .sort_by(|(one, _), (other, _)| one.view.account.name.cmp(&other.view.account.name));
        let here = self.registry.sessions();
        let (changes, saves): (Vec<_>, Vec<_>) = prepared.into_iter().unzip();
        let actor = Actor::ferry();
        let written = match self.store.write_all(&changes, &here, &actor).await {
            Err(StoreError::Unsettled(error)) => {
                let messages = changes.iter().flat_map(|change| &change.step.messages);
                self.come_anew(messages.map(Message::agent_id), &here);
                return Err(StoreError::Unsettled(error));
            }
            written => written?,
        };
        let mut messages: BTreeMap<&str, Vec<Kind>> = BTreeMap::new();
        for ((change, save), _) in (changes.iter().zip(&saves))
            .zip(written)
            .filter(|(_, written)| *written)
        {
            self.moved(&change.view, &change.step);
            for (agent_id, message) in messages_of(change, save.as_ref()) {
                messages.entry(agent_id).or_default().push(message);
            }
        }
        // Who takes nothing holds up no other agent.
        join_all(messages.into_iter().map(async |(agent_id, messages)| {
            for message in messages {
                self.registry.send(agent_id, message).await;
            }
        }))
        .await;
        Ok(())
    }

    /// Ends the sessions of agents that may have to be told what nobody knows to be recorded: they come
    /// back, and what they lack is seen.
    pub(super) fn come_anew<'a>(
        &self,
        agents: impl Iterator<Item = &'a str>,
        here: &BTreeSet<(String, String)>,
    ) {
        let agents: BTreeSet<&str> = agents.collect();
        for (agent_id, session_id) in here {
            if agents.contains(agent_id.as_str()) {
                tracing::warn!(
                    agent_id,
                    "the database broke off: the agent is to come anew"
                );
                self.registry.end(agent_id, session_id);
            }
        }
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
        if from.is_transient() {
            let millis = view.now - view.account.last_updated;
            self.metrics.stood(from.as_str(), to, millis);
        }
        if event == Event::Retry {
            self.metrics.retried();
        }
    }

    /// Tells one agent to drop an account, in whichever generation it has it.
    pub(super) async fn drop_at(&self, agent_id: &str, name: &str) {
        self.registry.send(agent_id, drop(name, 0)).await;
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

/// What is sent to whom once a step is written.
fn messages_of<'a>(
    change: &'a Change<'_>,
    save: Option<&v1::Account>,
) -> impl Iterator<Item = (&'a str, Kind)> {
    let Change { view, step, .. } = change;
    step.messages.iter().filter_map(move |message| {
        let agent_id = message.agent_id();
        let held = step.holdings.iter().find(|held| held.agent_id == agent_id);
        let kind = match message {
            Message::Save { .. } => Kind::SaveAccounts(SaveAccounts {
                zone_id: held?.zone_id.clone(),
                accounts: vec![save?.clone()],
            }),
            Message::Delete { .. } => {
                drop(&view.account.name, held.map_or(0, |held| held.generation))
            }
        };
        Some((agent_id, kind))
    })
}

/// The message that an account, taken to be there in this generation, is to be dropped.
pub(super) fn drop(name: &str, generation: i64) -> Kind {
    let deletion = Deletion {
        name: name.to_owned(),
        generation: u64::try_from(generation).unwrap_or_default(),
    };
    let accounts = vec![deletion];
    Kind::DeleteAccounts(DeleteAccounts { accounts })
}
