//! Ferry's core: the lifecycle of accounts, their store, the agents' hub and the API.
//!
//! The facade has few verbs: [`Core::start`], [`Core::handle`], [`Core::intercept`] and
//! [`Core::shutdown`]. The sidecar calls them from Rust, the plugin through JNI; both get the same
//! behaviour.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account;
mod api;
mod asker;
pub mod config;
mod core;
mod encoding;
mod error;
pub mod failpoint;
mod hub;
mod intercept;
mod lifecycle;
mod metrics;
#[cfg(test)]
mod model_tests;
mod secret;
mod source;
mod sql;
mod store;

/// What only fuzzers reach.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::secret::{Engines, Resolver, VaultLogin, VaultSettings};
}

pub use crate::api::document as openapi;
pub use crate::core::{Core, StartError};
pub use crate::error::causes;
pub use crate::intercept::{Interception, NotJournaled, Outcome};
