//! The one guard that every exported function of both doors passes.
//!
//! It catches panics and turns them into failures; what then becomes of a failure is the door's:
//! an exception in `jni::throw`, a code and a message in `c::result`.

use crate::failure::Failure;
use crate::thread::keep_library;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of the exported function `verb`.
// Nothing that a body shares is left half-changed by a panic: tables recover from poisoning, and
// a call's own parts are dropped.
pub(crate) fn run<T>(
    verb: &'static str,
    body: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        armed(verb)?;
        body()
    }));
    caught.unwrap_or_else(|payload| {
        // The panic's message left a destructor with the caller's thread: see `thread`.
        keep_library();
        let failure = Failure::panic(payload.as_ref());
        // A payload may panic while it is dropped.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        Err(failure)
    })
}

#[cfg(debug_assertions)]
fn armed(verb: &str) -> Result<(), Failure> {
    use crate::failure::Kind;
    use crate::fault::{Fault, take};
    match take(verb, |fault| matches!(fault, Fault::Panic | Fault::Error)) {
        Some(Fault::Panic) => panic!("{verb}: a fault that was armed"),
        Some(_) => Err(Failure::new(
            Kind::Internal,
            format!("{verb}: a fault that was armed"),
        )),
        None => Ok(()),
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
fn armed(_verb: &str) -> Result<(), Failure> {
    Ok(())
}
