//! The agents' gRPC server. A session is one task; what an agent says goes to `lifecycle` through
//! a channel that `lifecycle` owns, and what it is to do comes back through the registry.

mod admit;
mod convert;
mod listen;
mod register;
mod registry;
mod session;
#[cfg(test)]
pub(crate) mod test_agent;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use admit::{Admission, Token};
pub use registry::{Entry, Registry};

use crate::store::{Registration, Report};
use ferry_tls::{Acceptor, ClientAuth};
use ferry_wire::MAX_MESSAGE_BYTES;
use ferry_wire::v1::agents_server::{Agents, AgentsServer};
use ferry_wire::v1::{AgentMessage, CoreMessage, Registered};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

/// What agents say, in the order each says it.
#[derive(Debug)]
pub enum AgentEvent {
    /// An agent connected. Once what it brings is recorded it enters the registry and is sent
    /// `welcome`, before anything else; then `done` is answered. An error refuses it.
    Connected {
        /// All it brings.
        registration: Registration,
        /// Its place in the registry.
        entry: Entry,
        /// The answer to its Register.
        welcome: Registered,
        /// The answer.
        done: oneshot::Sender<Result<(), String>>,
    },
    /// An agent reports one account. The next ones may wait for the room that a large one takes until
    /// it is recorded.
    Reported(Report, Option<OwnedSemaphorePermit>),
    /// A connection ended.
    Left {
        /// The agent.
        agent_id: String,
        /// Its connection.
        session_id: String,
    },
}

/// How sessions are kept.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// This core's id.
    pub core_id: String,
    /// Between two heartbeats of an agent; three missed ones end its session. `None`: no
    /// heartbeats, the connection's pings tell whether an agent is there.
    pub heartbeat: Option<Duration>,
    /// How long an agent may be without a core.
    pub grace: Duration,
}

/// Where and how agents are listened for.
#[derive(Debug)]
pub struct Listening {
    /// The address.
    pub address: SocketAddr,
    /// Largest message taken from an agent, in bytes.
    pub max_message: usize,
    /// `None`: plaintext.
    pub tls: Option<ferry_tls::Server>,
    /// Who is let in.
    pub admission: Admission,
    /// Between two HTTP/2 pings; `None`: none are sent.
    pub keep_alive: Option<Duration>,
    /// How long an HTTP/2 ping may stay unanswered.
    pub keep_alive_timeout: Duration,
    /// Whether `grpc.health.v1.Health` is served.
    pub health: bool,
}

/// The running server.
pub struct Hub {
    /// The address it listens on.
    pub address: SocketAddr,
    registry: Arc<Registry>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// Why agents cannot be listened for.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address.
    #[error("kubesvc.grpc.server: cannot listen on {address}")]
    Address {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Certificate, key or authorities.
    #[error("kubesvc.grpc.server.security")]
    Tls(#[from] ferry_tls::ServerError),
}

impl Hub {
    /// Listens for agents.
    pub async fn start(
        listening: Listening,
        settings: SessionSettings,
        events: mpsc::Sender<AgentEvent>,
        registry: Arc<Registry>,
    ) -> Result<Hub, ListenError> {
        let failed = |source| ListenError::Address {
            address: listening.address,
            source,
        };
        let certified = listening
            .tls
            .as_ref()
            .is_some_and(|tls| tls.client_auth == ClientAuth::Require);
        let tls = listening.tls.map(Acceptor::new).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(listening.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if !address.ip().is_loopback() {
            warn_of_plaintext(address, tls.is_some(), &listening.admission);
            warn_of_strangers(address, tls.is_some(), certified, &listening.admission);
        }
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let service = Service {
            settings,
            admission: listening.admission,
            events,
            registry: registry.clone(),
            room: Arc::new(Semaphore::new(session::ROOM)),
            tasks: tasks.clone(),
            closing: closing.clone(),
        };
        let largest = listening.max_message;
        let agents = AgentsServer::new(service)
            .max_decoding_message_size(largest)
            .max_encoding_message_size(MAX_MESSAGE_BYTES.max(largest));
        let health = match listening.health {
            true => {
                let (reporter, health) = tonic_health::server::health_reporter();
                reporter.set_serving::<AgentsServer<Service>>().await;
                Some(health)
            }
            false => None,
        };
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(listening.keep_alive)
            .http2_keepalive_timeout(Some(listening.keep_alive_timeout))
            .add_service(agents)
            .add_optional_service(health);
        let (ready, connections) = mpsc::channel(16);
        let door = listen::Door {
            listener,
            tls,
            closing: closing.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(door.run(ready));
        let stop = closing.clone();
        tasks.spawn(async move {
            let served = server
                .serve_with_incoming_shutdown(ReceiverStream::new(connections), stop.cancelled())
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the agents' server ended");
            }
        });
        Ok(Hub {
            address,
            registry,
            closing,
            tasks,
        })
    }

    /// Ends every session and joins their tasks, within five seconds.
    pub async fn shutdown(self) {
        self.closing.cancel();
        self.registry.close_all();
        self.tasks.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("agents' sessions did not end within 5 s");
        }
    }
}

/// Says at the start what would otherwise be learnt from an agent that does not get in.
fn warn_of_plaintext(address: SocketAddr, encrypted: bool, admission: &Admission) {
    if encrypted {
        return;
    }
    match admission.allow_plaintext {
        true => tracing::warn!(
            %address,
            "kubeconfigs travel to agents in plaintext: kubesvc.grpc.allowPlaintext is set and \
             kubesvc.grpc.server.security is not"
        ),
        false => tracing::warn!(
            %address,
            "agents of other hosts will be refused, for there is no TLS: configure \
             kubesvc.grpc.server.security, or set kubesvc.grpc.allowPlaintext: true if the network \
             between is trusted"
        ),
    }
}

/// Says at the start that nothing is asked of agents, if others than this host's get in.
fn warn_of_strangers(address: SocketAddr, encrypted: bool, certified: bool, admission: &Admission) {
    let open = encrypted || admission.allow_plaintext;
    let guarded = certified || admission.token.is_some() || admission.subjects.is_some();
    if open && !guarded {
        tracing::warn!(
            %address,
            "whoever connects is taken for an agent, and is sent kubeconfigs: set \
             kubesvc.grpc.auth.token or tokenFile, or server.security.clientAuth: REQUIRE"
        );
    }
}

struct Service {
    settings: SessionSettings,
    admission: Admission,
    events: mpsc::Sender<AgentEvent>,
    registry: Arc<Registry>,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

#[tonic::async_trait]
impl Agents for Service {
    type SessionStream =
        Pin<Box<dyn futures_util::Stream<Item = Result<CoreMessage, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let connection = request.extensions().get::<Arc<listen::Peer>>().cloned();
        let connection = connection.expect("every connection of ours bears who is at its end");
        let peer = connection.address;
        let (outbox, messages) = mpsc::channel(session::OUTBOX);
        let answer = Response::new(Box::pin(ReceiverStream::new(messages)) as Self::SessionStream);
        let admitted = self.admission.check(&connection, request.metadata()).await;
        if let Err(refusal) = admitted {
            session::refuse(peer, &outbox, Status::from(&refusal)).await;
            return Ok(answer);
        }
        let session = session::Session {
            settings: self.settings.clone(),
            events: self.events.clone(),
            registry: self.registry.clone(),
            room: self.room.clone(),
            inbound: request.into_inner(),
            outbox,
            end: self.closing.child_token(),
            peer,
        };
        self.tasks.spawn(session.run());
        Ok(answer)
    }
}
