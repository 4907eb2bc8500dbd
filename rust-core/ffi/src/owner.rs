//! A core, its runtime, and the thread that owns both.
//!
//! `table` keeps one per handle, `verbs` calls it. The thread starts the core, spawns each call's
//! task on the runtime, and at the end takes all of it down within a bound, also when something
//! hangs. Callers only queue a task and wait for its answer.

use crate::call::{Answer, Promise, call};
use crate::config::Settings;
use crate::failure::{Failure, Kind};
use crate::interceptions::Interceptions;
use crate::queue::Queue;
use crate::thread::{Thread, await_gone, keep_library, name_of_workers};
use ferry_core::Core;
use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Within this a core is down, whatever hangs.
const BOUND: Duration = Duration::from_secs(10);
/// How long calls in flight may go on.
const DRAIN: Duration = Duration::from_secs(2);
/// When the core's own shutdown is given up, so that the runtime's has some time left.
const GIVE_UP: Duration = Duration::from_secs(8);
/// When the runtime's is.
const LAST: Duration = Duration::from_millis(9_500);

/// What calls work on.
pub(crate) struct Inside {
    pub(crate) core: Core,
    pub(crate) interceptions: Interceptions,
}

type Job = Box<dyn FnOnce(Arc<Inside>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A core and its thread.
pub(crate) struct Owner {
    jobs: Arc<Queue<Job>>,
    /// `None` once it is down.
    thread: Mutex<Option<(Thread, Answer<()>)>>,
    ended: AtomicBool,
}

impl Owner {
    /// Starts a core.
    pub(crate) fn start(settings: Settings) -> Result<Owner, Failure> {
        let jobs = Arc::new(Queue::new());
        let (started, begun) = call();
        let (finished, end) = call();
        let own = jobs.clone();
        let thread = Thread::spawn(move || {
            if let Some(life) = Life::begin(settings, started) {
                life.serve(&own);
                finished.keep(life.end());
            }
        });
        let thread = thread.map_err(|error| {
            Failure::new(Kind::Internal, format!("no thread can be made: {error}"))
        })?;
        match begun.wait(&AtomicBool::new(false)) {
            Ok(()) => Ok(Owner {
                jobs,
                thread: Mutex::new(Some((thread, end))),
                ended: AtomicBool::new(false),
            }),
            Err(failure) => {
                thread.join();
                Err(failure)
            }
        }
    }

    /// Does `work` on the core's runtime while the caller's thread waits.
    pub(crate) fn call<T, F, W>(&self, verb: &'static str, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inside>) -> W + Send + 'static,
        W: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let (promise, answer) = call();
        self.jobs.push(Box::new(move |inside| {
            Box::pin(async move {
                let task = async move {
                    pass(verb);
                    work(inside).await
                };
                let done = AssertUnwindSafe(task).catch_unwind().await;
                promise.keep(done.unwrap_or_else(|panic| Err(Failure::panic(panic.as_ref()))));
            })
        }));
        answer.wait(&self.ended)
    }

    /// Takes the core down, within ten seconds; whoever calls it again waits for the first.
    pub(crate) fn close(&self) {
        self.jobs.close();
        let mut thread = self.thread.lock().unwrap_or_else(|b| b.into_inner());
        let Some((thread, end)) = thread.take() else {
            return;
        };
        match end.wait_for(BOUND) {
            Some(Ok(())) => thread.join(),
            Some(Err(_)) => {
                keep_library();
                thread.join();
            }
            None => {
                keep_library();
                thread.detach();
            }
        }
        self.ended.store(true, Ordering::Release);
    }
}

#[cfg(debug_assertions)]
use crate::fault::in_task as pass;

#[cfg(not(debug_assertions))]
fn pass(_verb: &str) {}

/// What the thread holds.
struct Life {
    /// The workers'.
    name: String,
    runtime: Runtime,
    inside: Arc<Inside>,
    threads: Arc<AtomicUsize>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Life {
    /// Starts runtime and core; what does not start leaves nothing behind.
    fn begin(settings: Settings, started: Promise<()>) -> Option<Life> {
        crate::log::start(settings.log);
        let threads = Arc::new(AtomicUsize::new(0));
        let name = name_of_workers();
        let runtime = match runtime(&name, &threads) {
            Ok(runtime) => runtime,
            Err(error) => {
                let message = format!("no runtime can be made: {error}");
                started.keep(Err(Failure::new(Kind::Internal, message)));
                return None;
            }
        };
        for key in &settings.unused {
            tracing::warn!("known, not used here: {key}");
        }
        // On a thread of the runtime: what it makes is named after it.
        let handle = runtime.handle().clone();
        let core = runtime.spawn_blocking(move || {
            pass("start");
            handle.block_on(Core::start(settings.core))
        });
        let core = match runtime.block_on(core) {
            Ok(core) => core.map_err(Failure::from),
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => Err(Failure::panic(panic.as_ref())),
                Err(_) => Err(Failure::shutdown()),
            },
        };
        match core {
            Ok(core) => {
                tracing::info!(agents = %core.grpc_address(), "the core runs");
                started.keep(Ok(()));
                Some(Life {
                    name,
                    runtime,
                    inside: Arc::new(Inside {
                        core,
                        interceptions: Interceptions::new(),
                    }),
                    threads,
                    tasks: TaskTracker::new(),
                    stop: CancellationToken::new(),
                })
            }
            Err(failure) => {
                runtime.shutdown_timeout(DRAIN);
                await_gone(&name, DRAIN / 4);
                started.keep(Err(failure));
                None
            }
        }
    }

    fn serve(&self, jobs: &Queue<Job>) {
        while let Some(job) = jobs.pop() {
            let job = self
                .stop
                .clone()
                .run_until_cancelled_owned(job(self.inside.clone()));
            self.runtime.spawn(self.tasks.track_future(job));
        }
    }

    /// An error: a thread hangs and goes on after the bound.
    fn end(self) -> Result<(), Failure> {
        let began = Instant::now();
        let left = |end: Duration| end.saturating_sub(began.elapsed());
        let Life { tasks, stop, .. } = self;
        // On a worker: whatever blocks there does not block this thread.
        let down = self.runtime.spawn(async move {
            tasks.close();
            if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
                tracing::warn!("calls in flight are given up");
                stop.cancel();
                let _ = tokio::time::timeout(DRAIN / 4, tasks.wait()).await;
            }
            match Arc::into_inner(self.inside) {
                Some(Inside { core, .. }) => core.shutdown().await,
                None => tracing::error!("a call hangs: the core is taken down under it"),
            }
        });
        let down = async { tokio::time::timeout(left(GIVE_UP), down).await };
        if self.runtime.block_on(down).is_err() {
            tracing::error!("the core did not come down by itself");
        }
        self.runtime.shutdown_timeout(left(LAST));
        let gone = await_gone(&self.name, left(LAST).min(DRAIN / 4));
        match self.threads.load(Ordering::Acquire) {
            0 if gone => Ok(()),
            threads => {
                tracing::error!(threads, "threads hang: this library stays in memory");
                Err(Failure::new(Kind::Internal, "threads hang"))
            }
        }
    }
}

fn runtime(name: &str, threads: &Arc<AtomicUsize>) -> std::io::Result<Runtime> {
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    let (born, gone) = (threads.clone(), threads.clone());
    Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name(name)
        .on_thread_start(move || {
            born.fetch_add(1, Ordering::AcqRel);
        })
        .on_thread_stop(move || {
            gone.fetch_sub(1, Ordering::AcqRel);
        })
        .enable_all()
        .build()
}
