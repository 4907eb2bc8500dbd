//! The session with the core: opened, registered, kept, and opened again whenever it ends.
//!
//! `lib::run` runs it as one task. Operations go to `accounts`, reports come from there; nothing
//! here waits for a cluster. A core that says nothing for three heartbeats counts as gone.

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
use tonic::Streaming;
use tonic::transport::{ClientTlsConfig, Endpoint};
use tracing::{info, warn};

use crate::accounts::Accounts;
use crate::cause::printable;
use crate::config::CoreLink;
use crate::failpoint::{self, hit, hit_sent};
use crate::presence::Presence;

/// How long a connection attempt, and the answer to Register, may take.
const OPENING: Duration = Duration::from_secs(20);
/// Heartbeats that may stay unanswered.
const SILENT_HEARTBEATS: u32 = 3;

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
    pub(crate) core: CoreLink,
    pub(crate) accounts: Accounts,
    pub(crate) presence: Presence,
}

/// Why a session ended.
#[derive(Debug, Error)]
enum Ended {
    #[error("the core's address cannot be used: {0}")]
    Address(String),
    #[error("no connection to the core: {0}")]
    Connect(String),
    #[error("the core refuses this agent: {code}: {message}")]
    Refused { code: tonic::Code, message: String },
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

impl Session {
    /// Keeps a session with the core. Never returns: it is dropped at the end.
    pub(crate) async fn keep(&self) {
        let mut waits = self.core.backoff.waits();
        loop {
            let mut registered = false;
            let Err(ended) = self.hold(&mut registered).await;
            self.presence.disconnected();
            if registered {
                waits.reset();
            }
            let wait = waits.grow();
            warn!("{ended}; trying again in {:.1} s", wait.as_secs_f32());
            sleep(wait).await;
        }
    }

    /// One session, from the connection to its end.
    async fn hold(&self, registered: &mut bool) -> Result<std::convert::Infallible, Ended> {
        let (up, mut down) = self.open().await?;
        let terms = self.registered(&mut down).await?;
        *registered = true;
        let beat = Duration::from_secs(terms.heartbeat_seconds.max(1).into());
        let patience = beat * SILENT_HEARTBEATS;
        let mut beats = interval_at(Instant::now() + beat, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let gone = sleep_until(heard + patience);
            tokio::select! {
                message = down.message() => {
                    heard = Instant::now();
                    self.presence.heard();
                    self.obey(message.map_err(broken)?.ok_or(Ended::Closed)?);
                }
                report = self.accounts.next_report() => {
                    timeout(patience, self.report(&up, report))
                        .await
                        .map_err(|_| Ended::Silent(patience))??;
                }
                _ = beats.tick() => {
                    hit(failpoint::HEARTBEAT_SENDING);
                    timeout(patience, send(&up, Up::Heartbeat(Heartbeat {})))
                        .await
                        .map_err(|_| Ended::Silent(patience))??;
                    hit_sent(failpoint::HEARTBEAT_SENT).await;
                }
                () = gone => return Err(Ended::Silent(patience)),
            }
        }
    }

    /// Connects and sends Register.
    async fn open(&self) -> Result<(mpsc::Sender<AgentMessage>, Streaming<CoreMessage>), Ended> {
        let channel = self
            .endpoint()?
            .connect()
            .await
            .map_err(|error| Ended::Connect(chain(&error)))?;
        let mut client = AgentsClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let (static_accounts, held) = self.accounts.register().await;
        let register = Register {
            agent_id: self.identity.agent_id.clone(),
            zone_id: self.identity.zone_id.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            static_accounts,
            held,
        };
        let (up, messages) = mpsc::channel(32);
        hit(failpoint::REGISTER_SENDING);
        send(&up, Up::Register(register)).await?;
        let opening = timeout(OPENING, client.session(ReceiverStream::new(messages))).await;
        hit_sent(failpoint::REGISTER_SENT).await;
        let down = opening
            .map_err(|_| Ended::Unregistered)?
            .map_err(refused)?
            .into_inner();
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
        let core = printable(&terms.core_id);
        info!(
            core,
            heartbeat = terms.heartbeat_seconds,
            grace = terms.grace_seconds,
            "registered"
        );
        self.presence
            .connected(core, Duration::from_secs(terms.grace_seconds.max(1).into()));
        Ok(terms)
    }

    fn endpoint(&self) -> Result<Endpoint, Ended> {
        let core = &self.core;
        let scheme = if core.insecure { "http" } else { "https" };
        let address = |error: tonic::transport::Error| Ended::Address(chain(&error));
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{}", core.grpc))
            .map_err(address)?
            .connect_timeout(OPENING)
            .keep_alive_timeout(core.keep_alive_timeout)
            .keep_alive_while_idle(true);
        if let Some(interval) = core.keep_alive {
            endpoint = endpoint.http2_keep_alive_interval(interval);
        }
        if !core.insecure {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(address)?;
        }
        Ok(endpoint)
    }

    fn obey(&self, message: CoreMessage) {
        match message.kind {
            Some(Down::SaveAccounts(save)) => self.save(save),
            Some(Down::DeleteAccounts(DeleteAccounts { accounts })) => {
                hit(failpoint::DELETE_RECEIVED);
                self.accounts.delete(accounts);
                hit(failpoint::DELETE_TAKEN);
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
            Some(State::Refused(_)) => (failpoint::REFUSED_SENDING, failpoint::REFUSED_SENT),
            Some(State::Dropped(_)) => (failpoint::DROPPED_SENDING, failpoint::DROPPED_SENT),
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

/// An error with its sources: tonic's own messages say only "transport error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    printable(&text)
}
