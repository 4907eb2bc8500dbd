//! The verbs that people ask for, by request or through Clouddriver, of one account or of many at
//! once. Each is one compare-and-swap, repeated when somebody else was faster; many share a
//! transaction. What follows from it is `reconcile`'s.

use super::Lifecycle;
use crate::account::definition::Definition;
use crate::account::step::Step;
use crate::account::transition::Event;
use crate::account::{Account, Status, View};
use crate::secret::SecretError;
use crate::store::{Actor, Change, Content, NewRow, StoreError};
use std::collections::BTreeSet;

/// What a request asks for beside the event itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// `zoneId`; `None` keeps what was asked for before.
    pub zone_id: Option<String>,
    /// `kubeconfigFile`, a path at the agent; `None` keeps what was asked for before.
    pub kubeconfig_file: Option<String>,
}

/// What is asked of an account that has a row.
#[derive(Debug, Clone)]
pub enum Verb {
    /// PATCH to ACTIVE.
    Activate(Asked),
    /// PATCH to INACTIVE.
    Deactivate,
    /// DELETE.
    Delete,
    /// A new definition.
    Update(Content),
}

impl Verb {
    /// What people call it.
    pub fn asks_for(&self) -> &'static str {
        match self {
            Verb::Activate(_) => "ACTIVE",
            Verb::Deactivate => "INACTIVE",
            Verb::Delete => "DELETED",
            Verb::Update(_) => "UPDATED",
        }
    }

    fn event(&self) -> Event {
        match self {
            Verb::Activate(_) => Event::Activate,
            Verb::Deactivate => Event::Deactivate,
            Verb::Delete => Event::Delete,
            Verb::Update(_) => Event::Update,
        }
    }

    fn retargets(&self, account: &Account) -> bool {
        let Verb::Activate(asked) = self else {
            return false;
        };
        let differs = |old: &Option<String>, new: &Option<String>| new.is_some() && new != old;
        differs(&account.requested_zone, &asked.zone_id)
            || differs(&account.kubeconfig_file, &asked.kubeconfig_file)
    }

    fn edit(&self, account: &mut Account) {
        let Verb::Activate(asked) = self else { return };
        let keep = |old: &mut Option<String>, new: &Option<String>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        keep(&mut account.requested_zone, &asked.zone_id);
        keep(&mut account.kubeconfig_file, &asked.kubeconfig_file);
    }

    fn content(&self) -> Option<&Content> {
        match self {
            Verb::Update(content) => Some(content),
            _ => None,
        }
    }
}

/// What is asked of one account.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The account.
    pub name: String,
    /// What of it.
    pub verb: Verb,
}

/// Accounts of one transaction, in requests about accounts that have a row: few enough that it is
/// short.
const BATCH: usize = 500;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no row of that name.
    #[error("there is no migrated account of this name")]
    Unknown,
    /// The lifecycle has no such transition.
    #[error("{reason}")]
    Illegal {
        /// Where the account stands.
        status: Status,
        /// A sentence that says what to do.
        reason: String,
    },
    /// It is an agent's own account.
    #[error("it is brought by an agent's own configuration, and changed only there")]
    Static,
    /// Clouddriver has it, and nobody migrated it.
    #[error("it is not migrated; POST it to /armory/accounts first")]
    Unmigrated,
    /// The definition cannot be sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Lifecycle {
    /// Makes a new account INACTIVE; `false`: there is a row of that name already.
    pub async fn adopt(
        &self,
        name: &str,
        definition: &Definition,
        asked: Asked,
        actor: &Actor,
    ) -> Result<bool, Refusal> {
        let row = self.new_row(name, definition, asked)?;
        Ok(!self.create(&[row], actor).await?.is_empty())
    }

    /// The row of a new account, its secrets sealed. Nothing is written.
    pub fn new_row(
        &self,
        name: &str,
        definition: &Definition,
        asked: Asked,
    ) -> Result<NewRow, SecretError> {
        Ok(NewRow {
            name: name.to_owned(),
            requested_zone: asked.zone_id,
            kubeconfig_file: asked.kubeconfig_file,
            content: self.close(name, definition)?,
        })
    }

    /// Makes new accounts INACTIVE, all in one transaction; answers the names of those that were
    /// made: the others have a row already. Nothing follows from it, so nobody is sent to look.
    pub async fn create(
        &self,
        rows: &[NewRow],
        actor: &Actor,
    ) -> Result<BTreeSet<String>, StoreError> {
        let made = self.store.create(rows, actor).await?;
        for name in &made {
            tracing::info!(account = name, to = "INACTIVE", event = ?Event::Adopt, "transition");
            self.metrics.transition("none", Status::Inactive.as_str());
        }
        Ok(made)
    }

    /// PATCH to ACTIVE.
    pub async fn activate(&self, name: &str, asked: &Asked, actor: &Actor) -> Result<(), Refusal> {
        self.ask(name, Verb::Activate(asked.clone()), actor).await
    }

    /// DELETE.
    pub async fn delete(&self, name: &str, actor: &Actor) -> Result<(), Refusal> {
        self.ask(name, Verb::Delete, actor).await
    }

    /// A new definition; one that is the same changes nothing.
    pub async fn update(
        &self,
        name: &str,
        definition: &Definition,
        actor: &Actor,
    ) -> Result<(), Refusal> {
        let kept = self.store.content(name).await?.ok_or(Refusal::Unknown)?;
        if self.is_kept(name, &kept, definition) {
            return Ok(());
        }
        let content = self.close(name, definition)?;
        self.ask(name, Verb::Update(content), actor).await
    }

    /// Asks this of one account.
    pub async fn ask(&self, name: &str, verb: Verb, actor: &Actor) -> Result<(), Refusal> {
        let name = name.to_owned();
        let mut outcomes = self.ask_all(&[Ask { name, verb }], actor).await?;
        outcomes.pop().expect("each that is asked has an outcome")
    }

    /// Asks this of accounts, each named once; answers what became of each, in their order. An
    /// error of the database's leaves those undone that the same request, repeated, does.
    pub async fn ask_all(
        &self,
        asks: &[Ask],
        actor: &Actor,
    ) -> Result<Vec<Result<(), Refusal>>, StoreError> {
        let mut outcomes: Vec<_> = asks.iter().map(|_| Ok(())).collect();
        let mut order: Vec<usize> = (0..asks.len()).collect();
        order.sort_by_key(|at| &asks[*at].name);
        for chunk in order.chunks(BATCH) {
            let mut open = chunk.to_vec();
            while !open.is_empty() {
                open = self.ask_some(asks, &open, actor, &mut outcomes).await?;
            }
        }
        Ok(outcomes)
    }

    /// Answers those where somebody else was faster.
    async fn ask_some(
        &self,
        asks: &[Ask],
        open: &[usize],
        actor: &Actor,
        outcomes: &mut [Result<(), Refusal>],
    ) -> Result<Vec<usize>, StoreError> {
        let names: Vec<&str> = open.iter().map(|at| asks[*at].name.as_str()).collect();
        let mut views = self.store.views(&names).await?;
        let (mut changing, mut changes) = (Vec::new(), Vec::new());
        for at in open {
            let Ask { name, verb } = &asks[*at];
            match views.remove(name).map(|view| self.change(view, verb)) {
                None => outcomes[*at] = Err(Refusal::Unknown),
                Some(Err(refusal)) => outcomes[*at] = Err(refusal),
                Some(Ok(None)) => self.queue.add([name.clone()]),
                Some(Ok(Some(change))) => {
                    changing.push(*at);
                    changes.push(change);
                }
            }
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let written = self.store.write_all(&changes, &[], actor).await?;
        let mut lost = Vec::new();
        for ((at, change), written) in changing.into_iter().zip(&changes).zip(written) {
            if written {
                self.moved(&change.view, &change.step);
                self.queue.add([change.view.account.name.clone()]);
            } else {
                lost.push(at);
            }
        }
        Ok(lost)
    }

    /// What `verb` makes of an account; `None`: it stays as it is.
    fn change<'a>(&self, view: View, verb: &'a Verb) -> Result<Option<Change<'a>>, Refusal> {
        let retargets = verb.retargets(&view.account);
        let mut step = Step::of(&view, verb.event(), false, retargets, &self.limits)
            .map_err(|_| refusal(&view, verb.event()))?;
        if let Some(account) = &mut step.account {
            verb.edit(account);
        }
        let content = verb.content();
        Ok(
            (content.is_some() || step.changes(&view)).then_some(Change {
                view,
                step,
                content,
            }),
        )
    }
}

fn refusal(view: &View, event: Event) -> Refusal {
    let status = view.account.status;
    let reason = match (event, status) {
        (Event::Activate, _) if view.claimed => crate::account::plan::CLAIMED.to_owned(),
        (_, Status::Deleting | Status::DeleteFailed) => format!(
            "the account is being deleted ({status}); wait until it is gone, or DELETE it again, \
             then POST it anew"
        ),
        _ => format!("an account that is {status} cannot be asked for this"),
    };
    Refusal::Illegal { status, reason }
}
