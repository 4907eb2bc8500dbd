//! What the agent holds, and what the core is still to be told of it. Plain data behind one lock.
//!
//! `accounts` is its only user. Reports are not queued but looked up when they are sent: the core
//! gets an account's present state, and a cluster that flaps fills no queue.

use std::collections::{BTreeMap, HashMap, VecDeque};

use ferry_wire::v1::account_report::State;
use ferry_wire::v1::{AccountReport, Connecting, Dropped};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::namespaces::Namespaces;
use crate::cluster::watch::Watched;

/// An account that is held.
pub(super) struct Held {
    /// Which of the tasks that this name ever had may change it.
    pub(super) incarnation: u64,
    pub(super) generation: u64,
    /// The entry of the agent's own configuration as JSON; `None` for a dynamic account.
    pub(super) fixed: Option<String>,
    pub(super) state: State,
    pub(super) seen: Seen,
    pub(super) cancel: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

/// What is known of the cluster while the account is ready.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) watched: Vec<Watched>,
    pub(super) namespaces: Option<Namespaces>,
}

impl Held {
    /// The present state, without the namespaces.
    pub(super) fn outline(&self, name: &str) -> AccountReport {
        report(name, self.generation, self.state.clone())
    }

    /// The present state, whole.
    pub(super) fn report(&self, name: &str) -> AccountReport {
        let mut report = self.outline(name);
        if let Some(State::Ready(ready)) = &mut report.state {
            ready.namespaces = self.seen.namespaces.as_ref().and_then(Namespaces::told);
        }
        report
    }
}

/// Something that the core is still to be told.
enum Outgoing {
    /// The present state of a held account.
    Present(String),
    /// An answer that is about no state that is held.
    Answer(AccountReport),
}

/// The former task of an account, which is ending.
pub(super) struct Closing {
    pub(super) incarnation: u64,
    /// Cancelled when it has ended.
    pub(super) ended: CancellationToken,
    /// The generation in which it is then reported dropped, if it is.
    pub(super) tell: Option<u64>,
}

/// All of it.
#[derive(Default)]
pub(super) struct Table {
    pub(super) held: BTreeMap<String, Held>,
    /// Accounts whose former task is ending.
    pub(super) closing: HashMap<String, Closing>,
    outbox: VecDeque<Outgoing>,
    incarnations: u64,
}

impl Table {
    pub(super) fn incarnation(&mut self) -> u64 {
        self.incarnations += 1;
        self.incarnations
    }

    /// The core is to be told an account's present state.
    pub(super) fn tell(&mut self, name: &str) {
        let known = |out: &Outgoing| matches!(out, Outgoing::Present(known) if known == name);
        if !self.outbox.iter().any(known) {
            self.outbox.push_back(Outgoing::Present(name.to_owned()));
        }
    }

    /// The core is to be told something else.
    pub(super) fn answer(&mut self, report: AccountReport) {
        self.outbox.push_back(Outgoing::Answer(report));
    }

    pub(super) fn dropped(&mut self, name: &str, generation: u64) {
        self.answer(report(name, generation, State::Dropped(Dropped {})));
    }

    /// Whether there is anything to tell.
    pub(super) fn has_news(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The next thing to tell.
    pub(super) fn take(&mut self) -> Option<AccountReport> {
        while let Some(out) = self.outbox.pop_front() {
            match out {
                Outgoing::Answer(report) => return Some(report),
                Outgoing::Present(name) => {
                    if let Some(held) = self.held.get(&name) {
                        return Some(held.report(&name));
                    }
                }
            }
        }
        None
    }

    /// A Register tells everything.
    pub(super) fn all_told(&mut self) {
        self.outbox.clear();
    }
}

pub(super) fn report(name: &str, generation: u64, state: State) -> AccountReport {
    AccountReport {
        account: name.to_owned(),
        generation,
        state: Some(state),
    }
}

pub(super) fn connecting(waited_seconds: u32) -> State {
    State::Connecting(Connecting { waited_seconds })
}
