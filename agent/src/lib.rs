//! Ferry's agent: watches Kubernetes clusters from near them, and tells the core how they are.
//!
//! The way in is [`run`]: it keeps one session with the core (`session`), holds the accounts that
//! the core sends and those of its own configuration (`accounts`), connects to their clusters as
//! their kubeconfigs say (`kubeconfig`, `cluster`), and answers people and probes (`admin`). It
//! keeps nothing on disk, and never changes anything in a cluster.

pub mod accounts;
mod admin;
pub mod backoff;
pub mod cause;
pub mod cluster;
pub mod config;
pub mod dial;
pub mod failpoint;
pub mod kubeconfig;
pub mod link;
pub mod logging;
mod metrics;
mod presence;
mod register;
mod reload;
mod serve;
pub mod session;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use accounts::Accounts;
use admin::Admin;
use cause::chain;
use config::Config;
use ferry_reference::Resolver;
use ferry_tls::Acceptor;
use link::Link;
use metrics::Metrics;
use presence::Presence;
use reload::Reload;
use serve::serve;
use session::Session;

/// How long the end may take before it is not waited for any more.
const DRAIN: Duration = Duration::from_secs(3);

/// Why the agent could not start.
#[derive(Debug, Error)]
pub enum Error {
    /// The port for metrics is not to be had.
    #[error("prometheus.port: cannot listen on {port}: {source}")]
    Metrics {
        /// `prometheus.port`
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificate or key of the admin server cannot be used.
    #[error("server.ssl: {0}")]
    Tls(String),
    /// The certificates that Vault is trusted by cannot be used.
    #[error("secrets.vault: {0}")]
    Secrets(String),
    /// A metric has no name that can be.
    #[error(transparent)]
    Count(#[from] prometheus::Error),
    /// The admin server's address is not to be had.
    #[error("server.host and server.port: cannot listen on {host}:{port}: {source}")]
    Listen {
        /// `server.host`
        host: String,
        /// `server.port`
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Runs an agent until `stop` is done; then ends every task of it.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> Result<(), Error> {
    // Two TLS providers in one process would make rustls refuse to choose.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let (host, port) = (config.server.host.clone(), config.server.port);
    let listener = TcpListener::bind((host.as_str(), port))
        .await
        .map_err(|source| Error::Listen { host, port, source })?;
    let tls = config.server.tls.map(Acceptor::new).transpose();
    let tls = tls.map_err(|error| Error::Tls(chain(&error)))?;
    let metrics = match config.metrics {
        Some(port) => {
            let listener = TcpListener::bind(("0.0.0.0", port)).await;
            Some(listener.map_err(|source| Error::Metrics { port, source })?)
        }
        None => None,
    };
    for key in &config.unused {
        info!("known, not used here: {key}");
    }
    let identity = config.identity.clone();
    info!(
        zone = identity.zone_id,
        core = config.core.grpc,
        accounts = config.accounts.len(),
        "ferry-agent {} starts",
        env!("CARGO_PKG_VERSION")
    );
    let presence = Presence::new();
    let accounts = Accounts::start(
        config.accounts,
        config.kubeconfig_folders,
        config.clusters,
        Resolver::new(config.engines).map_err(Error::Secrets)?,
        config.dynamic_accounts,
    );
    let tasks = TaskTracker::new();
    let ending = CancellationToken::new();
    let until_end = |work: futures_util::future::BoxFuture<'static, ()>| {
        tasks.spawn(ending.clone().run_until_cancelled_owned(work));
    };
    let admin = Admin {
        identity: identity.clone(),
        accounts: accounts.clone(),
        presence: presence.clone(),
    };
    let tls = tls.map(Arc::new);
    until_end(Box::pin(serve(listener, tls, admin, tasks.clone())));
    if let Some(listener) = metrics {
        let metrics = Metrics::new(accounts.clone())?;
        until_end(Box::pin(serve(listener, None, metrics, tasks.clone())));
    }
    if let Some(origin) = config.origin {
        let reload = Reload::new(origin, config.rest, accounts.clone());
        until_end(Box::pin(reload.watch()));
    }
    until_end(Box::pin(presence::guard(
        presence.clone(),
        accounts.clone(),
    )));
    let session = Session {
        identity,
        link: Link::new(config.core),
        accounts: accounts.clone(),
        presence,
    };
    until_end(Box::pin(async move { session.keep().await }));

    stop.await;
    info!("ferry-agent ends");
    ending.cancel();
    tasks.close();
    let drained = async {
        tasks.wait().await;
        accounts.shutdown().await;
    };
    if timeout(DRAIN, drained).await.is_err() {
        warn!("some tasks did not end within {} s", DRAIN.as_secs());
    }
    Ok(())
}
