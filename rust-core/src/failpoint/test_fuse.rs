//! Failpoints of tests that let a core die within their own process: once the fuse of a thread is
//! burnt, whatever of the core passes a point there unwinds, as if the process were gone. It needs a
//! runtime of one thread.

use std::cell::Cell;

/// What unwinding bears.
#[derive(Debug)]
pub(crate) struct Died;

thread_local! {
    /// How many points are still passed; none: no end.
    static FUSE: Cell<Option<u32>> = const { Cell::new(None) };
}

/// From now on so many points are passed, and then none.
pub(crate) fn light(points: u32) {
    FUSE.set(Some(points));
}

/// Every point is passed again.
pub(crate) fn put_out() {
    FUSE.set(None);
}

/// Whether the core is dead.
pub(crate) fn is_burnt() -> bool {
    FUSE.get() == Some(0)
}

pub(crate) fn hit(name: &str) {
    ferry_failpoint::hit(name);
    let Some(left) = FUSE.get() else { return };
    let left = left.saturating_sub(1);
    FUSE.set(Some(left));
    if left == 0 {
        // Without a word from the panic hook.
        std::panic::resume_unwind(Box::new(Died));
    }
}
