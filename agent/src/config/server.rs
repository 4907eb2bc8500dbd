//! `server.*` and `prometheus.*`: where people, probes and Prometheus ask the agent.
//!
//! Used by `config`. Files of `server.ssl` are only named here: `lib::run` reads them, and again
//! when they have changed.

use std::path::PathBuf;

use ferry_tls::ClientAuth;

use super::ConfigError;
use super::read::Document;

/// `server.*`: where people and probes ask the agent.
#[derive(Debug, Clone)]
pub struct Server {
    /// A host name or address of this machine.
    pub host: String,
    /// 0 takes any.
    pub port: u16,
    /// `ssl`; `None`: plain HTTP.
    pub tls: Option<ferry_tls::Server>,
}

impl Server {
    pub(super) fn read(document: &Document) -> Result<Self, ConfigError> {
        let host = document.text("server.host")?;
        let enabled = document.flag("server.ssl.enabled")?.unwrap_or(false);
        let tls = tls(document)?;
        Ok(Self {
            host: host.unwrap_or_else(|| "localhost".into()),
            port: port(document, "server.port", 8082)?,
            tls: match (enabled, tls) {
                (false, _) => None,
                (true, tls) => Some(tls),
            },
        })
    }
}

/// `prometheus.port`, if `prometheus.enabled`.
pub(super) fn metrics(document: &Document) -> Result<Option<u16>, ConfigError> {
    let port = port(document, "prometheus.port", 8008)?;
    let enabled = document.flag("prometheus.enabled")?.unwrap_or(false);
    Ok(enabled.then_some(port))
}

fn port(document: &Document, key: &str, default: u16) -> Result<u16, ConfigError> {
    let port = document.whole(key, u16::MAX.into())?;
    Ok(port.map_or(default, |port| {
        u16::try_from(port).expect("it is not above u16::MAX")
    }))
}

fn tls(document: &Document) -> Result<ferry_tls::Server, ConfigError> {
    let enabled = document.flag("server.ssl.enabled")?.unwrap_or(false);
    let file = |key: &str, of: &str| -> Result<PathBuf, ConfigError> {
        match document.file(key)? {
            Some(path) => Ok(path),
            None if enabled => Err(document.wrong(key, of)),
            None => Ok(PathBuf::new()),
        }
    };
    let key = "server.ssl.clientAuth";
    let client_auth = document.text(key)?.unwrap_or_default();
    let client_auth = match client_auth.to_ascii_lowercase().as_str() {
        "" | "none" => ClientAuth::None,
        "optional" | "want" => ClientAuth::Optional,
        "require" | "need" => ClientAuth::Require,
        _ => return Err(document.wrong(key, "none, want or need")),
    };
    let authorities = document.file("server.ssl.caCertFile")?;
    if enabled && client_auth != ClientAuth::None && authorities.is_none() {
        let expected = "the PEM file of the authorities of those whom clientAuth asks";
        return Err(document.wrong("server.ssl.caCertFile", expected));
    }
    let password = document.secret("server.ssl.keyFilePassword")?;
    Ok(ferry_tls::Server {
        certificates: file("server.ssl.certFile", "the PEM file of the certificate")?,
        key: file("server.ssl.keyFile", "the PEM file of the key")?,
        key_password: password.or(document.secret("server.ssl.keyPassword")?),
        client_auth,
        client_authorities: authorities,
        protocols: Vec::new(),
        cipher_suites: Vec::new(),
        alpn: &[b"http/1.1"],
    })
}
