//! HTTP for people, probes and Prometheus: a listener, TLS where it is wanted, one answer a
//! connection.
//!
//! `admin` and `metrics` say what is answered; `lib::run` serves them. Nobody who connects and says
//! nothing holds up another, or stays for long.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ferry_tls::Acceptor;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::debug;

/// How long a handshake or a request's head may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server answers.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>>;

    /// An answer has been sent.
    fn answered(&self) {}
}

/// Serves until it is dropped. `tls`: `None` is plain HTTP.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Acceptor>>,
    answers: impl Answers,
    tasks: TaskTracker,
) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors, most likely: not a reason to spin.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (answers, tls) = (answers.clone(), tls.clone());
        tasks.spawn(async move {
            let Some(tls) = tls else {
                return speak(stream, answers).await;
            };
            let shaken = TlsAcceptor::from(tls.current()).accept(stream);
            match timeout(PATIENCE, shaken).await {
                Ok(Ok(stream)) => speak(stream, answers).await,
                Ok(Err(error)) => debug!(%peer, %error, "no TLS handshake"),
                Err(_) => debug!(%peer, "no TLS handshake in time"),
            }
        });
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, answers: impl Answers) {
    let service = service_fn(|request| {
        let answer = answers.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match connection.await {
        Ok(()) => answers.answered(),
        Err(error) => debug!(%error, "a connection broke"),
    }
}
