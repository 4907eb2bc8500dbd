//! The agents' gRPC server. A session is one task; what an agent says goes to `lifecycle` through
//! a channel that `lifecycle` owns, and what it is to do comes back through the registry.

mod convert;
mod registry;
mod session;

pub use registry::{Entry, Registry};

use crate::store::{Held, Registration};
use ferry_wire::MAX_MESSAGE_BYTES;
use ferry_wire::v1::agents_server::{Agents, AgentsServer};
use ferry_wire::v1::{AgentMessage, CoreMessage, Registered};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::TcpListenerStream;
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
    /// An agent reports one account.
    Reported {
        /// The agent.
        agent_id: String,
        /// Its connection.
        session_id: String,
        /// The report.
        held: Held,
    },
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
    /// Between two heartbeats of an agent; three missed ones end its session.
    pub heartbeat: Duration,
    /// How long an agent may be without a core.
    pub grace: Duration,
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
#[error("kubesvc.grpc.server: cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Hub {
    /// Listens for agents.
    pub async fn start(
        listen: SocketAddr,
        max_message: usize,
        settings: SessionSettings,
        events: mpsc::Sender<AgentEvent>,
        registry: Arc<Registry>,
    ) -> Result<Hub, ListenError> {
        let failed = |source| ListenError {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let service = Service {
            settings,
            events,
            registry: registry.clone(),
            tasks: tasks.clone(),
            closing: closing.clone(),
        };
        let service = AgentsServer::new(service)
            .max_decoding_message_size(max_message)
            .max_encoding_message_size(MAX_MESSAGE_BYTES.max(max_message));
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)))
            .tcp_nodelay(true)
            .add_service(service);
        let stop = closing.clone();
        tasks.spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            let served = server
                .serve_with_incoming_shutdown(incoming, async move { stop.cancelled().await })
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

struct Service {
    settings: SessionSettings,
    events: mpsc::Sender<AgentEvent>,
    registry: Arc<Registry>,
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
        let peer = request.remote_addr();
        let (outbox, messages) = mpsc::channel(session::OUTBOX);
        let session = session::Session {
            settings: self.settings.clone(),
            events: self.events.clone(),
            registry: self.registry.clone(),
            inbound: request.into_inner(),
            outbox,
            end: self.closing.child_token(),
            peer,
        };
        self.tasks.spawn(session.run());
        Ok(Response::new(Box::pin(
            tokio_stream::wrappers::ReceiverStream::new(messages),
        )))
    }
}
