//! One request from its head to its answer: which door it takes, and what is counted of it.
//!
//! Called by `server` for every request of every client. A panic anywhere below ends in a 500 for
//! that request and nowhere else.

use crate::access::Access;
use crate::answer;
use crate::body::Body;
use crate::connection::{Announcement, Delivery};
use crate::credentials;
use crate::door::{Door, door};
use crate::failpoint;
use crate::forward;
use crate::metrics::{Metrics, Outcome};
use crate::own;
use crate::reply;
use crate::upstream::{Failure, Upstream};
use ferry_core::Core;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prometheus_client::metrics::gauge::Gauge;
use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

/// What every request needs.
pub(crate) struct Proxy {
    pub(crate) core: Arc<Core>,
    pub(crate) access: Access,
    pub(crate) upstream: Upstream,
    pub(crate) metrics: Arc<Metrics>,
    /// How long a client may send nothing of a body that we wait for.
    pub(crate) idle_timeout: Duration,
    pub(crate) tasks: Tasks,
}

/// Who sent a request.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) peer: IpAddr,
    pub(crate) delivery: Delivery,
}

/// Everything that runs: all of it can be awaited, and cut off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    pub(crate) tracker: TaskTracker,
    /// Cancelled when the time to drain is over.
    pub(crate) cut: CancellationToken,
}

impl Tasks {
    /// Runs `task` to its end, or until the time to drain is over.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<Option<T>> {
        self.tracker
            .spawn(self.cut.clone().run_until_cancelled_owned(task))
    }
}

impl Proxy {
    /// Answers a request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        client: Client,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let in_flight = InFlight::new(&self.metrics.in_flight);
        let announcement = Announcement {
            delivery: client.delivery.clone(),
            point: failpoint::AFTER_ANSWER,
        };
        let response = survive(self.clone().route(client, request)).await;
        let response = response.unwrap_or_else(|| self.panicked());
        failpoint::hit(failpoint::BEFORE_ANSWER);
        reply::guard(response, (in_flight, announcement))
    }

    async fn route(self: Arc<Self>, client: Client, request: Request<Incoming>) -> Response<Body> {
        match door(request.method(), request.uri()) {
            // Boxed: what passes through, and a connection that is idle, keep no room for the others.
            Door::Own => Box::pin(own::handle(self, client, request)).await,
            Door::Credentials(path) => {
                Box::pin(credentials::intercept(self, client, path, request)).await
            }
            Door::Through => {
                let (parts, body) = request.into_parts();
                let body = body.map_err(Into::into).boxed_unsync();
                forward::through(&self, client.peer, parts, body).await
            }
            Door::Nowhere => {
                let message = "the request's target is not a path: this is a proxy for \
                               Clouddriver alone";
                self.refused(answer::error(StatusCode::BAD_REQUEST, message))
            }
        }
    }

    /// Runs `task` to its end whether or not the client stays to hear of it.
    pub(crate) async fn detached(
        &self,
        task: impl Future<Output = Response<Body>> + Send + 'static,
    ) -> Response<Body> {
        match self.tasks.spawn(task).await {
            Ok(Some(response)) => response,
            Ok(None) => {
                let message = "the sidecar stops: whether the request was carried out is not \
                               known; check before you repeat it";
                self.refused(answer::error(StatusCode::SERVICE_UNAVAILABLE, message))
            }
            Err(_) => self.panicked(),
        }
    }

    fn panicked(&self) -> Response<Body> {
        self.metrics.panics.inc();
        error!("a request ended in a panic");
        let message = "the sidecar made a mistake: please report it with its log";
        self.refused(answer::error(StatusCode::INTERNAL_SERVER_ERROR, message))
    }

    /// Counts an answer of the sidecar itself.
    pub(crate) fn refused(&self, response: Response<Body>) -> Response<Body> {
        self.metrics.count(Outcome::Refused);
        response
    }

    /// The client broke off, or what it sent is no HTTP.
    pub(crate) fn broken(&self) -> Response<Body> {
        self.failed(&Failure::Request)
    }

    /// The client sent nothing for too long.
    pub(crate) fn stalled(&self) -> Response<Body> {
        let message = "the body did not arrive in time: send the request again";
        self.refused(answer::error(StatusCode::REQUEST_TIMEOUT, message))
    }

    /// Clouddriver did not answer.
    pub(crate) fn failed(&self, failure: &Failure) -> Response<Body> {
        match failure.kind() {
            Some(kind) => {
                self.metrics.count_upstream_error(kind);
                self.metrics.count(Outcome::Failed);
                warn!(%failure, "no answer from Clouddriver");
            }
            None => self.metrics.count(Outcome::Refused),
        }
        answer::error(failure.status(), &failure.to_string())
    }
}

/// What `answering` comes to; `None` if it panics.
async fn survive<T>(answering: impl Future<Output = T>) -> Option<T> {
    // What it leaves half done is its request's alone, and gone with it.
    AssertUnwindSafe(answering).catch_unwind().await.ok()
}

/// Counts a request until its answer is finished.
struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: &Gauge) -> InFlight {
        gauge.inc();
        InFlight(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_nothing_but_itself() {
        assert_eq!(survive(async { 7 }).await, Some(7));
        let panics = async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        };
        assert_eq!(survive::<()>(panics).await, None);
        let tasks = Tasks::default();
        assert!(tasks.spawn(async { panic!("on purpose") }).await.is_err());
        tasks.tracker.close();
        tasks.tracker.wait().await;
    }

    #[tokio::test]
    async fn what_is_cut_off_is_still_awaited() {
        let tasks = Tasks::default();
        let endless = tasks.spawn(std::future::pending::<()>());
        tasks.tracker.close();
        tasks.cut.cancel();
        tasks.tracker.wait().await;
        assert!(matches!(endless.await, Ok(None)));
    }
}
