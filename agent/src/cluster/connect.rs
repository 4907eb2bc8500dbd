//! kube's client over few connections: HTTP/2 where the API server offers it, so that all watches
//! of an account share one.
//!
//! `Cluster::new` makes the [`Clients`]; everything above HTTP (credentials, headers) is kube's own.
//! An API server allows a connection only so many streams at once, so a client takes a bounded
//! number of watches, and the next ones get the next client. One that offers no HTTP/2 gets as many
//! connections as there are watches.

use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kube::Client;
use kube::client::{Body, ClientBuilder, ConfigExt};
use tokio_util::either::Either;
use tower::{BoxError, ServiceBuilder};

use super::reach::{self, Endpoint};
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
    made: Mutex<Vec<Client>>,
}

impl Clients {
    /// Makes the first one. May run the program of an operator's kubeconfig.
    pub(super) fn new(
        config: kube::Config,
        endpoint: Endpoint,
        limit: Duration,
    ) -> kube::Result<Self> {
        let first = client(&config, &endpoint, limit)?;
        Ok(Self {
            config,
            endpoint,
            limit,
            made: Mutex::new(vec![first]),
        })
    }

    /// The one for questions.
    pub(super) fn first(&self) -> Client {
        self.made()[0].clone()
    }

    /// The one for the watch of this index.
    pub(super) fn of_watch(&self, index: usize) -> Client {
        let mut made = self.made();
        while made.len() <= index / WATCHES {
            match client(&self.config, &self.endpoint, self.limit) {
                Ok(client) => made.push(client),
                // Its credentials were there a moment ago; the first client has them still.
                Err(_) => return made[0].clone(),
            }
        }
        made[index / WATCHES].clone()
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.made
            .lock()
            .expect("nothing panics while it holds the clients")
    }
}

fn client(config: &kube::Config, endpoint: &Endpoint, limit: Duration) -> kube::Result<Client> {
    let endpoint = endpoint.clone();
    let connect = tower::service_fn(move |_: Uri| {
        let endpoint = endpoint.clone();
        async move { endpoint.open().await.map(Wire::new) }
    });
    let mut connector = TimeoutConnector::new(connect);
    connector.set_connect_timeout(Some(limit));
    connector.set_read_timeout(Some(READ));
    connector.set_reset_reader_on_write(true);
    let http: legacy::Client<_, Body> = legacy::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PONG)
        .http2_keep_alive_while_idle(true)
        .build(connector);
    let service = ServiceBuilder::new()
        .map_request(|request| {
            REQUESTS.inc();
            request
        })
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
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
