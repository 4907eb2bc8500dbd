//! What the core counts, in Prometheus' text format. Names are Armory's where they exist.

use crate::account::Status;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The core's metrics.
pub struct Metrics {
    registry: Registry,
    transitions: Family<Vec<(&'static str, String)>, Counter>,
    unjournaled: Counter,
    scanned: Family<Vec<(&'static str, &'static str)>, Counter>,
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
        let unjournaled = Counter::default();
        let help = "Writes to /credentials that went on without a journal";
        registry.register("intercept_unjournaled", help, unjournaled.clone());
        let scanned = Family::default();
        let help = "Accounts that the scan took, or updated as Clouddriver's were changed";
        registry.register("scan_accounts", help, scanned.clone());
        let accounts = Family::default();
        registry.register("accounts", "Dynamic accounts by status", accounts.clone());
        let agents = Gauge::default();
        registry.register("agents", "Agents connected to this core", agents.clone());
        Metrics {
            registry,
            transitions,
            unjournaled,
            scanned,
            accounts,
            agents,
        }
    }

    pub(crate) fn transition(&self, from: &str, to: &str) {
        let labels = vec![("from", from.to_owned()), ("to", to.to_owned())];
        self.transitions.get_or_create(&labels).inc();
    }

    pub(crate) fn unjournaled(&self) {
        self.unjournaled.inc();
    }

    pub(crate) fn scanned(&self, outcome: &'static str, accounts: usize) {
        let count = u64::try_from(accounts).unwrap_or(u64::MAX);
        let labels = vec![("outcome", outcome)];
        self.scanned.get_or_create(&labels).inc_by(count);
    }

    /// Everything as text, with these counts of now.
    pub(crate) fn text(&self, accounts: &[(Status, i64)], agents: usize) -> String {
        for status in Status::ALL {
            let count = accounts
                .iter()
                .find(|(s, _)| s == status)
                .map_or(0, |(_, count)| *count);
            let labels = vec![("status", status.as_str().to_owned())];
            self.accounts.get_or_create(&labels).set(count);
        }
        self.agents.set(i64::try_from(agents).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes every write");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}
