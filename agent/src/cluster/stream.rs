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
        // From kube's Init on, which it says before it asks for the list.
        let mut listing = false;
        let mut failed = false;
        let mut waits = RETRY.waits();
        loop {
            if listing && place.is_none() {
                place = self.lists.acquire().await.ok();
            }
            let event = if failed && !listing {
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
                    listing = matches!(event, Event::Init | Event::InitApply(_));
                    self.take(event, &mut listed);
                    if done {
                        place = None;
                    }
                    if done || (failed && !listing) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::pending;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use http::{Request, Response};
    use kube::client::Body;
    use kube::discovery::ApiResource;
    use tower::BoxError;

    use super::*;

    const LIST: &str = r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"9"},"items":[]}"#;
    const EXPIRED: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}}"#;

    /// An API server whose first watch has expired. Counts the lists that it gives.
    fn server(lists: Arc<AtomicU32>) -> kube::Client {
        let expired = AtomicBool::new(false);
        let answer = move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default();
            let body = if !query.contains("watch=true") {
                lists.fetch_add(1, Ordering::SeqCst);
                Some(LIST)
            } else if !expired.swap(true, Ordering::SeqCst) {
                Some(EXPIRED)
            } else {
                None
            };
            async move {
                match body {
                    Some(body) => Ok::<_, BoxError>(Response::new(format!("{body}\n"))),
                    None => pending().await,
                }
            }
        };
        kube::Client::new(tower::service_fn(answer), "default")
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_anew_waits_for_its_place_and_before_its_end_nothing_is_well() {
        let lists = Arc::new(AtomicU32::new(0));
        let places = Arc::new(Semaphore::new(1));
        let (signals, mut told) = mpsc::channel(8);
        let pods = ApiResource {
            group: String::new(),
            version: "v1".into(),
            api_version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
        };
        let watch = Watch {
            index: 0,
            api: Api::all_with(server(lists.clone()), &pods),
            server: "https://a".into(),
            kind: "Pod".into(),
            namespace: None,
            objects: Arc::default(),
            lists: places.clone(),
            signals,
        };
        let looking = async {
            assert!(matches!(told.recv().await, Some(Signal::Well(_))));
            assert!(matches!(told.recv().await, Some(Signal::Failed(..))));
            let place = places.try_acquire().unwrap();
            sleep(Duration::from_secs(60)).await;
            assert!(told.try_recv().is_err(), "nothing is known yet");
            assert_eq!(lists.load(Ordering::SeqCst), 1);
            drop(place);
            assert!(matches!(told.recv().await, Some(Signal::Well(_))));
            assert_eq!(lists.load(Ordering::SeqCst), 2);
        };
        tokio::select! {
            () = looking => {}
            () = watch.run() => unreachable!("watches never end by themselves"),
        }
    }
}
