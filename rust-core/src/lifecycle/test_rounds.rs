//! The engine's rounds one by one, for tests that turn them by hand: no task runs, so one history of
//! events is always the same.

pub(crate) use super::scan::Memory;
use super::{Lifecycle, TOGETHER};
use crate::hub::AgentEvent;
use crate::store::StoreError;
use futures_util::FutureExt;

impl Lifecycle {
    /// All that the tasks do every second but to take accounts further.
    pub(crate) async fn round(&self) -> Result<(), StoreError> {
        self.renew().await?;
        self.compare_sessions().await?;
        self.sweep().await?;
        self.send_for_peers().await?;
        self.evict().await
    }

    /// Sends what another core left to be sent to agents of this one.
    pub(crate) async fn send_what_was_left(&self) {
        self.send_for_peers().await.unwrap();
    }

    /// Takes every account further that waits for it; `false`: none did.
    pub(crate) async fn take_steps(&self) -> bool {
        let mut moved = false;
        while let Some(names) = self.queue.next(TOGETHER).now_or_never() {
            let waiting = self.reconcile_each(names).await;
            assert!(waiting.is_empty(), "no further: {waiting:?}");
            moved = true;
        }
        moved
    }

    /// Hears what agents say, as much as waits.
    pub(crate) async fn hear(&self, events: Vec<AgentEvent>) {
        self.heard(events.into_iter()).await;
    }

    /// One scan, if the rules have any.
    pub(crate) async fn scan_by_hand(&self, memory: &mut Memory) {
        if self.rules.enabled {
            self.scan_in_turn(memory).await;
        }
    }
}
