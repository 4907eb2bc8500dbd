//! A step of one account: what is written in one transaction, and what is sent afterwards.

use super::model::{Account, Holding, Limits, View};
use super::state::{HoldingState, Status};
use super::transition::{self, Effect, Event, Facts, Illegal, To};

/// A message to an agent that follows from a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// SaveAccounts in the step's generation.
    Save {
        /// To whom.
        agent_id: String,
    },
    /// DeleteAccounts.
    Delete {
        /// To whom.
        agent_id: String,
    },
}

impl Message {
    /// To whom it is sent.
    pub fn agent_id(&self) -> &str {
        match self {
            Message::Save { agent_id } | Message::Delete { agent_id } => agent_id,
        }
    }
}

/// What becomes of the mark that keeps the scan from taking a deleted account again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tombstone {
    /// As it is.
    Stays,
    /// It was deleted here while Clouddriver has it.
    Laid,
    /// Clouddriver's account is gone, or new.
    Cleared,
}

/// One step: written in one transaction, then its messages are sent.
#[derive(Debug, Clone)]
pub struct Step {
    /// The event, unless the status stays as it is without one.
    pub event: Option<Event>,
    /// The row afterwards; `None`: removed.
    pub account: Option<Account>,
    /// Every holding afterwards.
    pub holdings: Vec<Holding>,
    /// What is sent once it is written.
    pub messages: Vec<Message>,
    /// The mark of a deleted account.
    pub tombstone: Tombstone,
}

impl Step {
    /// A step that leaves everything as it is.
    pub fn same(view: &View) -> Step {
        Step {
            event: None,
            account: Some(view.account.clone()),
            holdings: view.holdings.clone(),
            messages: Vec::new(),
            tombstone: Tombstone::Stays,
        }
    }

    /// The step of `event`, as the table has it. `zones_left` and `retargets` are the facts that
    /// the view does not show.
    pub fn of(
        view: &View,
        event: Event,
        zones_left: bool,
        retargets: bool,
        limits: &Limits,
    ) -> Result<Step, Illegal> {
        let facts = Facts {
            held: !view.holdings.is_empty(),
            claimed: view.claimed,
            retargets,
            zones_left,
        };
        let rule = transition::find(&view.account, event, &facts, limits)?;
        let mut step = Step::same(view);
        step.event = Some(event);
        step.account = transition::follow(&view.account, rule, limits, view.now);
        if let Some(account) = &mut step.account
            && rule.effects.contains(&Effect::NewGeneration)
        {
            // Agents hold newer ones than the row after the database was restored from a backup.
            let held = view.holdings.iter().map(|held| held.generation).max();
            let newer = held.map_or(0, |newest| newest.saturating_add(1));
            account.generation = account.generation.max(newer);
        }
        step.tombstone = match event {
            Event::Delete => Tombstone::Laid,
            Event::Succeed => Tombstone::Cleared,
            _ => Tombstone::Stays,
        };
        let asks_again = match event {
            Event::Activate => rule.to != To::Same,
            Event::Retry | Event::Deactivate | Event::Delete | Event::HolderBack => true,
            _ => false,
        };
        if asks_again {
            // Holders that were asked before and did not let go are asked again.
            for holding in &mut step.holdings {
                if matches!(
                    holding.state,
                    HoldingState::Dropping | HoldingState::Refused
                ) {
                    holding.state = HoldingState::Pending;
                }
            }
        }
        Ok(step)
    }

    /// Whether it sends SaveAccounts.
    pub fn saves(&self) -> bool {
        self.messages
            .iter()
            .any(|message| matches!(message, Message::Save { .. }))
    }

    /// Whether this step changes anything that is kept.
    pub fn changes(&self, view: &View) -> bool {
        self.account.as_ref() != Some(&view.account)
            || self.holdings != view.holdings
            || self.tombstone != Tombstone::Stays
    }

    /// The transitions that it is, for the audit: from, to, event. A row that follows one that is
    /// removed begins with transitions of its own.
    pub fn transitions(&self, view: &View) -> Vec<(Option<Status>, Option<Status>, Event)> {
        let Some(event) = self.event else {
            return Vec::new();
        };
        let from = view.account.status;
        let to = self.account.as_ref().map(|account| account.status);
        match to {
            Some(to) if self.begins(view) => {
                let mut all = vec![
                    (Some(from), None, event),
                    (None, Some(Status::Inactive), Event::Adopt),
                ];
                if to != Status::Inactive {
                    all.push((Some(Status::Inactive), Some(to), Event::Activate));
                }
                all
            }
            to => vec![(Some(from), to, event)],
        }
    }

    /// Whether a new row begins in place of the one that is removed.
    pub fn begins(&self, view: &View) -> bool {
        let leaves = |account: &Account| !account.status.is_deleting();
        view.account.status.is_deleting() && self.account.as_ref().is_some_and(leaves)
    }
}
