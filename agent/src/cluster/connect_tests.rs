//! Clients on real sockets: their credentials, and connections that lead nowhere.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Response;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::cause::Cause;
use crate::dial::Dialer;
use crate::kubeconfig::Access;

const VERSION: &str = r#"{"major":"1","minor":"36","gitVersion":"v1.36.3","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
const LONG: Duration = Duration::from_secs(20);

/// A cluster at this address whose user is `user`.
fn cluster(address: SocketAddr, user: serde_json::Value) -> Result<Cluster, Cause> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().ok();
    let server = format!("https://{address}");
    let mut config = kube::Config::new(server.parse().unwrap());
    config.auth_info = serde_json::from_value(user).unwrap();
    let user = "u".to_owned();
    let mut access = Access {
        server,
        user,
        config,
    };
    access.accept_any_certificate();
    Cluster::new(access, LONG, Dialer::straight())
}

/// Serves HTTP/2 until the test's runtime ends. Of its first connection one question is answered.
async fn forgetful() -> SocketAddr {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut connections = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections += 1;
            let forgets = connections == 1;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let asked = Arc::new(AtomicBool::new(false));
                let service = service_fn(move |_: Request<Incoming>| {
                    let mute = asked.swap(true, Ordering::SeqCst) && forgets;
                    async move {
                        if mute {
                            std::future::pending::<()>().await;
                        }
                        Response::builder().body(Full::new(Bytes::from(VERSION)))
                    }
                });
                let server = http2::Builder::new(TokioExecutor::new());
                server
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .ok();
            });
        }
    });
    address
}

#[tokio::test]
async fn a_connection_that_leads_nowhere_is_left_behind() {
    let cluster = cluster(forgetful().await, json!({})).unwrap();
    assert_eq!(cluster.version(LONG).await.unwrap(), "v1.36.3");
    let short = Duration::from_millis(500);
    let unanswered = cluster.version(short).await.unwrap_err();
    assert!(
        matches!(unanswered, Trouble::NoAnswer { .. }),
        "{unanswered}"
    );
    cluster.ask_anew(LONG).await.unwrap();
    assert_eq!(cluster.version(LONG).await.unwrap(), "v1.36.3");
}

#[tokio::test]
async fn the_program_for_credentials_runs_for_the_first_client_alone() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let credential = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}"#;
    let script = format!("echo >> {}; echo '{credential}'", runs.display());
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/bin/sh",
        "args": ["-c", script],
    }});
    let cluster = cluster(([127, 0, 0, 1], 1).into(), user).unwrap();
    let runs = || std::fs::read(&runs).unwrap().len();
    let begun = runs();
    cluster.clients.of_watch(2 * WATCHES);
    cluster.clients.renew();
    assert_eq!(cluster.clients.made().len(), 3);
    assert_eq!(runs(), begun);
}

#[tokio::test]
async fn why_a_token_cannot_be_had_is_said_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let said = |path: &Path| {
        let user = json!({"tokenFile": path.to_str()});
        let cause = cluster(([127, 0, 0, 1], 1).into(), user).err().unwrap();
        cause.to_string()
    };
    let missing = said(&path);
    let words = format!("({}: entity not found)", path.display());
    assert!(missing.contains(&words), "{missing}");
    std::fs::write(&path, "s3cret\ns3cret").unwrap();
    let wrong = said(&path);
    assert!(
        wrong.contains("characters that no header may hold"),
        "{wrong}"
    );
    assert!(!wrong.contains("s3cret"), "{wrong}");
}
