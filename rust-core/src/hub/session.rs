//! One agent's connection, from Register to its end: one task, which reads what the agent says and
//! passes it on in order.

use super::registry::{Entry, Registry};
use super::{AgentEvent, SessionSettings, convert, register};
use crate::account::Agent;
use crate::failpoint;
use crate::store::{Registration, Report};
use ferry_wire::v1::agent_message::Kind as Said;
use ferry_wire::v1::core_message::Kind as Answer;
use ferry_wire::v1::{AgentMessage, CoreMessage, Heartbeat, Registered};
use prost::Message;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

/// How many messages wait for an agent before the sender does.
pub(super) const OUTBOX: usize = 256;

/// How many KiB of all agents' reports wait to be recorded, those below one not counted: an account of
/// a large cluster has hundreds.
pub(super) const ROOM: usize = 32 * 1024;

/// What goes to one agent.
type Outbox = mpsc::Sender<Result<CoreMessage, Status>>;
/// Longer than any session.
const FOREVER: Duration = Duration::from_secs(31_536_000);

pub(super) struct Session {
    pub(super) settings: SessionSettings,
    pub(super) events: mpsc::Sender<AgentEvent>,
    pub(super) registry: Arc<Registry>,
    pub(super) room: Arc<Semaphore>,
    pub(super) inbound: Streaming<AgentMessage>,
    pub(super) outbox: Outbox,
    pub(super) end: CancellationToken,
    pub(super) peer: SocketAddr,
}

impl Session {
    pub(super) async fn run(mut self) {
        let end = self.end.clone();
        let register = match register::read(&mut self.inbound).await {
            Ok(register) => register,
            Err(status) => return refuse(self.peer, &self.outbox, status).await,
        };
        let agent_id = register.agent_id.clone();
        let zone_id = register.zone_id.clone();
        let session_id = ulid::Ulid::new().to_string();
        let registration =
            match convert::registration(register, &self.settings.core_id, session_id.clone()) {
                Ok(registration) => registration,
                Err(reason) => {
                    return refuse(self.peer, &self.outbox, Status::invalid_argument(reason)).await;
                }
            };
        tracing::info!(
            agent_id, zone_id, peer = %self.peer,
            static_accounts = registration.static_accounts.len(),
            held = registration.held.len(),
            "agent connected"
        );
        let entry = Entry {
            agent: Agent {
                id: agent_id.clone(),
                zone_id,
            },
            session_id: session_id.clone(),
            outbox: self.outbox.clone(),
            end: end.clone(),
        };
        match self.connect(registration, entry).await {
            Ok(()) => {
                let reason = tokio::select! {
                    () = end.cancelled() => "ended by the core".to_owned(),
                    reason = self.listen(&agent_id, &session_id) => reason,
                };
                tracing::info!(agent_id, reason, "agent disconnected");
            }
            Err(status) => refuse(self.peer, &self.outbox, status).await,
        }
        let left = AgentEvent::Left {
            agent_id,
            session_id,
        };
        if self.events.send(left).await.is_err() {
            tracing::debug!("the core is gone before its session");
        }
    }

    async fn connect(&self, registration: Registration, entry: Entry) -> Result<(), Status> {
        let (done, recorded) = oneshot::channel();
        let gone = |_| Status::unavailable("the core is shutting down");
        let seconds = |time: Duration| u32::try_from(time.as_secs().max(1)).unwrap_or(u32::MAX);
        let welcome = Registered {
            core_id: self.settings.core_id.clone(),
            heartbeat_seconds: self.settings.heartbeat.map_or(0, seconds),
            grace_seconds: seconds(self.settings.grace),
        };
        let event = AgentEvent::Connected {
            registration,
            entry,
            welcome,
            done,
        };
        self.events.send(event).await.map_err(|_| gone(()))?;
        recorded
            .await
            .map_err(|_| gone(()))?
            .map_err(Status::unavailable)
    }

    /// Passes on what the agent says until the connection ends; answers why it did.
    async fn listen(&mut self, agent_id: &str, session_id: &str) -> String {
        let silence = self.settings.heartbeat.map_or(FOREVER, |beat| beat * 3);
        loop {
            let message = match tokio::time::timeout(silence, self.inbound.message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return "the agent closed the connection".to_owned(),
                Ok(Err(status)) => return format!("the connection broke: {}", status.message()),
                Err(_) => return format!("nothing heard for {} s", silence.as_secs()),
            };
            match message.kind {
                Some(Said::Heartbeat(_)) => {
                    self.registry
                        .send(agent_id, Answer::Heartbeat(Heartbeat {}))
                        .await;
                }
                Some(Said::Report(report)) => {
                    let room = room(&self.room, report.encoded_len()).await;
                    let Some(held) = convert::held(report) else {
                        continue;
                    };
                    let report = Report {
                        agent_id: agent_id.to_owned(),
                        session_id: session_id.to_owned(),
                        held,
                    };
                    let reported = AgentEvent::Reported(report, room);
                    if self.events.send(reported).await.is_err() {
                        return "the core is shutting down".to_owned();
                    }
                }
                Some(Said::Probed(probed)) => self.registry.probed(agent_id, probed),
                Some(Said::Register(_)) => return "the agent registered twice".to_owned(),
                // A newer agent may say more than this core knows.
                None => {}
            }
        }
    }
}

/// Waits for the room that a report of so many bytes takes until it is recorded.
async fn room(room: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let takes = u32::try_from((bytes / 1024).min(ROOM)).ok()?;
    room.clone().acquire_many_owned(takes).await.ok()
}

/// Tells an agent why it is not taken, and the log too.
pub(super) async fn refuse(peer: SocketAddr, outbox: &Outbox, status: Status) {
    tracing::warn!(%peer, reason = status.message(), "agent refused");
    failpoint::hit(failpoint::REFUSE_BEFORE);
    if outbox.send(Err(status)).await.is_err() {
        tracing::debug!(%peer, "the agent was gone before it was refused");
    }
    failpoint::hit(failpoint::REFUSE_AFTER);
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn large_reports_wait_for_room_and_small_ones_never() {
        let all = Arc::new(Semaphore::new(ROOM));
        let taken = |bytes| room(&all, bytes).now_or_never().flatten();
        let larger_than_can_be = taken(usize::MAX).unwrap();
        assert!(taken(1023).is_some());
        assert!(taken(1024).is_none());
        drop(larger_than_can_be);
        let large: Vec<_> = (0..ROOM / 1024).map_while(|_| taken(1 << 20)).collect();
        assert_eq!(large.len(), ROOM / 1024);
        assert!(taken(1 << 20).is_none());
    }
}
