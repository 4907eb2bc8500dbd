//! What a POST, PUT or DELETE of `/credentials` means for us. Before it is forwarded an intent is
//! journaled; Clouddriver's answer settles it. Whatever was not settled, because a process died or
//! a connection broke, is settled against the source by [`Interceptor::run`].
//!
//! The doors call [`Interceptor::begin`] and [`Interception::settle`]. Nothing here ever fails a
//! client's request, unless it is to be refused when it cannot be journaled.

mod settle;
mod taken;
mod text;
mod write;

use crate::asker;
use crate::error::causes;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::source::Source;
use crate::store::{Actor, Intent, Store};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client waits at most for its write to be journaled, and for it to be recorded, which then
/// goes on in the background.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often open intents are looked at.
const RETRY: Duration = Duration::from_secs(2);

/// What became of a write to `/credentials`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Clouddriver answered with this status.
    Answered(StatusCode),
    /// It is not known whether Clouddriver took it: the connection broke, or it was too slow.
    Unknown,
}

/// The interceptor of one core.
pub struct Interceptor {
    store: Store,
    source: Source,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<Metrics>,
    activate: bool,
    strict: bool,
    /// Intents of writes that this process has under way.
    under_way: Mutex<BTreeSet<String>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A write that must not go on: `interceptor.strict` lets none pass unrecorded.
#[derive(Debug, thiserror::Error)]
pub enum NotJournaled {
    /// The journal cannot be written now.
    #[error(
        "nothing was done: Ferry cannot record this write, and \
         kubesvc.dynamicAccounts.interceptor.strict lets none pass unrecorded; send it again later \
         ({0}; see Ferry's log)"
    )]
    Now(String),
    /// Such a write is never recorded; why.
    #[error(
        "nothing was done: Ferry cannot record this write, and \
         kubesvc.dynamicAccounts.interceptor.strict lets none pass unrecorded: {0}"
    )]
    Ever(String),
}

/// A write that is under way. Dropped without [`Interception::settle`] its outcome is unknown.
pub struct Interception {
    interceptor: Arc<Interceptor>,
    write: Begun,
}

/// What is known of a write that is under way.
enum Begun {
    Intent {
        intent: Intent,
        under_way: UnderWay,
    },
    /// Clouddriver may take it, and it cannot be recorded.
    Unrecordable {
        method: Method,
        why: String,
    },
}

/// While it is there, nobody but the process that has the write under way settles its intent.
struct UnderWay(Arc<Interceptor>, String);

impl UnderWay {
    fn of(interceptor: &Arc<Interceptor>, intent: &Intent) -> UnderWay {
        let id = intent.id.clone();
        interceptor.under_way().insert(id.clone());
        UnderWay(interceptor.clone(), id)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way().remove(&self.1);
    }
}

impl Interceptor {
    /// An interceptor on these parts. `activate`: accounts it adopts go on to ACTIVE. `strict`: a
    /// write that cannot be journaled is refused.
    pub fn new(
        store: Store,
        source: Source,
        lifecycle: Arc<Lifecycle>,
        metrics: Arc<Metrics>,
        activate: bool,
        strict: bool,
    ) -> Arc<Interceptor> {
        Arc::new(Interceptor {
            store,
            source,
            lifecycle,
            metrics,
            activate,
            strict,
            under_way: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Whether a write that cannot be journaled is refused.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Starts to settle what is left open, now and from time to time.
    pub fn run(self: &Arc<Self>) {
        let settle = self.clone().settle_open();
        self.tasks
            .spawn(self.stop.clone().run_until_cancelled_owned(settle));
    }

    /// Stops and joins the tasks. Intents that are still open are settled at the next start.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("writes to /credentials are still being recorded: the next start does");
        }
    }

    /// Looks at a request before it is forwarded and journals what it intends. `None`: it is no
    /// write of an account. `Err`: it is not to be forwarded.
    pub async fn begin(
        self: &Arc<Self>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Option<Interception>, NotJournaled> {
        let write = match write::read(method, path, headers, body) {
            Ok(Some(write)) => write,
            Ok(None) => return Ok(None),
            Err(why) => return self.unrecordable(method, why.to_string()).map(Some),
        };
        let (name, user) = ([write.account.as_str()], asker::user(headers));
        let user = user.as_deref();
        let find = async {
            match *method == Method::DELETE {
                true => self.lifecycle.stored_at_clouddriver(&name, user).await,
                false => self.lifecycle.at_clouddriver(&name, user).await,
            }
        };
        let existed = match tokio::time::timeout(PATIENCE, find).await {
            Ok(Ok(found)) => Some(!found.is_empty()),
            Ok(Err(error)) => {
                let error = causes(&error);
                tracing::warn!(
                    account = write.account,
                    error,
                    "not known whether it is new"
                );
                None
            }
            Err(_) => {
                tracing::warn!(
                    account = write.account,
                    "the source is slow: not known whether it is new"
                );
                None
            }
        };
        let mut intent = Intent {
            id: ulid::Ulid::new().to_string(),
            method: method.to_string(),
            account: write.account,
            body_fields: write.fields,
            // Without randomness it is known again by nothing: what the source says decides.
            body_sha256: self
                .lifecycle
                .fingerprint(&write.canonical)
                .unwrap_or_default(),
            definition: (write.definition.as_ref())
                .and_then(|definition| self.lifecycle.to_write_down(definition)),
            existed,
            accepted: false,
            who: asker::who(headers),
            request_id: asker::request_id(headers),
            opened_at: 0,
        };
        let under_way = UnderWay::of(self, &intent);
        self.journal(&mut intent).await?;
        Ok(Some(Interception {
            interceptor: self.clone(),
            write: Begun::Intent { intent, under_way },
        }))
    }

    /// Where it is not heard that it is in the journal it may be there all the same.
    async fn journal(&self, intent: &mut Intent) -> Result<(), NotJournaled> {
        let opened = tokio::time::timeout(PATIENCE, self.store.open_intent(intent)).await;
        let (reason, causes) = match opened {
            Ok(Ok(opened_at)) => {
                intent.opened_at = opened_at;
                return Ok(());
            }
            Ok(Err(error)) => (error.to_string(), causes(&error)),
            Err(_) => {
                let slow = format!("the database gave no answer in {} s", PATIENCE.as_secs());
                (slow.clone(), slow)
            }
        };
        self.metrics.unjournaled();
        let (account, method, error) = (&intent.account, &intent.method, causes);
        if self.strict {
            tracing::error!(account, method, error, "a write is refused");
            return Err(NotJournaled::Now(reason));
        }
        tracing::error!(
            account,
            method,
            error,
            "NOT JOURNALED: if this process dies now, POST /armory/accounts of this account by hand; \
             the request goes on"
        );
        Ok(())
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn unrecordable(
        self: &Arc<Self>,
        method: &Method,
        why: String,
    ) -> Result<Interception, NotJournaled> {
        if self.strict {
            self.metrics.unjournaled();
            tracing::error!(%method, why, "a write is refused");
            return Err(NotJournaled::Ever(why));
        }
        let method = method.clone();
        Ok(Interception {
            interceptor: self.clone(),
            write: Begun::Unrecordable { method, why },
        })
    }

    fn passed_unrecorded(&self, method: &Method, why: &str, outcome: Outcome) {
        let refused = matches!(outcome, Outcome::Answered(status) if !status.is_success());
        if !refused {
            self.metrics.unjournaled();
            tracing::warn!(%method, why, ?outcome, "Ferry does not take over an account");
        }
    }
}

impl Interception {
    /// Makes of the write what Clouddriver made of it. Returns within two seconds: what takes
    /// longer goes on in the background.
    pub async fn settle(self, outcome: Outcome) {
        let Interception { interceptor, write } = self;
        let (intent, under_way) = match write {
            Begun::Intent { intent, under_way } => (intent, under_way),
            Begun::Unrecordable { method, why } => {
                return interceptor.passed_unrecorded(&method, &why, outcome);
            }
        };
        let tasks = interceptor.tasks.clone();
        let settled = tasks.spawn(async move {
            interceptor.settle(intent, outcome).await;
            drop(under_way);
        });
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "settling a write ended early"),
            Err(_) => tracing::warn!("a write to /credentials is recorded in the background"),
        }
    }
}

fn actor(intent: &Intent) -> Actor {
    Actor {
        who: intent.who.clone(),
        request_id: intent.request_id.clone(),
        claim: None,
    }
}

#[cfg(test)]
mod tests;
