//! The agent against cores and API servers of the tests' own, and against a real cluster. One program: its
//! tests run side by side, and are linked once.

#![allow(clippy::unwrap_used)]

mod cluster;
mod config;
mod connection;
mod kubernetes;
mod people;
mod sentences;
mod session;
mod static_accounts;
mod support;
mod turns;
