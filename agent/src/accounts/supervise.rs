//! One account's task: reach the cluster, watch it, notice when it is lost, its kubeconfig is another
//! secret or it has kinds that it lacked, go on trying.
//!
//! `accounts` starts one per account and ends it by dropping it; nothing of it outlives that. What
//! it finds out goes to its [`Publisher`]. It never talks to the core itself.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use ferry_wire::v1::account_report::State;
use ferry_wire::v1::{Failed, Lost, Ready};
use futures_util::FutureExt;
use tokio::time::sleep;
use tracing::{info, warn};

use super::Publisher;
use super::attempt::{Account, Reached};
use super::table::{Seen, connecting};
use crate::backoff::Backoff;
use crate::cause::Trouble;
use crate::cluster::Cluster;
use crate::cluster::watch::Watches;

/// How often a quiet cluster is asked whether it is there.
const PROBE: Duration = Duration::from_secs(15);
/// Between two probes in a row: a restarted load balancer is not a lost cluster.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// The longest wait between attempts at a cluster that is lost, or at a static account that failed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

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
            Seen::default(),
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
    let mut anew = false;
    loop {
        let in_line = |waited: Duration| {
            // Until it is known what it comes to, the account is what it was.
            if anew {
                return;
            }
            let seconds = u32::try_from(waited.as_secs()).unwrap_or(u32::MAX);
            publisher.publish(connecting(seconds.max(1)), Seen::default());
        };
        // Boxed: an account that is watched keeps no room for it.
        let reached = Box::pin(account.activate(&in_line)).await;
        match reached {
            Ok(mut active) => {
                let told = active.namespaces.digest();
                publisher.publish(State::Ready(active.ready()), active.seen());
                was_ready = true;
                waits.reset();
                let namespaces = active.namespaces.clone();
                let secret = active.secret.take();
                let limit = account.clusters.timeout;
                let trouble = tokio::select! {
                    trouble = hold(&mut active.watches, &active.cluster, limit) => trouble,
                    () = account.rotated(secret) => {
                        info!(account = publisher.shown(), "its kubeconfig is another secret now");
                        anew = true;
                        continue;
                    }
                    kinds = account.appeared(&active.cluster, &active.missing) => {
                        info!(account = publisher.shown(), kinds, "kinds that it lacked are served now");
                        anew = true;
                        continue;
                    }
                    never = namespaces.follow(told, || publisher.again()) => match never {},
                };
                let error = trouble.to_string();
                warn!(account = publisher.shown(), error, "lost");
                publisher.publish(State::Lost(Lost { cause: error }), Seen::default());
            }
            Err(cause) => {
                let cause = cause.to_string();
                info!(account = publisher.shown(), error = cause, "not reached");
                if was_ready {
                    publisher.publish(State::Lost(Lost { cause }), Seen::default());
                } else {
                    publisher.publish(State::Failed(Failed { cause }), Seen::default());
                    if !account.fixed {
                        return;
                    }
                }
            }
        }
        anew = false;
        sleep(waits.grow()).await;
    }
}

impl Reached {
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
            // Read when the report goes out.
            namespaces: None,
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            watched: self.watches.watched(),
            namespaces: Some(self.namespaces.clone()),
        }
    }
}

/// Watches on until the cluster is lost.
async fn hold(watches: &mut Watches, cluster: &Cluster, limit: Duration) -> Trouble {
    watches
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

/// Asks over the connection at hand; when that fails, once more over a new one, which also tells
/// best what is wrong.
async fn probe(cluster: &Cluster, limit: Duration) -> Result<(), Trouble> {
    if cluster.version(limit).await.is_ok() {
        return Ok(());
    }
    sleep(SECOND_LOOK).await;
    cluster.ask_anew(limit).await
}
