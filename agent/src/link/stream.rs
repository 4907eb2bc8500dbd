//! The stream below HTTP/2: plain or TLS, with a note of what TLS found wrong.
//!
//! HTTP/2 keeps only the text of an error, so a fault of TLS that comes after the handshake (the
//! core refusing a certificate) is noted here, where it still has its type.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::STEP;
use super::fault::{self, Fault};

/// What TLS found wrong, if anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Noted(Arc<Mutex<Option<rustls::Error>>>);

impl Noted {
    pub(super) fn take(&self) -> Option<rustls::Error> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.take()
    }

    fn note(&self, error: &io::Error) {
        let inner = error.get_ref();
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *noted = Some(error.clone());
        }
    }
}

/// A connection to the core.
pub(super) struct Stream {
    io: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    noted: Noted,
}

impl Stream {
    pub(super) fn plain(tcp: TcpStream) -> (Self, Noted) {
        Self::over(Either::Left(tcp))
    }

    /// Shakes hands with a core that must have a certificate for `name`.
    pub(super) async fn encrypted(
        connector: TlsConnector,
        name: &str,
        tcp: TcpStream,
        core: &str,
    ) -> Result<(Self, Noted), Fault> {
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::ServerName(name.to_owned()))?;
        let shaken = timeout(STEP, connector.connect(server, tcp)).await;
        let tls = shaken
            .map_err(|_| Fault::NoHandshake { core: core.into() })?
            .map_err(|error| fault::of_handshake(&error, core, name))?;
        Ok(Self::over(Either::Right(Box::new(tls))))
    }

    fn over(io: Either<TcpStream, Box<TlsStream<TcpStream>>>) -> (Self, Noted) {
        let noted = Noted::default();
        let stream = Self {
            io,
            noted: noted.clone(),
        };
        (stream, noted)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.noted.note(error);
        }
        read
    }
}

impl AsyncWrite for Stream {
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
}
