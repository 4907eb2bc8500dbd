//! Ferry's sidecar: a transparent proxy in front of Clouddriver, with Ferry's API and its hub.
//!
//! A request comes in through `server`, `door` tells where it goes: to the core (`own`), to
//! Clouddriver with a look at it (`credentials`), or to Clouddriver as it is (`forward`). `main.rs`
//! only reads the command line and calls [`run`]. Everything about accounts is the core's.

mod access;
mod admin;
mod answer;
mod body;
mod collect;
mod config;
mod connection;
mod credentials;
mod door;
pub mod failpoint;
mod forward;
mod headers;
mod log;
mod metrics;
mod own;
mod proxy;
mod reply;
mod server;
mod swagger;
mod tunnel;
mod upload;
mod upstream;

pub use config::{Settings, TABLES, help};
pub use server::run;
