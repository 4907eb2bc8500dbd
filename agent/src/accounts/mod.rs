//! The accounts that this agent holds: static ones for good, dynamic ones as the core says.
//!
//! `session` brings the core's operations and takes reports away; `admin` reads. Each account has one
//! task of its own (`supervise`), so no cluster can hold up another one, or the session. Accounts are
//! kept in memory only.

mod attempt;
pub mod definition;
mod namespaces;
mod probe;
mod supervise;
mod table;
mod turns;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ferry_reference::Resolver;
use ferry_wire::v1::account::Kubeconfig;
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::{Account, AccountReport, Deletion, Failed, StaticAccount};
use secrecy::SecretString;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use crate::cause::{Refusal, printable};
use crate::cluster::settings::Settings;
use crate::cluster::watch::Watched;
use crate::kubeconfig::Source;
use crate::register::Room;
use definition::Definition;
use probe::Probes;
use table::{Closing, Held, Seen, Table, connecting, report};
use turns::Turns;

/// The time an account of the agent's own configuration has for one attempt, and one for which the
/// core names none.
const DEFAULT_BUDGET: Duration = Duration::from_secs(60);

const NOT_DYNAMIC: &str =
    "the agent takes no accounts but its own: dynamicAccountsEnabled is false there";
const ITS_OWN: &str = "the agent has an account of this name in its own configuration: rename one \
    of them, or remove it there";

/// An account of the agent's own configuration.
#[derive(Debug, Clone)]
pub struct FixedAccount {
    /// Its name.
    pub name: String,
    /// Its entry in the configuration, as a JSON object.
    pub entry: String,
    /// What the entry says to watch.
    pub definition: Definition,
    /// Where its kubeconfig is.
    pub source: Source,
}

/// One account, as the admin server shows it.
pub struct Shown {
    /// Whether it comes from the agent's own configuration.
    pub fixed: bool,
    /// What the core would be told of it.
    pub report: AccountReport,
    /// The kinds that are watched, with their objects.
    pub watched: Vec<Watched>,
}

/// The accounts that this agent holds. Cheap to clone: all clones are the same accounts.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

struct Shared {
    folders: Arc<[PathBuf]>,
    clusters: Arc<Settings>,
    turns: Arc<Turns>,
    secrets: Arc<Resolver>,
    /// Whether the core may give accounts.
    dynamic: bool,
    tasks: TaskTracker,
    table: Mutex<Table>,
    untold: Notify,
    probes: Probes,
    /// How often the configuration's accounts have changed.
    fixed_changes: watch::Sender<u64>,
}

impl Accounts {
    /// Starts the accounts of the agent's own configuration. `folders` are those below which the
    /// core may name kubeconfig files; `secrets` reads what their references name; `dynamic`: whether it may give accounts at all.
    pub fn start(
        fixed: Vec<FixedAccount>,
        folders: Vec<PathBuf>,
        clusters: Settings,
        secrets: Resolver,
        dynamic: bool,
    ) -> Self {
        let accounts = Self(Arc::new(Shared {
            clusters: Arc::new(clusters),
            turns: Arc::new(Turns::new()),
            secrets: Arc::new(secrets),
            folders: folders.into(),
            dynamic,
            tasks: TaskTracker::new(),
            table: Mutex::new(Table::default()),
            untold: Notify::new(),
            probes: Probes::new(),
            fixed_changes: watch::Sender::new(0),
        }));
        accounts.replace_fixed(fixed);
        accounts
    }

    /// These are the accounts of the agent's own configuration from now on. What has not changed
    /// goes on as it is. Answers how many were begun, changed or ended.
    pub fn replace_fixed(&self, fixed: Vec<FixedAccount>) -> usize {
        let mut table = self.0.table();
        let mut gone: BTreeSet<String> = (table.held.iter())
            .filter(|(_, held)| held.fixed.is_some())
            .map(|(name, _)| name.clone())
            .collect();
        let mut changed = 0;
        for account in fixed {
            gone.remove(&account.name);
            let held = table.held.get(&account.name);
            let entry = Some(account.entry);
            if held.is_some_and(|held| held.fixed == entry) {
                continue;
            }
            changed += 1;
            self.end(&mut table, &account.name, None);
            let order = Ok((account.source, account.definition));
            self.begin(&mut table, account.name, 0, entry, order, DEFAULT_BUDGET);
        }
        changed += gone.len();
        for name in &gone {
            self.end(&mut table, name, None);
        }
        drop(table);
        if changed > 0 {
            self.0.fixed_changes.send_modify(|changes| *changes += 1);
        }
        changed
    }

    /// Tells when the accounts of the agent's own configuration change.
    pub(crate) fn fixed_changes(&self) -> watch::Receiver<u64> {
        self.0.fixed_changes.subscribe()
    }

    /// Whether the core may give accounts.
    pub(crate) fn takes_dynamic(&self) -> bool {
        self.0.dynamic
    }

    /// What Register tells: nothing else is left to be told then, but namespaces that it has no room
    /// for. Waits until what is ending has
    /// ended: the core may give an account to another agent as soon as it is missing here.
    pub async fn register(&self) -> (Vec<StaticAccount>, Vec<AccountReport>) {
        let ending: Vec<CancellationToken> = self
            .0
            .table()
            .closing
            .values()
            .map(|closing| closing.ended.clone())
            .collect();
        for ended in ending {
            ended.cancelled().await;
        }
        let mut table = self.0.table();
        table.all_told();
        let (mut fixed, mut dynamic) = (Vec::new(), Vec::new());
        let (mut room, mut later) = (Room::new(), Vec::new());
        for (name, held) in &table.held {
            let mut report = held.report(name);
            if !room.takes(&mut report) {
                later.push(name.clone());
            }
            match &held.fixed {
                Some(definition) => fixed.push(StaticAccount {
                    name: name.clone(),
                    definition: definition.clone(),
                    report: Some(report),
                }),
                None => dynamic.push(report),
            }
        }
        for name in later {
            table.tell(&name);
        }
        (fixed, dynamic)
    }

    /// The next report for the core; waits for one. Nothing is lost when it is not awaited to its end.
    pub async fn next_report(&self) -> AccountReport {
        loop {
            if let Some(report) = self.0.table().take() {
                return report;
            }
            self.0.untold.notified().await;
        }
    }

    /// Waits until there is something that the core is still to be told.
    pub(crate) async fn has_news(&self) {
        while !self.0.table().has_news() {
            self.0.untold.notified().await;
        }
    }

    /// A report did not get to the core: it is to be told again.
    pub(crate) fn untold(&self, report: &AccountReport) {
        self.0.table().tell(&report.account);
    }

    /// Carries out SaveAccounts.
    pub fn save(&self, accounts: Vec<Account>) {
        let mut table = self.0.table();
        for account in accounts {
            self.save_one(&mut table, account);
        }
        drop(table);
        self.0.untold.notify_one();
    }

    fn save_one(&self, table: &mut Table, account: Account) {
        let name = account.name.clone();
        if !self.0.dynamic {
            let state = State::Failed(Failed {
                cause: NOT_DYNAMIC.into(),
            });
            return table.answer(report(&name, account.generation, state));
        }
        if let Some(held) = table.held.get(&name) {
            if held.fixed.is_some() {
                let state = State::Failed(Failed {
                    cause: ITS_OWN.into(),
                });
                table.answer(report(&name, account.generation, state));
                return;
            }
            // A failed one is idle: being asked again means to try again.
            let idle = matches!(held.state, State::Failed(_));
            if account.generation < held.generation
                || (account.generation == held.generation && !idle)
            {
                debug!(
                    account = printable(&name),
                    "already held in this or a newer generation"
                );
                table.tell(&name);
                return;
            }
        }
        info!(
            account = printable(&name),
            generation = account.generation,
            "saved"
        );
        self.end(table, &name, None);
        let (generation, budget) = (account.generation, budget(account.deadline_seconds));
        let order = order(account);
        self.begin(table, name, generation, None, order, budget);
    }

    /// Carries out DeleteAccounts.
    pub fn delete(&self, accounts: Vec<Deletion>) {
        let mut table = self.0.table();
        for Deletion { name, generation } in accounts {
            match table.held.get(&name) {
                // What overtook a newer SaveAccounts is not about what is held.
                Some(held)
                    if held.fixed.is_none() && (1..held.generation).contains(&generation) =>
                {
                    debug!(account = printable(&name), "held in a newer generation");
                    table.tell(&name);
                }
                Some(held) if held.fixed.is_none() => {
                    info!(account = printable(&name), "deleted");
                    self.end(&mut table, &name, Some(generation));
                }
                // One of the agent's own configuration is none of the core's, and stays.
                _ => match table.closing.get_mut(&name) {
                    // One that is ending is reported at its end.
                    Some(closing) => closing.tell = closing.tell.max(Some(generation)),
                    None => table.dropped(&name, generation),
                },
            }
        }
        drop(table);
        self.0.untold.notify_one();
    }

    /// Stops every dynamic account, as if the core had deleted them.
    pub fn stop_dynamic(&self) -> usize {
        let mut table = self.0.table();
        let dynamic = table.held.iter().filter(|(_, held)| held.fixed.is_none());
        let names: Vec<String> = dynamic.map(|(name, _)| name.clone()).collect();
        for name in &names {
            self.end(&mut table, name, Some(0));
        }
        names.len()
    }

    /// Everything that is held, for people.
    pub fn shown(&self) -> Vec<Shown> {
        let table = self.0.table();
        let shown = |(name, held): (&String, &Held)| Shown {
            fixed: held.fixed.is_some(),
            report: held.outline(name),
            watched: held.seen.watched.clone(),
        };
        table.held.iter().map(shown).collect()
    }

    /// Stops everything and waits for it.
    pub async fn shutdown(&self) {
        for held in self.0.table().held.values() {
            held.cancel.cancel();
        }
        self.0.probes.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn begin(
        &self,
        table: &mut Table,
        name: String,
        generation: u64,
        fixed: Option<String>,
        order: Result<(Source, Definition), Refusal>,
        budget: Duration,
    ) {
        let incarnation = table.incarnation();
        let former = table
            .closing
            .get(&name)
            .map(|closing| closing.ended.clone());
        let cancel = CancellationToken::new();
        let account = attempt::Account {
            order,
            budget,
            folders: self.0.folders.clone(),
            clusters: self.0.clusters.clone(),
            turns: self.0.turns.clone(),
            secrets: self.0.secrets.clone(),
            fixed: fixed.is_some(),
        };
        let shared = self.0.clone();
        let publisher = Publisher {
            shared,
            shown: printable(&name),
            name: name.clone(),
            incarnation,
        };
        let stop = cancel.clone();
        let task = self.0.tasks.spawn(async move {
            if let Some(former) = former {
                former.cancelled().await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = supervise::supervise(account, publisher) => {}
            }
        });
        let state = connecting(0);
        let held = Held {
            incarnation,
            generation,
            fixed,
            state,
            seen: Seen::default(),
            cancel,
            task,
        };
        table.held.insert(name, held);
    }

    /// Ends a held account's task. `tell`: reports it dropped when it has ended, in this generation
    /// or the one that is held.
    fn end(&self, table: &mut Table, name: &str, tell: Option<u64>) {
        let Some(held) = table.held.remove(name) else {
            return;
        };
        held.cancel.cancel();
        let ended = CancellationToken::new();
        let closing = Closing {
            incarnation: held.incarnation,
            ended: ended.clone(),
            tell: tell.map(|generation| generation.max(held.generation)),
        };
        table.closing.insert(name.to_owned(), closing);
        let shared = self.0.clone();
        let name = name.to_owned();
        self.0.tasks.spawn(async move {
            // A panic of the task has ended it as well.
            held.task.await.ok();
            let mut table = shared.table();
            let ours = |closing: &Closing| closing.incarnation == held.incarnation;
            let tell = match table.closing.get(&name).filter(|closing| ours(closing)) {
                Some(closing) => closing.tell,
                None => tell,
            };
            if table.closing.get(&name).is_some_and(ours) {
                table.closing.remove(&name);
            }
            if let Some(generation) = tell {
                table.dropped(&name, generation.max(held.generation));
            }
            drop(table);
            ended.cancel();
            shared.untold.notify_one();
        });
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table
            .lock()
            .expect("nothing panics while it holds the table")
    }
}

/// Through which an account's task tells its state.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    name: String,
    shown: String,
    incarnation: u64,
}

impl Publisher {
    /// The account's name, fit for a log line.
    fn shown(&self) -> &str {
        &self.shown
    }

    /// The account's state from now on. Repeating the present one tells nobody anything, unless the
    /// cluster was listed anew.
    fn publish(&self, state: State, seen: Seen) {
        let mut table = self.shared.table();
        let Some(held) = table.held.get_mut(&self.name) else {
            return;
        };
        let anew = matches!(state, State::Ready(_)) || held.state != state;
        if held.incarnation != self.incarnation || !anew {
            return;
        }
        held.state = state;
        held.seen = seen;
        table.tell(&self.name);
        drop(table);
        self.shared.untold.notify_one();
    }

    /// The core is to be told the account's state again: what belongs to it has changed.
    fn again(&self) {
        let mut table = self.shared.table();
        let held = table.held.get(&self.name);
        if held.is_some_and(|held| held.incarnation == self.incarnation) {
            table.tell(&self.name);
        }
        drop(table);
        self.shared.untold.notify_one();
    }
}

/// What an account that the core sent is to be connected with, and what to watch of it.
fn order(account: Account) -> Result<(Source, Definition), Refusal> {
    let definition = Definition::parse(&account.definition)?;
    let source = match account.kubeconfig {
        Some(Kubeconfig::KubeconfigContents(bytes)) => {
            let text = String::from_utf8(bytes).map_err(|_| Refusal::NotText)?;
            Source::Sent(SecretString::from(text))
        }
        Some(Kubeconfig::KubeconfigFile(path)) => Source::NamedByCore(PathBuf::from(path)),
        Some(Kubeconfig::ServiceAccount(true)) => Source::ServiceAccount,
        Some(Kubeconfig::ServiceAccount(false)) | None => return Err(Refusal::NoKubeconfig),
    };
    Ok((source, definition))
}

/// The answer must be there before the core's deadline, not at it.
fn budget(deadline_seconds: u32) -> Duration {
    match deadline_seconds {
        0 => DEFAULT_BUDGET,
        short @ 1..=3 => Duration::from_secs(short.into()).mul_f32(0.6),
        long => Duration::from_secs(u64::from(long) - 1),
    }
}
