//! Every transition of the lifecycle, in one table. A pair of status and event that no rule
//! matches is refused. The documentation's diagram is made from [`TABLE`]; `plan` decides which
//! event applies, and `lifecycle` is the only caller that moves an account.

use super::model::{Account, Limits};
use super::rule::rule;
pub use super::rule::{Effect, Event, Rule, To, When};
use super::state::Failure;
use super::state::Status::{self, *};
use super::state::Wanted;

const ACTIVATED: &[Effect] = &[
    Effect::Want(Wanted::Active),
    Effect::Forgive,
    Effect::RestartTour,
    Effect::NewGeneration,
];
const SWITCHED_OFF: &[Effect] = &[Effect::Want(Wanted::Inactive), Effect::Forgive];
const CLAIMED: &[Effect] = &[Effect::Want(Wanted::Inactive)];
const SERVED: &[Status] = &[ToMigrate, Activating, Active, Orphaned, Failed];
const UNDELETED: &[Status] = &[
    Inactive,
    ToMigrate,
    Activating,
    Active,
    Failed,
    Orphaned,
    ToDeactivate,
    Deactivating,
];

/// The whole lifecycle. The first rule that matches applies.
pub static TABLE: &[Rule] = &[
    rule(&[], Event::Adopt, &[], To::Status(Inactive), &[]),
    // Requests.
    rule(
        &[Inactive, Failed, Orphaned, ToDeactivate, Deactivating],
        Event::Activate,
        &[When::Unclaimed],
        To::Status(ToMigrate),
        ACTIVATED,
    ),
    rule(
        &[ToMigrate, Activating, Active],
        Event::Activate,
        &[When::Unclaimed, When::Retargets],
        To::Status(ToMigrate),
        ACTIVATED,
    ),
    rule(
        &[ToMigrate, Activating, Active],
        Event::Activate,
        &[When::Unclaimed],
        To::Same,
        &[],
    ),
    rule(
        SERVED,
        Event::Deactivate,
        &[When::Held],
        To::Status(ToDeactivate),
        SWITCHED_OFF,
    ),
    rule(
        SERVED,
        Event::Deactivate,
        &[When::NotHeld],
        To::Status(Inactive),
        SWITCHED_OFF,
    ),
    rule(
        &[Inactive, ToDeactivate, Deactivating],
        Event::Deactivate,
        &[],
        To::Same,
        &[],
    ),
    rule(
        &[Failed],
        Event::Update,
        &[When::WantsActive],
        To::Status(ToMigrate),
        &[Effect::Forgive, Effect::RestartTour, Effect::NewGeneration],
    ),
    rule(
        UNDELETED,
        Event::Update,
        &[],
        To::Same,
        &[Effect::NewGeneration],
    ),
    rule(UNDELETED, Event::Delete, &[When::NotHeld], To::Gone, &[]),
    rule(
        &[DeleteFailed],
        Event::Delete,
        &[When::NotHeld],
        To::Gone,
        &[],
    ),
    rule(
        UNDELETED,
        Event::Delete,
        &[When::Held],
        To::Status(Deleting),
        &[Effect::Want(Wanted::Deleted), Effect::Forgive],
    ),
    rule(
        &[DeleteFailed],
        Event::Delete,
        &[When::Held],
        To::Status(Deleting),
        &[Effect::Forgive, Effect::DropNext],
    ),
    rule(
        &[Deleting],
        Event::Delete,
        &[],
        To::Same,
        &[Effect::DropNext],
    ),
    rule(
        &[Deleting, DeleteFailed],
        Event::Succeed,
        &[],
        To::Same,
        &[],
    ),
    rule(
        SERVED,
        Event::Claimed,
        &[When::WantsActive, When::Held],
        To::Status(ToDeactivate),
        CLAIMED,
    ),
    rule(
        SERVED,
        Event::Claimed,
        &[When::WantsActive, When::NotHeld],
        To::Status(Inactive),
        CLAIMED,
    ),
    // Towards ACTIVE.
    rule(
        &[ToMigrate, Orphaned],
        Event::AgentAvailable,
        &[],
        To::Status(Activating),
        // What an agent still has to say of an earlier try is not about this one.
        &[Effect::NewGeneration],
    ),
    rule(
        &[Failed],
        Event::AgentAvailable,
        &[When::WantsActive, When::LackedAgent],
        To::Status(ToMigrate),
        &[Effect::Forgive, Effect::RestartTour],
    ),
    rule(
        &[Activating],
        Event::Reached,
        &[],
        To::Status(Active),
        &[Effect::Forgive, Effect::RestartTour],
    ),
    rule(
        &[Activating],
        Event::ZoneFailed,
        &[When::ZonesLeft],
        To::Status(ToMigrate),
        &[Effect::NextZone],
    ),
    rule(
        &[ToMigrate, Activating],
        Event::ZoneFailed,
        &[],
        To::Status(Failed),
        &[],
    ),
    rule(
        &[Activating],
        Event::Deadline,
        &[When::ZonesLeft],
        To::Status(ToMigrate),
        &[Effect::NextZone],
    ),
    rule(
        &[ToMigrate, Activating, Active],
        Event::Deadline,
        &[],
        To::Status(Failed),
        &[],
    ),
    rule(
        &[ToMigrate],
        Event::Unpreparable,
        &[],
        To::Status(Failed),
        &[],
    ),
    rule(&[Active], Event::Released, &[], To::Status(Orphaned), &[]),
    rule(
        &[Failed],
        Event::Retry,
        &[When::WantsActive, When::AttemptsLeft],
        To::Status(ToMigrate),
        &[Effect::RestartTour],
    ),
    // Towards INACTIVE.
    rule(
        &[ToDeactivate],
        Event::Told,
        &[],
        To::Status(Deactivating),
        &[],
    ),
    rule(
        &[ToDeactivate, Deactivating],
        Event::Released,
        &[],
        To::Status(Inactive),
        &[Effect::Forgive],
    ),
    rule(
        &[Failed],
        Event::Released,
        &[When::WantsInactive],
        To::Status(Inactive),
        &[Effect::Forgive],
    ),
    rule(
        &[ToDeactivate, Deactivating],
        Event::Refused,
        &[],
        To::Status(Failed),
        &[],
    ),
    rule(
        &[ToDeactivate, Deactivating],
        Event::Deadline,
        &[],
        To::Status(Failed),
        &[],
    ),
    rule(
        &[Failed],
        Event::Retry,
        &[When::WantsInactive, When::AttemptsLeft],
        To::Status(ToDeactivate),
        &[],
    ),
    // Towards no row.
    rule(
        &[Deleting, DeleteFailed],
        Event::Released,
        &[When::Succeeded],
        To::Next,
        &[],
    ),
    rule(
        &[Deleting, DeleteFailed],
        Event::Released,
        &[],
        To::Gone,
        &[],
    ),
    rule(
        &[Deleting],
        Event::Refused,
        &[],
        To::Status(DeleteFailed),
        &[],
    ),
    rule(
        &[Deleting],
        Event::Deadline,
        &[],
        To::Status(DeleteFailed),
        &[],
    ),
    rule(
        &[DeleteFailed],
        Event::HolderBack,
        &[],
        To::Status(Deleting),
        &[],
    ),
];

/// What the conditions look at beside the row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// A holding exists.
    pub held: bool,
    /// An agent brings this name by its own configuration.
    pub claimed: bool,
    /// The request names another zone or kubeconfigFile than the row.
    pub retargets: bool,
    /// The tour has a zone left.
    pub zones_left: bool,
}

/// No rule matches: the lifecycle has no such transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Illegal;

/// The rule for `event` in the account's status.
pub fn find(
    account: &Account,
    event: Event,
    facts: &Facts,
    limits: &Limits,
) -> Result<&'static Rule, Illegal> {
    let holds = |when: &When| match when {
        When::Held => facts.held,
        When::NotHeld => !facts.held,
        When::Unclaimed => !facts.claimed,
        When::Retargets => facts.retargets,
        When::ZonesLeft => facts.zones_left,
        When::WantsActive => account.wanted == Wanted::Active,
        When::WantsInactive => account.wanted == Wanted::Inactive,
        When::LackedAgent => account.failure == Some(Failure::NoAgent),
        When::AttemptsLeft => account.failed_count < limits.max_retries,
        When::Succeeded => account.next.is_some(),
    };
    TABLE
        .iter()
        .find(|rule| {
            rule.event == event
                && rule.from.contains(&account.status)
                && rule.when.iter().all(holds)
        })
        .ok_or(Illegal)
}

/// The row after `rule`; `None` when it is removed. Its version stays: the store counts it.
pub fn follow(account: &Account, rule: &Rule, limits: &Limits, now: i64) -> Option<Account> {
    let status = match rule.to {
        To::Gone => return None,
        To::Next => return Some(succeeding(account, limits, now)),
        To::Same => account.status,
        To::Status(status) => status,
    };
    let mut next = account.clone();
    if rule.to != To::Same || rule.effects.contains(&Effect::NewGeneration) {
        next.failed_count = account.tries();
    }
    for effect in rule.effects {
        match effect {
            Effect::Want(wanted) => next.wanted = *wanted,
            Effect::Forgive => {
                next.failed_count = 0;
                next.message = None;
            }
            Effect::RestartTour => next.toured.clear(),
            Effect::NextZone => next.toured.extend(next.target_zone.clone()),
            Effect::NewGeneration => {
                next.generation += 1;
                // What was waited for, and what failed meanwhile, was of the generation before.
                if matches!(next.status, Active | Orphaned) {
                    (next.failure, next.due_at) = (None, None);
                }
            }
            Effect::DropNext => next.next = None,
        }
    }
    if rule.to == To::Same {
        return Some(next);
    }
    next.status = status;
    next.failure = None;
    next.due_at = status.is_transient().then(|| limits.deadline(now));
    if matches!(status, Failed | DeleteFailed) {
        next.failed_count += 1;
        next.toured.clear();
    }
    if status == Failed && next.failed_count < limits.max_retries {
        next.due_at = Some(limits.retry_at(now));
    }
    Some(next)
}

/// The row that begins in place of one that is removed. Its generation is none that an agent may
/// still hold.
fn succeeding(account: &Account, limits: &Limits, now: i64) -> Account {
    let fresh = Account {
        version: account.version,
        generation: now.max(account.generation + 1),
        ..Account::adopted(&account.name, None, now)
    };
    match account.next {
        Some(Wanted::Active) => activated(&fresh, limits, now),
        _ => fresh,
    }
}

/// A row that has just begun, on its way to ACTIVE at once.
pub fn activated(fresh: &Account, limits: &Limits, now: i64) -> Account {
    let rule = find(fresh, Event::Activate, &Facts::default(), limits);
    let rule = rule.expect("a row that begins is INACTIVE and may be activated");
    follow(fresh, rule, limits, now).expect("to be activated leaves the row there")
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
