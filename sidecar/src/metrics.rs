//! What the proxy counts.
//!
//! Written by `proxy` and what it calls, read by `admin` for `/metrics`, beside the core's own.

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The proxy's counters.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Label, Counter>,
    upstream_errors: Family<Label, Counter>,
    pub(crate) in_flight: Gauge,
    pub(crate) uncollected: Counter,
    pub(crate) panics: Counter,
}

/// Which way a request went.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// Clouddriver answered.
    Forwarded,
    /// Clouddriver answered a write to `/credentials` that was looked at.
    Intercepted,
    /// The core answered.
    Own,
    /// The sidecar refused it.
    Refused,
    /// Clouddriver did not answer.
    Failed,
}

/// Why Clouddriver did not answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UpstreamError {
    /// No connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke, or what came is no HTTP.
    Broken,
}

/// Name and value.
type Label = [(&'static str, &'static str); 1];

impl Outcome {
    fn label(self) -> Label {
        let value = match self {
            Outcome::Forwarded => "forwarded",
            Outcome::Intercepted => "intercepted",
            Outcome::Own => "own",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        [("outcome", value)]
    }
}

impl UpstreamError {
    fn label(self) -> Label {
        let value = match self {
            UpstreamError::Connect => "connect",
            UpstreamError::Timeout => "timeout",
            UpstreamError::Broken => "broken",
        };
        [("kind", value)]
    }
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("ferry_proxy"),
            requests: Family::default(),
            upstream_errors: Family::default(),
            in_flight: Gauge::default(),
            uncollected: Counter::default(),
            panics: Counter::default(),
        };
        let registry = &mut metrics.registry;
        let requests = metrics.requests.clone();
        registry.register("requests", "Requests by outcome", requests);
        registry.register(
            "upstream_errors",
            "Requests that Clouddriver did not answer",
            metrics.upstream_errors.clone(),
        );
        registry.register(
            "in_flight",
            "Requests whose answer is not finished",
            metrics.in_flight.clone(),
        );
        registry.register(
            "uncollected",
            "Writes to /credentials that were too large to be looked at",
            metrics.uncollected.clone(),
        );
        registry.register(
            "panics",
            "Requests that ended in a panic",
            metrics.panics.clone(),
        );
        metrics
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        self.requests.get_or_create(&outcome.label()).inc();
    }

    pub(crate) fn count_upstream_error(&self, kind: UpstreamError) {
        self.upstream_errors.get_or_create(&kind.label()).inc();
    }

    /// The core's metrics and these, as one exposition in OpenMetrics' text format.
    pub(crate) fn text(&self, core: &str) -> String {
        let core = core.trim_end().trim_end_matches("# EOF").trim_end();
        let mut all = core.to_owned();
        if !all.is_empty() {
            all.push('\n');
        }
        text::encode(&mut all, &self.registry).expect("a String takes everything");
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cores_metrics_come_first_and_the_end_once() {
        let metrics = Metrics::new();
        metrics.count(Outcome::Own);
        metrics.count_upstream_error(UpstreamError::Connect);
        let text = metrics.text("# TYPE x counter\nx_total 1\n# EOF\n");
        assert!(
            text.starts_with("# TYPE x counter\nx_total 1\n# HELP"),
            "{text}"
        );
        assert!(
            text.contains("ferry_proxy_requests_total{outcome=\"own\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("ferry_proxy_upstream_errors_total{kind=\"connect\"} 1\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(text.ends_with("# EOF\n"));
    }
}
