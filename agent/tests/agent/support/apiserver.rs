//! Servers that a kubeconfig may lead to: TLS with any certificate, and canned answers behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A server's certificate for a name, and whether it has expired.
    pub fn issue(&self, name: &str, expired: bool) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(config)
    }
}

impl Authority {
    /// A certificate and its key for a name, in PEM.
    pub fn issue_pem(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// How a server answers: status and body, by path.
pub trait Answers: Fn(&str) -> (StatusCode, String) + Clone + Send + Sync + 'static {}

impl<F: Fn(&str) -> (StatusCode, String) + Clone + Send + Sync + 'static> Answers for F {}

/// What a watch brings before it ends, by path; `None`: nothing happens in it, and it goes on.
pub trait Watches: Fn(&str) -> Option<String> + Clone + Send + Sync + 'static {}

impl<F: Fn(&str) -> Option<String> + Clone + Send + Sync + 'static> Watches for F {}

/// Watches in which nothing happens.
pub fn quiet(_: &str) -> Option<String> {
    None
}

/// Serves over TLS until the test's runtime ends.
pub async fn tls(config: Arc<ServerConfig>, answers: impl Answers) -> SocketAddr {
    tls_watched(config, answers, quiet).await
}

/// The same with these watches.
pub async fn tls_watched(
    config: Arc<ServerConfig>,
    answers: impl Answers,
    watches: impl Watches,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(config.clone());
            let (answers, watches) = (answers.clone(), watches.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(TokioIo::new(stream), answers, watches).await;
                }
            });
        }
    });
    address
}

/// Serves plain http until the test's runtime ends.
pub async fn plain(answers: impl Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(TokioIo::new(stream), answers.clone(), quiet));
        }
    });
    address
}

async fn serve<S>(stream: S, answers: impl Answers, watches: impl Watches)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (answers, watches) = (answers.clone(), watches.clone());
        async move {
            let (path, query) = (request.uri().path(), request.uri().query());
            let watch = query.is_some_and(|query| query.contains("watch=true"));
            let (status, body) = match watch {
                false => answers(path),
                true => match watches(path) {
                    Some(events) => (StatusCode::OK, events),
                    None => std::future::pending().await,
                },
            };
            Response::builder()
                .status(status)
                .body(Full::new(Bytes::from(body)))
        }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(stream, service)
        .await
        .ok();
}

/// A kubeconfig with a token, for a server and, unless empty, an authority.
pub fn kubeconfig(server: &str, authority: &str) -> String {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(authority);
    let authority = match authority {
        "" => String::new(),
        _ => format!(", certificate-authority-data: {data}"),
    };
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: main\n\
         clusters: [{{name: c, cluster: {{server: \"{server}\"{authority}}}}}]\n\
         contexts: [{{name: main, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{token: {SECRET}}}}}]\n"
    )
}

/// A token that must appear nowhere.
pub const SECRET: &str = "s3cr3t-t0k3n-of-the-test";
