//! The session with the core: opened, registered, kept, and opened again whenever it ends.
//!
//! `lib::run` runs it as one task. Operations go to `accounts`, reports come from there; nothing
//! here waits for a cluster. A core that says nothing for three heartbeats counts as gone.

use std::convert::Infallible;
use std::time::Duration;

use ferry_wire::MAX_MESSAGE_BYTES;
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::agent_message::Kind as Up;
use ferry_wire::v1::agents_client::AgentsClient;
use ferry_wire::v1::core_message::Kind as Down;
use ferry_wire::v1::{
    AccountReport, AgentMessage, CoreMessage, DeleteAccounts, Heartbeat, Register, Registered,
    SaveAccounts,
};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};
use tracing::{debug, info, warn};

use crate::accounts::Accounts;
use crate::cause::printable;
use crate::failpoint::{self, hit, hit_sent};
use crate::link::{Connection, Fault, Link};
use crate::metrics::{CONNECTIONS, DISCONNECTIONS};
use crate::presence::Presence;
use crate::register;

/// How long the answer to Register may take.
const OPENING: Duration = Duration::from_secs(20);
/// Heartbeats that may stay unanswered.
const SILENT_HEARTBEATS: u32 = 3;
/// Heartbeats towards a core that wants none, when the connection has no pings either.
const OWN_BEAT: Duration = Duration::from_secs(20);
/// Longer than any session.
const FOREVER: Duration = Duration::from_secs(31_536_000);
/// The most that one part of a Register has, in bytes; an account is never divided.
const PART: usize = 512 * 1024;

/// Who this agent is, as Register says it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Unique and the same after a restart.
    pub agent_id: String,
    /// The zone that its accounts belong to.
    pub zone_id: String,
}

/// The agent's side of the session.
pub(crate) struct Session {
    pub(crate) identity: Identity,
    pub(crate) link: Link,
    pub(crate) accounts: Accounts,
    pub(crate) presence: Presence,
}

/// Why a session ended.
#[derive(Debug, Error)]
enum Ended {
    #[error("no session with the core: {0}")]
    Link(#[from] Fault),
    #[error("the core refuses this agent: {code}: {message}")]
    Refused { code: tonic::Code, message: String },
    #[error(
        "the core brought no operation for {0:?}: the session is opened anew, as clouddriver.keepAliveOperationSeconds says"
    )]
    Idle(Duration),
    #[error(
        "the configuration's accounts were changed: the session is opened anew to tell the core"
    )]
    Reconfigured,
    #[error(
        "{0}, while plaintext was spoken: if the core has TLS, set clouddriver.insecure: false"
    )]
    Plaintext(Box<Ended>),
    #[error("the core did not answer Register within {} s", OPENING.as_secs())]
    Unregistered,
    #[error("the core's first message was not Registered")]
    Protocol,
    #[error("the core said nothing for {0:?}")]
    Silent(Duration),
    #[error("the core ended the session")]
    Closed,
    #[error("the session broke: {code}: {message}")]
    Broken { code: tonic::Code, message: String },
}

impl Ended {
    fn is_broken(&self) -> bool {
        matches!(self, Ended::Broken { .. } | Ended::Closed)
    }
}

impl Session {
    /// Keeps a session with the core. Never returns: it is dropped at the end.
    pub(crate) async fn keep(&self) {
        let mut waits = self.link.core().backoff.waits();
        let mut retried = 0;
        loop {
            let mut registered = false;
            let Err(ended) = self.hold(&mut registered).await;
            self.presence.disconnected(ended.to_string());
            if registered {
                DISCONNECTIONS.inc();
                waits.reset();
                retried = 0;
            }
            if let Ended::Refused { code, .. } = &ended
                && *code == tonic::Code::Unauthenticated
            {
                self.link.forget_token();
            }
            if let Ended::Idle(_) | Ended::Reconfigured = &ended {
                info!("{ended}");
                continue;
            }
            let wait = waits.grow();
            let error = ended.to_string();
            warn!(
                error,
                "no session; trying again in {:.1} s",
                wait.as_secs_f32()
            );
            self.pause(wait, &mut retried).await;
        }
    }

    /// Waits for the next attempt; not so long when there is something to say, as often as
    /// clouddriver.responseRetries allows.
    async fn pause(&self, wait: Duration, retried: &mut u32) {
        let retries = self.link.core().response_retries;
        let Some(retries) = retries.filter(|retries| *retried < retries.times) else {
            return sleep(wait).await;
        };
        let news = async {
            self.accounts.has_news().await;
            sleep(retries.wait).await;
        };
        if timeout(wait, news).await.is_ok() {
            *retried += 1;
            debug!("there is something to say: a session is tried before its time");
        }
    }

    /// One session, from the connection to its end.
    async fn hold(&self, registered: &mut bool) -> Result<Infallible, Ended> {
        let connection = self.link.connect().await?;
        let Err(ended) = self.hold_over(&connection, registered).await;
        let core = self.link.core();
        match connection.fault(&core.grpc) {
            Some(fault) => Err(Ended::Link(fault)),
            None if core.tls.is_none() && !*registered && ended.is_broken() => {
                Err(Ended::Plaintext(Box::new(ended)))
            }
            None => Err(ended),
        }
    }

    async fn hold_over(
        &self,
        connection: &Connection,
        registered: &mut bool,
    ) -> Result<Infallible, Ended> {
        let mut changes = self.accounts.fixed_changes();
        let (up, mut down) = self.open(connection).await?;
        let terms = self.registered(&mut down).await?;
        *registered = true;
        let core = self.link.core();
        let beat = match terms.heartbeat_seconds {
            0 if core.keep_alive.is_some() => FOREVER,
            0 => OWN_BEAT,
            seconds => Duration::from_secs(seconds.into()),
        };
        let patience = beat * SILENT_HEARTBEATS;
        let mut beats = interval_at(Instant::now() + beat, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let idle = core.keep_alive_operation;
        let (mut heard, mut asked) = (Instant::now(), Instant::now());
        loop {
            let gone = sleep_until(heard + patience);
            let unused = sleep_until(asked + idle.unwrap_or(FOREVER));
            tokio::select! {
                message = down.message() => {
                    heard = Instant::now();
                    self.presence.heard();
                    let message = message.map_err(broken)?.ok_or(Ended::Closed)?;
                    if !matches!(message.kind, Some(Down::Heartbeat(_))) {
                        asked = heard;
                    }
                    self.obey(message);
                }
                report = self.accounts.next_report() => {
                    let told = timeout(patience, self.report(&up, report.clone())).await;
                    let told = told.map_err(|_| Ended::Silent(patience)).flatten();
                    told.inspect_err(|_| self.accounts.untold(&report))?;
                }
                answer = self.accounts.next_answer() => {
                    hit(failpoint::PROBED_SENDING);
                    timeout(patience, send(&up, Up::Probed(answer)))
                        .await
                        .map_err(|_| Ended::Silent(patience))??;
                    hit_sent(failpoint::PROBED_SENT).await;
                }
                _ = beats.tick() => {
                    hit(failpoint::HEARTBEAT_SENDING);
                    timeout(patience, send(&up, Up::Heartbeat(Heartbeat {})))
                        .await
                        .map_err(|_| Ended::Silent(patience))??;
                    hit_sent(failpoint::HEARTBEAT_SENT).await;
                }
                _ = changes.changed() => return Err(Ended::Reconfigured),
                () = unused => return Err(Ended::Idle(idle.unwrap_or(FOREVER))),
                () = gone => return Err(Ended::Silent(patience)),
            }
        }
    }

    /// Sends Register over a new connection.
    async fn open(
        &self,
        connection: &Connection,
    ) -> Result<(mpsc::Sender<AgentMessage>, Streaming<CoreMessage>), Ended> {
        let mut client = AgentsClient::new(connection.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        let (static_accounts, held) = self.accounts.register().await;
        let register = Register {
            agent_id: self.identity.agent_id.clone(),
            zone_id: self.identity.zone_id.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            static_accounts,
            held,
            more: false,
            refuses_dynamic: !self.accounts.takes_dynamic(),
        };
        let (up, messages) = mpsc::channel(32);
        hit(failpoint::REGISTER_SENDING);
        let telling = async {
            for part in register::parts(register, PART) {
                send(&up, Up::Register(part)).await?;
            }
            Ok::<(), Ended>(())
        };
        let mut request = Request::new(ReceiverStream::new(messages));
        if let Some(authorization) = &connection.authorization {
            let metadata = request.metadata_mut();
            metadata.insert("authorization", authorization.clone());
        }
        let opening = async { tokio::join!(client.session(request), telling) };
        let opening = timeout(OPENING, opening).await;
        hit_sent(failpoint::REGISTER_SENT).await;
        let (down, told) = opening.map_err(|_| Ended::Unregistered)?;
        let down = down.map_err(refused)?.into_inner();
        told?;
        Ok((up, down))
    }

    async fn registered(&self, down: &mut Streaming<CoreMessage>) -> Result<Registered, Ended> {
        let first = timeout(OPENING, down.message())
            .await
            .map_err(|_| Ended::Unregistered)?;
        let message = first.map_err(refused)?.ok_or(Ended::Closed)?;
        let Some(Down::Registered(terms)) = message.kind else {
            return Err(Ended::Protocol);
        };
        hit(failpoint::REGISTERED_RECEIVED);
        CONNECTIONS.inc();
        let core = printable(&terms.core_id);
        info!(
            core,
            heartbeat = terms.heartbeat_seconds,
            grace = terms.grace_seconds,
            "registered"
        );
        let grace = Duration::from_secs(terms.grace_seconds.max(1).into());
        let link = self.link.core();
        let pings = link.keep_alive.map(|every| every + link.keep_alive_timeout);
        let quiet = terms.heartbeat_seconds == 0;
        let late = quiet.then_some(pings.unwrap_or(OWN_BEAT * SILENT_HEARTBEATS));
        self.presence.connected(core, grace, late);
        Ok(terms)
    }

    fn obey(&self, message: CoreMessage) {
        let bears = |operation_type, accounts: usize| {
            debug!(operationType = operation_type, accounts, "the core asks");
        };
        match message.kind {
            Some(Down::SaveAccounts(save)) => {
                bears("SaveAccounts", save.accounts.len());
                self.save(save);
            }
            Some(Down::DeleteAccounts(DeleteAccounts { accounts })) => {
                bears("DeleteAccounts", accounts.len());
                hit(failpoint::DELETE_RECEIVED);
                self.accounts.delete(accounts);
                hit(failpoint::DELETE_TAKEN);
            }
            Some(Down::Probe(probe)) => {
                hit(failpoint::PROBE_RECEIVED);
                self.accounts.probe(probe);
            }
            Some(Down::Heartbeat(Heartbeat {})) => {}
            // Of a core that is newer than this agent.
            Some(Down::Registered(_)) | None => warn!("a message of the core was not understood"),
        }
    }

    fn save(&self, SaveAccounts { zone_id, accounts }: SaveAccounts) {
        hit(failpoint::SAVE_RECEIVED);
        if zone_id != self.identity.zone_id {
            warn!(
                zone = printable(&zone_id),
                accounts = accounts.len(),
                "accounts for another zone are ignored"
            );
            return;
        }
        self.accounts.save(accounts);
        hit(failpoint::SAVE_TAKEN);
    }

    async fn report(
        &self,
        up: &mpsc::Sender<AgentMessage>,
        report: AccountReport,
    ) -> Result<(), Ended> {
        let (sending, sent) = match &report.state {
            Some(State::Connecting(_)) | None => {
                (failpoint::CONNECTING_SENDING, failpoint::CONNECTING_SENT)
            }
            Some(State::Ready(_)) => (failpoint::READY_SENDING, failpoint::READY_SENT),
            Some(State::Failed(_)) => (failpoint::FAILED_SENDING, failpoint::FAILED_SENT),
            Some(State::Lost(_)) => (failpoint::LOST_SENDING, failpoint::LOST_SENT),
            // This agent refuses to drop none.
            Some(State::Dropped(_) | State::Refused(_)) => {
                (failpoint::DROPPED_SENDING, failpoint::DROPPED_SENT)
            }
        };
        hit(sending);
        send(up, Up::Report(report)).await?;
        hit_sent(sent).await;
        Ok(())
    }
}

async fn send(up: &mpsc::Sender<AgentMessage>, kind: Up) -> Result<(), Ended> {
    // The receiver is gone when the connection is.
    up.send(AgentMessage { kind: Some(kind) })
        .await
        .map_err(|_| Ended::Closed)
}

fn refused(status: tonic::Status) -> Ended {
    match status.code() {
        tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled => broken(status),
        code => Ended::Refused {
            code,
            message: printable(status.message()),
        },
    }
}

fn broken(status: tonic::Status) -> Ended {
    Ended::Broken {
        code: status.code(),
        message: printable(status.message()),
    }
}
