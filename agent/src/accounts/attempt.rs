//! One attempt at a cluster: the kubeconfig, the certificate, the kinds, the first lists.
//!
//! `supervise` makes it for an account that is held, `probe` for a question. It takes its turns among
//! those of the other accounts (`turns`); whoever waits long for them is told so, and has its time from
//! then on: it is for the attempt.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ferry_reference::Resolver;
use tokio::time::{Instant, sleep, timeout_at};

use super::definition::Definition;
use super::namespaces::Namespaces;
use super::turns::{Lane, Turn, Turns};
use crate::cause::{Cause, Refusal, Trouble};
use crate::cluster::settings::{Retries, Settings};
use crate::cluster::watch::Watches;
use crate::cluster::{Cluster, Identity};
use crate::dial::Dialer;
use crate::kubeconfig::{self, Source};

/// How long slow first lists are waited for once something is listed.
const SETTLE: Duration = Duration::from_secs(5);

/// What is to be reached.
pub(super) struct Account {
    /// What to connect with and what to watch, or why that cannot be told.
    pub(super) order: Result<(Source, Definition), Refusal>,
    /// The time within which ready or failed must be known.
    pub(super) budget: Duration,
    /// Below which folders the core may name files.
    pub(super) folders: Arc<[PathBuf]>,
    /// How clusters are treated.
    pub(super) clusters: Arc<Settings>,
    /// Shared by all accounts.
    pub(super) turns: Arc<Turns>,
    /// Reads what a reference of the agent's own configuration names.
    pub(super) secrets: Arc<Resolver>,
    /// An account of the agent's own configuration: nobody will ask for it again.
    pub(super) fixed: bool,
}

/// A cluster that was reached and is watched.
pub(super) struct Reached {
    pub(super) cluster: Cluster,
    pub(super) identity: Identity,
    pub(super) watches: Watches,
    pub(super) namespaces: Namespaces,
}

/// The time of an attempt.
pub(super) struct Clock<'a> {
    budget: Duration,
    deadline: Instant,
    began: Instant,
    /// Is told the seconds since the attempt began.
    waits: &'a (dyn Fn(Duration) + Sync),
}

impl<'a> Clock<'a> {
    pub(super) fn new(budget: Duration, waits: &'a (dyn Fn(Duration) + Sync)) -> Self {
        let began = Instant::now();
        Self {
            budget,
            deadline: began + budget,
            began,
            waits,
        }
    }

    /// Waits for a turn. Whoever waits for the attempt hears of it before half of its time is over, and
    /// the time begins anew.
    pub(super) async fn turn<'l>(&mut self, lane: &'l Lane) -> Turn<'l> {
        let mut turn = std::pin::pin!(lane.turn());
        loop {
            let half = self.deadline - self.budget / 2;
            match timeout_at(half, &mut turn).await {
                Ok(turn) => return turn,
                Err(_) => {
                    (self.waits)(self.began.elapsed());
                    self.deadline = Instant::now() + self.budget;
                }
            }
        }
    }

    /// The outcome, if it is there in time.
    async fn within<T>(
        &self,
        server: &str,
        step: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        timeout_at(self.deadline, work)
            .await
            .map_err(|_| Trouble::TooSlow {
                server: server.to_owned(),
                step,
                limit: self.budget,
            })
    }
}

impl Account {
    /// The most that one question may take.
    pub(super) fn step(&self) -> Duration {
        self.clusters.timeout.min(self.budget / 3)
    }

    fn again(&self, step: Duration) -> Again<'_> {
        Again {
            retries: self.clusters.retries.as_ref(),
            times: 0,
            step,
        }
    }

    /// Reaches the cluster and watches it. `waits` hears how long the attempt has waited for its turn.
    pub(super) async fn activate(
        &self,
        waits: &(dyn Fn(Duration) + Sync),
    ) -> Result<Reached, Cause> {
        let step = self.step();
        let (_, definition) = self.order.as_ref().map_err(|refusal| refusal.clone())?;
        let mut clock = Clock::new(self.budget, waits);
        let (cluster, certificate) = self.reach(&mut clock, step).await?;
        let mut again = self.again(step);
        let mut turn = clock.turn(&self.turns.talk).await;
        let server = cluster.server();
        let identity = loop {
            let asked = turn.step(cluster.identify(&certificate, step));
            match clock.within(server, "connecting", asked).await? {
                Ok(identity) => break identity,
                Err(trouble) => {
                    turn.leave();
                    again.or_give_up(trouble, &clock).await?;
                }
            }
        };
        let kinds = loop {
            let asked = turn.step(cluster.discover(&definition.selection, step));
            let what = "asking which kinds there are";
            match clock.within(server, what, asked).await? {
                Ok(kinds) => break kinds,
                Err(trouble) => {
                    turn.leave();
                    again.or_give_up(trouble, &clock).await?;
                }
            }
        };
        let groups = self.clusters.groups;
        let mut watches = Watches::new(&cluster, kinds, &definition.selection, groups);
        let listed = turn.step(watches.first_lists(SETTLE.min(self.budget / 4)));
        let what = "listing objects for the first time";
        clock.within(server, what, listed).await??;
        Ok(Reached {
            namespaces: Namespaces::of(&watches, &definition.selection),
            cluster,
            identity,
            watches,
        })
    }

    /// Connects in its turn; answers the cluster with the fingerprint of its certificate.
    pub(super) async fn reach(
        &self,
        clock: &mut Clock<'_>,
        step: Duration,
    ) -> Result<(Cluster, String), Cause> {
        let mut turn = clock.turn(&self.turns.prepare).await;
        let prepared = turn.step(self.prepare(step));
        let prepared = clock.within("the cluster", "reading the kubeconfig", prepared);
        let cluster = prepared.await??;
        drop(turn);
        let mut turn = clock.turn(&self.turns.reach).await;
        let mut again = self.again(step);
        let certificate = loop {
            let shown = turn.step(cluster.certificate(step));
            match clock.within(cluster.server(), "connecting", shown).await? {
                Ok(certificate) => break certificate,
                Err(trouble) => {
                    turn.leave();
                    again.or_give_up(trouble, clock).await?;
                }
            }
        };
        Ok((cluster, certificate))
    }

    /// Reads the kubeconfig and prepares the client, where reading files and running an operator's
    /// credential program holds up nothing else.
    async fn prepare(&self, step: Duration) -> Result<Cluster, Cause> {
        let (mut source, definition) = self.order.clone().map_err(Cause::Refused)?;
        if let Source::Referenced(reference) = &source {
            let text = self.secrets.resolve(reference).await;
            source = Source::Resolved(text.map_err(Refusal::Reference)?);
        }
        let folders = self.folders.clone();
        let dialer = match definition.no_proxy {
            true => Dialer::straight(),
            false => self.clusters.dialer.clone(),
        };
        let work = move || {
            let context = definition.context.as_deref();
            let mut access = kubeconfig::access(&source, context, &folders)?;
            access.config.accept_invalid_certs |= definition.insecure;
            Cluster::new(access, step, dialer)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(cluster) => cluster,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// Whether a question is asked again, as long as there is time for another answer.
struct Again<'a> {
    retries: Option<&'a Retries>,
    times: u32,
    step: Duration,
}

impl Again<'_> {
    /// Waits for the next try; gives the trouble back when there is none.
    async fn or_give_up(&mut self, trouble: Trouble, clock: &Clock<'_>) -> Result<(), Trouble> {
        let Some(retries) = self.retries else {
            return Err(trouble);
        };
        let late = Instant::now() + retries.wait + self.step > clock.deadline;
        if self.times == retries.times || late || !retries.apply_to(&trouble) {
            return Err(trouble);
        }
        self.times += 1;
        sleep(retries.wait).await;
        Ok(())
    }
}
