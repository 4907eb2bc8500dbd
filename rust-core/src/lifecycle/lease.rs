//! This core's lease: renewed as long as the database answers, and what follows when it does not.

use super::{Lifecycle, SWEEP};
use crate::store::{LEASE, StoreError};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use tokio::time::Instant;

impl Lifecycle {
    pub(super) async fn renew(&self) -> Result<(), StoreError> {
        let now = Instant::now();
        let taken = self.store.seen(&self.core_id, &self.limits).await?;
        *self.renewed() = now;
        if taken {
            self.look_at_all.store(true, Ordering::Relaxed);
            self.announce_keys().await?;
        }
        Ok(())
    }

    /// Ends the sessions of this core whenever its lease is over. By itself: what waits for the database
    /// may wait for long.
    pub(super) async fn give_up(self: Arc<Self>) {
        let mut tick = tokio::time::interval(SWEEP);
        loop {
            tick.tick().await;
            self.give_up_agents();
        }
    }

    /// Another core may have taken this one for gone by now, and what its agents hold is given to others
    /// in time: their grace time is not to begin later. They come back to a core that has the database.
    fn give_up_agents(&self) {
        if !self.store.is_shared() || self.renewed().elapsed() < LEASE {
            return;
        }
        for (agent_id, session_id) in self.registry.sessions() {
            let seconds = LEASE.as_secs();
            tracing::warn!(
                agent_id,
                "no database for {seconds} s: the agent's session is ended"
            );
            self.registry.end(&agent_id, &session_id);
        }
    }

    fn renewed(&self) -> MutexGuard<'_, Instant> {
        self.renewed
            .lock()
            .expect("nothing panics while it holds the time")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parts;
    use super::*;
    use crate::source::test_source::TestSource;

    async fn with_an_agent(shared: bool) -> (Lifecycle, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let source = TestSource::start().await.source();
        let mut parts = Parts::in_folder(folder.path(), source).await;
        if shared {
            parts.store = parts.store.among_others();
        }
        parts.registry.enter_for_tests("agent", "zone", None);
        (Lifecycle::new(parts), folder)
    }

    #[tokio::test]
    async fn a_core_that_may_have_been_taken_over_keeps_no_agents() {
        for shared in [true, false] {
            let (lifecycle, _folder) = with_an_agent(shared).await;
            let agents = || lifecycle.registry.sessions().len();
            lifecycle.renew().await.unwrap();
            lifecycle.give_up_agents();
            assert_eq!(agents(), 1);
            *lifecycle.renewed() -= LEASE;
            lifecycle.give_up_agents();
            // A file is one core's: nobody else takes it over.
            assert_eq!(agents(), usize::from(!shared));
        }
    }
}
