//! kube's client over few connections: HTTP/2 where the API server offers it, so that all watches
//! of an account share one.
//!
//! `Cluster::new` makes the [`Clients`]; above HTTP, headers and credentials are kube's own, but for the
//! token of a file, and answers are bounded.
//! An API server allows a connection only so many streams at once, so a client takes a bounded
//! number of watches, and the next ones get the next client. One that offers no HTTP/2 gets as many
//! connections as there are watches. All clients have the same credentials, which are got once.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kube::Client;
use kube::client::middleware::{AuthLayer, ExtraHeadersLayer};
use kube::client::{Body, ConfigExt};
use tokio_util::either::Either;
use tower::{BoxError, ServiceBuilder};

use super::Cluster;
use super::bounded::{bounded, is_watch};
use super::reach::{self, Endpoint};
use super::token::TokenFile;
use crate::cause::Trouble;
use crate::metrics::REQUESTS;

/// Watches of one client. API servers allow 100 streams and more; questions need some too.
const WATCHES: usize = 80;
/// Between two pings of a connection with HTTP/2, and how long one may stay unanswered.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);
/// Longer than a watch (290 s), so that only a dead connection meets it.
const READ: Duration = Duration::from_secs(310);

/// The clients of one cluster: each has connections of its own.
pub(super) struct Clients {
    config: kube::Config,
    endpoint: Endpoint,
    limit: Duration,
    /// In the place of kube's, which takes a file's line end for a part of the token.
    token: Option<Arc<TokenFile>>,
    /// What it renews is renewed for all.
    auth: Option<AuthLayer>,
    headers: ExtraHeadersLayer,
    made: Mutex<Vec<Client>>,
}

impl Clients {
    /// Makes the first one. May read the token's file and run the program of an operator's kubeconfig;
    /// no other client does.
    pub(super) fn new(
        mut config: kube::Config,
        endpoint: Endpoint,
        limit: Duration,
    ) -> kube::Result<Self> {
        let (token, auth) = match config.auth_info.token_file.take() {
            Some(path) => {
                let token = TokenFile::new(&path).map_err(kube::Error::Auth)?;
                (Some(Arc::new(token)), None)
            }
            None => (None, config.auth_layer()?),
        };
        let headers = config.extra_headers_layer()?;
        let clients = Self {
            config,
            endpoint,
            limit,
            token,
            auth,
            headers,
            made: Mutex::default(),
        };
        clients.made().push(clients.client());
        Ok(clients)
    }

    /// The one for questions.
    pub(super) fn first(&self) -> Client {
        self.made()[0].clone()
    }

    /// Puts one without a connection in the place of the first. Watches go on with theirs.
    fn renew(&self) {
        let client = self.client();
        self.made()[0] = client;
    }

    /// The one for the watch of this index.
    pub(super) fn of_watch(&self, index: usize) -> Client {
        let mut made = self.made();
        while made.len() <= index / WATCHES {
            made.push(self.client());
        }
        made[index / WATCHES].clone()
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.made
            .lock()
            .expect("nothing panics while it holds the clients")
    }

    fn client(&self) -> Client {
        let endpoint = self.endpoint.clone();
        let connect = tower::service_fn(move |_: Uri| {
            let endpoint = endpoint.clone();
            async move { endpoint.open().await.map(Wire::new) }
        });
        let mut connector = TimeoutConnector::new(connect);
        connector.set_connect_timeout(Some(self.limit));
        connector.set_read_timeout(Some(READ));
        connector.set_reset_reader_on_write(true);
        let http: legacy::Client<_, Body> = legacy::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PONG)
            .http2_keep_alive_while_idle(true)
            .build(connector);
        let token = self.token.clone();
        let service = ServiceBuilder::new()
            .map_request(move |mut request: Request<Body>| {
                REQUESTS.inc();
                if let Some(token) = &token {
                    let headers = request.headers_mut();
                    headers.insert(AUTHORIZATION, token.authorization());
                }
                request
            })
            .layer(self.config.base_uri_layer())
            .option_layer(self.auth.as_ref())
            .layer(self.headers.clone())
            .service_fn(move |request: Request<Body>| {
                let watch = is_watch(request.uri());
                let answer = http.request(request);
                async move { Ok::<_, BoxError>(bounded(answer.await?, watch)) }
            });
        Client::new(service, self.config.default_namespace.clone())
    }
}

impl Cluster {
    /// Asks for the version over a new connection, as every question from now on. Each step to it
    /// has its own trouble.
    ///
    /// The one at hand may lead nowhere, though the cluster is well: a connection that something in
    /// between has forgotten is not closed by a question without an answer, but by its pings, later.
    pub async fn ask_anew(&self, limit: Duration) -> Result<(), Trouble> {
        self.certificate(limit).await?;
        self.clients.renew();
        self.version(limit).await.map(|_| ())
    }
}

/// A connection to an API server, as hyper wants it.
struct Wire {
    io: TokioIo<reach::Wire>,
    http2: bool,
}

impl Wire {
    fn new(io: reach::Wire) -> Self {
        let http2 = match &io {
            Either::Left(_) => false,
            Either::Right(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        };
        let io = TokioIo::new(io);
        Self { io, http2 }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        match self.http2 {
            true => Connected::new().negotiated_h2(),
            false => Connected::new(),
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
