//! A TCP connection, straight or through the operator's proxy.
//!
//! Used towards the core (`link`) and towards clusters (`cluster`). Proxies are those of HTTPS_PROXY
//! and NO_PROXY, which the agent's operator sets; never one that a kubeconfig names. As everywhere,
//! the loopback is reached without one.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use thiserror::Error;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::cause::printable;

/// Why there is no connection.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the sentences say it
pub enum DialError {
    #[error("the host name is not known to the agent's DNS")]
    Dns,
    #[error(transparent)]
    Io(io::Error),
    #[error("the proxy of HTTPS_PROXY: {0}")]
    Proxy(String),
}

/// The way to other hosts.
#[derive(Debug, Clone, Default)]
pub struct Dialer(Option<Arc<Matcher>>);

impl Dialer {
    /// Without any proxy.
    pub fn straight() -> Self {
        Self(None)
    }

    /// By a proxy for all but what `no_proxy` lists, both as their variables have them.
    pub fn through(https_proxy: &str, no_proxy: &str) -> Self {
        let matcher = Matcher::builder().https(https_proxy).no(no_proxy).build();
        Self(Some(Arc::new(matcher)))
    }

    /// As HTTPS_PROXY and NO_PROXY say, in either case.
    pub fn of_environment() -> Self {
        let value = |name: &str| {
            let upper = std::env::var(name).ok().filter(|value| !value.is_empty());
            upper.or_else(|| std::env::var(name.to_ascii_lowercase()).ok())
        };
        match value("HTTPS_PROXY").filter(|proxy| !proxy.is_empty()) {
            Some(proxy) => Self::through(&proxy, &value("NO_PROXY").unwrap_or_default()),
            None => Self::straight(),
        }
    }

    /// Connects. `host` has no brackets.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let stream = match self.proxy(host, port) {
            Some(proxy) => tunnel(&proxy, host, port).await?,
            None => straight(host, port).await?,
        };
        stream.set_nodelay(true).ok();
        Ok(stream)
    }

    fn proxy(&self, host: &str, port: u16) -> Option<Intercept> {
        let address: Option<IpAddr> = host.parse().ok();
        if host.eq_ignore_ascii_case("localhost")
            || address.is_some_and(|address| address.to_canonical().is_loopback())
        {
            return None;
        }
        self.0.as_ref()?.intercept(&uri(host, port)?)
    }
}

fn uri(host: &str, port: u16) -> Option<Uri> {
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    };
    format!("https://{host}:{port}").parse().ok()
}

async fn straight(host: &str, port: u16) -> Result<TcpStream, DialError> {
    let addresses = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<_> = addresses.map_err(|_| DialError::Dns)?.collect();
    if addresses.is_empty() {
        return Err(DialError::Dns);
    }
    TcpStream::connect(&addresses[..])
        .await
        .map_err(DialError::Io)
}

async fn tunnel(proxy: &Intercept, host: &str, port: u16) -> Result<TcpStream, DialError> {
    if proxy.uri().scheme_str() != Some("http") {
        let said = "only proxies that begin with http:// are spoken to";
        return Err(DialError::Proxy(said.into()));
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    let mut tunnel = Tunnel::new(proxy.uri().clone(), connector);
    if let Some(authorization) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let to = uri(host, port).ok_or(DialError::Dns)?;
    match tunnel.call(to).await {
        Ok(stream) => Ok(stream.into_inner()),
        Err(error) => Err(DialError::Proxy(innermost(&error))),
    }
}

fn innermost(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => printable(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_for_other_hosts_that_are_not_listed() {
        let dialer = Dialer::through("http://u:p@proxy:3128", "inside.example,10.0.0.0/8,.svc");
        for direct in [
            "localhost",
            "127.0.0.1",
            "::1",
            "inside.example",
            "a.inside.example",
            "core.svc",
            "10.1.2.3",
        ] {
            assert!(dialer.proxy(direct, 443).is_none(), "{direct}");
        }
        for far in ["outside.example", "192.0.2.1", "2001:db8::1"] {
            let proxy = dialer.proxy(far, 443);
            assert!(
                proxy.is_some_and(|proxy| proxy.basic_auth().is_some()),
                "{far}"
            );
        }
        assert!(Dialer::straight().proxy("outside.example", 443).is_none());
    }
}
