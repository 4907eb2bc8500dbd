//! The next step of one account: given the row, its holdings and the agents that are connected,
//! which event applies, what becomes of row and holdings, and what is sent to whom.
//!
//! Everything is derived from what SQL knows and who is connected, so a step that was lost with
//! its process is simply found again. `lifecycle` calls [`next`] until it answers `None`.

mod leaving;
mod serving;

use super::model::{Account, Agent, Holding, Limits, View};
use super::state::{Failure, HoldingState, Status};
use super::step::{Message, Step};
use super::transition::Event;
use std::collections::BTreeSet;

/// The next step of this account, or `None` when there is nothing to do but wait.
pub fn next(view: &View, agents: &[Agent], limits: &Limits) -> Option<Step> {
    let planner = Planner {
        view,
        agents,
        limits,
    };
    if view.claimed
        && let Some(mut step) = planner.event(Event::Claimed, None)
    {
        if let Some(account) = &mut step.account {
            account.message = Some(CLAIMED.to_owned());
        }
        return Some(step);
    }
    let step = match view.account.status {
        Status::ToMigrate => planner.to_migrate(),
        Status::Activating => planner.activating(),
        Status::Active => planner.active(),
        Status::Orphaned => planner.orphaned(),
        Status::Failed => planner.failed(),
        Status::Inactive => planner.inactive(),
        Status::ToDeactivate | Status::Deactivating | Status::Deleting => planner.letting_go(),
        Status::DeleteFailed => planner.delete_failed(),
    };
    step.or_else(|| planner.over())
}

/// The step after its SaveAccounts could not be made: `cause` says why.
pub fn unpreparable(view: &View, cause: String, limits: &Limits) -> Option<Step> {
    let planner = Planner {
        view,
        agents: &[],
        limits,
    };
    let event = match view.account.status {
        Status::ToMigrate => Some(Event::Unpreparable),
        Status::Activating => Some(Event::ZoneFailed),
        _ => None,
    };
    if let Some(event) = event {
        return planner.event(event, Some((Failure::Definition, cause)));
    }
    // What is served goes on being served; the push is tried again.
    let account = &view.account;
    let served = |held: &Holding| held.state == HoldingState::Ready;
    let tries = account.tries() + 1;
    let in_vain = tries >= limits.max_retries;
    if account.status == Status::Active && in_vain && !view.holdings.iter().any(served) {
        return planner.event(Event::Deadline, Some((Failure::Definition, cause)));
    }
    let mut step = Step::same(view);
    let next = step.account.as_mut()?;
    next.message = Some(cause);
    next.failure = Some(Failure::Definition);
    next.failed_count = tries;
    next.due_at = Some(limits.retry_at(view.now));
    Some(step)
}

/// Whether a push that could not be prepared waits for its next try.
pub fn is_withheld(view: &View) -> bool {
    let account = &view.account;
    let is_due = account.due_at.is_some_and(|due| due <= view.now);
    account.failure == Some(Failure::Definition) && !is_due
}

/// Why a claimed account is switched off.
pub const CLAIMED: &str = "an agent brings an account of this name by its own configuration, \
    which goes before; rename or remove that one to activate this one";

struct Planner<'a> {
    view: &'a View,
    agents: &'a [Agent],
    limits: &'a Limits,
}

impl Planner<'_> {
    fn account(&self) -> &Account {
        &self.view.account
    }

    fn is_due(&self) -> bool {
        self.account()
            .due_at
            .is_some_and(|due| due <= self.view.now)
    }

    fn is_withheld(&self) -> bool {
        is_withheld(self.view)
    }

    fn is_blocked(&self) -> bool {
        self.account().failure == Some(Failure::Definition)
    }

    fn is_connected(&self, agent_id: &str) -> bool {
        self.agents.iter().any(|agent| agent.id == agent_id)
    }

    fn agents_of<'b>(&'b self, zone: &'b str) -> impl Iterator<Item = &'b Agent> {
        self.agents
            .iter()
            .filter(move |agent| agent.zone_id == zone)
    }

    /// The zones this account may be served from and that have an agent, in the order of the tour.
    fn zones(&self) -> Vec<&str> {
        let connected: BTreeSet<&str> = self
            .agents
            .iter()
            .map(|agent| agent.zone_id.as_str())
            .collect();
        let account = self.account();
        if let Some(requested) = &account.requested_zone {
            return connected
                .into_iter()
                .filter(|zone| zone == requested)
                .collect();
        }
        let stored = account.zone_id.as_deref();
        let first = stored.filter(|zone| connected.contains(zone));
        first
            .into_iter()
            .chain(connected.into_iter().filter(|zone| Some(*zone) != stored))
            .collect()
    }

    fn untried_zone(&self) -> Option<&str> {
        self.zones()
            .into_iter()
            .find(|zone| !self.account().toured.iter().any(|t| t == zone))
    }

    /// The step of `event`, if the table has it here, with the failure it may lead to.
    fn event(&self, event: Event, failure: Option<(Failure, String)>) -> Option<Step> {
        let account = self.account();
        let zones_left = self.zones().into_iter().any(|zone| {
            Some(zone) != account.target_zone.as_deref()
                && !account.toured.iter().any(|toured| toured == zone)
        });
        let mut step = Step::of(self.view, event, zones_left, false, self.limits).ok()?;
        if let (Some(account), Some((failure, cause))) = (&mut step.account, failure) {
            account.message = Some(cause);
            if matches!(account.status, Status::Failed | Status::DeleteFailed) {
                account.failure = Some(failure);
            }
        }
        Some(step)
    }

    /// Tells the connected holders that `which` picks, and that were not told yet, to let go.
    fn drop_holders(&self, which: impl Fn(&Holding) -> bool) -> Option<Step> {
        let mut step = Step::same(self.view);
        for holding in &mut step.holdings {
            let asked = matches!(
                holding.state,
                HoldingState::Dropping | HoldingState::Refused
            );
            if which(holding) && !asked && self.is_connected(&holding.agent_id) {
                holding.state = HoldingState::Dropping;
                holding.cause = None;
                step.messages.push(Message::Delete {
                    agent_id: holding.agent_id.clone(),
                });
            }
        }
        (!step.messages.is_empty()).then_some(step)
    }

    /// Whether an agent has it that should not: of another zone, or in a generation that the row does
    /// not know, as after the database was restored from a backup.
    fn is_amiss(&self, holding: &Holding, zone: &str) -> bool {
        holding.zone_id != zone || holding.generation > self.account().generation
    }

    /// Adds to `step` a SaveAccounts for every connected agent of `zone` that `needs` it.
    fn save(&self, step: &mut Step, zone: &str, needs: impl Fn(Option<&Holding>) -> bool) {
        let Some(account) = &step.account else { return };
        for agent in self.agents_of(zone) {
            let held = step
                .holdings
                .iter_mut()
                .find(|holding| holding.agent_id == agent.id);
            if !needs(held.as_deref()) {
                continue;
            }
            let holding = Holding {
                agent_id: agent.id.clone(),
                zone_id: zone.to_owned(),
                generation: account.generation,
                state: HoldingState::Pending,
                cause: None,
                cluster: Default::default(),
            };
            match held {
                Some(held) => *held = holding,
                None => step.holdings.push(holding),
            }
            step.messages.push(Message::Save {
                agent_id: agent.id.clone(),
            });
        }
    }

    /// An account at rest whose time is over, and that nothing follows from, is not looked at for
    /// that again: such as one that has failed more often than it now may.
    fn over(&self) -> Option<Step> {
        let mut step = Step::same(self.view);
        step.account.as_mut()?.due_at = None;
        (self.is_due() && !self.account().status.is_transient()).then_some(step)
    }

    fn to_migrate(&self) -> Option<Step> {
        let Some(zone) = self.untried_zone() else {
            // Its next zone has left meanwhile: what was in the way of the others is why.
            if !self.account().toured.is_empty() {
                let cause = self.account().message.clone().unwrap_or_default();
                return self.event(Event::ZoneFailed, Some((Failure::Agents, cause)));
            }
            let requested = self.account().requested_zone.as_deref();
            let elsewhere = |held: &Holding| requested.is_some_and(|zone| zone != held.zone_id);
            let drop = self.drop_holders(elsewhere);
            return drop.or_else(|| self.is_due().then(|| self.no_agent_in_time()).flatten());
        };
        let outside = |holding: &Holding| holding.zone_id != zone;
        if self.view.holdings.iter().any(outside) {
            if let Some(step) = self.drop_holders(outside) {
                return Some(step);
            }
            return self.is_due().then(|| self.held_elsewhere(zone)).flatten();
        }
        let mut step = self.event(Event::AgentAvailable, None)?;
        if let Some(account) = &mut step.account {
            account.target_zone = Some(zone.to_owned());
        }
        self.save(&mut step, zone, |_| true);
        Some(step)
    }

    fn no_agent_in_time(&self) -> Option<Step> {
        let cause = match &self.account().requested_zone {
            Some(zone) => format!(
                "no agent of zone `{zone}` is connected; start one with this zoneId, or PATCH the \
                 account with the zoneId of another, or with an empty one for any"
            ),
            None => "no agent is connected; start one that reaches the cluster".to_owned(),
        };
        self.event(Event::Deadline, Some((Failure::NoAgent, cause)))
    }

    fn held_elsewhere(&self, zone: &str) -> Option<Step> {
        let holders: Vec<String> = (self.view.holdings.iter())
            .filter(|holding| holding.zone_id != zone)
            .map(|holding| format!("`{}` of zone `{}`", holding.agent_id, holding.zone_id))
            .collect();
        let cause = format!(
            "zone `{zone}` must wait: the account is still held by agent {}, which did not confirm \
             that it let go",
            holders.join(", ")
        );
        self.event(Event::Deadline, Some((Failure::Agents, cause)))
    }

    fn activating(&self) -> Option<Step> {
        let account = self.account();
        let zone = account.target_zone.as_deref().unwrap_or_default();
        let current = |h: &&Holding| h.zone_id == zone && h.generation == account.generation;
        let holders: Vec<&Holding> = self.view.holdings.iter().filter(current).collect();
        if let Some(ready) = holders.iter().find(|h| h.state == HoldingState::Ready) {
            let mut step = self.event(Event::Reached, None)?;
            if let Some(account) = &mut step.account {
                account.zone_id = Some(zone.to_owned());
                account.cluster = ready.cluster.clone();
            }
            return Some(step);
        }
        if let Some(step) = self.drop_holders(|holding| self.is_amiss(holding, zone)) {
            return Some(step);
        }
        let mut step = Step::same(self.view);
        self.save(&mut step, zone, |held| {
            held.is_none_or(|h| {
                h.generation < account.generation
                    || matches!(h.state, HoldingState::Away | HoldingState::Dropping)
            })
        });
        if !step.messages.is_empty() {
            return Some(step);
        }
        let over = |h: &&Holding| {
            matches!(
                h.state,
                HoldingState::Failed | HoldingState::Lost | HoldingState::Away
            )
        };
        if holders.iter().all(over) {
            let failure = (Failure::Agents, zone_failure(&holders, zone));
            return self.event(Event::ZoneFailed, Some(failure));
        }
        if let Some(turn) = self.awaits_turn(&step.holdings)
            && let Some(next) = step.account.as_mut()
            && next.message.as_ref() != Some(&turn)
        {
            next.message = Some(turn);
            next.due_at = Some(self.limits.deadline(self.view.now));
            return Some(step);
        }
        self.is_due().then(|| {
            let seconds = self.limits.transition.as_secs();
            let cause = format!(
                "the agents of zone `{zone}` did not say within {seconds} s whether they reach the \
                 cluster; see their logs"
            );
            self.event(Event::Deadline, Some((Failure::Agents, cause)))
        })?
    }

    /// What an agent says that has not come to this account yet: with each such word the deadline, which
    /// is for the try, begins anew.
    fn awaits_turn(&self, holdings: &[Holding]) -> Option<String> {
        let generation = self.account().generation;
        let waits = |held: &&Holding| {
            held.state == HoldingState::Pending
                && held.generation == generation
                && held.cause.is_some()
                && self.is_connected(&held.agent_id)
        };
        holdings.iter().find(waits)?.said()
    }

    fn failed(&self) -> Option<Step> {
        // One that came with no definition says so until it gets another.
        if self.view.holdings.is_empty()
            && self.account().failure != Some(Failure::Definition)
            && let Some(step) = self.event(Event::Released, None)
        {
            return Some(step);
        }
        if self.untried_zone().is_some()
            && let Some(step) = self.event(Event::AgentAvailable, None)
        {
            return Some(step);
        }
        if let Some(step) = self.drop_holders(|_| true) {
            return Some(step);
        }
        self.is_due()
            .then(|| self.event(Event::Retry, None))
            .flatten()
    }
}

/// Why a zone failed whose agents were sent the account. Those that left count as failed: the account
/// may be what ends them.
fn zone_failure(holders: &[&Holding], zone: &str) -> String {
    let causes: Vec<String> = (holders.iter())
        .filter_map(|h| {
            let cause = h.cause.as_deref()?;
            Some(format!("agent `{}` of zone `{zone}`: {cause}", h.agent_id))
        })
        .collect();
    match causes.is_empty() {
        true => format!("the agents of zone `{zone}` left before they reached the cluster"),
        false => causes.join("; "),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "plan_off_tests.rs"]
mod off_tests;

#[cfg(test)]
#[path = "plan_push_tests.rs"]
mod push_tests;

#[cfg(test)]
#[path = "plan_standby_tests.rs"]
mod standby_tests;
