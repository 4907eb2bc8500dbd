//! What the core counts, in Prometheus' text format. Names are Armory's where they exist.

use crate::account::Status;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// Times by label.
type Times<L> = Family<Vec<L>, Histogram, fn() -> Histogram>;

/// Bounds of times, in seconds.
const SECONDS: [f64; 11] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0,
];

/// The core's metrics.
pub struct Metrics {
    registry: Registry,
    transitions: Family<Vec<(&'static str, String)>, Counter>,
    transition_times: Times<(&'static str, String)>,
    retries: Counter,
    operations: Times<(&'static str, &'static str)>,
    unjournaled: Counter,
    scanned: Family<Vec<(&'static str, &'static str)>, Counter>,
    scans: Histogram,
    accounts: Family<Vec<(&'static str, String)>, Gauge>,
    agents: Gauge,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("kubesvc");
        let transitions = Family::default();
        registry.register(
            "transitions",
            "Transitions of accounts",
            transitions.clone(),
        );
        let transition_times = times();
        registry.register_with_unit(
            "transition",
            "How long an account stood in a transient status before it left it",
            Unit::Seconds,
            transition_times.clone(),
        );
        let retries = Counter::default();
        let help = "Accounts that were tried again after they had failed";
        registry.register("retries", help, retries.clone());
        let operations = times();
        registry.register_with_unit(
            "ops_processTime",
            "From the step that tells an agent something to its answer, by result",
            Unit::Seconds,
            operations.clone(),
        );
        let unjournaled = Counter::default();
        let help = "Writes to /credentials that went on without a journal";
        registry.register("intercept_unjournaled", help, unjournaled.clone());
        let scanned = Family::default();
        let help = "Accounts that the scan took, or updated as Clouddriver's were changed";
        registry.register("scan_accounts", help, scanned.clone());
        let scans = Histogram::new(SECONDS);
        let help = "How long scans of Clouddriver's accounts took";
        registry.register_with_unit("scan_duration", help, Unit::Seconds, scans.clone());
        let accounts = Family::default();
        registry.register("accounts", "Dynamic accounts by status", accounts.clone());
        let agents = Gauge::default();
        registry.register("agents", "Agents connected to this core", agents.clone());
        Metrics {
            registry,
            transitions,
            transition_times,
            retries,
            operations,
            unjournaled,
            scanned,
            scans,
            accounts,
            agents,
        }
    }

    pub(crate) fn transition(&self, from: &str, to: &str) {
        let labels = vec![("from", from.to_owned()), ("to", to.to_owned())];
        self.transitions.get_or_create(&labels).inc();
    }

    /// For how many milliseconds an account stood in a transient status.
    pub(crate) fn stood(&self, from: &str, to: &str, millis: i64) {
        let labels = vec![("from", from.to_owned()), ("to", to.to_owned())];
        let times = self.transition_times.get_or_create(&labels);
        times.observe(seconds(millis));
    }

    pub(crate) fn retried(&self) {
        self.retries.inc();
    }

    /// An operation that took so many milliseconds.
    pub(crate) fn operation(&self, result: &'static str, took: i64) {
        let labels = vec![("result", result)];
        self.operations
            .get_or_create(&labels)
            .observe(seconds(took));
    }

    pub(crate) fn unjournaled(&self) {
        self.unjournaled.inc();
    }

    pub(crate) fn scanned(&self, outcome: &'static str, accounts: usize) {
        let count = u64::try_from(accounts).unwrap_or(u64::MAX);
        let labels = vec![("outcome", outcome)];
        self.scanned.get_or_create(&labels).inc_by(count);
    }

    pub(crate) fn scan_took(&self, time: Duration) {
        self.scans.observe(time.as_secs_f64());
    }

    /// Everything as text, with these counts of now. Accounts that could not be counted stay as
    /// they were counted last; before the first time there is nothing about them.
    pub(crate) fn text(&self, accounts: Option<&[(Status, i64)]>, agents: usize) -> String {
        if let Some(accounts) = accounts {
            for status in Status::ALL {
                let count = accounts.iter().find(|(counted, _)| counted == status);
                let count = count.map_or(0, |(_, count)| *count);
                let labels = vec![("status", status.as_str().to_owned())];
                self.accounts.get_or_create(&labels).set(count);
            }
        }
        self.agents.set(i64::try_from(agents).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes every write");
        text
    }
}

fn times<L: Clone + std::hash::Hash + Eq>() -> Times<L> {
    Family::new_with_constructor(|| Histogram::new(SECONDS))
}

fn seconds(millis: i64) -> f64 {
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or_default()).as_secs_f64()
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_and_time_is_shown() {
        let metrics = Metrics::new();
        metrics.transition("INACTIVE", "TO_MIGRATE");
        metrics.stood("ACTIVATING", "ACTIVE", 1500);
        metrics.retried();
        metrics.operation("completed", 700);
        metrics.scanned("taken", 3);
        metrics.unjournaled();
        let text = metrics.text(Some(&[(Status::Active, 2)]), 4);
        for line in [
            r#"kubesvc_transitions_total{from="INACTIVE",to="TO_MIGRATE"} 1"#,
            r#"kubesvc_transition_seconds_sum{from="ACTIVATING",to="ACTIVE"} 1.5"#,
            r#"kubesvc_transition_seconds_bucket{le="2.5",from="ACTIVATING",to="ACTIVE"} 1"#,
            "kubesvc_retries_total 1",
            r#"kubesvc_ops_processTime_seconds_sum{result="completed"} 0.7"#,
            r#"kubesvc_ops_processTime_seconds_count{result="completed"} 1"#,
            r#"kubesvc_scan_accounts_total{outcome="taken"} 3"#,
            "kubesvc_intercept_unjournaled_total 1",
            r#"kubesvc_accounts{status="ACTIVE"} 2"#,
            r#"kubesvc_accounts{status="FAILED"} 0"#,
            "kubesvc_agents 4",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }

    #[test]
    fn accounts_that_cannot_be_counted_are_not_none() {
        let metrics = Metrics::new();
        assert!(!metrics.text(None, 0).contains("kubesvc_accounts{"));
        metrics.text(Some(&[(Status::Active, 2)]), 0);
        let text = metrics.text(None, 0);
        assert!(
            text.contains("kubesvc_accounts{status=\"ACTIVE\"} 2\n"),
            "{text}"
        );
    }
}
