//! A request's body on its way to Clouddriver.
//!
//! Made by `forward` around the client's body, polled by the connection to Clouddriver, and watched
//! by `upstream` through [`Progress`]: time that the client takes is not Clouddriver's. It also
//! makes `Expect: 100-continue` work end to end, for hyper asks a client for its body as soon as
//! somebody reads it: [`Progress::open`] says when that may be.

use crate::body::{Body, BodyError};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// How long a client may go on sending a body that nobody wants any more, so that it comes to
/// read the answer.
const DRAIN: Duration = Duration::from_secs(10);

/// The body.
pub(crate) struct Upload {
    /// Gone once it ended, broke, or is drained.
    body: Option<Body>,
    progress: Arc<Progress>,
}

/// What is known of an upload.
pub(crate) struct Progress(Mutex<State>);

struct State {
    gate: Gate,
    /// Who waits at the gate.
    waiter: Option<Waker>,
    waits_for_client: bool,
    moved: Instant,
    broken: bool,
}

/// Whether the body may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// The client waits to be asked for it.
    Shut,
    Open,
    /// It was answered without; nobody will want it.
    Abandoned,
}

impl Upload {
    /// `waits`: the client sends its body only when it is asked to.
    pub(crate) fn new(body: Body, waits: bool) -> (Upload, Arc<Progress>) {
        let progress = Arc::new(Progress(Mutex::new(State {
            gate: if waits { Gate::Shut } else { Gate::Open },
            waiter: None,
            waits_for_client: false,
            moved: Instant::now(),
            broken: false,
        })));
        let upload = Upload {
            body: Some(body),
            progress: progress.clone(),
        };
        (upload, progress)
    }
}

impl Progress {
    /// Lets the body be read: the client is asked for it.
    pub(crate) fn open(&self) {
        self.turn(Gate::Open);
    }

    /// The answer is complete. A body that was never asked for will not be sent.
    pub(crate) fn abandon(&self) {
        self.turn(Gate::Abandoned);
    }

    fn turn(&self, to: Gate) {
        let mut state = self.state();
        if state.gate == Gate::Shut {
            state.gate = to;
            if let Some(waiter) = state.waiter.take() {
                waiter.wake();
            }
        }
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.state().gate == Gate::Shut
    }

    /// The client broke off, or the framing of its body is wrong.
    pub(crate) fn is_broken(&self) -> bool {
        self.state().broken
    }

    /// Since when Clouddriver has had everything that the client sent; `None` while the client is
    /// the one to wait for.
    pub(crate) fn upstream_since(&self) -> Option<Instant> {
        let state = self.state();
        (!state.waits_for_client).then_some(state.moved)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        {
            let mut state = this.progress.state();
            match state.gate {
                Gate::Open => {}
                Gate::Shut => {
                    state.waiter = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Gate::Abandoned => {
                    return Poll::Ready(Some(Err("answered before it was sent".into())));
                }
            }
        }
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        let mut state = this.progress.state();
        state.waits_for_client = polled.is_pending();
        if let Poll::Ready(frame) = &polled {
            state.moved = Instant::now();
            state.broken = matches!(frame, Some(Err(_)));
            if !matches!(frame, Some(Ok(_))) {
                this.body = None;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let asked_for = self.progress.state().gate == Gate::Open;
        if let Some(body) = self.body.take()
            && asked_for
        {
            drain(body);
        }
    }
}

/// Reads on for a while what a client still sends. Were its connection closed under it, the system
/// would throw away the answer that it has not read yet.
pub(crate) fn drain(mut body: Body) {
    if body.is_end_stream() {
        return;
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(tokio::time::timeout(DRAIN, async move {
            while let Some(Ok(_)) = body.frame().await {}
        }));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::body::full;

    #[tokio::test(start_paused = true)]
    async fn a_shut_gate_holds_the_body_until_it_opens() {
        let (mut upload, progress) = Upload::new(full("x"), true);
        let waiting = tokio::time::timeout(Duration::from_secs(60), upload.frame()).await;
        assert!(waiting.is_err() && progress.is_shut());
        let opener = progress.clone();
        tokio::spawn(async move { opener.open() });
        let frame = upload.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "x");
    }

    #[tokio::test]
    async fn an_abandoned_body_breaks_off_only_if_it_was_never_asked_for() {
        let (mut upload, progress) = Upload::new(full("x"), true);
        progress.abandon();
        assert!(upload.frame().await.unwrap().is_err());
        let (mut upload, progress) = Upload::new(full("x"), false);
        progress.abandon();
        assert!(upload.frame().await.unwrap().is_ok());
        assert!(!progress.is_broken());
    }

    #[tokio::test]
    async fn the_clients_time_is_not_clouddrivers() {
        let never = futures_util::stream::pending::<Result<Frame<Bytes>, BodyError>>();
        let body = http_body_util::StreamBody::new(never).boxed_unsync();
        let (mut upload, progress) = Upload::new(body, false);
        assert!(progress.upstream_since().is_some());
        let polled = futures_util::poll!(upload.frame());
        assert!(polled.is_pending());
        assert!(progress.upstream_since().is_none());
    }
}
