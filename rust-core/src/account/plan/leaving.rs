//! How an account goes out of service: its holders are told to let go, and it waits for the last of
//! them, or says who does not.

use super::{CLAIMED, Planner};
use crate::account::model::Holding;
use crate::account::state::{Failure, HoldingState};
use crate::account::step::Step;
use crate::account::transition::Event;

impl Planner<'_> {
    pub(super) fn letting_go(&self) -> Option<Step> {
        if self.view.holdings.is_empty() {
            let mut step = self.event(Event::Released, None)?;
            if let Some(account) = step.account.as_mut().filter(|_| self.view.claimed) {
                account.message = Some(CLAIMED.to_owned());
            }
            return Some(step);
        }
        if let Some(refused) = self
            .view
            .holdings
            .iter()
            .find(|holding| holding.state == HoldingState::Refused)
        {
            let cause = format!(
                "agent `{}` did not stop it: {}",
                refused.agent_id,
                refused.cause.as_deref().unwrap_or("it does not say why")
            );
            return self.event(Event::Refused, Some((Failure::Agents, cause)));
        }
        if let Some(mut step) = self.drop_holders(|_| true) {
            if all_told(&step.holdings)
                && let Some(told) = self.event(Event::Told, None)
            {
                step.event = told.event;
                step.account = told.account;
            }
            return Some(step);
        }
        if all_told(&self.view.holdings)
            && let Some(step) = self.event(Event::Told, None)
        {
            return Some(step);
        }
        self.is_due().then(|| {
            let holders: Vec<String> = (self.view.holdings.iter())
                .map(|holding| {
                    let away = if self.is_connected(&holding.agent_id) {
                        ""
                    } else {
                        ", away"
                    };
                    format!("`{}` (zone `{}`{away})", holding.agent_id, holding.zone_id)
                })
                .collect();
            let cause = format!(
                "still held by agent {}, which did not confirm that it let go",
                holders.join(", ")
            );
            self.event(Event::Deadline, Some((Failure::Agents, cause)))
        })?
    }

    /// Switched off, it says why it cannot be switched on, as long as that is so.
    pub(super) fn inactive(&self) -> Option<Step> {
        if let Some(step) = self.drop_holders(|_| true) {
            return Some(step);
        }
        let says = self.account().message.as_deref() == Some(CLAIMED);
        let mut step = Step::same(self.view);
        step.account.as_mut()?.message = self.view.claimed.then(|| CLAIMED.to_owned());
        (says != self.view.claimed).then_some(step)
    }

    pub(super) fn delete_failed(&self) -> Option<Step> {
        if self.view.holdings.is_empty() {
            return self.event(Event::Released, None);
        }
        let unasked = |holding: &Holding| {
            !matches!(
                holding.state,
                HoldingState::Dropping | HoldingState::Refused
            ) && self.is_connected(&holding.agent_id)
        };
        (self.view.holdings.iter().any(unasked))
            .then(|| self.event(Event::HolderBack, None))
            .flatten()
    }
}

fn all_told(holdings: &[Holding]) -> bool {
    holdings
        .iter()
        .all(|holding| holding.state == HoldingState::Dropping)
}
