//! What agents say is recorded here, in the order they say it; then their accounts are looked at.
//! Reports that wait are recorded together.

use super::{BATCH, Lifecycle, SWEEP};
use crate::error::causes;
use crate::hub::{AgentEvent, Entry};
use crate::store::{Gone, Registration, Report, StoreError};
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
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = events.recv_many(&mut waiting, BATCH) => match count {
                    0 => return,
                    _ => self.heard(waiting.drain(..)).await,
                },
                _ = tick.tick() => {
                    if let Err(error) = self.compare_sessions().await {
                        tracing::error!(error = causes(&error), "sessions are not compared");
                    }
                }
            }
        }
    }

    pub(super) async fn heard(&self, events: impl Iterator<Item = AgentEvent>) {
        let (mut reports, mut rooms) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                AgentEvent::Reported(report, room) => {
                    reports.push(report);
                    rooms.push(room);
                }
                other => {
                    self.reported(&std::mem::take(&mut reports)).await;
                    self.came_or_left(other).await;
                }
            }
        }
        self.reported(&reports).await;
    }

    async fn came_or_left(&self, event: AgentEvent) {
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
            AgentEvent::Left {
                agent_id,
                session_id,
            } => {
                self.registry.leave(&agent_id, &session_id);
                let left = self.until_recorded(|| self.store.leave(&agent_id, &session_id));
                match left.await {
                    Some(Ok(gone)) => self.follow(&agent_id, gone).await,
                    Some(Err(error)) => not_recorded(&error),
                    None => {}
                }
            }
            AgentEvent::Reported(report, _room) => self.reported(&[report]).await,
        }
    }

    /// Records reports, in halves when one of them cannot be, so that it is given up alone.
    pub(super) async fn reported(&self, reports: &[Report]) {
        let mut open = vec![reports];
        while let Some(some) = open.pop() {
            if some.is_empty() {
                continue;
            }
            match self.until_recorded(|| self.store.report(some)).await {
                Some(Ok(gone)) => {
                    for (report, gone) in some.iter().zip(gone) {
                        self.follow(&report.agent_id, gone).await;
                    }
                }
                Some(Err(_)) if some.len() > 1 => {
                    let (first, second) = some.split_at(some.len() / 2);
                    open.extend([second, first]);
                }
                Some(Err(error)) => not_recorded(&error),
                None => {
                    for report in some {
                        self.registry.end(&report.agent_id, &report.session_id);
                    }
                }
            }
        }
    }

    /// Sessions are here and in SQL at once, but for what went wrong: another core took this one for
    /// gone, and its agents are to register anew; or the end of a session could not be recorded.
    /// Only the task that lets sessions enter can tell.
    pub(super) async fn compare_sessions(&self) -> Result<(), StoreError> {
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

    /// Records something that agents said, also when the database is away for a while; an error is
    /// there to stay. `None`: it is given up, and the agents' next registration makes up for it.
    async fn until_recorded<T, F>(&self, write: impl Fn() -> F) -> Option<Result<T, StoreError>>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        for _ in 0..TRIES {
            match write().await {
                Err(error) if !error.is_lasting() => {
                    tracing::error!(error = causes(&error), "not recorded yet");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                outcome => return Some(outcome),
            }
        }
        None
    }

    async fn follow(&self, agent_id: &str, gone: Gone) {
        for (account, why) in &gone.ignored {
            tracing::warn!(account, why, "an account of an agent's own is ignored");
        }
        for name in &gone.strays {
            tracing::info!(
                agent_id,
                account = name,
                "nobody knows the account: dropped there"
            );
            self.drop_at(agent_id, name).await;
        }
        self.ended(&gone.ended);
        self.queue.add(gone.affected);
    }
}

fn not_recorded(error: &StoreError) {
    tracing::error!(
        error = causes(error),
        "what an agent said cannot be recorded"
    );
}
