//! The agent's own HTTP door for people and probes: GET /health, /accounts, /watches, /operations
//! and /version, in JSON.
//!
//! `lib::run` serves it, by default on the loopback only. It reads and never changes anything, and
//! shows no secret: what it has are the reports that the core gets.

mod page;

use ferry_wire::v1::account_report::State;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use serde_json::{Map, Value, json};

use crate::accounts::{Accounts, Shown};
use crate::cluster::watch::Watched;
use crate::failpoint::{self, hit};
use crate::presence::Presence;
use crate::serve::Answers;
use crate::session::Identity;
use page::Page;

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) identity: Identity,
    pub(crate) accounts: Accounts,
    pub(crate) presence: Presence,
}

impl Answers for Admin {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let answer = self.respond(request);
        hit(failpoint::ADMIN_ANSWERING);
        answer
    }

    fn answered(&self) {
        hit(failpoint::ADMIN_ANSWERED);
    }
}

impl Admin {
    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return response(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({"error": "only GET is served"}),
            );
        }
        let body = match request.uri().path() {
            "/health" => Ok(self.health()),
            "/accounts" => {
                let query = request.uri().query().unwrap_or_default();
                Page::parse(query).map(|page| page.of(self.accounts.shown()))
            }
            "/watches" => Ok(self.accounts.shown().iter().flat_map(watches).collect()),
            "/operations" => Ok(self.operations()),
            "/version" => Ok(json!({"version": env!("CARGO_PKG_VERSION")})),
            path => match path.strip_prefix("/accounts/") {
                Some(rest) => return self.of_account(rest),
                None => {
                    let error = "there are /health, /accounts, /accounts/NAME/version, /watches, \
                                 /operations and /version";
                    return response(StatusCode::NOT_FOUND, &json!({ "error": error }));
                }
            },
        };
        match body {
            Ok(body) => response(StatusCode::OK, &body),
            Err(error) => response(StatusCode::BAD_REQUEST, &json!({ "error": error })),
        }
    }

    /// What the core asked for and is not done yet.
    fn operations(&self) -> Value {
        let shown = self.accounts.shown();
        let under_way = shown.iter().filter(|shown| {
            !shown.fixed && matches!(shown.report.state, Some(State::Connecting(_)))
        });
        let operation = |shown: &Shown| {
            json!({
                "operation": "SaveAccounts",
                "account": shown.report.account,
                "generation": shown.report.generation,
            })
        };
        under_way.map(operation).collect()
    }

    /// `NAME/version`: the version of an account's cluster.
    fn of_account(&self, rest: &str) -> Response<Full<Bytes>> {
        let name = rest.strip_suffix("/version").unwrap_or_default();
        let shown = self.accounts.shown();
        let found = shown.iter().find(|shown| shown.report.account == name);
        let version = match found.map(|shown| &shown.report.state) {
            Some(Some(State::Ready(ready))) => Ok(&ready.kube_version),
            Some(_) => Err("its cluster is not reached"),
            None => Err("the agent holds no such account"),
        };
        match version {
            Ok(version) => response(
                StatusCode::OK,
                &json!({"account": name, "version": version}),
            ),
            Err(error) => response(StatusCode::NOT_FOUND, &json!({ "error": error })),
        }
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

fn watches(shown: &Shown) -> Vec<Value> {
    let watch = |watched: &Watched| {
        json!({
            "account": shown.report.account,
            "kind": watched.kind,
            "objects": watched.objects.len(),
        })
    };
    shown.watched.iter().map(watch).collect()
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
