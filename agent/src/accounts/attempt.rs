//! One attempt at a cluster: the kubeconfig, the certificate, the kinds, the first lists.
//!
//! `supervise` makes it for an account that is held, `probe` for a question. It takes its turns among
//! those of the other accounts (`turns`); whoever waits long for them is told so, and has its time from
//! then on: it is for the attempt.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use ferry_reference::Resolver;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout_at};

use super::definition::Definition;
use super::namespaces::Namespaces;
use super::turns::{Lane, Turn, Turns};
use crate::cause::{Cause, Refusal, Trouble, printable};
use crate::cluster::kinds::{Discovered, KindName};
use crate::cluster::settings::{Retries, Settings};
use crate::cluster::watch::Watches;
use crate::cluster::{Cluster, Identity};
use crate::dial::Dialer;
use crate::kubeconfig::{self, Source};

/// How long slow first lists are waited for once something is listed.
const SETTLE: Duration = Duration::from_secs(5);

/// How often it is asked whether a reference names another secret by now.
const LOOK: Duration = Duration::from_secs(20);

/// How often the kinds that a cluster lacked are looked for again.
const LOOK_FOR_KINDS: Duration = Duration::from_secs(300);

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
    /// The selected kinds that it lacked.
    pub(super) missing: Vec<KindName>,
    pub(super) secret: Option<Fingerprint>,
}

/// Of the secret that a reference named; the secret itself is not kept.
#[derive(PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<u8>);

impl Fingerprint {
    fn of(secret: &SecretString) -> Self {
        let digest = digest(&SHA256, secret.expose_secret().as_bytes());
        Self(digest.as_ref().to_vec())
    }
}

/// A cluster that has shown its certificate.
pub(super) struct Met {
    pub(super) cluster: Cluster,
    /// The fingerprint of the certificate.
    pub(super) certificate: String,
    /// `None`: the kubeconfig is no reference.
    pub(super) secret: Option<Fingerprint>,
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
        let Met {
            cluster,
            certificate,
            secret,
        } = self.reach(&mut clock, step).await?;
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
        let Discovered { kinds, missing } = loop {
            let asked = turn.step(cluster.discover(&definition.selection, step));
            let what = "asking which kinds there are";
            match clock.within(server, what, asked).await? {
                Ok(discovered) => break discovered,
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
            namespaces: Namespaces::of(&watches, &missing, &definition.selection),
            cluster,
            identity,
            watches,
            missing,
            secret,
        })
    }

    /// Waits until the kubeconfig's reference names another secret than `used`; never ends where there
    /// is no reference.
    pub(super) async fn rotated(&self, used: Option<Fingerprint>) {
        let (Ok((Source::Referenced(reference), _)), Some(used)) = (&self.order, used) else {
            return pending().await;
        };
        loop {
            sleep(LOOK).await;
            // One that cannot be read says nothing about a cluster that is watched.
            if let Ok(secret) = self.secrets.resolve(reference).await
                && Fingerprint::of(&secret) != used
            {
                return;
            }
        }
    }

    /// Waits until the cluster serves a selected kind that it lacked, and names what it serves now; never
    /// ends where nothing is missing.
    pub(super) async fn appeared(&self, cluster: &Cluster, missing: &[KindName]) -> String {
        let (Ok((_, definition)), false) = (&self.order, missing.is_empty()) else {
            return pending().await;
        };
        let (selection, limit) = (&definition.selection, self.clusters.timeout);
        loop {
            sleep(LOOK_FOR_KINDS).await;
            // Boxed: an account that is watched keeps no room for it.
            let looked = Box::pin(cluster.appeared(missing, selection, limit)).await;
            // Whether a cluster that does not answer is lost is found out elsewhere.
            let kinds = looked.unwrap_or_default();
            if !kinds.is_empty() {
                let names: Vec<String> = kinds.into_iter().map(|kind| kind.name).collect();
                return printable(&names.join(", "));
            }
        }
    }

    /// Connects in its turn.
    pub(super) async fn reach(&self, clock: &mut Clock<'_>, step: Duration) -> Result<Met, Cause> {
        let mut turn = clock.turn(&self.turns.prepare).await;
        let prepared = turn.step(self.prepare(step));
        let prepared = clock.within("the cluster", "reading the kubeconfig", prepared);
        let (cluster, secret) = prepared.await??;
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
        Ok(Met {
            cluster,
            certificate,
            secret,
        })
    }

    /// Reads the kubeconfig and prepares the client, where reading files and running an operator's
    /// credential program holds up nothing else.
    async fn prepare(&self, step: Duration) -> Result<(Cluster, Option<Fingerprint>), Cause> {
        let (mut source, definition) = self.order.clone().map_err(Cause::Refused)?;
        let mut secret = None;
        if let Source::Referenced(reference) = &source {
            let text = self.secrets.resolve(reference).await;
            let text = text.map_err(Refusal::Reference)?;
            secret = Some(Fingerprint::of(&text));
            source = Source::Resolved(text);
        }
        let folders = self.folders.clone();
        let dialer = match definition.no_proxy {
            true => Dialer::straight(),
            false => self.clusters.dialer.clone(),
        };
        let work = move || {
            let context = definition.context.as_deref();
            let mut access = kubeconfig::access(&source, context, &folders)?;
            if definition.insecure {
                access.accept_any_certificate();
            }
            Cluster::new(access, step, dialer)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(cluster) => Ok((cluster?, secret)),
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
