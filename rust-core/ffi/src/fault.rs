//! Faults that a test arms: the next call of a verb panics or fails, on the caller's thread or
//! inside its task.
//!
//! Only builds with debug assertions have this module; in a release build nothing of it exists.
//! Tests arm faults from Rust, or from Java through a class that only tests have.

use std::sync::Mutex;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A panic on the calling thread.
    Panic,
    /// A failure of kind INTERNAL.
    Error,
    /// A panic in the verb's task, on a thread of the core's runtime.
    TaskPanic,
    /// The verb's task blocks its thread for a minute.
    TaskHang,
}

static ARMED: Mutex<Vec<(String, Fault)>> = Mutex::new(Vec::new());

/// Arms `fault` for the next call of `verb`, such as `handle`.
pub fn arm(verb: &str, fault: Fault) {
    let mut armed = ARMED.lock().unwrap_or_else(|broken| broken.into_inner());
    armed.push((verb.to_owned(), fault));
}

/// Takes the fault that waits for `verb`, if it is one that `wanted` accepts.
pub(crate) fn take(verb: &str, wanted: fn(Fault) -> bool) -> Option<Fault> {
    let mut armed = ARMED.lock().unwrap_or_else(|broken| broken.into_inner());
    let place = armed
        .iter()
        .position(|(name, fault)| name == verb && wanted(*fault))?;
    Some(armed.remove(place).1)
}

/// Passes the beginning of a verb's task.
pub(crate) fn in_task(verb: &str) {
    match take(verb, |fault| {
        matches!(fault, Fault::TaskPanic | Fault::TaskHang)
    }) {
        Some(Fault::TaskPanic) => panic!("{verb}: a fault that was armed in its task"),
        Some(Fault::TaskHang) => std::thread::sleep(std::time::Duration::from_secs(60)),
        _ => {}
    }
}
