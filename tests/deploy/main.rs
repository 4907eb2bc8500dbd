//! The manifests of `deploy/` on a real API server: what it accepts, what the agent's account may do
//! there, and the programs with the configuration that they get in their pods.

#![allow(clippy::unwrap_used)]

mod agent;
mod manifests;
mod server;
mod sidecar;
