//! One call that waits for its task: the caller's half and the task's half.
//!
//! The caller blocks on a condition variable and on nothing that keeps a destructor for the
//! caller's thread: see `thread` for why. A task that is dropped unfinished answers SHUTDOWN.

use crate::failure::Failure;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How often a waiting caller looks whether its core ended without an answer.
const LOOK: Duration = Duration::from_millis(500);

struct Shared<T> {
    answer: Mutex<Option<Result<T, Failure>>>,
    answered: Condvar,
}

/// The caller's half.
pub(crate) struct Answer<T>(Arc<Shared<T>>);

/// The task's half.
pub(crate) struct Promise<T>(Option<Arc<Shared<T>>>);

/// Both halves of a call.
pub(crate) fn call<T>() -> (Promise<T>, Answer<T>) {
    let shared = Arc::new(Shared {
        answer: Mutex::new(None),
        answered: Condvar::new(),
    });
    (Promise(Some(shared.clone())), Answer(shared))
}

impl<T> Promise<T> {
    pub(crate) fn keep(mut self, answer: Result<T, Failure>) {
        if let Some(shared) = self.0.take() {
            shared.answer(answer);
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.answer(Err(Failure::shutdown()));
        }
    }
}

impl<T> Shared<T> {
    fn answer(&self, answer: Result<T, Failure>) {
        let mut place = self.answer.lock().unwrap_or_else(|b| b.into_inner());
        *place = Some(answer);
        self.answered.notify_one();
    }
}

impl<T> Answer<T> {
    /// Blocks until the task answers, or the core has ended without it.
    pub(crate) fn wait(self, ended: &AtomicBool) -> Result<T, Failure> {
        loop {
            if let Some(answer) = self.wait_for(LOOK) {
                return answer;
            }
            if ended.load(Ordering::Acquire) {
                return self.wait_for(Duration::ZERO).unwrap_or_else(|| {
                    let message = "the core was shut down while this call hung";
                    Err(Failure::new(crate::failure::Kind::Shutdown, message))
                });
            }
        }
    }

    /// Blocks for so long at most.
    pub(crate) fn wait_for(&self, time: Duration) -> Option<Result<T, Failure>> {
        let end = Instant::now() + time;
        let mut place = self.0.answer.lock().unwrap_or_else(|b| b.into_inner());
        loop {
            if let Some(answer) = place.take() {
                return Some(answer);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.0.answered.wait_timeout(place, left);
            place = waited.unwrap_or_else(|broken| broken.into_inner()).0;
        }
    }
}
