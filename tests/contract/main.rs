//! The contract, as one suite for both doors: every case runs unchanged against the sidecar and
//! against the plugin in Clouddriver's JVM, on each database that the door can have.
//!
//! What is documented of requests and answers lies in `golden/`, one file per case for all places.

#![allow(clippy::unwrap_used)]

mod activating;
mod agents;
mod bodies;
mod configured;
mod credentials;
mod deleting;
mod document;
mod dynamic;
mod every;
mod ground;
mod intercepting;
mod interceptor;
mod keys;
mod many;
mod migrating;
mod reading;
mod refusing;
mod talk;
mod walk;
mod why;
