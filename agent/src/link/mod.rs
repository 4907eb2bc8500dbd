//! The connection to the core: where, over what, and as whom.
//!
//! `session` asks [`Link::connect`] for every session anew, so certificates and tokens that are
//! renewed on disk are taken with the next one. What goes wrong is a [`Fault`], a sentence that says
//! which key to look at.

mod fault;
mod stream;
mod tls;
mod token;

use std::sync::Mutex;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::config::CoreLink;
pub(crate) use fault::Fault;
use stream::{Noted, Stream};
pub use tls::CoreTls;
use token::Tokens;
pub use token::{Auth, TokenCommand};

/// How long each step of a connection attempt may take.
const STEP: Duration = Duration::from_secs(20);

/// The way to the core.
pub(crate) struct Link {
    core: CoreLink,
    tokens: Tokens,
}

/// A connection to the core.
pub(crate) struct Connection {
    pub(crate) channel: Channel,
    /// What the core wants to see with every session; secret.
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
    noted: Noted,
}

impl Connection {
    /// Why the connection broke, when TLS knows: with TLS 1.3 a core refuses a client certificate
    /// only after the handshake seemed to be done.
    pub(crate) fn fault(&self, core: &str) -> Option<Fault> {
        let error = self.noted.take()?;
        Some(fault::of_tls(&error, core, ""))
    }
}

impl Link {
    pub(crate) fn new(core: CoreLink) -> Self {
        let tokens = Tokens::new(core.auth.clone());
        Self { core, tokens }
    }

    /// What was configured.
    pub(crate) fn core(&self) -> &CoreLink {
        &self.core
    }

    /// The core refused the token: it is got anew.
    pub(crate) fn forget_token(&self) {
        self.tokens.forget();
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Fault> {
        let token = self.tokens.current().await.map_err(Fault::Token)?;
        let authorization = token.as_ref().map(token::bearer).transpose()?;
        let (stream, noted) = self.stream().await?;
        let broken = |error: tonic::transport::Error| Fault::Connection {
            core: self.core.grpc.clone(),
            what: crate::cause::chain(&error),
        };
        // The connection is made: this one hands it over, once. When it breaks, the session ends.
        let made = Mutex::new(Some(TokioIo::new(stream)));
        let hand_over = tower::service_fn(move |_| {
            let made = made.lock().ok().and_then(|mut made| made.take());
            let gone = || std::io::Error::from(std::io::ErrorKind::NotConnected);
            std::future::ready(made.ok_or_else(gone))
        });
        let channel = self
            .endpoint()?
            .connect_with_connector(hand_over)
            .await
            .map_err(broken)?;
        Ok(Connection {
            channel,
            authorization,
            noted,
        })
    }

    async fn stream(&self) -> Result<(Stream, Noted), Fault> {
        let core = &self.core.grpc;
        let (host, port) = self.core.host_and_port();
        let tcp = timeout(STEP, self.core.dialer.connect(host, port))
            .await
            .map_err(|_| Fault::NoAnswer { core: core.clone() })?
            .map_err(|error| fault::of_dial(error, core, host))?;
        match &self.core.tls {
            None => Ok(Stream::plain(tcp)),
            Some(tls) => {
                let (tls, shown) = (tls.clone(), core.clone());
                // Files are read, and a key's password may take its time.
                let work = move || tls.connector().map_err(|error| error.of(&shown));
                let connector = tokio::task::spawn_blocking(work).await;
                let connector = connector.map_err(|_| Fault::Ending)??;
                let name = self
                    .core
                    .tls
                    .as_ref()
                    .and_then(|tls| tls.server_name.clone());
                Stream::encrypted(connector, name.as_deref().unwrap_or(host), tcp, core).await
            }
        }
    }

    fn endpoint(&self) -> Result<Endpoint, Fault> {
        let core = &self.core;
        // TLS is below what tonic sees, which would refuse an https:// that it does not encrypt.
        let mut endpoint = Endpoint::from_shared(format!("http://{}", core.grpc))
            .map_err(|_| Fault::Address(core.grpc.clone()))?
            .connect_timeout(STEP)
            .keep_alive_timeout(core.keep_alive_timeout)
            .keep_alive_while_idle(true);
        if let Some(interval) = core.keep_alive {
            endpoint = endpoint.http2_keep_alive_interval(interval);
        }
        Ok(endpoint)
    }
}
