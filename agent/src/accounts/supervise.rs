//! One account's task: reach the cluster, watch it, notice when it is lost, go on trying.
//!
//! `accounts` starts one per account and ends it by dropping it; nothing of it outlives that. What
//! it finds out goes to its [`Publisher`]. It never talks to the core itself.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ferry_wire::v1::account_report::State;
use ferry_wire::v1::{Failed, Lost, Ready};
use futures_util::FutureExt;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::Publisher;
use super::definition::Definition;
use crate::backoff::Backoff;
use crate::cause::{Cause, Refusal, Trouble};
use crate::cluster::settings::{Retries, Settings};
use crate::cluster::watch::Watches;
use crate::cluster::{Cluster, Identity};
use crate::dial::Dialer;
use crate::kubeconfig::{self, Source};

/// How long slow first lists are waited for once something is listed.
const SETTLE: Duration = Duration::from_secs(5);
/// How often a quiet cluster is asked whether it is there.
const PROBE: Duration = Duration::from_secs(15);
/// Between two probes in a row: a restarted load balancer is not a lost cluster.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// The longest wait between attempts at a cluster that is lost, or at a static account that failed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is to be supervised.
pub(super) struct Account {
    /// What to connect with and what to watch, or why that cannot be told.
    pub(super) order: Result<(Source, Definition), Refusal>,
    /// The time within which ready or failed must be known.
    pub(super) budget: Duration,
    /// Below which folders the core may name files.
    pub(super) folders: Arc<[PathBuf]>,
    /// How clusters are treated.
    pub(super) clusters: Arc<Settings>,
    /// An account of the agent's own configuration: nobody will ask for it again.
    pub(super) fixed: bool,
}

/// Supervises an account; returns only when it has failed and nothing is to be tried any more.
///
/// What a kubeconfig says passes through many crates. Should one of them panic, it is this account
/// that failed, and the core is told so.
pub(super) async fn supervise(account: Account, publisher: Publisher) {
    if AssertUnwindSafe(keep(account, &publisher))
        .catch_unwind()
        .await
        .is_err()
    {
        let cause = "the agent failed while it worked on this account; its standard error says how";
        publisher.publish(
            State::Failed(Failed {
                cause: cause.into(),
            }),
            Vec::new(),
        );
    }
}

async fn keep(account: Account, publisher: &Publisher) {
    let reconnect = account.clusters.reconnect;
    let retry = Backoff {
        base: reconnect,
        multiplier: 1.6,
        jitter: 0.2,
        max: LONGEST_WAIT.max(reconnect),
    };
    let mut waits = retry.waits();
    let mut was_ready = false;
    loop {
        match account.activate().await {
            Ok(mut active) => {
                publisher.publish(State::Ready(active.ready()), active.watches.watched());
                was_ready = true;
                waits.reset();
                let trouble = active.hold(account.clusters.timeout).await;
                let error = trouble.to_string();
                warn!(account = publisher.shown(), error, "lost");
                publisher.publish(State::Lost(Lost { cause: error }), Vec::new());
            }
            Err(cause) => {
                let cause = cause.to_string();
                info!(account = publisher.shown(), error = cause, "not reached");
                if was_ready {
                    publisher.publish(State::Lost(Lost { cause }), Vec::new());
                } else {
                    publisher.publish(State::Failed(Failed { cause }), Vec::new());
                    if !account.fixed {
                        return;
                    }
                }
            }
        }
        sleep(waits.grow()).await;
    }
}

impl Account {
    async fn activate(&self) -> Result<Active, Cause> {
        let deadline = Instant::now() + self.budget;
        let step = self.clusters.timeout.min(self.budget / 3);
        let (_, definition) = self.order.as_ref().map_err(|refusal| refusal.clone())?;
        let slow = |step| Trouble::TooSlow {
            server: "the cluster".into(),
            step,
            limit: self.budget,
        };
        let cluster = timeout_at(deadline, self.prepare(step))
            .await
            .map_err(|_| slow("reading the kubeconfig"))??;
        let slow = |step| Trouble::TooSlow {
            server: cluster.server().to_owned(),
            step,
            limit: self.budget,
        };
        let mut again = Again {
            retries: self.clusters.retries.as_ref(),
            times: 0,
            step,
            deadline,
        };
        let identity = loop {
            match timeout_at(deadline, cluster.identify(step)).await {
                Err(_) => return Err(slow("connecting").into()),
                Ok(Ok(identity)) => break identity,
                Ok(Err(trouble)) => again.or_give_up(trouble).await?,
            }
        };
        let kinds = loop {
            let discovered = cluster.discover(&definition.selection, step);
            match timeout_at(deadline, discovered).await {
                Err(_) => return Err(slow("asking which kinds there are").into()),
                Ok(Ok(kinds)) => break kinds,
                Ok(Err(trouble)) => again.or_give_up(trouble).await?,
            }
        };
        let groups = self.clusters.groups;
        let mut watches = Watches::new(&cluster, kinds, &definition.selection, groups);
        timeout_at(deadline, watches.first_lists(SETTLE.min(self.budget / 4)))
            .await
            .map_err(|_| slow("listing objects for the first time"))??;
        Ok(Active {
            cluster,
            identity,
            watches,
        })
    }

    /// Reads the kubeconfig and prepares the client, where reading files and running an operator's
    /// credential program holds up nothing else.
    pub(super) async fn prepare(&self, step: Duration) -> Result<Cluster, Cause> {
        let (source, definition) = self.order.clone().map_err(Cause::Refused)?;
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
    deadline: Instant,
}

impl Again<'_> {
    /// Waits for the next try; gives the trouble back when there is none.
    async fn or_give_up(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        let Some(retries) = self.retries else {
            return Err(trouble);
        };
        let late = Instant::now() + retries.wait + self.step > self.deadline;
        if self.times == retries.times || late || !retries.apply_to(&trouble) {
            return Err(trouble);
        }
        self.times += 1;
        sleep(retries.wait).await;
        Ok(())
    }
}

/// An account whose cluster is reached and watched.
struct Active {
    cluster: Cluster,
    identity: Identity,
    watches: Watches,
}

impl Active {
    fn ready(&self) -> Ready {
        Ready {
            kube_host: self.identity.kube_host.clone(),
            kube_version: self.identity.kube_version.clone(),
            cert_fingerprint: self.identity.cert_fingerprint.clone(),
            kinds: self
                .watches
                .watched()
                .into_iter()
                .map(|watched| watched.kind)
                .collect(),
        }
    }

    /// Watches on until the cluster is lost.
    async fn hold(&mut self, limit: Duration) -> Trouble {
        let cluster = &self.cluster;
        self.watches
            .run_while(async |changes| {
                loop {
                    tokio::select! {
                        () = changes.failure() => {}
                        () = sleep(PROBE) => {}
                    }
                    if let Err(trouble) = probe(cluster, limit).await {
                        return trouble;
                    }
                    if let Some(trouble) = changes.all_failing() {
                        return trouble;
                    }
                    // However many watches fail at once, one probe answers for them.
                    sleep(SECOND_LOOK).await;
                }
            })
            .await
    }
}

/// Asks over the connection at hand; when that fails, once more over a new one, which also tells
/// best what is wrong.
async fn probe(cluster: &Cluster, limit: Duration) -> Result<(), Trouble> {
    if cluster.version(limit).await.is_ok() {
        return Ok(());
    }
    sleep(SECOND_LOOK).await;
    cluster.identify(limit).await.map(|_| ())
}
