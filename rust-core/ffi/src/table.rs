//! The running cores by handle.
//!
//! A handle is a number that is given out once. So a stale one finds nothing, whatever the caller
//! does, and is told so. Called by `verbs`; both doors share the table.

use crate::failure::{Failure, Kind};
use crate::owner::Owner;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

struct Table {
    last: i64,
    cores: BTreeMap<i64, Arc<Owner>>,
}

static TABLE: Mutex<Table> = Mutex::new(Table {
    last: 0,
    cores: BTreeMap::new(),
});

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(|broken| broken.into_inner())
}

/// Keeps a core: its handle, above 0.
pub(crate) fn insert(owner: Owner) -> i64 {
    let mut table = table();
    table.last += 1;
    let handle = table.last;
    table.cores.insert(handle, Arc::new(owner));
    handle
}

/// The core of `handle`.
pub(crate) fn get(handle: i64) -> Result<Arc<Owner>, Failure> {
    let found = table().cores.get(&handle).cloned();
    found.ok_or_else(|| stale(handle))
}

/// Takes the core down and forgets it; one that is down already is no error.
pub(crate) fn close(handle: i64) -> Result<(), Failure> {
    let (found, known) = {
        let table = table();
        let known = (1..=table.last).contains(&handle);
        (table.cores.get(&handle).cloned(), known)
    };
    if !known {
        return Err(stale(handle));
    }
    // It stays in the table meanwhile: calls learn that it is being shut down, and another close
    // waits for this one.
    if let Some(owner) = found {
        owner.close();
        table().cores.remove(&handle);
    }
    Ok(())
}

/// Takes every core down, for the library is about to be unmapped.
pub(crate) fn close_all() {
    let handles: Vec<i64> = table().cores.keys().copied().collect();
    for handle in handles {
        // They were there a moment ago, and one that is down is no error.
        let _ = close(handle);
    }
}

fn stale(handle: i64) -> Failure {
    Failure::new(Kind::StaleHandle, format!("there is no core {handle}"))
}
