//! Tries what an account would come to, and holds nothing of it: `session` brings the core's
//! question and takes the answer away. A kubeconfig lives as long as its question.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;

use ferry_wire::v1::probed::Outcome;
use ferry_wire::v1::{Failed, Probe, Probed, Reached, Ready};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::attempt::{Account, Clock, Met};
use super::{Accounts, ITS_OWN, NOT_DYNAMIC, budget, order};
use crate::cause::{Cause, Trouble};

/// The questions of this agent.
pub(super) struct Probes {
    answered: Mutex<VecDeque<Probed>>,
    untold: Notify,
    pub(super) stop: CancellationToken,
}

impl Probes {
    pub(super) fn new() -> Self {
        Self {
            answered: Mutex::new(VecDeque::new()),
            untold: Notify::new(),
            stop: CancellationToken::new(),
        }
    }

    fn answer(&self, answer: Probed) {
        self.answered().push_back(answer);
        self.untold.notify_one();
    }

    fn answered(&self) -> std::sync::MutexGuard<'_, VecDeque<Probed>> {
        self.answered
            .lock()
            .expect("nothing panics while it holds the answers")
    }
}

impl Accounts {
    /// Tries an account in a task of its own, within the time that the question allows.
    pub fn probe(&self, Probe { id, account }: Probe) {
        let Some(account) = account else { return };
        if let Some(cause) = self.refusal(&account.name) {
            let outcome = Some(failed(cause.to_owned()));
            return self.0.probes.answer(Probed { id, outcome });
        }
        let shared = self.0.clone();
        let work = async move {
            let limit = budget(account.deadline_seconds);
            let account = Account {
                order: order(account),
                budget: limit,
                folders: shared.folders.clone(),
                clusters: shared.clusters.clone(),
                turns: shared.turns.clone(),
                secrets: shared.secrets.clone(),
                fixed: false,
            };
            let tried = AssertUnwindSafe(timeout(limit, account.rehearse()));
            let outcome = match tried.catch_unwind().await {
                Ok(Ok(Ok(reached))) => Outcome::Reached(reached),
                Ok(Ok(Err(cause))) => failed(cause.to_string()),
                Ok(Err(_)) => failed(format!("it took longer than {} s", limit.as_secs_f32())),
                Err(_) => {
                    failed("the agent failed while it tried; its standard error says how".into())
                }
            };
            let outcome = Some(outcome);
            shared.probes.answer(Probed { id, outcome });
        };
        let stop = self.0.probes.stop.clone();
        let work = stop.run_until_cancelled_owned(work);
        self.0.tasks.spawn(work);
    }

    /// Why SaveAccounts of this name would be refused.
    fn refusal(&self, name: &str) -> Option<&'static str> {
        if !self.0.dynamic {
            return Some(NOT_DYNAMIC);
        }
        let table = self.0.table();
        let own = table
            .held
            .get(name)
            .is_some_and(|held| held.fixed.is_some());
        own.then_some(ITS_OWN)
    }

    /// The next answer for the core; waits for one. Nothing is lost when it is not awaited to its end.
    pub async fn next_answer(&self) -> Probed {
        loop {
            if let Some(answer) = self.0.probes.answered().pop_front() {
                return answer;
            }
            self.0.probes.untold.notified().await;
        }
    }
}

impl Account {
    async fn rehearse(&self) -> Result<Reached, Cause> {
        let step = self.step();
        let (_, definition) = self.order.as_ref().map_err(|refusal| refusal.clone())?;
        // Who asks has a limit of their own, and hears of nothing before.
        let mut clock = Clock::new(self.budget, &|_| ());
        let met = self.reach(&mut clock, step).await?;
        let Met {
            cluster,
            certificate,
            ..
        } = met;
        let mut turn = clock.turn(&self.turns.talk).await;
        let identity = turn.step(cluster.identify(&certificate, step)).await?;
        let selection = &definition.selection;
        let kinds = match turn.step(cluster.discover(selection, step)).await {
            Ok(discovered) => discovered.kinds,
            Err(Trouble::NothingServed { said, .. }) => {
                return Ok(Reached {
                    cluster: Some(ready(identity, Vec::new())),
                    lacking: vec![format!("a kind to watch ({said})")],
                });
            }
            Err(trouble) => return Err(trouble.into()),
        };
        let lacking = cluster.lacking(&kinds, selection, step);
        let lacking = turn.step(lacking).await?;
        let kinds = kinds.into_iter().map(|kind| kind.name).collect();
        Ok(Reached {
            cluster: Some(ready(identity, kinds)),
            lacking,
        })
    }
}

fn ready(identity: crate::cluster::Identity, kinds: Vec<String>) -> Ready {
    Ready {
        kube_host: identity.kube_host,
        kube_version: identity.kube_version,
        cert_fingerprint: identity.cert_fingerprint,
        kinds,
        namespaces: None,
    }
}

fn failed(cause: String) -> Outcome {
    Outcome::Failed(Failed { cause })
}
