//! What agents say is recorded here, in the order they say it; then their accounts are looked at.

use super::{Lifecycle, SWEEP};
use crate::error::causes;
use crate::hub::{AgentEvent, Entry};
use crate::store::{Gone, Registration, StoreError};
use ferry_wire::v1::Registered;
use ferry_wire::v1::core_message::Kind;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a report is tried to be recorded while the database is away; each try a second.
const TRIES: u32 = 30;

impl Lifecycle {
    pub(super) async fn listen(self: Arc<Self>, mut events: mpsc::Receiver<AgentEvent>) {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.heard(event).await,
                    None => return,
                },
                _ = tick.tick() => {
                    if let Err(error) = self.compare_sessions().await {
                        tracing::error!(error = causes(&error), "sessions are not compared");
                    }
                }
            }
        }
    }

    async fn heard(&self, event: AgentEvent) {
        match event {
            AgentEvent::Connected {
                registration,
                entry,
                welcome,
                done,
            } => {
                let outcome = self.arrived(&registration, entry, welcome).await;
                if done.send(outcome).is_err() {
                    tracing::debug!(agent_id = registration.agent_id, "gone before its answer");
                }
            }
            AgentEvent::Reported {
                agent_id,
                session_id,
                held,
            } => {
                let gone = self.record(|| self.store.report(&agent_id, &session_id, &held));
                match gone.await {
                    Some(gone) => self.follow(&agent_id, gone).await,
                    None => self.registry.end(&agent_id, &session_id),
                }
            }
            AgentEvent::Left {
                agent_id,
                session_id,
            } => {
                self.registry.leave(&agent_id, &session_id);
                let gone = self
                    .record(|| self.store.leave(&agent_id, &session_id))
                    .await;
                self.follow(&agent_id, gone.unwrap_or_default()).await;
            }
        }
    }

    /// Sessions are here and in SQL at once, but for what went wrong: another core took this one for
    /// gone, and its agents are to register anew; or the end of a session could not be recorded.
    /// Only the task that lets sessions enter can tell.
    async fn compare_sessions(&self) -> Result<(), StoreError> {
        let here = self.registry.sessions();
        let recorded = self.store.sessions(&self.core_id).await?;
        for (agent_id, session_id) in here.difference(&recorded) {
            tracing::warn!(
                agent_id,
                "counts as gone: its session is ended, and it comes back"
            );
            self.registry.end(agent_id, session_id);
        }
        for (agent_id, session_id) in recorded.difference(&here) {
            let gone = self.store.leave(agent_id, session_id).await?;
            self.follow(agent_id, gone).await;
        }
        Ok(())
    }

    async fn arrived(
        &self,
        registration: &Registration,
        entry: Entry,
        welcome: Registered,
    ) -> Result<(), String> {
        let agent_id = &registration.agent_id;
        let gone = self.store.register(registration).await.map_err(|error| {
            tracing::error!(
                agent_id,
                error = causes(&error),
                "the agent is not registered"
            );
            match error.is_lasting() {
                true => format!("the core cannot record this agent: {error}; see the core's log"),
                false => "the core's database is away; the agent is to try again".to_owned(),
            }
        })?;
        self.registry.enter(entry);
        self.registry
            .send(agent_id, Kind::Registered(welcome))
            .await;
        self.follow(agent_id, gone).await;
        Ok(())
    }

    /// Records something an agent said, also when the database is away for a while. `None`: it is
    /// given up, and the agent's next registration makes up for it.
    async fn record<F>(&self, write: impl Fn() -> F) -> Option<Gone>
    where
        F: Future<Output = Result<Gone, StoreError>>,
    {
        for _ in 0..TRIES {
            match write().await {
                Ok(gone) => return Some(gone),
                Err(error) if error.is_lasting() => {
                    tracing::error!(error = causes(&error), "a report cannot be recorded");
                    return Some(Gone::default());
                }
                Err(error) => {
                    tracing::error!(error = causes(&error), "a report is not recorded yet");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
        None
    }

    async fn follow(&self, agent_id: &str, gone: Gone) {
        for name in &gone.strays {
            tracing::info!(
                agent_id,
                account = name,
                "nobody knows the account: dropped there"
            );
            self.drop_at(agent_id, name, 0).await;
        }
        self.queue.add(gone.affected);
    }
}
