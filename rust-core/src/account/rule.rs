//! The words that the table of transitions is written in: events, conditions, where a rule leads and
//! what it does. `transition` has the rules.

use super::state::{Status, Wanted};

/// What can happen to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// POST of accounts, an intercepted POST, or an intercepted PUT of a new name.
    Adopt,
    /// PATCH to ACTIVE.
    Activate,
    /// PATCH to INACTIVE.
    Deactivate,
    /// A PUT, or the source changed.
    Update,
    /// DELETE.
    Delete,
    /// An intercepted POST or PUT of a name whose row is being deleted.
    Succeed,
    /// An agent of this name's own configuration brings the account.
    Claimed,
    /// An agent that may serve it is connected.
    AgentAvailable,
    /// An agent of the target zone reached the cluster, in this generation.
    Reached,
    /// Every agent of the target zone failed or left.
    ZoneFailed,
    /// The definition or its kubeconfig cannot be had.
    Unpreparable,
    /// DeleteAccounts was sent to every holder.
    Told,
    /// No holding is left.
    Released,
    /// A holder did not carry out DeleteAccounts.
    Refused,
    /// A holder connected that has not been asked yet.
    HolderBack,
    /// The status lasted too long.
    Deadline,
    /// The time to try again has come.
    Retry,
}

/// A condition of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A holding exists.
    Held,
    /// No holding exists.
    NotHeld,
    /// No agent brings this name by its own configuration.
    Unclaimed,
    /// The request names another zone or kubeconfigFile than the row.
    Retargets,
    /// The tour has a zone left.
    ZonesLeft,
    /// ACTIVE was asked for last.
    WantsActive,
    /// INACTIVE was asked for last.
    WantsInactive,
    /// It is FAILED because no agent could be asked.
    LackedAgent,
    /// failed_count < maxRetries.
    AttemptsLeft,
    /// A definition is kept for the row that follows.
    Succeeded,
}

/// Where a rule leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// To this status.
    Status(Status),
    /// The status stays.
    Same,
    /// The row is removed.
    Gone,
    /// The row is removed, and one begins with the kept definition.
    Next,
}

/// What a rule does to the row besides its status. Deadlines, retry times and failed_count follow
/// from the status that is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `wanted` becomes this.
    Want(Wanted),
    /// failed_count=0 and the message is cleared.
    Forgive,
    /// The tour of the zones begins anew.
    RestartTour,
    /// The target zone counts as tried.
    NextZone,
    /// generation+1.
    NewGeneration,
    /// No definition is kept for a row that follows.
    DropNext,
}

/// One row of the table.
#[derive(Debug)]
pub struct Rule {
    /// The statuses it applies to; none: there is no row yet.
    pub from: &'static [Status],
    /// What happens.
    pub event: Event,
    /// Conditions, all of which hold.
    pub when: &'static [When],
    /// Where it leads.
    pub to: To,
    /// What else changes.
    pub effects: &'static [Effect],
}

pub(super) const fn rule(
    from: &'static [Status],
    event: Event,
    when: &'static [When],
    to: To,
    effects: &'static [Effect],
) -> Rule {
    Rule {
        from,
        event,
        when,
        to,
        effects,
    }
}
