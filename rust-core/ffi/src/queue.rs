//! The calls that wait for their core's thread.
//!
//! Callers push from any thread of the JVM, the core's thread pops. A mutex and a condition
//! variable, for a caller's thread may keep nothing of this library: see `thread`.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

/// A queue that can be closed.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<T>,
    open: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                open: true,
            }),
            changed: Condvar::new(),
        }
    }

    /// Whether it was taken: a closed queue takes nothing, and drops it.
    pub(crate) fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        if state.open {
            state.waiting.push_back(item);
            self.changed.notify_one();
        }
        state.open
    }

    /// The next one; `None` once it is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.waiting.pop_front() {
                return Some(item);
            }
            if !state.open {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(|broken| broken.into_inner());
        }
    }

    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(|b| b.into_inner())
    }
}
