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

use super::trouble::of_io;
use crate::cause::Trouble;

/// Where an API server listens and how it is to prove itself.
pub(super) struct Endpoint {
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
        tls: ClientConfig,
    ) -> Option<Self> {
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

    async fn connect(&self) -> Result<TcpStream, Trouble> {
        let unknown = || Trouble::Dns {
            server: self.server.clone(),
            host: self.host.clone(),
        };
        let addresses: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|_| unknown())?
            .collect();
        if addresses.is_empty() {
            return Err(unknown());
        }
        TcpStream::connect(&addresses[..])
            .await
            .map_err(|error| of_io(&error, &self.server, &self.host))
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
