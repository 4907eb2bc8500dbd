//! Ferry's core: the lifecycle of accounts, their store, the agents' hub and the API.
//!
//! The facade has few verbs: [`Core::start`], [`Core::handle`], [`Core::intercept`] and
//! [`Core::shutdown`]. The sidecar calls them from Rust, the plugin through JNI; both get the same
//! behaviour.

pub mod config;

use bytes::Bytes;
use config::Config;
use http::{HeaderMap, Method, Request, Response, StatusCode};

/// A running core.
pub struct Core;

/// Why a core did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl Core {
    /// Opens the store, settles what an earlier core left open, and listens for agents.
    pub async fn start(_config: Config) -> Result<Core, StartError> {
        Ok(Core)
    }

    /// Answers a request to `/armory/**` or `/agents/**`.
    pub async fn handle(&self, _request: Request<Bytes>) -> Response<Bytes> {
        Response::new(Bytes::new())
    }

    /// Looks at a write to `/credentials` before it is forwarded and journals what it intends.
    /// `None`: it cannot concern an account. Never fails: without a journal the request goes on.
    pub async fn intercept(
        &self,
        _method: &Method,
        _path: &str,
        _headers: &HeaderMap,
        _body: &Bytes,
    ) -> Option<Interception> {
        None
    }

    /// All metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        String::new()
    }

    /// `Err` with the reason when the core cannot serve now, such as a database that is away.
    pub async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Ends agents' sessions and every task, within a few seconds.
    pub async fn shutdown(self) {}
}

/// A write to `/credentials` that was journaled and waits for Clouddriver's word. Dropped without
/// [`Interception::settle`] it counts as [`Outcome::Unknown`].
pub struct Interception;

impl Interception {
    /// Makes of the write what Clouddriver made of it. Returns within two seconds: what takes
    /// longer goes on in the background.
    pub async fn settle(self, _outcome: Outcome) {}
}

/// What became of a write to `/credentials`.
pub enum Outcome {
    /// Clouddriver answered with this status.
    Answered(StatusCode),
    /// It is not known whether Clouddriver took it: the connection broke, or it was too slow.
    Unknown,
}
