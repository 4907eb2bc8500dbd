//! One cluster as the agent uses it: reached, discovered, watched.
//!
//! `accounts::supervise` makes a [`Cluster`] from a checked kubeconfig. Every question to it is
//! bounded in time, and every failure is a [`Trouble`], a sentence of its own.

mod bounded;
mod connect;
mod discovery;
pub mod kinds;
pub mod objects;
mod reach;
mod rights;
pub mod settings;
mod stream;
mod token;
mod trouble;
pub mod watch;

use std::future::Future;
use std::time::Duration;

use kube::client::ConfigExt;

use crate::cause::{Cause, Refusal, Trouble};
use crate::dial::Dialer;
use crate::kubeconfig::Access;
use connect::Clients;
use kinds::{Discovered, Kind, KindName, Selection};
use reach::Endpoint;

/// What a cluster says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The server's URL as in the kubeconfig.
    pub kube_host: String,
    /// gitVersion; empty when the credentials may not ask for it.
    pub kube_version: String,
    /// SHA-256 of the server's leaf certificate in lower-case hex; empty for plain http.
    pub cert_fingerprint: String,
}

/// A cluster that may or may not be reachable.
pub struct Cluster {
    clients: Clients,
    endpoint: Endpoint,
    server: String,
}

impl Cluster {
    /// Prepares the connections. `limit` bounds each later connection attempt. May run the program
    /// of an operator's kubeconfig, so call it where blocking is allowed, inside of a runtime.
    pub fn new(access: Access, limit: Duration, dialer: Dialer) -> Result<Self, Cause> {
        let Access {
            server,
            user,
            config,
        } = access;
        let own_authority = config.root_cert.is_some();
        let wrong =
            |error: kube::Error| trouble::of_configuration(&error, &server, &user, own_authority);
        let tls = config.rustls_client_config().map_err(wrong)?;
        let (url, name) = (&config.cluster_url, &config.tls_server_name);
        let endpoint = Endpoint::new(&server, url, name, tls, dialer)
            .ok_or_else(|| Refusal::BadServer(server.clone()))?;
        let clients = Clients::new(config, endpoint.clone(), limit).map_err(wrong)?;
        Ok(Self {
            clients,
            endpoint,
            server,
        })
    }

    /// The server's URL as in the kubeconfig.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Connects anew; answers the SHA-256 of the server's leaf certificate in lower-case hex, empty for
    /// plain http.
    pub async fn certificate(&self, limit: Duration) -> Result<String, Trouble> {
        self.endpoint.fingerprint(limit).await
    }

    /// Asks who it is that showed this certificate.
    pub async fn identify(&self, certificate: &str, limit: Duration) -> Result<Identity, Trouble> {
        Ok(Identity {
            kube_host: self.server.clone(),
            kube_version: self.version(limit).await?,
            cert_fingerprint: certificate.to_owned(),
        })
    }

    /// gitVersion; empty when the credentials may not ask for it.
    pub async fn version(&self, limit: Duration) -> Result<String, Trouble> {
        let client = self.clients.first();
        match self
            .ask("/version", limit, client.apiserver_version())
            .await?
        {
            Ok(info) => Ok(info.git_version),
            // Some clusters show their version to nobody; that is no reason not to use them.
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(String::new()),
            Err(error) => Err(trouble::of_request(&error, &self.server, "/version")),
        }
    }

    /// Finds the selected kinds that the cluster serves.
    pub async fn discover(
        &self,
        selection: &Selection,
        limit: Duration,
    ) -> Result<Discovered, Trouble> {
        discovery::discover(self, selection, limit).await
    }

    /// Looks again for kinds that were missing, and finds those that the cluster serves by now.
    pub async fn appeared(
        &self,
        missing: &[KindName],
        selection: &Selection,
        limit: Duration,
    ) -> Result<Vec<Kind>, Trouble> {
        let found = discovery::look(self, missing, selection, limit).await?;
        Ok(found.kinds)
    }

    async fn ask<T>(
        &self,
        what: &'static str,
        limit: Duration,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> Result<kube::Result<T>, Trouble> {
        tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| Trouble::NoAnswer {
                server: self.server.clone(),
                what,
                limit,
            })
    }
}
