//! The admin port: `/health`, `/ready`, `/metrics` and `/swagger/`.
//!
//! Served by `server` from before the first request until the very end, so that a probe can tell a
//! sidecar that drains from one that is gone.

use crate::answer;
use crate::body::{Body, full};
use crate::metrics::Metrics;
use crate::swagger;
use ferry_core::Core;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What the admin port shows.
pub(crate) struct Admin {
    pub(crate) core: Arc<Core>,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled once no new connection is taken.
    pub(crate) stopping: CancellationToken,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Admin {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let message = "the admin port only answers GET";
            return answer::error(StatusCode::METHOD_NOT_ALLOWED, message);
        }
        match request.uri().path() {
            "/health" => text(StatusCode::OK, TEXT, "alive\n".into()),
            "/ready" => match self.ready().await {
                Ok(()) => text(StatusCode::OK, TEXT, "ready\n".into()),
                Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, reason + "\n"),
            },
            "/metrics" => {
                let metrics = self.metrics.text(&self.core.metrics().await);
                text(StatusCode::OK, METRICS, metrics)
            }
            "/swagger" => swagger::redirect(),
            path => match path.strip_prefix("/swagger/") {
                Some(swagger::DOCUMENT) => text(StatusCode::OK, JSON, ferry_core::openapi()),
                name => name.and_then(swagger::file).unwrap_or_else(|| {
                    let message = "the admin port has /health, /ready, /metrics and /swagger/";
                    answer::error(StatusCode::NOT_FOUND, message)
                }),
            },
        }
    }

    async fn ready(&self) -> Result<(), String> {
        if self.stopping.is_cancelled() {
            return Err("stopping".into());
        }
        self.core.ready().await
    }
}

fn text(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
