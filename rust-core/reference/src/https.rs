//! One request over a connection of its own, by TLS or without: what the engines of secrets need of
//! HTTP. Bounded in time and size. Neither bodies nor headers are ever in an error.

use super::resolve::Reason;
use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer; a Kubernetes Secret has at most 1 MiB, half as much again in base64.
const LARGEST: usize = 4 << 20;

/// Whether only this host and that of `url` can read what is sent there: by TLS, or never leaving.
pub(super) fn is_private(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    url.scheme() == Some(&Scheme::HTTPS)
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

/// Sends `request`, whose URI is a whole URL, by TLS when that is https.
pub(super) async fn send(
    request: Request<Full<Bytes>>,
    tls: &Arc<ClientConfig>,
) -> Result<(StatusCode, Bytes), Reason> {
    let uri = request.uri().clone();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let secure = uri.scheme() == Some(&Scheme::HTTPS);
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let at = format!("{host}:{port}");
    let exchange = async {
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(|error| format!("{at} is not reached: {error}"))?;
        if !secure {
            return over(stream, request).await;
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host} is no name of a server"))?;
        let stream = TlsConnector::from(tls.clone()).connect(name, stream).await;
        let stream = stream.map_err(|error| format!("{at} is not reached by TLS: {error}"))?;
        over(stream, request).await
    };
    let late = || format!("{at} did not answer within {} s", TIMEOUT.as_secs());
    let answer = tokio::time::timeout(TIMEOUT, exchange).await;
    answer.unwrap_or_else(|_| Err(late())).map_err(Reason::Away)
}

async fn over<S>(
    stream: S,
    mut request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let authority = request.uri().authority().map(ToString::to_string);
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let path: Uri = path
        .parse()
        .map_err(|_| "its path is not valid".to_owned())?;
    *request.uri_mut() = path;
    if let Some(host) = authority.and_then(|authority| authority.parse().ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    let broken = |error: hyper::Error| format!("the connection broke: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|_| "the answer broke off, or is too large".to_owned())?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = connection => {
            ended.map_err(broken)?;
            exchange.await
        }
    }
}

/// TLS that trusts the certificates in these PEM texts alone.
pub(super) fn trusting(pem: &[u8]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
        // Of a system's many some may be of a kind that is not known here.
        roots.add(certificate).ok();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
