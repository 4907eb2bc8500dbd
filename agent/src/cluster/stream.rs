//! One watch: one kind in one scope, listed and followed into a table, for ever.
//!
//! `watch` makes and runs them. kube's watcher resumes and relists by itself; here are the waits
//! between its attempts, and the signals that tell how it fares.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::Cluster;
use super::kinds::Kind;
use super::objects::{Listed, Objects};
use super::trouble::{of_request, said};
use crate::backoff::Backoff;
use crate::cause::Trouble;

/// Waits between the attempts of one watch.
const RETRY: Backoff = Backoff {
    base: Duration::from_secs(1),
    multiplier: 2.0,
    jitter: 0.3,
    max: Duration::from_secs(60),
};
/// How long a kind that is forbidden or gone is left alone.
const RETRY_FORBIDDEN: Duration = Duration::from_secs(300);
/// A resumed watch of a quiet kind says nothing: without an error for this long it is well.
const QUIET: Duration = Duration::from_secs(30);

/// How a watch, by its index, has begun to fare.
pub(super) enum Signal {
    Well(usize),
    Failed(usize, Trouble),
}

type Meta = PartialObjectMeta<DynamicObject>;

pub(super) fn api(
    cluster: &Cluster,
    index: usize,
    kind: &Kind,
    namespace: Option<&str>,
) -> Api<Meta> {
    let client = cluster.clients.of_watch(index);
    match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &kind.resource),
        None => Api::all_with(client, &kind.resource),
    }
}

/// One watch: a kind in one scope.
pub(super) struct Watch {
    pub(super) index: usize,
    pub(super) api: Api<Meta>,
    pub(super) server: String,
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) objects: Arc<Objects>,
    pub(super) lists: Arc<Semaphore>,
    pub(super) signals: mpsc::Sender<Signal>,
}

impl Watch {
    /// Watches on and on; it never ends by itself.
    pub(super) async fn run(self) {
        let mut events = std::pin::pin!(watcher::watcher(
            self.api.clone(),
            watcher::Config::default()
        ));
        let mut listed = Listed::default();
        let mut place = None;
        let mut first = true;
        let mut failed = false;
        let mut waits = RETRY.waits();
        loop {
            if first && place.is_none() {
                place = self.lists.acquire().await.ok();
            }
            let event = if failed && !first {
                timeout(QUIET, events.next()).await
            } else {
                Ok(events.next().await)
            };
            let Ok(event) = event else {
                failed = false;
                waits.reset();
                self.tell(Signal::Well(self.index)).await;
                continue;
            };
            let event = event.expect("kube's watcher never ends");
            match event {
                Ok(event) => {
                    let done = matches!(event, Event::InitDone);
                    self.take(event, &mut listed);
                    if done {
                        first = false;
                        place = None;
                    }
                    if done || (failed && !first) {
                        failed = false;
                        waits.reset();
                        self.tell(Signal::Well(self.index)).await;
                    }
                }
                Err(error) => {
                    place = None;
                    failed = true;
                    let (trouble, gone) = self.trouble(&error);
                    self.tell(Signal::Failed(self.index, trouble)).await;
                    sleep(if gone { RETRY_FORBIDDEN } else { waits.grow() }).await;
                }
            }
        }
    }

    fn take(&self, event: Event<Meta>, listed: &mut Listed) {
        match event {
            Event::Init => *listed = Listed::default(),
            Event::InitApply(object) => listed.put(&object.metadata),
            Event::InitDone => {
                let listed = std::mem::take(listed);
                self.objects.replace(self.namespace.as_deref(), listed);
            }
            Event::Apply(object) => self.objects.put(&object.metadata),
            Event::Delete(object) => self.objects.remove(&object.metadata),
        }
    }

    async fn tell(&self, signal: Signal) {
        // The receiver lives in the same task; it is gone only when this is dropped too.
        self.signals.send(signal).await.ok();
    }

    /// What went wrong, and whether it is for this kind to stay so for a while.
    fn trouble(&self, error: &watcher::Error) -> (Trouble, bool) {
        use watcher::Error as E;
        let what = "a list or watch";
        let server = self.server.clone();
        match error {
            E::InitialListFailed(error) | E::WatchStartFailed(error) | E::WatchFailed(error) => {
                let code = match error {
                    kube::Error::Api(status) => status.code,
                    _ => 0,
                };
                let trouble = of_request(error, &self.server, what);
                let gone = matches!(code, 403..=405);
                if gone {
                    info!(server, kind = self.kind, "kind left out: {trouble}");
                } else {
                    debug!(server, kind = self.kind, "watch failed: {trouble}");
                }
                (trouble, gone)
            }
            E::WatchError(status) if status.code == 403 => (
                Trouble::Forbidden {
                    server,
                    what,
                    said: said(&status.message),
                },
                true,
            ),
            E::WatchError(status) => (
                Trouble::ServerError {
                    server,
                    what,
                    code: status.code,
                },
                false,
            ),
            E::NoResourceVersion => (
                Trouble::NotKubernetes {
                    server,
                    what: "no resourceVersion".into(),
                },
                true,
            ),
        }
    }
}
