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

    /// Waits for a name.
    pub(super) async fn next(&self) -> String {
        loop {
            let added = self.added.notified();
            if let Some(name) = self.take() {
                return name;
            }
            added.await;
        }
    }

    fn take(&self) -> Option<String> {
        let mut queue = self
            .names
            .lock()
            .expect("nothing panics while it holds the queue");
        let name = queue.order.pop_front()?;
        queue.waiting.remove(&name);
        if !queue.order.is_empty() {
            self.added.notify_one();
        }
        Some(name)
    }
}
