//! What a row of `kubesvc_accounts` knows, and what a decision about it looks at.

use super::state::{Failure, HoldingState, Status, Wanted};
use std::time::Duration;

/// The longest wait before an agent that failed is asked again while another serves.
const LONGEST_STANDBY: Duration = Duration::from_secs(600);

/// A row of `kubesvc_accounts`, without its definition. Times are Unix milliseconds by the
/// database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's name, its key everywhere.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// What was asked for last.
    pub wanted: Wanted,
    /// +1 with every change; a change is a compare-and-swap on it.
    pub version: i64,
    /// +1 with every change of definition, kubeconfig or target zone and with every try; every
    /// message to an agent and every report bears it. Starts at the time of creation, so that a name that comes back never
    /// reuses a generation an agent may still hold.
    pub generation: i64,
    /// The zone a request asked for; none: any.
    pub requested_zone: Option<String>,
    /// The zone that is being tried.
    pub target_zone: Option<String>,
    /// The zone that worked.
    pub zone_id: Option<String>,
    /// A path at the agent, from a request; it wins over the definition's kubeconfig.
    pub kubeconfig_file: Option<String>,
    /// Tours, deadlines and pushes that ended without success since the last success or request.
    pub failed_count: u32,
    /// Why it is FAILED. ACTIVE with [`Failure::Definition`]: what changed cannot be pushed yet; with
    /// [`Failure::Agents`]: an agent failed while another serves, `failed_count` times in a row, and
    /// `due_at` is when it is asked again.
    pub failure: Option<Failure>,
    /// A sentence for people.
    pub message: Option<String>,
    /// Zones that this tour has tried without success.
    pub toured: Vec<String>,
    /// When to look at it next without an event: a deadline or a retry.
    pub due_at: Option<i64>,
    /// What the agents last found out about the cluster.
    pub cluster: Cluster,
    /// While it is being deleted: a definition is kept for the row that follows, which goes on to
    /// this.
    pub next: Option<Wanted>,
    /// When the row last changed.
    pub last_updated: i64,
}

impl Account {
    /// The row that a first POST makes: INACTIVE.
    pub fn adopted(name: &str, requested_zone: Option<String>, now: i64) -> Account {
        Account {
            name: name.to_owned(),
            status: Status::Inactive,
            wanted: Wanted::Inactive,
            version: 1,
            generation: now,
            requested_zone,
            target_zone: None,
            zone_id: None,
            kubeconfig_file: None,
            failed_count: 0,
            failure: None,
            message: None,
            toured: Vec::new(),
            due_at: None,
            cluster: Cluster::default(),
            next: None,
            last_updated: now,
        }
    }

    /// How often it has failed itself: what an agent that stands by failed is not of the account.
    pub fn tries(&self) -> u32 {
        match (self.status, self.failure) {
            (Status::Active, Some(Failure::Agents)) => 0,
            _ => self.failed_count,
        }
    }

    /// The zone that it belongs to: the one that a request asked for, also while another serves it
    /// still; else the one that worked.
    pub fn zone(&self) -> Option<&str> {
        self.requested_zone.as_deref().or(self.zone_id.as_deref())
    }
}

/// What an agent found out about a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The API server's URL.
    pub kube_host: Option<String>,
    /// Its gitVersion.
    pub kube_version: Option<String>,
    /// SHA-256 of its certificate, lower-case hex.
    pub cert_fingerprint: Option<String>,
}

/// That one agent may have one account. Written before SaveAccounts is sent; removed when the
/// agent confirmed the delete, registered without it, or its lease ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The agent.
    pub agent_id: String,
    /// The zone the agent had then.
    pub zone_id: String,
    /// The generation it was sent, or says it has.
    pub generation: i64,
    /// What it last said.
    pub state: HoldingState,
    /// Its cause, when it said one.
    pub cause: Option<String>,
    /// What it found out, when it is ready.
    pub cluster: Cluster,
}

impl Holding {
    /// What the agent says is in the way, as a sentence about it.
    pub fn said(&self) -> Option<String> {
        Some(format!(
            "agent `{}`: {}",
            self.agent_id,
            self.cause.as_deref()?
        ))
    }
}

/// A connected agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agent {
    /// Its id.
    pub id: String,
    /// Its zone.
    pub zone_id: String,
}

/// All that a decision about one account looks at, read in one transaction.
#[derive(Debug, Clone)]
pub struct View {
    /// The row.
    pub account: Account,
    /// Who may have it, sorted by agent.
    pub holdings: Vec<Holding>,
    /// An agent brings an account of this name by its own configuration.
    pub claimed: bool,
    /// The database's clock.
    pub now: i64,
}

/// The configured times and bounds that decisions need.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a transient status may last.
    pub transition: Duration,
    /// How long after a failure it is tried again.
    pub retry: Duration,
    /// How many failures in a row are followed by a retry.
    pub max_retries: u32,
}

impl Limits {
    /// When a transient status that begins now is over.
    pub fn deadline(&self, now: i64) -> i64 {
        now + millis(self.transition)
    }

    /// When an agent that failed for the `times`th time while another serves is asked again.
    pub fn standby_at(&self, now: i64, times: u32) -> i64 {
        let wait = self.retry.saturating_mul(1 << times.min(16));
        now + millis(wait.min(LONGEST_STANDBY.max(self.retry)))
    }

    /// When an account that failed now is tried again.
    pub fn retry_at(&self, now: i64) -> i64 {
        now + millis(self.retry)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
