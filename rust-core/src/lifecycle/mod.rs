//! The only place that moves an account. Requests and agents' reports are recorded; then
//! `reconcile` takes the account step by step as far as it goes. `api` and `intercept` call the
//! verbs here; the hub speaks to [`Lifecycle`] through the channel it is given.

mod events;
mod peers;
mod prepare;
mod queue;
mod reconcile;
mod requests;
mod takeover;

pub use requests::{Ask, Asked, Refusal, Verb};
pub use takeover::{TakeoverError, take_over};

use crate::account::Limits;
use crate::hub::{AgentEvent, Registry};
use crate::metrics::Metrics;
use crate::secret::Keyring;
use crate::source::Source;
use crate::store::Store;
use queue::Queue;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many accounts are taken a step further at the same time.
const WORKERS: usize = 8;
/// How often deadlines, retries and leases are looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// How many due accounts one sweep takes.
const SWEEP_BATCH: u32 = 1000;

/// What an engine is made of.
pub struct Parts {
    /// The tables.
    pub store: Store,
    /// The key that seals secrets.
    pub keyring: Keyring,
    /// Clouddriver's accounts, for secrets that are kept there alone.
    pub source: Source,
    /// The agents of this core.
    pub registry: Arc<Registry>,
    /// Times and bounds.
    pub limits: Limits,
    /// How long an agent may be away.
    pub grace: Duration,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// This core's id.
    pub core_id: String,
}

/// The engine of one core.
pub struct Lifecycle {
    store: Store,
    keyring: Keyring,
    source: Source,
    registry: Arc<Registry>,
    limits: Limits,
    grace: Duration,
    queue: Queue,
    metrics: Arc<Metrics>,
    core_id: String,
}

/// The tasks of a running engine.
pub struct Running {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// An engine on these parts; it moves nothing until [`Lifecycle::run`].
    pub fn new(parts: Parts) -> Lifecycle {
        let Parts {
            store,
            keyring,
            source,
            registry,
            limits,
            grace,
            metrics,
            core_id,
        } = parts;
        let queue = Queue::default();
        Lifecycle {
            store,
            keyring,
            source,
            registry,
            limits,
            grace,
            queue,
            metrics,
            core_id,
        }
    }

    /// Starts the tasks: one takes what agents say, one sweeps, some take accounts further.
    pub fn run(self: &Arc<Self>, events: mpsc::Receiver<AgentEvent>) -> Running {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(self.clone().listen(events));
        let sweep = self.clone().sweep();
        tasks.spawn(stop.clone().run_until_cancelled_owned(sweep));
        let again = self.clone().take_over_again();
        tasks.spawn(stop.clone().run_until_cancelled_owned(again));
        for _ in 0..WORKERS {
            let work = self.clone().work();
            tasks.spawn(stop.clone().run_until_cancelled_owned(work));
        }
        Running { stop, tasks }
    }

    async fn sweep(self: Arc<Self>) {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut started = false;
        loop {
            tick.tick().await;
            let swept = async {
                let taken_over = self.store.seen(&self.core_id).await?;
                let gone = self.store.expire(self.grace).await?;
                self.queue.add(gone.affected);
                self.queue.add(match started && !taken_over {
                    true => self.store.due(SWEEP_BATCH).await?,
                    false => self.store.unsettled().await?,
                });
                started = true;
                self.send_for_peers().await
            };
            if let Err(error) = swept.await {
                tracing::error!(error = crate::error::causes(&error), "sweep");
            }
        }
    }

    async fn work(self: Arc<Self>) {
        loop {
            let name = self.queue.next().await;
            if let Err(error) = self.reconcile(&name).await {
                let error = crate::error::causes(&error);
                tracing::error!(account = name, error, "the account waits for the database");
                // Nothing is lost: it is looked at again, and again, until SQL answers.
                tokio::time::sleep(SWEEP).await;
                self.queue.add([name]);
            }
        }
    }
}

impl Running {
    /// Stops and joins the tasks. The channel of events must be closed by then.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("the lifecycle's tasks did not end within 5 s");
        }
    }
}
