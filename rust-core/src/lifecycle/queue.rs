//! The names of accounts whose next step is to be looked for, each once however often it is added.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;
use tokio::sync::Notify;

/// Never longer than there are accounts.
#[derive(Debug, Default)]
pub(super) struct Queue {
    names: Mutex<Names>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Names {
    order: VecDeque<String>,
    waiting: HashSet<String>,
}

impl Queue {
    pub(super) fn add(&self, names: impl IntoIterator<Item = String>) {
        let mut queue = self
            .names
            .lock()
            .expect("nothing panics while it holds the queue");
        for name in names {
            if queue.waiting.insert(name.clone()) {
                queue.order.push_back(name);
                self.added.notify_one();
            }
        }
    }

    /// Waits for a name; answers as many as there are, at most `limit`.
    pub(super) async fn next(&self, limit: usize) -> Vec<String> {
        loop {
            let added = self.added.notified();
            let names = self.take(limit);
            if !names.is_empty() {
                return names;
            }
            added.await;
        }
    }

    fn take(&self, limit: usize) -> Vec<String> {
        let mut queue = self
            .names
            .lock()
            .expect("nothing panics while it holds the queue");
        let count = limit.min(queue.order.len());
        let names: Vec<String> = queue.order.drain(..count).collect();
        for name in &names {
            queue.waiting.remove(name);
        }
        if !queue.order.is_empty() {
            self.added.notify_one();
        }
        names
    }
}
