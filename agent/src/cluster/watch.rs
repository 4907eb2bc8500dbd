//! The watches of one account: metadata of every selected kind, in tables made to be read.
//!
//! `accounts::supervise` starts them and asks how they are. All watches of an account run inside of
//! its one task, so dropping [`Watches`] ends every one of them. Plain list and watch, a few lists
//! at a time; a kind that is forbidden costs only itself.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::Cluster;
use super::kinds::{Kind, Selection};
use super::objects::Objects;
use super::stream::{Signal, Watch, api};
use crate::cause::Trouble;

/// Lists of one account at a time: neither a start nor watches that all expired must be a storm for
/// its API server.
const LISTS: usize = 4;
/// A watch that failed this often in a row is not a passing fault.
const FAILING: u32 = 3;

/// One kind and what is known of it.
#[derive(Debug, Clone)]
pub struct Watched {
    /// `Kind.group`.
    pub kind: String,
    /// Its objects.
    pub objects: Arc<Objects>,
}

/// How a watch fares.
#[derive(Debug, Clone)]
enum Health {
    Starting,
    Well,
    Failing { trouble: Trouble, times: u32 },
}

/// The running watches of an account. They run only while [`Watches::run_while`] does.
pub struct Watches {
    running: Pin<Box<dyn Future<Output = ()> + Send>>,
    state: State,
}

struct State {
    kinds: Vec<Watched>,
    /// Per watch: the index of its kind, and how it fares.
    watches: Vec<(usize, Health)>,
    signals: mpsc::Receiver<Signal>,
}

impl Watches {
    /// Prepares a watch of every kind, in every selected namespace.
    /// `groups`: how many start together, and how much later the next ones.
    pub fn new(
        cluster: &Cluster,
        kinds: Vec<Kind>,
        selection: &Selection,
        groups: Option<(usize, Duration)>,
    ) -> Self {
        let (send, signals) = mpsc::channel(64);
        let lists = Arc::new(Semaphore::new(LISTS));
        let mut watched = Vec::new();
        let mut watches = Vec::new();
        let mut running = Vec::new();
        for (at, kind) in kinds.into_iter().enumerate() {
            let objects = Arc::new(Objects::default());
            watched.push(Watched {
                kind: kind.name.clone(),
                objects: objects.clone(),
            });
            for namespace in scopes(&kind, selection) {
                let watch = Watch {
                    index: watches.len(),
                    api: api(cluster, watches.len(), &kind, namespace.as_deref()),
                    server: cluster.server.clone(),
                    kind: kind.name.clone(),
                    namespace,
                    objects: objects.clone(),
                    lists: lists.clone(),
                    signals: send.clone(),
                };
                watches.push((at, Health::Starting));
                let after = groups.map_or(Duration::ZERO, |(size, delay)| {
                    delay * u32::try_from(running.len() / size).unwrap_or(u32::MAX)
                });
                running.push(async move {
                    sleep(after).await;
                    watch.run().await;
                });
            }
        }
        let running = Box::pin(async move {
            join_all(running).await;
        });
        Self {
            running,
            state: State {
                kinds: watched,
                watches,
                signals,
            },
        }
    }

    /// Waits until something is listed: for all first lists, but once one has come, not longer
    /// than `settle` for the rest. An error when every one failed.
    pub async fn first_lists(&mut self, settle: Duration) -> Result<(), Trouble> {
        let state = &mut self.state;
        tokio::select! {
            () = &mut self.running => unreachable!("watches never end by themselves"),
            outcome = state.first_lists(settle) => outcome,
        }
    }

    /// Lets the watches run until `other` is done, which is told of every change.
    pub async fn run_while<T>(&mut self, other: impl AsyncFnOnce(&mut Changes<'_>) -> T) -> T {
        let mut changes = Changes(&mut self.state);
        tokio::select! {
            () = &mut self.running => unreachable!("watches never end by themselves"),
            outcome = other(&mut changes) => outcome,
        }
    }

    /// The kinds whose objects are known, with them.
    pub fn watched(&self) -> Vec<Watched> {
        let known = |at: usize| {
            let of_kind = |watch: &&(usize, Health)| watch.0 == at;
            self.state
                .watches
                .iter()
                .filter(of_kind)
                .any(|w| !matches!(w.1, Health::Failing { .. }))
        };
        let kinds = self.state.kinds.iter().enumerate();
        kinds
            .filter(|(at, _)| known(*at))
            .map(|(_, kind)| kind.clone())
            .collect()
    }

    /// What is known of a kind, by its name, and whether it is forbidden to list; `None`: it is not
    /// watched.
    pub fn of_kind(&self, name: &str) -> Option<(Arc<Objects>, bool)> {
        let State { kinds, watches, .. } = &self.state;
        let at = kinds.iter().position(|watched| watched.kind == name)?;
        let forbidden = watches.iter().any(|(kind, health)| {
            let trouble = match health {
                Health::Failing { trouble, .. } if *kind == at => Some(trouble),
                _ => None,
            };
            matches!(trouble, Some(Trouble::Forbidden { .. }))
        });
        Some((kinds[at].objects.clone(), forbidden))
    }
}

/// What happens to running watches.
pub struct Changes<'a>(&'a mut State);

impl Changes<'_> {
    /// Waits until a watch has failed.
    pub async fn failure(&mut self) {
        loop {
            if let Some(Signal::Failed(..)) = self.0.signal().await {
                return;
            }
        }
    }

    /// Why no watch works, when for a while none has.
    pub fn all_failing(&self) -> Option<Trouble> {
        let lasting = |watch: &(usize, Health)| match &watch.1 {
            Health::Failing { trouble, times } if *times >= FAILING => Some(trouble.clone()),
            // Forbidden kinds are retried too seldom to be counted.
            Health::Failing {
                trouble: trouble @ Trouble::Forbidden { .. },
                ..
            } => Some(trouble.clone()),
            _ => None,
        };
        let troubles: Option<Vec<Trouble>> = self.0.watches.iter().map(lasting).collect();
        let troubles = troubles?;
        // What is wrong with the cluster says more than what was never allowed.
        let forbidden = |trouble: &&Trouble| matches!(trouble, Trouble::Forbidden { .. });
        let telling = troubles
            .iter()
            .find(|trouble| !forbidden(trouble))
            .or(troubles.first());
        telling.cloned().map(nothing_allowed)
    }
}

impl State {
    async fn first_lists(&mut self, settle: Duration) -> Result<(), Trouble> {
        while self.starting() && !self.any_well() {
            self.signal().await;
        }
        let rest = async {
            while self.starting() {
                self.signal().await;
            }
        };
        // That some lists are slow is no reason not to use the others.
        timeout(settle, rest).await.ok();
        if self.any_well() {
            return Ok(());
        }
        let trouble = self.watches.iter().find_map(|watch| match &watch.1 {
            Health::Failing { trouble, .. } => Some(trouble.clone()),
            _ => None,
        });
        Err(nothing_allowed(
            trouble.expect("nothing is starting and nothing is well"),
        ))
    }

    fn starting(&self) -> bool {
        self.watches
            .iter()
            .any(|watch| matches!(watch.1, Health::Starting))
    }

    fn any_well(&self) -> bool {
        self.watches
            .iter()
            .any(|watch| matches!(watch.1, Health::Well))
    }

    async fn signal(&mut self) -> Option<Signal> {
        let signal = self.signals.recv().await?;
        match &signal {
            Signal::Well(index) => self.watches[*index].1 = Health::Well,
            Signal::Failed(index, trouble) => {
                let times = match self.watches[*index].1 {
                    Health::Failing { times, .. } => times.saturating_add(1),
                    _ => 1,
                };
                self.watches[*index].1 = Health::Failing {
                    trouble: trouble.clone(),
                    times,
                };
            }
        }
        Some(signal)
    }
}

/// A 403 of every watch is about the credentials, not about one list.
fn nothing_allowed(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Forbidden { server, said, .. } => Trouble::NothingAllowed { server, said },
        other => other,
    }
}

/// The scopes in which a kind is watched: everything, or each namespace.
fn scopes(kind: &Kind, selection: &Selection) -> Vec<Option<String>> {
    if kind.namespaced && !selection.namespaces.is_empty() {
        return selection.namespaces.iter().cloned().map(Some).collect();
    }
    vec![None]
}
