//! Connections to Clouddriver: a pool of them, a deadline for the head of an answer, and why none
//! came.
//!
//! Called by `forward` and `credentials`. A request that could not be written to a pooled
//! connection because that had just been closed is written to another one by hyper-util, whatever
//! its method, for nothing of it was sent. One that was written and got no byte of an answer is
//! sent again only where that is harmless (see [`Upstream::send_bodyless`]).

use crate::body::{self, Body};
use crate::config::Settings;
use crate::connection::UpstreamSocket;
use crate::metrics::UpstreamError;
use crate::upload::Progress;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, request};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

/// Below Tomcat's 20 s, so that it is we who close an idle connection.
const POOL_IDLE: Duration = Duration::from_secs(10);

/// How long Clouddriver may leave a client waiting that asked whether to send its body. A server
/// that has not heard of `Expect` never answers, and waits for the body itself.
const EXPECT_PATIENCE: Duration = Duration::from_secs(3);

/// More than Tomcat ever sends by itself.
const MAX_HEADERS: usize = 256;

/// Clouddriver, as the proxy reaches it.
pub(crate) struct Upstream {
    client: Client<Connector, Body>,
    authority: Authority,
    head_timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(
        "Clouddriver at {0} cannot be reached ({1}): check that it runs and that sidecar.upstream \
         names it"
    )]
    Unreachable(Authority, String),
    #[error(
        "Clouddriver at {0} did not accept a connection in time: check its load and the network, \
         or raise sidecar.connectTimeoutSeconds"
    )]
    ConnectTimeout(Authority),
    #[error(
        "Clouddriver at {0} did not answer within {1} s: whether it did what was asked is not \
         known; check before you repeat it, or raise sidecar.upstreamTimeoutSeconds"
    )]
    Slow(Authority, u64),
    #[error(
        "Clouddriver at {0} broke off before it answered ({1}): whether it did what was asked is \
         not known; check before you repeat it, and look into its log"
    )]
    Broken(Authority, String),
    #[error("the body of the request broke off or is not framed as HTTP says: send it again")]
    Request,
}

impl Failure {
    /// The status that tells the client.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Failure::Unreachable(..) | Failure::Broken(..) => StatusCode::BAD_GATEWAY,
            Failure::ConnectTimeout(..) | Failure::Slow(..) => StatusCode::GATEWAY_TIMEOUT,
            Failure::Request => StatusCode::BAD_REQUEST,
        }
    }

    /// What it counts as; `None` when it is the client's doing.
    pub(crate) fn kind(&self) -> Option<UpstreamError> {
        match self {
            Failure::Unreachable(..) | Failure::ConnectTimeout(..) => Some(UpstreamError::Connect),
            Failure::Slow(..) => Some(UpstreamError::Timeout),
            Failure::Broken(..) => Some(UpstreamError::Broken),
            Failure::Request => None,
        }
    }
}

impl Upstream {
    pub(crate) fn new(settings: &Settings) -> Upstream {
        let connector = Connector {
            address: Arc::from(settings.upstream.as_str()),
            timeout: settings.connect_timeout,
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .http1_preserve_header_case(true)
            .http1_max_headers(MAX_HEADERS)
            .set_host(false)
            .retry_canceled_requests(true)
            .build(connector);
        Upstream {
            client,
            authority: settings.upstream.clone(),
            head_timeout: settings.upstream_timeout,
        }
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The URI that means `target` at Clouddriver; on the wire it is `target` again.
    pub(crate) fn uri(&self, target: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(target);
        Uri::from_parts(parts).expect("scheme, authority and path make a URI")
    }

    /// Sends a request that has no body. A safe one is sent once more, on a fresh try, if the
    /// connection broke before any answer: most likely Clouddriver closed it while it was idle.
    pub(crate) async fn send_bodyless(
        &self,
        parts: request::Parts,
    ) -> Result<Response<Incoming>, Failure> {
        let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method);
        let again = safe.then(|| parts.clone());
        let first = self.send(Request::from_parts(parts, body::empty()), None);
        match (first.await, again) {
            (Err(Failure::Broken(..)), Some(parts)) => {
                let request = Request::from_parts(parts, body::empty());
                self.send(request, None).await
            }
            (answer, _) => answer,
        }
    }

    /// Sends a request and waits for the head of its answer. `progress` is that of its body.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        progress: Option<&Arc<Progress>>,
    ) -> Result<Response<Incoming>, Failure> {
        if let Some(progress) = progress.filter(|progress| progress.is_shut()).cloned() {
            hyper::ext::on_informational(&mut request, move |response| {
                if response.status() == StatusCode::CONTINUE {
                    progress.open();
                }
            });
        }
        let answer = self.client.request(request);
        tokio::pin!(answer);
        let started = Instant::now();
        let mut deadline = started + self.head_timeout;
        loop {
            let waits = progress.filter(|progress| progress.is_shut());
            tokio::select! {
                answer = &mut answer => {
                    return answer.map_err(|error| self.failure(&error, progress));
                }
                () = sleep_until(deadline) => {
                    let since = match progress {
                        None => Some(started),
                        Some(progress) => progress.upstream_since(),
                    };
                    let now = Instant::now();
                    deadline = since.unwrap_or(now) + self.head_timeout;
                    if deadline <= now {
                        let seconds = self.head_timeout.as_secs();
                        return Err(Failure::Slow(self.authority.clone(), seconds));
                    }
                }
                () = sleep_until(started + EXPECT_PATIENCE), if waits.is_some() => {
                    if let Some(progress) = waits {
                        progress.open();
                    }
                }
            }
        }
    }

    fn failure(&self, error: &legacy::Error, progress: Option<&Arc<Progress>>) -> Failure {
        if progress.is_some_and(|progress| progress.is_broken()) {
            return Failure::Request;
        }
        let mut cause: &(dyn Error + 'static) = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let authority = self.authority.clone();
        let timed_out = cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
        match (error.is_connect(), timed_out) {
            (true, true) => Failure::ConnectTimeout(authority),
            (true, false) => Failure::Unreachable(authority, cause.to_string()),
            (false, _) => Failure::Broken(authority, cause.to_string()),
        }
    }
}

/// Opens connections to the one address there is.
#[derive(Clone)]
struct Connector {
    /// `host:port`; the name is looked up for every connection.
    address: Arc<str>,
    timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<UpstreamSocket>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Connector { address, timeout } = self.clone();
        Box::pin(async move {
            let connecting = TcpStream::connect(&*address);
            let stream = tokio::time::timeout(timeout, connecting)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(UpstreamSocket::new(stream)))
        })
    }
}
