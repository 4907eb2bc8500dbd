//! One account's walk, end to end, on real parts: Clouddriver's host, API servers, sidecar, agent.

#![allow(clippy::unwrap_used)]

mod adoption;
mod away;
mod configured;
mod crash;
mod dry_run;
mod failures;
mod first;
mod grants;
mod ground;
mod handshakes;
mod history;
mod keyed;
mod keys;
mod large;
mod links;
mod namespaces;
mod peers;
mod references;
mod replicas;
mod secrets;
mod statics;
mod switch;
mod tls;
mod written;
