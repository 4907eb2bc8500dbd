//! What the agent counts, under the names that Armory's agent has, in Prometheus' text format.
//!
//! `session` and `cluster` count; [`Metrics`] answers GET /metrics and /prometheus_metrics, and only
//! when `prometheus.enabled` says so. Of Armory's names there are those that mean something here:
//! none about events, which are not sent, and none about Go.

use std::sync::LazyLock;

use ferry_wire::v1::account_report::State;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use prometheus::process_collector::ProcessCollector;
use prometheus::{IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};
use rustix::process::{Resource, getrlimit};

use crate::accounts::Accounts;
use crate::serve::Answers;

/// Sessions with a core that were registered.
pub(crate) static CONNECTIONS: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Sessions with a core that were registered.";
    counted("kubesvc_connection_count", help)
});
/// Such sessions that ended.
pub(crate) static DISCONNECTIONS: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Registered sessions that ended.";
    counted("kubesvc_disconnection_total", help)
});
/// Requests to API servers.
pub(crate) static REQUESTS: LazyLock<IntCounter> =
    LazyLock::new(|| counted("kubesvc_kubernetes_requests", "Requests to API servers."));

fn counted(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect("it is a name that Prometheus takes")
}

/// What /metrics answers.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    watches: IntGauge,
    accounts: IntGaugeVec,
    held: Accounts,
}

impl Metrics {
    pub(crate) fn new(held: Accounts) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let watches = IntGauge::new("kubesvc_watches", "Kinds that are watched.")?;
        let help = "Accounts that are held, by state.";
        let accounts = IntGaugeVec::new(Opts::new("ferry_agent_accounts", help), &["state"])?;
        let memory = IntGauge::new(
            "process_virtual_memory_max_bytes",
            "Virtual memory that may be taken, in bytes; -1: any.",
        )?;
        let most = getrlimit(Resource::As).current;
        memory.set(most.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX)));
        for counter in [&CONNECTIONS, &DISCONNECTIONS, &REQUESTS] {
            registry.register(Box::new(IntCounter::clone(counter)))?;
        }
        registry.register(Box::new(watches.clone()))?;
        registry.register(Box::new(accounts.clone()))?;
        registry.register(Box::new(memory))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self {
            registry,
            watches,
            accounts,
            held,
        })
    }

    fn text(&self) -> prometheus::Result<String> {
        let held = self.held.shown();
        let watches: usize = held.iter().map(|account| account.watched.len()).sum();
        self.watches.set(i64::try_from(watches).unwrap_or(i64::MAX));
        for state in ["CONNECTING", "READY", "FAILED", "LOST"] {
            self.accounts.with_label_values(&[state]).set(0);
        }
        for account in &held {
            let state = match account.report.state {
                Some(State::Ready(_)) => "READY",
                Some(State::Failed(_)) => "FAILED",
                Some(State::Lost(_)) => "LOST",
                _ => "CONNECTING",
            };
            self.accounts.with_label_values(&[state]).inc();
        }
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Answers for Metrics {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let known = matches!(request.uri().path(), "/metrics" | "/prometheus_metrics");
        let (status, body) = match (known, request.method() == Method::GET) {
            (true, true) => match self.text() {
                Ok(text) => (StatusCode::OK, text),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            },
            (true, false) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is served\n".into(),
            ),
            (false, _) => (
                StatusCode::NOT_FOUND,
                "there are /metrics and /prometheus_metrics\n".into(),
            ),
        };
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, TEXT_FORMAT)
            .body(Full::new(Bytes::from(body)))
            .expect("a status and one fixed header make a response")
    }
}
