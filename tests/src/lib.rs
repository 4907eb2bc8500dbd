//! The real parts that the suites and the demo run on, each a process: API servers, Clouddriver,
//! databases, the two doors of Ferry, the agent. What is started here ends when its value is dropped.

#![allow(clippy::unwrap_used)]

pub mod agent;
pub mod armory;
pub mod clouddriver;
pub mod cluster;
pub mod crowd;
pub mod database;
pub mod door;
pub mod ferry;
pub mod http;
pub mod place;
pub mod plugin;
pub mod process;
mod reaper;
pub mod relay;
pub mod sidecar;
pub mod vault;
pub mod wait;

pub use agent::Agent;
pub use clouddriver::Clouddriver;
pub use cluster::Cluster;
pub use database::{Database, Schema};
pub use door::Door;
pub use ferry::Ferry;
pub use http::Answer;
pub use plugin::Plugin;
pub use process::Process;
pub use relay::Relay;
pub use sidecar::Sidecar;
pub use vault::Vault;
