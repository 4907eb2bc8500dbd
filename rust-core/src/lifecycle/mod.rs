//! The only place that moves an account. Requests and agents' reports are recorded; then
//! `reconcile` takes the account step by step as far as it goes. `api` and `intercept` call the
//! verbs here; the hub speaks to [`Lifecycle`] through the channel it is given.

mod events;
mod inline;
mod keys;
mod lease;
mod peers;
mod prepare;
mod probes;
mod queue;
mod reconcile;
mod references;
mod rehearse;
mod requests;
mod scan;
mod takeover;
#[cfg(test)]
pub(crate) mod test_rounds;
mod written;

pub use crate::store::Moved;
pub use keys::{Keys, NotRotated};
pub use requests::{Ask, Asked, Refusal, Verb};
pub use takeover::{TakeoverError, take_over};
pub use written::Unread;

use crate::account::Limits;
use crate::account::scan::ScanRules;
use crate::hub::{AgentEvent, Registry};
use crate::metrics::Metrics;
#[cfg(test)]
use crate::secret::Engines;
use crate::secret::{Keyring, Resolver};
use crate::source::Source;
use crate::store::{Ended, Retention, Store, StoreError};
use futures_util::FutureExt;
use queue::Queue;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many batches of accounts are taken further at the same time.
const WORKERS: usize = 4;
/// How many accounts of the queue are taken further together: their kubeconfigs lie open meanwhile.
const TOGETHER: usize = 100;
/// Requests or reports of one transaction: few enough that it is short.
const BATCH: usize = 500;
/// How often deadlines, retries and leases are looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// How often what is too old is removed.
const PURGE: Duration = Duration::from_secs(60 * 60);
/// How many due accounts one sweep takes.
const SWEEP_BATCH: u32 = 1000;

/// What an engine is made of.
pub struct Parts {
    /// The tables.
    pub store: Store,
    /// The key that seals secrets.
    pub keyring: Keyring,
    /// What references to secrets name.
    pub resolver: Resolver,
    /// Clouddriver's accounts, for secrets that are kept there alone.
    pub source: Source,
    /// The agents of this core.
    pub registry: Arc<Registry>,
    /// Times and bounds.
    pub limits: Limits,
    /// How long an agent may be away.
    pub grace: Duration,
    /// How long the audit and the history of operations are kept.
    pub retention: Retention,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// This core's id.
    pub core_id: String,
    /// Which accounts are migrated by themselves.
    pub rules: ScanRules,
    /// Whether migrated accounts follow Clouddriver's, whatever is migrated by itself.
    pub follows: bool,
}

#[cfg(test)]
impl Parts {
    /// Of the core `core`, with the times that are usual in tests; no account is migrated by itself, and
    /// the engine `k8s` is not reached.
    pub(crate) fn for_tests(store: Store, keyring: Keyring, source: Source) -> Parts {
        let engines = Engines {
            kubeconfig: Some("/nowhere".into()),
            ..Engines::default()
        };
        Parts {
            store,
            keyring,
            resolver: Resolver::new(engines).expect("Vault is not configured"),
            source,
            registry: Arc::new(Registry::default()),
            limits: Limits {
                transition: Duration::from_secs(60),
                retry: Duration::from_secs(5),
                max_retries: 3,
            },
            grace: Duration::from_secs(600),
            retention: Retention {
                audit: Duration::from_secs(3600),
                operations: Duration::from_secs(3600),
            },
            metrics: Arc::new(Metrics::new()),
            core_id: "core".to_owned(),
            rules: ScanRules::off(),
            follows: true,
        }
    }

    /// The same on a database of this folder's own, and with a key.
    pub(crate) async fn in_folder(folder: &std::path::Path, source: Source) -> Parts {
        let location = crate::store::Location::Sqlite(folder.join("ferry.db"));
        let store = Store::open(&location).await.expect("a file can be made");
        let keyring = Keyring::beside(&folder.join("ferry.key")).expect("a key can be made");
        Parts::for_tests(store, keyring, source)
    }
}

/// The engine of one core.
pub struct Lifecycle {
    store: Store,
    keyring: Keyring,
    resolver: Resolver,
    source: Source,
    registry: Arc<Registry>,
    limits: Limits,
    grace: Duration,
    retention: Retention,
    queue: Queue,
    metrics: Arc<Metrics>,
    core_id: String,
    rules: ScanRules,
    follows: bool,
    /// Every account that is not at rest is to be looked at, whether due or not.
    look_at_all: AtomicBool,
    /// When this core's lease was last renewed.
    renewed: Mutex<Instant>,
}

/// The tasks of a running engine.
pub struct Running {
    stop: CancellationToken,
    /// Cuts off what does not end by itself.
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// An engine on these parts; it moves nothing until [`Lifecycle::run`].
    pub fn new(parts: Parts) -> Lifecycle {
        let Parts {
            store,
            keyring,
            resolver,
            source,
            registry,
            limits,
            grace,
            retention,
            metrics,
            core_id,
            rules,
            follows,
        } = parts;
        let queue = Queue::default();
        Lifecycle {
            store,
            keyring,
            resolver,
            source,
            registry,
            limits,
            grace,
            retention,
            queue,
            metrics,
            core_id,
            rules,
            follows,
            look_at_all: AtomicBool::new(true),
            renewed: Mutex::new(Instant::now()),
        }
    }

    /// Which accounts are migrated by themselves.
    pub fn rules(&self) -> &ScanRules {
        &self.rules
    }

    /// Starts the tasks: one takes what agents say, some do their rounds, one scans,
    /// some take accounts further.
    pub fn run(self: &Arc<Self>, events: mpsc::Receiver<AgentEvent>) -> Running {
        let stop = CancellationToken::new();
        let cut = CancellationToken::new();
        let tasks = TaskTracker::new();
        // It ends with the sessions, when all they said is recorded.
        let listen = self.clone().listen(events);
        tasks.spawn(cut.clone().run_until_cancelled_owned(listen));
        // Each by itself: an agent that takes nothing must not cost the lease.
        let mut each = vec![
            self.clone().rounds("lease", SWEEP, Self::renew).boxed(),
            self.clone().give_up().boxed(),
            self.clone().rounds("sweep", SWEEP, Self::sweep).boxed(),
            self.clone()
                .rounds("peers", SWEEP, Self::send_for_peers)
                .boxed(),
            self.clone().rounds("evictions", SWEEP, Self::evict).boxed(),
            self.clone().rounds("purge", PURGE, Self::purge).boxed(),
            self.clone().answer_peers().boxed(),
            self.clone().take_over_again().boxed(),
            self.clone().scan().boxed(),
            self.clone().watch_references().boxed(),
        ];
        each.extend((0..WORKERS).map(|_| self.clone().work().boxed()));
        for task in each {
            tasks.spawn(stop.clone().run_until_cancelled_owned(task));
        }
        Running { stop, cut, tasks }
    }

    async fn rounds(
        self: Arc<Self>,
        what: &'static str,
        every: Duration,
        round: impl AsyncFn(&Lifecycle) -> Result<(), StoreError>,
    ) {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = round(&self).await {
                tracing::error!(what, error = crate::error::causes(&error), "a round failed");
            }
        }
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let gone = self.store.expire(self.grace).await?;
        self.ended(&gone.ended);
        self.queue.add(gone.affected);
        let all = self.look_at_all.swap(false, Ordering::Relaxed);
        let names = match all {
            true => self.store.unsettled().await,
            false => self.store.due(SWEEP_BATCH).await,
        };
        if all && names.is_err() {
            self.look_at_all.store(true, Ordering::Relaxed);
        }
        self.queue.add(names?);
        Ok(())
    }

    async fn purge(&self) -> Result<(), StoreError> {
        while self.store.purge(&self.retention).await? {}
        Ok(())
    }

    fn ended(&self, operations: &[Ended]) {
        for Ended { outcome, took } in operations {
            self.metrics.operation(outcome, *took);
        }
    }

    async fn work(self: Arc<Self>) {
        loop {
            let names = self.queue.next(TOGETHER).await;
            let waiting = self.reconcile_each(names).await;
            if !waiting.is_empty() {
                // Nothing is lost: they are looked at again, and again, until SQL answers.
                tokio::time::sleep(SWEEP).await;
                self.queue.add(waiting);
            }
        }
    }

    /// Takes accounts further, in halves when one of them cannot be, so that it fails alone. Answers
    /// those that wait for the database.
    async fn reconcile_each(&self, names: Vec<String>) -> Vec<String> {
        let (mut open, mut waiting) = (vec![names], Vec::new());
        while let Some(mut names) = open.pop() {
            match self.reconcile(&names).await {
                Ok(()) => {}
                Err(error) if error.is_lasting() && names.len() > 1 => {
                    let rest = names.split_off(names.len() / 2);
                    open.extend([rest, names]);
                }
                Err(error) => {
                    let error = crate::error::causes(&error);
                    let (account, accounts) = (&names[0], names.len());
                    tracing::error!(account, accounts, error, "they wait for the database");
                    waiting.extend(names);
                }
            }
        }
        waiting
    }
}

impl Running {
    /// Stops and joins the tasks. The channel of events must be closed by then.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        let ended = tokio::time::timeout(Duration::from_secs(5), self.tasks.wait());
        if ended.await.is_err() {
            tracing::warn!("what agents said last is not recorded: their next core learns it");
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod batch_tests;
