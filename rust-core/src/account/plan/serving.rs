//! What an account in service needs: every agent of its zone has it in its generation, one that failed
//! is asked again while another serves, and one whose agents are gone waits for them.

use super::Planner;
use crate::account::model::Holding;
use crate::account::state::{Failure, HoldingState, Status};
use crate::account::step::{Message, Step};
use crate::account::transition::Event;

impl Planner<'_> {
    pub(super) fn active(&self) -> Option<Step> {
        let account = self.account();
        let zone = account.zone_id.as_deref().unwrap_or_default();
        if let Some(step) = self.drop_holders(|holding| self.is_amiss(holding, zone)) {
            return Some(step);
        }
        let mut step = Step::same(self.view);
        if !self.is_withheld() {
            self.save(&mut step, zone, |held| {
                held.is_none_or(|h| {
                    h.generation < account.generation
                        || matches!(h.state, HoldingState::Away | HoldingState::Dropping)
                })
            });
        }
        if self.view.holdings.is_empty() && self.agents_of(zone).next().is_none() {
            let cause = format!("every agent of zone `{zone}` that served it is gone");
            return self.event(Event::Released, Some((Failure::NoAgent, cause)));
        }
        if self.is_withheld() {
            return None;
        }
        let turn = self.awaits_turn(&step.holdings);
        let overdue = self.is_due() && !self.is_blocked() && !self.stands_by();
        let serves =
            |h: &Holding| h.state == HoldingState::Ready && h.generation == account.generation;
        let next = step.account.as_mut()?;
        if self.is_blocked() {
            (next.failure, next.due_at) = (None, None);
        }
        match step.holdings.iter().find(|h| serves(h)) {
            Some(ready) => {
                next.cluster = ready.cluster.clone();
                self.stand_by(&mut step);
            }
            None if turn.is_some() && turn != account.message => {
                next.due_at = Some(self.limits.deadline(self.view.now));
            }
            None if overdue => {
                let cause = self.lost(&step.holdings, zone);
                return self.event(Event::Deadline, Some((Failure::Agents, cause)));
            }
            // Nobody to hear from: they are away, and their lease decides.
            None if !step.holdings.iter().any(|h| self.is_connected(&h.agent_id)) => {
                next.due_at = None;
                next.failure = None;
            }
            None if self.stands_by() => {
                next.due_at = Some(self.limits.deadline(self.view.now));
                next.failed_count = 0;
                next.failure = None;
                self.ask_again(&mut step);
            }
            None => next.due_at = next.due_at.or(Some(self.limits.deadline(self.view.now))),
        }
        let next = step.account.as_mut()?;
        next.message = turn.or_else(|| step.holdings.iter().find_map(Holding::said));
        (*next != *account || !step.messages.is_empty()).then_some(step)
    }

    /// Whether an agent failed while another serves.
    fn stands_by(&self) -> bool {
        let account = self.account();
        account.status == Status::Active && account.failure == Some(Failure::Agents)
    }

    /// A connected agent that failed to activate it, idle since.
    fn is_idle(&self, held: &Holding) -> bool {
        held.state == HoldingState::Failed
            && held.generation == self.account().generation
            && self.is_connected(&held.agent_id)
    }

    /// While one agent serves, those that failed are asked again at growing waits, so that there is
    /// another when it leaves; at the usual pace when it has left and only its lease goes on.
    fn stand_by(&self, step: &mut Step) {
        let Some(next) = &mut step.account else {
            return;
        };
        let now = self.view.now;
        let asked = |held: &Holding| held.state == HoldingState::Pending;
        if !step.holdings.iter().any(|held| self.is_idle(held)) {
            next.due_at = None;
            if !(self.stands_by() && step.holdings.iter().any(asked)) {
                (next.failed_count, next.failure) = (0, None);
            }
            return;
        }
        if !self.stands_by() {
            (next.failed_count, next.failure, next.due_at) = (0, Some(Failure::Agents), None);
        }
        let served = step
            .holdings
            .iter()
            .any(|held| held.state == HoldingState::Ready && self.is_connected(&held.agent_id));
        let times = if served { next.failed_count } else { 0 };
        let latest = self.limits.standby_at(now, times);
        let due = next.due_at.map_or(latest, |due| due.min(latest));
        next.due_at = Some(due);
        if due <= now {
            next.due_at = None;
            next.failed_count = next.failed_count.saturating_add(1);
            self.ask_again(step);
        }
    }

    /// SaveAccounts to those that failed, of the generation that they have.
    fn ask_again(&self, step: &mut Step) {
        for held in &mut step.holdings {
            if self.is_idle(held) {
                held.state = HoldingState::Pending;
                step.messages.push(Message::Save {
                    agent_id: held.agent_id.clone(),
                });
            }
        }
    }

    fn lost(&self, holdings: &[Holding], zone: &str) -> String {
        let cause = holdings.iter().find_map(|h| h.cause.clone());
        if self.agents_of(zone).next().is_none() {
            return format!("every agent of zone `{zone}` left while it connected anew");
        }
        let seconds = self.limits.transition.as_secs();
        let cause = cause.unwrap_or_else(|| "its agents do not say why".to_owned());
        format!("not served for {seconds} s: {cause}")
    }

    pub(super) fn orphaned(&self) -> Option<Step> {
        let zone = self.account().zone_id.as_deref()?;
        let outside = |holding: &Holding| holding.zone_id != zone;
        if self.view.holdings.iter().any(outside) {
            return self.drop_holders(outside);
        }
        if self.agents_of(zone).next().is_none() {
            return self.is_blocked().then(|| self.unblocked());
        }
        if self.is_withheld() {
            return None;
        }
        let mut step = self.event(Event::AgentAvailable, None)?;
        if let Some(account) = &mut step.account {
            account.target_zone = Some(zone.to_owned());
            account.message = None;
        }
        self.save(&mut step, zone, |_| true);
        Some(step)
    }

    /// There is nobody to push to: nothing is to be tried again.
    fn unblocked(&self) -> Step {
        let mut step = Step::same(self.view);
        if let Some(account) = &mut step.account {
            (account.failure, account.due_at) = (None, None);
        }
        step
    }
}
