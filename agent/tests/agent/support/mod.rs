//! What the agent's tests share: a core on a socket of its own, and an agent in this process.

pub mod apiserver;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferry_agent::config::{Config, Environment};
use ferry_tests::place::free_port;
use ferry_wire::v1::account::Kubeconfig;
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::agent_message::Kind as Up;
use ferry_wire::v1::agents_server::{Agents, AgentsServer};
use ferry_wire::v1::core_message::Kind as Down;
use ferry_wire::v1::{
    Account, AccountReport, AgentMessage, CoreMessage, DeleteAccounts, Deletion, Heartbeat, Probe,
    Probed, Register, Registered, SaveAccounts, probed,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

pub const ZONE: &str = "zone-1";
const PATIENCE: Duration = Duration::from_secs(30);

/// How the core under test treats agents.
#[derive(Clone, Copy)]
pub struct Terms {
    pub heartbeat_seconds: u32,
    pub grace_seconds: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            heartbeat_seconds: 1,
            grace_seconds: 60,
        }
    }
}

/// A core that hands every session to the test.
pub struct Core {
    pub address: SocketAddr,
    sessions: mpsc::Receiver<CoreSession>,
    refusing: Arc<AtomicBool>,
    /// Its own, so that it can be cut off with every connection.
    runtime: Option<Runtime>,
}

#[derive(Clone)]
struct Door {
    terms: Terms,
    sessions: mpsc::Sender<CoreSession>,
    refusing: Arc<AtomicBool>,
}

/// One session as the core sees it.
pub struct CoreSession {
    pub register: Register,
    pub heartbeats: Arc<std::sync::atomic::AtomicU32>,
    /// While set, heartbeats are not answered.
    pub silent: Arc<AtomicBool>,
    reports: mpsc::Receiver<AccountReport>,
    probed: mpsc::Receiver<Probed>,
    down: mpsc::Sender<Result<CoreMessage, Status>>,
}

impl Core {
    pub async fn start(terms: Terms) -> Self {
        // One that crashes comes back at its port, which nobody is to have taken meanwhile.
        Self::start_at(([127, 0, 0, 1], free_port()).into(), terms).await
    }

    pub async fn start_at(address: SocketAddr, terms: Terms) -> Self {
        Self::serve(address, terms, tonic::transport::Server::builder())
    }

    /// One with TLS: certificate and key in PEM.
    pub async fn start_tls(certificate: &str, key: &str) -> Self {
        use tonic::transport::{Identity, Server, ServerTlsConfig};
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        let server = Server::builder().tls_config(tls).unwrap();
        Self::serve("127.0.0.1:0".parse().unwrap(), Terms::default(), server)
    }

    fn serve(address: SocketAddr, terms: Terms, mut server: tonic::transport::Server) -> Self {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (send, sessions) = mpsc::channel(8);
        let refusing = Arc::new(AtomicBool::new(false));
        let door = Door {
            terms,
            sessions: send,
            refusing: refusing.clone(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            server
                .add_service(AgentsServer::new(door))
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        Self {
            address,
            sessions,
            refusing,
            runtime: Some(runtime),
        }
    }

    pub fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, Ordering::SeqCst);
    }

    pub async fn session(&mut self) -> CoreSession {
        timeout(PATIENCE, self.sessions.recv())
            .await
            .expect("an agent registers")
            .unwrap()
    }

    pub async fn no_session(&mut self, within: Duration) -> bool {
        timeout(within, self.sessions.recv()).await.is_err()
    }

    /// Ends as if it had crashed: every connection is cut. Returns where it was.
    pub fn crash(mut self) -> SocketAddr {
        let runtime = self.runtime.take().unwrap();
        // Whoever begins anew there finds the address free.
        let ended = std::thread::spawn(move || runtime.shutdown_timeout(PATIENCE));
        ended.join().unwrap();
        self.address
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[tonic::async_trait]
impl Agents for Door {
    type SessionStream = ReceiverStream<Result<CoreMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut up = request.into_inner();
        let Some(AgentMessage {
            kind: Some(Up::Register(register)),
        }) = up.message().await?
        else {
            return Err(Status::invalid_argument(
                "the first message must be Register",
            ));
        };
        if self.refusing.load(Ordering::SeqCst) {
            return Err(Status::permission_denied("this zone is closed today"));
        }
        let (down, stream) = mpsc::channel(32);
        let registered = Registered {
            core_id: "core-1".into(),
            heartbeat_seconds: self.terms.heartbeat_seconds,
            grace_seconds: self.terms.grace_seconds,
        };
        down.send(Ok(message(Down::Registered(registered))))
            .await
            .unwrap();
        let (report, reports) = mpsc::channel(64);
        let (answer, probed) = mpsc::channel(1);
        let heartbeats = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let silent = Arc::new(AtomicBool::new(false));
        let session = CoreSession {
            register,
            heartbeats: heartbeats.clone(),
            silent: silent.clone(),
            reports,
            probed,
            down: down.clone(),
        };
        self.sessions.send(session).await.ok();
        tokio::spawn(async move {
            while let Ok(Some(AgentMessage { kind: Some(kind) })) = up.message().await {
                match kind {
                    Up::Heartbeat(_) => {
                        heartbeats.fetch_add(1, Ordering::SeqCst);
                        if !silent.load(Ordering::SeqCst) {
                            down.send(Ok(message(Down::Heartbeat(Heartbeat {}))))
                                .await
                                .ok();
                        }
                    }
                    Up::Report(one) => {
                        report.send(one).await.ok();
                    }
                    Up::Register(_) => panic!("a second Register"),
                    Up::Probed(probed) => {
                        answer.send(probed).await.ok();
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

fn message(kind: Down) -> CoreMessage {
    CoreMessage { kind: Some(kind) }
}

impl CoreSession {
    pub async fn send(&self, kind: Down) {
        self.down.send(Ok(message(kind))).await.unwrap();
    }

    pub async fn save(&self, account: Account) {
        self.save_in(ZONE, account).await;
    }

    pub async fn save_in(&self, zone: &str, account: Account) {
        let save = SaveAccounts {
            zone_id: zone.into(),
            accounts: vec![account],
        };
        self.send(Down::SaveAccounts(save)).await;
    }

    pub async fn delete(&self, names: &[&str]) {
        self.delete_of(names, 0).await;
    }

    /// Sends a deletion of this generation.
    pub async fn delete_of(&self, names: &[&str], generation: u64) {
        let deletion = |name: &&str| Deletion {
            name: (*name).to_owned(),
            generation,
        };
        let accounts = names.iter().map(deletion).collect();
        self.send(Down::DeleteAccounts(DeleteAccounts { accounts }))
            .await;
    }

    /// What the agent says when it is to try an account.
    pub async fn probe(&mut self, account: Account) -> probed::Outcome {
        let probe = Probe {
            id: "probe-1".into(),
            account: Some(account),
        };
        self.send(Down::Probe(probe)).await;
        let probed = timeout(PATIENCE, self.probed.recv())
            .await
            .expect("it answers")
            .expect("a session");
        assert_eq!(probed.id, "probe-1");
        probed.outcome.unwrap()
    }

    pub async fn report(&mut self) -> AccountReport {
        timeout(PATIENCE, self.reports.recv())
            .await
            .expect("a report comes")
            .expect("a session")
    }

    /// The next report, which must be about this account.
    pub async fn state_of(&mut self, name: &str) -> State {
        let report = self.report().await;
        assert_eq!(report.account, name, "{report:?}");
        report.state.unwrap()
    }

    pub async fn failure_of(&mut self, name: &str) -> String {
        match self.state_of(name).await {
            State::Failed(failed) => failed.cause,
            other => panic!("{name} should have failed: {other:?}"),
        }
    }

    pub async fn no_report(&mut self, within: Duration) {
        if let Ok(report) = timeout(within, self.reports.recv()).await {
            panic!("unexpected: {report:?}");
        }
    }

    /// Whether the agent has gone.
    pub async fn ended(&mut self) {
        timeout(PATIENCE, async {
            while self.reports.recv().await.is_some() {}
        })
        .await
        .expect("the agent leaves");
    }
}

/// An account with a kubeconfig that is sent.
pub fn account(name: &str, generation: u64, kubeconfig: &str) -> Account {
    Account {
        name: name.into(),
        generation,
        definition: "{}".into(),
        deadline_seconds: 30,
        kubeconfig: Some(Kubeconfig::KubeconfigContents(
            kubeconfig.as_bytes().to_vec(),
        )),
    }
}

/// An agent in this process.
pub struct Agent {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Agent {
    /// Starts one. `more` is YAML that is added to its configuration.
    pub fn start(core: SocketAddr, more: &str) -> Self {
        Self::linked(core, "", more)
    }

    /// The same with these keys of `clouddriver` besides.
    pub fn linked(core: SocketAddr, link: &str, more: &str) -> Self {
        let yaml = format!(
            "clouddriver:\n  {{grpc: '{core}', backoff: {{baseDelay: 100000000, maxDelay: 500000000}}, {link}}}\n\
             zoneId: {ZONE}\nserver:\n  host: 127.0.0.1\n{}{more}",
            if more.contains("# port") {
                ""
            } else {
                "  port: 0\n"
            },
        );
        let environment = Environment {
            hostname: "agent-1".into(),
            namespace: None,
            cluster: None,
        };
        Self::run(Config::parse(&yaml, "test.yml", &environment).unwrap())
    }

    /// Starts one with this configuration.
    pub fn run(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stop = async {
                stopped.await.ok();
            };
            ferry_agent::run(config, stop).await.unwrap();
        });
        Self {
            stop: Some(stop),
            task,
        }
    }

    /// Asks it to end, and sees that it does so soon.
    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(Duration::from_secs(5), self.task)
            .await
            .expect("it ends soon")
            .unwrap();
    }
}

/// What the agent's own server answers, as JSON.
pub async fn get(port: u16, path: &str) -> serde_json::Value {
    let answer = page(port, path).await;
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The same with its head, as it comes.
pub async fn page(port: u16, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A kubeconfig whose cluster refuses connections.
pub fn dead() -> String {
    apiserver::kubeconfig(&format!("https://127.0.0.1:{}", free_port()), "")
}

/// A kubeconfig whose cluster never answers, and what keeps it so.
pub fn mute() -> (String, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    (
        apiserver::kubeconfig(&format!("https://{}", listener.local_addr().unwrap()), ""),
        listener,
    )
}

/// A program that dies with its test.
pub struct Program(pub std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Waits until it is so.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect(what);
}
