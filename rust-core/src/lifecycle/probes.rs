//! A dry run's accounts at agents of another core: the question is left in SQL, with the secrets
//! sealed, and the core that has the agent answers it within a second and what the agent takes.
//! `rehearse` asks; a task of every core answers. Nothing here moves an account.

use super::rehearse::FOR_ONE;
use super::{Lifecycle, SWEEP};
use crate::account::{Account, Agent};
use crate::error::causes;
use crate::store::{Content, Probe, StoreError};
use ferry_wire::v1::probed::Outcome;
use ferry_wire::v1::{Failed, Probed, Reached};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How long an answer of another core is waited for: its look for questions and what the agent takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const POLL: Duration = Duration::from_millis(250);

impl Lifecycle {
    /// Has the core of this agent have it try an account; an error says why it does not become ready
    /// there.
    pub(super) async fn probe_by_peer(
        &self,
        agent: &Agent,
        account: &Account,
        content: &Content,
    ) -> Result<Result<Reached, String>, StoreError> {
        let file = account.kubeconfig_file.as_deref();
        let asked = self
            .store
            .ask_probe(&agent.id, &account.name, file, content);
        let id = asked.await?;
        let answer = tokio::time::timeout(PATIENCE, self.answer_of_peer(&id)).await;
        self.store.end_probes(&[id]).await?;
        let Ok(answer) = answer else {
            return Ok(Err(format!(
                "the replica of Ferry that it is connected to gave no answer within {} s; ask again",
                PATIENCE.as_secs()
            )));
        };
        Ok(match Probed::decode(answer?.as_slice()).map(|probed| probed.outcome) {
            Ok(Some(Outcome::Reached(reached))) => Ok(reached),
            Ok(Some(Outcome::Failed(failed))) => Err(failed.cause),
            Ok(None) | Err(_) => Err(
                "the answer of the replica of Ferry that it is connected to was not understood; \
                 update this one"
                    .to_owned(),
            ),
        })
    }

    async fn answer_of_peer(&self, id: &str) -> Result<Vec<u8>, StoreError> {
        loop {
            if let Some(answer) = self.store.probe_answer(id).await? {
                return Ok(answer);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Answers what other cores want our agents to try.
    pub(super) async fn answer_peers(self: Arc<Self>) {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut under_way, mut taken) = (FuturesUnordered::new(), BTreeSet::new());
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    for probe in self.asked_of_us().await {
                        if taken.insert(probe.id.clone()) {
                            under_way.push(self.answer_peer(probe));
                        }
                    }
                }
                Some(id) = under_way.next() => {
                    taken.remove(&id);
                }
            }
        }
    }

    async fn asked_of_us(&self) -> Vec<Probe> {
        let mut probes = self.store.probes().await.unwrap_or_else(|error| {
            let error = causes(&error);
            tracing::error!(error, "what other replicas want to be tried is not seen");
            Vec::new()
        });
        let connected = self.registry.connected();
        probes.retain(|probe| connected.iter().any(|agent| agent.id == probe.agent_id));
        probes
    }

    /// Answers the question's id.
    async fn answer_peer(&self, probe: Probe) -> String {
        let outcome = match self.try_here(&probe).await {
            Ok(reached) => Outcome::Reached(reached),
            Err(cause) => Outcome::Failed(Failed { cause }),
        };
        let answer = Probed {
            id: String::new(),
            outcome: Some(outcome),
        };
        let answered = self.store.answer_probe(&probe.id, answer.encode_to_vec());
        if let Err(error) = answered.await {
            let (account, error) = (&probe.account, causes(&error));
            tracing::warn!(account, error, "what an agent tried is not answered yet");
        }
        probe.id
    }

    async fn try_here(&self, probe: &Probe) -> Result<Reached, String> {
        let account = Account {
            kubeconfig_file: probe.kubeconfig_file.clone(),
            ..Account::adopted(&probe.account, None, 0)
        };
        let definition = self.open(&account.name, &probe.content).await?;
        let message = self.message_of(&account, &definition).await?;
        self.registry.probe(&probe.agent_id, message, FOR_ONE).await
    }
}

#[cfg(test)]
#[path = "probes_tests.rs"]
mod tests;
