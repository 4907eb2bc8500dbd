//! The writes to `/credentials` of one core that are under way, by id.
//!
//! `verbs` opens one before Clouddriver's repository is called, and takes it out with what became
//! of it. One that nobody ends is dropped after a while: its outcome is then unknown, and the
//! core's journal settles it against the source.

use ferry_core::Interception;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a write may take before it counts as forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// The open interceptions of a core.
pub(crate) struct Interceptions(Mutex<Open>);

struct Open {
    last: i64,
    by_id: HashMap<i64, (Instant, Interception)>,
}

impl Interceptions {
    pub(crate) fn new() -> Interceptions {
        Interceptions(Mutex::new(Open {
            last: 0,
            by_id: HashMap::new(),
        }))
    }

    /// Keeps it until it is taken: its id, above 0.
    pub(crate) fn open(&self, interception: Interception) -> i64 {
        let mut open = self.lock();
        open.by_id
            .retain(|_, (since, _)| since.elapsed() < FORGOTTEN);
        open.last += 1;
        let id = open.last;
        open.by_id.insert(id, (Instant::now(), interception));
        id
    }

    /// `Ok(None)`: it was taken before, or forgotten. `Err`: there never was such a one.
    pub(crate) fn take(&self, id: i64) -> Result<Option<Interception>, ()> {
        let mut open = self.lock();
        if id < 0 || id > open.last {
            return Err(());
        }
        Ok(open.by_id.remove(&id).map(|(_, interception)| interception))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(|b| b.into_inner())
    }
}
