//! The verbs that people ask for, by request or through Clouddriver, of one account or of many at
//! once. Each is one compare-and-swap, repeated when somebody else was faster; many share a
//! transaction. What follows from it is `reconcile`'s.

use super::{BATCH, Lifecycle};
use crate::account::definition::Definition;
use crate::account::state::Wanted;
use crate::account::step::{Step, Tombstone};
use crate::account::transition::Event;
use crate::account::{Account, Status, View};
use crate::secret::SecretError;
use crate::store::{Actor, Change, Content, Moved, NewRow, Outcome, StoreError};
use std::collections::BTreeSet;

/// What a request asks for beside the event itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// `zoneId`; `None` keeps what was asked for before, an empty one takes it back: any zone.
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
    /// Clouddriver's account is gone, by a DELETE that was asked of it.
    DeleteWithSource,
    /// A new definition.
    Update(Content),
    /// A new definition of a request's, and where the kubeconfig that wins is at the agent, if any.
    Revise(Content, Option<String>),
    /// The definition is as it was, and the secret that it refers to is another one.
    Refresh,
    /// A definition for the row that follows the one that is being deleted, and what that row goes
    /// on to.
    Succeed(Content, Wanted),
}

impl Verb {
    /// What people call it.
    pub fn asks_for(&self) -> &'static str {
        match self {
            Verb::Activate(_) => "ACTIVE",
            Verb::Deactivate => "INACTIVE",
            Verb::Delete | Verb::DeleteWithSource => "DELETED",
            Verb::Update(_) | Verb::Revise(..) | Verb::Refresh | Verb::Succeed(..) => "UPDATED",
        }
    }

    fn event(&self) -> Event {
        match self {
            Verb::Activate(_) => Event::Activate,
            Verb::Deactivate => Event::Deactivate,
            Verb::Delete | Verb::DeleteWithSource => Event::Delete,
            Verb::Update(_) | Verb::Revise(..) | Verb::Refresh => Event::Update,
            Verb::Succeed(..) => Event::Succeed,
        }
    }

    fn retargets(&self, account: &Account) -> bool {
        let Verb::Activate(asked) = self else {
            return false;
        };
        let differs = |old: &Option<String>, new: &Option<String>| new.is_some() && new != old;
        // Where any zone will do, the one that it is in or on its way to does.
        !asked.takes_any_zone() && differs(&account.requested_zone, &asked.zone_id)
            || differs(&account.kubeconfig_file, &asked.kubeconfig_file)
    }

    fn edit(&self, step: &mut Step) {
        match (self, &mut step.account) {
            (Verb::DeleteWithSource, _) => step.tombstone = Tombstone::Cleared,
            (Verb::Succeed(_, wanted), Some(account)) => account.next = Some(*wanted),
            (Verb::Activate(asked), Some(account)) => asked.edit(account),
            (Verb::Revise(_, file), Some(account)) => account.kubeconfig_file.clone_from(file),
            _ => {}
        }
        // Its old definition is no reason any longer.
        if let (Event::Update, Some(account)) = (self.event(), &mut step.account) {
            account.failure = None;
        }
    }

    fn content(&self) -> Option<&Content> {
        match self {
            Verb::Update(content) | Verb::Revise(content, _) | Verb::Succeed(content, _) => {
                Some(content)
            }
            _ => None,
        }
    }
}

impl Asked {
    /// The account that a POST which asks for this makes.
    pub fn of_a_new(self, name: &str) -> Account {
        Account {
            kubeconfig_file: self.kubeconfig_file,
            ..Account::adopted(name, self.zone_id, 0)
        }
    }

    fn takes_any_zone(&self) -> bool {
        self.zone_id.as_deref() == Some("")
    }

    fn edit(&self, account: &mut Account) {
        let keep = |old: &mut Option<String>, new: &Option<String>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        keep(&mut account.requested_zone, &self.zone_id);
        if self.takes_any_zone() {
            account.requested_zone = None;
        }
        keep(&mut account.kubeconfig_file, &self.kubeconfig_file);
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
    /// A definition of a request's, with secrets, where none can be kept.
    #[error(
        "its secrets cannot be kept: there is no key for this shared database; set \
         kubesvc.secrets.keyFile, or give a kubeconfigFile at the agent"
    )]
    NoKey,
    /// A definition that does not fit what is kept.
    #[error("{0}")]
    Unfit(String),
    /// What is kept of it, here or at Clouddriver, cannot be read now.
    #[error("what is kept of it cannot be read, so that nothing was done: {0}")]
    Unreadable(String),
    /// The definition cannot be sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Lifecycle {
    /// Makes a new account INACTIVE, or with `activate` sends it on to ACTIVE at once; `false`:
    /// there is a row of that name already.
    pub async fn adopt(
        &self,
        name: &str,
        definition: &Definition,
        activate: bool,
        actor: &Actor,
    ) -> Result<bool, Refusal> {
        let mut row = self.new_row(name, definition, Asked::default())?;
        row.activate = activate.then_some(self.limits);
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
            activate: None,
        })
    }

    /// Makes new accounts, all in one transaction; answers the names of those that were made: the
    /// others have a row already. From one that is INACTIVE nothing follows, so nobody is sent to
    /// look at it.
    pub async fn create(
        &self,
        rows: &[NewRow],
        actor: &Actor,
    ) -> Result<BTreeSet<String>, StoreError> {
        let made = self.store.create(rows, actor).await?;
        let (inactive, to_migrate) = (Status::Inactive.as_str(), Status::ToMigrate.as_str());
        for row in rows.iter().filter(|row| made.contains(&row.name)) {
            let name = &row.name;
            tracing::info!(account = name, to = inactive, event = ?Event::Adopt, "transition");
            self.metrics.transition("none", inactive);
            if row.activate.is_some() {
                let event = Event::Activate;
                tracing::info!(
                    account = name,
                    from = inactive,
                    to = to_migrate,
                    ?event,
                    "transition"
                );
                self.metrics.transition(inactive, to_migrate);
                self.queue.add([name.clone()]);
            }
        }
        Ok(made)
    }

    /// Looks at these accounts now, without waiting for an event or the sweep.
    pub fn look_at(&self, names: Vec<String>) {
        self.queue.add(names);
    }

    /// While the row of that name is being deleted: keeps the definition that the row that follows
    /// begins with, INACTIVE or with `activate` on its way to ACTIVE.
    pub async fn succeed(
        &self,
        name: &str,
        definition: &Definition,
        activate: bool,
        actor: &Actor,
    ) -> Result<(), Refusal> {
        let wanted = match activate {
            true => Wanted::Active,
            false => Wanted::Inactive,
        };
        let content = self.close(name, definition)?;
        let verb = Verb::Succeed(content, wanted);
        self.ask(name, verb, actor).await.map(drop)
    }

    /// A new definition; one that is the same changes nothing.
    pub async fn update(
        &self,
        name: &str,
        definition: &Definition,
        actor: &Actor,
    ) -> Result<(), Refusal> {
        let view = self.store.view(name).await?.ok_or(Refusal::Unknown)?;
        if view.account.status.is_deleting() {
            return Err(refusal(&view, Event::Update));
        }
        let kept = self.store.content(name).await?.ok_or(Refusal::Unknown)?;
        if self.is_kept(name, &kept, definition) {
            return Ok(());
        }
        let content = self.close(name, definition)?;
        let verb = Verb::Update(content);
        self.ask(name, verb, actor).await.map(drop)
    }

    /// Asks this of one account.
    pub async fn ask(&self, name: &str, verb: Verb, actor: &Actor) -> Result<Moved, Refusal> {
        let name = name.to_owned();
        let mut outcomes = self.ask_all(&[Ask { name, verb }], actor).await?;
        outcomes.pop().expect("each that is asked has an outcome")
    }

    /// Asks this of accounts, each named once; answers what became of each, in their order. An
    /// error of the database's leaves those undone that the same request, repeated, does. Of a
    /// request with a key, what came of an account already is not asked again.
    pub async fn ask_all(
        &self,
        asks: &[Ask],
        actor: &Actor,
    ) -> Result<Vec<Result<Moved, Refusal>>, StoreError> {
        let earlier = asks.iter().map(|ask| came_already(&ask.name, actor));
        let earlier: Vec<_> = earlier.collect();
        let mut order: Vec<usize> = (0..asks.len()).collect();
        order.retain(|at| earlier[*at].is_none());
        let unasked = || Err(Refusal::Unknown);
        let earlier = earlier.into_iter();
        let mut outcomes: Vec<_> = earlier.map(|came| came.unwrap_or_else(unasked)).collect();
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
        outcomes: &mut [Result<Moved, Refusal>],
    ) -> Result<Vec<usize>, StoreError> {
        let names: Vec<&str> = open.iter().map(|at| asks[*at].name.as_str()).collect();
        let mut views = self.store.views(&names).await?;
        let (mut changing, mut changes, mut settled) = (Vec::new(), Vec::new(), Vec::new());
        for at in open {
            let Ask { name, verb } = &asks[*at];
            outcomes[*at] = match views.remove(name) {
                None => Err(Refusal::Unknown),
                Some(view) => {
                    let status = view.account.status;
                    match self.change(view, verb) {
                        Err(refusal) => Err(refusal),
                        Ok(None) => {
                            self.queue.add([name.clone()]);
                            Ok(Moved::not(status))
                        }
                        Ok(Some(change)) => {
                            changing.push(*at);
                            changes.push(change);
                            continue;
                        }
                    }
                }
            };
            if let Some(outcome) = kept(&outcomes[*at]).filter(|_| actor.claim.is_some()) {
                settled.push((name.as_str(), outcome));
            }
        }
        if changes.is_empty() && settled.is_empty() {
            return Ok(Vec::new());
        }
        let written = (self.store)
            .write_asked(&changes, &settled, &BTreeSet::new(), actor)
            .await?;
        let mut lost = Vec::new();
        for ((at, change), written) in changing.into_iter().zip(&changes).zip(written) {
            if written {
                outcomes[at] = Ok(Moved::by(change));
                self.moved(&change.view, &change.step);
                self.queue.add([change.view.account.name.clone()]);
            } else {
                lost.push(at);
            }
        }
        Ok(lost)
    }

    /// Asks this of an account as it stood in `view`; `None`: it stands so no longer.
    pub(super) async fn swap(
        &self,
        view: View,
        verb: &Verb,
        actor: &Actor,
    ) -> Result<Option<Moved>, Refusal> {
        let status = view.account.status;
        let Some(change) = self.change(view, verb)? else {
            return Ok(Some(Moved::not(status)));
        };
        let changes = [change];
        let written = (self.store)
            .write_all(&changes, &BTreeSet::new(), actor)
            .await?;
        if !written.contains(&true) {
            return Ok(None);
        }
        let [change] = changes;
        self.moved(&change.view, &change.step);
        self.queue.add([change.view.account.name.clone()]);
        Ok(Some(Moved::by(&change)))
    }

    /// What `verb` makes of an account; `None`: it stays as it is.
    pub(super) fn change<'a>(
        &self,
        view: View,
        verb: &'a Verb,
    ) -> Result<Option<Change<'a>>, Refusal> {
        let retargets = verb.retargets(&view.account);
        let mut step = Step::of(&view, verb.event(), false, retargets, &self.limits)
            .map_err(|_| refusal(&view, verb.event()))?;
        verb.edit(&mut step);
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

/// What a request with a key keeps of this; the rest ends it.
fn kept(outcome: &Result<Moved, Refusal>) -> Option<Outcome> {
    match outcome {
        Ok(moved) => Some(Outcome::Moved(*moved)),
        Err(Refusal::Illegal { status, reason }) => Some(Outcome::Refused(*status, reason.clone())),
        Err(Refusal::Unknown) => Some(Outcome::Rowless),
        Err(_) => None,
    }
}

/// What an earlier attempt at the same request came to at this account.
pub(super) fn came_already(name: &str, actor: &Actor) -> Option<Result<Moved, Refusal>> {
    match actor.claim.as_ref()?.outcome(name)?.clone() {
        Outcome::Moved(moved) => Some(Ok(moved)),
        Outcome::Refused(status, reason) => Some(Err(Refusal::Illegal { status, reason })),
        Outcome::Rowless => Some(Err(Refusal::Unknown)),
        Outcome::Made | Outcome::Meant => None,
    }
}

pub(super) fn refusal(view: &View, event: Event) -> Refusal {
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
