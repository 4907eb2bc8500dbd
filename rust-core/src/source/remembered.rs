//! The names that Clouddriver's REST API last gave each user, for a moment. `rest` alone uses it.
//! Definitions are never kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long names are remembered: as long as a person takes from one page to the next.
const MOMENT: Duration = Duration::from_secs(10);

/// Names by user, shared by all clones.
#[derive(Debug, Clone, Default)]
pub(super) struct Remembered(Arc<Mutex<ByUser>>);

type ByUser = HashMap<Option<String>, (Instant, Arc<[String]>)>;

impl Remembered {
    pub(super) fn get(&self, user: Option<&str>) -> Option<Arc<[String]>> {
        let names = self.fresh();
        names
            .get(&user.map(str::to_owned))
            .map(|(_, names)| names.clone())
    }

    pub(super) fn put(&self, user: Option<&str>, names: Arc<[String]>) {
        let seen = (Instant::now(), names);
        self.fresh().insert(user.map(str::to_owned), seen);
    }

    /// What is not yet forgotten.
    fn fresh(&self) -> std::sync::MutexGuard<'_, ByUser> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, (seen, _)| seen.elapsed() < MOMENT);
        names
    }
}
