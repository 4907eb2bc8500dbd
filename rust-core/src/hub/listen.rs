//! From a TCP connection to one that a session can use: TLS where it is configured, and what is
//! known of who is at the other end.
//!
//! `Hub::start` runs it. A handshake is a task of its own, so that nobody who connects and says
//! nothing holds up another. What is refused here is logged with what to do; the agent has its own
//! sentence from the alert that it gets.

use ferry_tls::Acceptor;
use rustls::{AlertDescription, CertificateError};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::Connected;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes under way at once.
const HANDSHAKES: usize = 256;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) encrypted: bool,
    /// The subject of its certificate in every spelling; `None` when it showed none.
    pub(super) subject: Option<Vec<String>>,
}

/// A connection that requests can come over.
pub(super) struct Connection {
    io: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    peer: Arc<Peer>,
}

/// Where connections come from.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<Arc<Acceptor>>,
    pub(super) closing: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Door {
    /// Accepts until it is closed.
    pub(super) async fn run(self, ready: mpsc::Sender<io::Result<Connection>>) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        loop {
            let accepted = tokio::select! {
                () = self.closing.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: not a reason to spin.
                    tracing::error!(%error, "no agent's connection can be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            stream.set_nodelay(true).ok();
            let Some(tls) = &self.tls else {
                let peer = Peer {
                    address,
                    encrypted: false,
                    subject: None,
                };
                let connection = Connection {
                    io: Either::Left(stream),
                    peer: Arc::new(peer),
                };
                if ready.send(Ok(connection)).await.is_err() {
                    return;
                }
                continue;
            };
            let Ok(place) = handshakes.clone().acquire_owned().await else {
                return;
            };
            let (tls, ready, closing) = (tls.clone(), ready.clone(), self.closing.clone());
            self.tasks.spawn(async move {
                let _place = place;
                let shaken = closing.run_until_cancelled(shake(&tls, stream, address));
                if let Some(Some(connection)) = shaken.await {
                    ready.send(Ok(connection)).await.ok();
                }
            });
        }
    }
}

async fn shake(tls: &Acceptor, stream: TcpStream, peer: SocketAddr) -> Option<Connection> {
    let acceptor = TlsAcceptor::from(tls.current());
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Err(_) => tracing::warn!(%peer, reason = "no TLS handshake in time", "agent refused"),
        // A probe of the port, most likely.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            tracing::debug!(%peer, "left during the TLS handshake");
        }
        Ok(Err(error)) => {
            tracing::warn!(%peer, reason = fault(&error), "agent refused");
        }
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates();
            let subject = shown.and_then(<[_]>::first).map(ferry_tls::spellings);
            let peer = Peer {
                address: peer,
                encrypted: true,
                subject,
            };
            return Some(Connection {
                io: Either::Right(Box::new(stream)),
                peer: Arc::new(peer),
            });
        }
    }
    None
}

/// What went wrong in a handshake, and what to do.
fn fault(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    let sentence = match tls {
        Some(rustls::Error::NoCertificatesPresented) => {
            "it shows no client certificate, which kubesvc.grpc.server.security.clientAuth wants: \
             set clouddriver.tls.clientCertFile and clientKeyFile at the agent"
        }
        Some(rustls::Error::InvalidCertificate(fault)) => return of_certificate(fault),
        Some(rustls::Error::AlertReceived(alert)) => return of_alert(*alert),
        Some(rustls::Error::InvalidMessage(_)) => {
            "it speaks no TLS: set clouddriver.insecure: false at the agent"
        }
        Some(rustls::Error::PeerIncompatible(what)) => {
            return format!(
                "it has no TLS in common with this core ({what:?}): see \
                 kubesvc.grpc.server.security.protocols and ciphers"
            );
        }
        Some(other) => return format!("the TLS handshake failed: {other}"),
        None => {
            return format!(
                "the connection broke during the TLS handshake: {}",
                error.kind()
            );
        }
    };
    sentence.to_owned()
}

fn of_certificate(fault: &CertificateError) -> String {
    let what = match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired: renew it at the agent"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: check the clocks of the agent and of this host"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is of no authority in kubesvc.grpc.server.security.trustCertCollection"
        }
        other => return format!("its client certificate is not acceptable: {other}"),
    };
    format!("its client certificate {what}")
}

fn of_alert(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "it does not trust the issuer of this core's certificate: name the authority in \
             clouddriver.tls.cacertFile at the agent"
        }
        AlertDescription::CertificateExpired => {
            "it finds this core's certificate expired: renew \
             kubesvc.grpc.server.security.certificateChain"
        }
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "it does not accept this core's certificate, which may bear another name than the agent \
             connects to: see clouddriver.tls.serverName at the agent"
        }
        other => return format!("it broke off the TLS handshake: {other:?}"),
    };
    what.to_owned()
}

impl Connected for Connection {
    type ConnectInfo = Arc<Peer>;

    fn connect_info(&self) -> Arc<Peer> {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
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

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
