//! The contract, as one suite for both doors: every case runs unchanged against the sidecar and
//! against the plugin in Clouddriver's JVM, on each database that the door can have.

#![allow(clippy::unwrap_used)]

mod ground;
mod walk;
