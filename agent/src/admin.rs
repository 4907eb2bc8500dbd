//! The agent's own HTTP door for people and probes: GET /health, /accounts, /version, in JSON.
//!
//! `lib::run` serves it, by default on the loopback only. It reads and never changes anything, and
//! shows no secret: what it has are the reports that the core gets.

use std::convert::Infallible;

use ferry_wire::v1::account_report::State;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::accounts::{Accounts, Shown};
use crate::failpoint::{self, hit};
use crate::presence::Presence;
use crate::session::Identity;

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) identity: Identity,
    pub(crate) accounts: Accounts,
    pub(crate) presence: Presence,
}

impl Admin {
    /// Serves until it is dropped.
    pub(crate) async fn serve(self, listener: TcpListener, tasks: TaskTracker) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, most likely: not a reason to spin.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            let admin = self.clone();
            tasks.spawn(async move {
                let service = service_fn(|request| {
                    let answer = admin.answer(&request);
                    hit(failpoint::ADMIN_ANSWERING);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(std::time::Duration::from_secs(10))
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                match connection.await {
                    // One answer a connection.
                    Ok(()) => hit(failpoint::ADMIN_ANSWERED),
                    Err(error) => debug!("admin connection: {error}"),
                }
            });
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return response(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({"error": "only GET is served"}),
            );
        }
        let body = match request.uri().path() {
            "/health" => self.health(),
            "/accounts" => self.accounts.shown().iter().map(account).collect(),
            "/version" => json!({"version": env!("CARGO_PKG_VERSION")}),
            _ => {
                let error = "there are /health, /accounts and /version";
                return response(StatusCode::NOT_FOUND, &json!({ "error": error }));
            }
        };
        response(StatusCode::OK, &body)
    }

    /// Up as long as it answers: restarting an agent brings no core back.
    fn health(&self) -> Value {
        let core = self.presence.core();
        json!({
            "status": "UP",
            "agentId": self.identity.agent_id,
            "zoneId": self.identity.zone_id,
            "connected": core.is_some(),
            "coreId": core,
            "cause": self.presence.cause(),
        })
    }
}

fn account(shown: &Shown) -> Value {
    let report = &shown.report;
    let mut row = Map::new();
    row.insert("name".into(), report.account.clone().into());
    row.insert("dynamic".into(), (!shown.fixed).into());
    row.insert("generation".into(), report.generation.into());
    let (state, cause) = match &report.state {
        Some(State::Ready(ready)) => {
            row.insert("kubeHost".into(), ready.kube_host.clone().into());
            row.insert("kubeVersion".into(), ready.kube_version.clone().into());
            row.insert(
                "certFingerprint".into(),
                ready.cert_fingerprint.clone().into(),
            );
            ("READY", None)
        }
        Some(State::Failed(failed)) => ("FAILED", Some(&failed.cause)),
        Some(State::Lost(lost)) => ("LOST", Some(&lost.cause)),
        _ => ("CONNECTING", None),
    };
    row.insert("state".into(), state.into());
    if let Some(cause) = cause {
        row.insert("cause".into(), cause.clone().into());
    }
    let kinds: Map<String, Value> = shown
        .watched
        .iter()
        .map(|watched| (watched.kind.clone(), watched.objects.len().into()))
        .collect();
    row.insert("objects".into(), kinds.into());
    row.into()
}

fn response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a status and one fixed header make a response")
}
