//! Which agents are connected to this core, and how to reach each. `lifecycle` lets sessions enter
//! and leave, in step with what SQL says of them, and sends through it.

use super::convert;
use crate::account::Agent;
use crate::failpoint;
use ferry_wire::v1::core_message::Kind;
use ferry_wire::v1::probed::Outcome;
use ferry_wire::v1::{Account, CoreMessage, Probe, Probed, Reached};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// An agent that takes nothing for this long is disconnected: it learns everything anew when it is
/// back.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// The agents of this core.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Mutex<Entries>,
    probes: Mutex<BTreeMap<Question, oneshot::Sender<Probed>>>,
}

/// An agent, and the id of what it was asked to try.
type Question = (String, String);

/// What both of them are told.
const TWICE: &str = "an agent of the same id has connected: when both go on coming back, give each \
                     a HOSTNAME of its own";

/// How much longer than it was given an agent's answer is waited for.
const ON_THE_WAY: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Entries {
    by_id: BTreeMap<String, Entry>,
    snapshot: Arc<[Agent]>,
}

/// One session's place in the registry.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) agent: Agent,
    pub(super) session_id: String,
    pub(super) outbox: mpsc::Sender<Result<CoreMessage, Status>>,
    pub(super) end: CancellationToken,
}

impl Registry {
    /// The connected agents, sorted by id.
    pub fn connected(&self) -> Arc<[Agent]> {
        self.entries().snapshot.clone()
    }

    /// The sessions: agent's id and session's.
    pub fn sessions(&self) -> BTreeSet<(String, String)> {
        let entries = self.entries();
        let sessions = entries.by_id.values();
        sessions
            .map(|entry| (entry.agent.id.clone(), entry.session_id.clone()))
            .collect()
    }

    /// Sends `message` to an agent. When it is not connected or takes nothing, the message is
    /// dropped: its next registration makes up for it.
    pub async fn send(&self, agent_id: &str, message: Kind) {
        let Some(entry) = self.entries().by_id.get(agent_id).cloned() else {
            return;
        };
        let (before, after) = match message {
            Kind::SaveAccounts(_) => (failpoint::SAVE_BEFORE, failpoint::SAVE_AFTER),
            Kind::DeleteAccounts(_) => (failpoint::DELETE_BEFORE, failpoint::DELETE_AFTER),
            Kind::Registered(_) => (failpoint::REGISTERED_BEFORE, failpoint::REGISTERED_AFTER),
            Kind::Probe(_) => (failpoint::PROBE_BEFORE, failpoint::PROBE_AFTER),
            Kind::Heartbeat(_) => (failpoint::HEARTBEAT_BEFORE, failpoint::HEARTBEAT_AFTER),
        };
        failpoint::hit(before);
        let message = Ok(CoreMessage {
            kind: Some(message),
        });
        if entry
            .outbox
            .send_timeout(message, SEND_TIMEOUT)
            .await
            .is_err()
        {
            tracing::warn!(
                agent_id,
                "the agent takes no messages: its session is ended"
            );
            // The next message must not wait as long.
            self.end(agent_id, &entry.session_id);
        }
        failpoint::hit(after);
    }

    /// Has an agent try an account within `limit`, holding nothing of it; an error says why it does
    /// not become ready there.
    pub async fn probe(
        &self,
        agent_id: &str,
        account: Account,
        limit: Duration,
    ) -> Result<Reached, String> {
        let question = (agent_id.to_owned(), ulid::Ulid::new().to_string());
        let (answer, answered) = oneshot::channel();
        let probe = Probe {
            id: question.1.clone(),
            account: Some(account),
        };
        self.probes().insert(question.clone(), answer);
        // Whoever waits may go away.
        let _forget = Forget(self, question);
        self.send(agent_id, Kind::Probe(probe)).await;
        let outcome = match tokio::time::timeout(limit + ON_THE_WAY, answered).await {
            Ok(Ok(probed)) => probed.outcome,
            Ok(Err(_)) => return Err("its connection ended while it tried".to_owned()),
            Err(_) => {
                let waited = (limit + ON_THE_WAY).as_secs();
                return Err(format!(
                    "it gave no answer within {waited} s; an agent of an older version gives none"
                ));
            }
        };
        match outcome {
            Some(Outcome::Reached(reached)) => Ok(convert::reached(reached)),
            Some(Outcome::Failed(failed)) => Err(convert::sentence(&failed.cause)),
            None => Err("its answer was not understood; update this core".to_owned()),
        }
    }

    /// Hands an agent's answer to whoever waits for it.
    pub(super) fn probed(&self, agent_id: &str, probed: Probed) {
        let question = (agent_id.to_owned(), probed.id.clone());
        if let Some(answer) = self.probes().remove(&question)
            && answer.send(probed).is_err()
        {
            tracing::debug!(agent_id, "nobody waits for what the agent tried");
        }
    }

    fn probes(&self) -> MutexGuard<'_, BTreeMap<Question, oneshot::Sender<Probed>>> {
        self.probes
            .lock()
            .expect("nothing panics while it holds the questions")
    }

    /// Ends an agent's session, for it to connect again and bring all it has.
    pub fn end(&self, agent_id: &str, session_id: &str) {
        let entry = self.entries().by_id.get(agent_id).cloned();
        if let Some(entry) = entry.filter(|entry| entry.session_id == session_id) {
            entry.end.cancel();
            self.leave(agent_id, session_id);
        }
    }

    /// Ends every session.
    pub(super) fn close_all(&self) {
        for entry in self.entries().by_id.values() {
            entry.end.cancel();
        }
    }

    /// Enters a session; an earlier one of the same agent is ended.
    pub fn enter(&self, entry: Entry) {
        let mut entries = self.entries();
        if let Some(earlier) = entries.by_id.insert(entry.agent.id.clone(), entry) {
            let agent_id = &earlier.agent.id;
            tracing::warn!(agent_id, "an earlier connection is ended: {TWICE}");
            // Whose connection takes nothing any more learns it by its end.
            let _ = earlier.outbox.try_send(Err(Status::aborted(TWICE)));
            earlier.end.cancel();
        }
        entries.renew();
    }

    /// Removes a session, unless another of the same agent has taken its place.
    pub fn leave(&self, agent_id: &str, session_id: &str) {
        let mut entries = self.entries();
        if entries
            .by_id
            .get(agent_id)
            .is_some_and(|entry| entry.session_id == session_id)
        {
            entries.by_id.remove(agent_id);
            entries.renew();
            self.probes().retain(|(asked, _), _| asked != agent_id);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries
            .lock()
            .expect("nothing panics while it holds the registry")
    }
}

#[cfg(test)]
impl Registry {
    /// Enters an agent that answers every probe so, or none, until the registry is gone.
    pub(crate) fn enter_for_tests(
        self: &Arc<Self>,
        id: &str,
        zone: &str,
        outcome: impl Into<Option<Outcome>>,
    ) {
        let outcome = outcome.into();
        let (outbox, mut sent) = mpsc::channel(1);
        self.enter(Entry {
            agent: Agent {
                id: id.to_owned(),
                zone_id: zone.to_owned(),
            },
            session_id: format!("session of {id}"),
            outbox,
            end: CancellationToken::new(),
        });
        let (registry, id) = (Arc::downgrade(self), id.to_owned());
        tokio::spawn(async move {
            while let Some(Ok(message)) = sent.recv().await {
                let (Some(Kind::Probe(probe)), Some(registry)) = (message.kind, registry.upgrade())
                else {
                    continue;
                };
                let (id_of, outcome) = (probe.id, outcome.clone());
                if outcome.is_some() {
                    registry.probed(&id, Probed { id: id_of, outcome });
                }
            }
        });
    }
}

/// Forgets a question that is waited for no longer.
struct Forget<'a>(&'a Registry, Question);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.probes().remove(&self.1);
    }
}

impl Entries {
    fn renew(&mut self) {
        self.snapshot = self
            .by_id
            .values()
            .map(|entry| entry.agent.clone())
            .collect();
    }
}
