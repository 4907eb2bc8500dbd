//! Ferry's core behind two doors: JNI for the plugin (`jni`), a C ABI for everybody else (`c`).
//!
//! Both say the same few verbs (`verbs`), and each exported function passes one guard (`guard`):
//! a panic or an error becomes a typed failure, never more than that. Handles are ids in a table
//! (`table`), never pointers. The only crate that may hold unsafe code.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod c;
mod call;
mod config;
mod failure;
#[cfg(debug_assertions)]
pub mod fault;
mod guard;
mod interceptions;
mod jni;
mod log;
mod owner;
mod place;
mod queue;
mod table;
mod thread;
mod verbs;

/// The version of both interfaces: it changes when a caller has to.
pub const ABI_VERSION: i32 = 1;
