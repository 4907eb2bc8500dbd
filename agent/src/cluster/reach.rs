//! A connection of its own to the API server: name, TCP, TLS, the certificate.
//!
//! kube's client wraps what goes wrong below HTTP in layers; here each step has its own error, and
//! the certificate that was verified is at hand. The verification is that of kube's client, by the
//! same configuration.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::trouble::of_io;
use crate::cause::Trouble;
use crate::dial::{DialError, Dialer};

/// A connection, encrypted or not.
pub(super) type Wire = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Where an API server listens and how it is to prove itself.
#[derive(Clone)]
pub(super) struct Endpoint {
    dialer: Dialer,
    server: String,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// `None` when the host cannot be a server's name.
    pub(super) fn new(
        server: &str,
        url: &Uri,
        tls_server_name: &Option<String>,
        mut tls: ClientConfig,
        dialer: Dialer,
    ) -> Option<Self> {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let https = url.scheme_str() == Some("https");
        let host = url
            .host()?
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = url.port_u16().unwrap_or(if https { 443 } else { 80 });
        let name = tls_server_name.clone().unwrap_or_else(|| host.clone());
        let tls = match https {
            true => Some((
                TlsConnector::from(Arc::new(tls)),
                ServerName::try_from(name).ok()?,
            )),
            false => None,
        };
        Some(Self {
            dialer,
            server: server.to_owned(),
            host,
            port,
            tls,
        })
    }

    /// Connects and returns the SHA-256 of the server's certificate in lower-case hex; empty for
    /// plain http.
    pub(super) async fn fingerprint(&self, limit: Duration) -> Result<String, Trouble> {
        let server = || self.server.clone();
        let tcp = timeout(limit, self.connect())
            .await
            .map_err(|_| Trouble::ConnectTimeout {
                server: server(),
                limit,
            })??;
        let Some((connector, name)) = &self.tls else {
            return Ok(String::new());
        };
        let stream = timeout(limit, connector.connect(name.clone(), tcp))
            .await
            .map_err(|_| Trouble::HandshakeTimeout {
                server: server(),
                limit,
            })?
            .map_err(|error| self.of_handshake(&error, name))?;
        let (_, session) = stream.get_ref();
        let leaf = session
            .peer_certificates()
            .and_then(|chain| chain.first())
            .expect("a finished handshake has the server's certificate");
        Ok(hex(aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            leaf,
        )
        .as_ref()))
    }

    /// A connection for HTTP.
    pub(super) async fn open(&self) -> io::Result<Wire> {
        let dialed = self.dialer.connect(&self.host, self.port).await;
        let tcp = dialed.map_err(|error| match error {
            DialError::Io(error) => error,
            other => io::Error::other(other),
        })?;
        match &self.tls {
            None => Ok(Either::Left(tcp)),
            Some((connector, name)) => {
                let tls = connector.connect(name.clone(), tcp).await?;
                Ok(Either::Right(Box::new(tls)))
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Trouble> {
        let dialed = self.dialer.connect(&self.host, self.port).await;
        dialed.map_err(|error| match error {
            DialError::Dns => Trouble::Dns {
                server: self.server.clone(),
                host: self.host.clone(),
            },
            DialError::Io(error) => of_io(&error, &self.server, &self.host),
            proxy @ DialError::Proxy(_) => Trouble::Connection {
                server: self.server.clone(),
                what: proxy.to_string(),
            },
        })
    }

    fn of_handshake(&self, error: &io::Error, name: &ServerName<'static>) -> Trouble {
        let server = self.server.clone();
        let cut = matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        );
        if cut {
            return Trouble::HandshakeClosed { server };
        }
        of_io(error, &self.server, &name.to_str())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
