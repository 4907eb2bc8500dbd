//! `kubesvc.grpc.*` and `kubesvc.heartbeat.*`: where agents connect to, and who is let in.
//!
//! Read by `Config::read`. What cannot work together is refused with the key that is to change;
//! files are only named here, and read when the hub starts.

use super::pattern;
use super::values::Values;
use ferry_tls::{ClientAuth, Server};
use regex::Regex;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where agents connect to.
#[derive(Debug, Clone)]
pub struct GrpcServer {
    /// Port 0: any free one.
    pub listen: SocketAddr,
    /// Largest message taken from an agent, in bytes.
    pub max_inbound_message_size: usize,
    /// `None`: plaintext.
    pub tls: Option<Server>,
    /// Agents of other hosts are taken without TLS.
    pub allow_plaintext: bool,
    /// What the subject of an agent's certificate must match, any of them; `None`: nothing.
    pub subjects: Option<Vec<Regex>>,
    /// What every agent must send; `None`: nothing.
    pub token: Option<AgentToken>,
    /// Between two HTTP/2 pings; `None`: never.
    pub keep_alive: Option<Duration>,
    /// How long a ping may stay unanswered.
    pub keep_alive_timeout: Duration,
    /// `grpc.health.v1.Health` is served.
    pub health: bool,
}

/// Where the agents' token is.
#[derive(Debug, Clone)]
pub enum AgentToken {
    /// In the configuration.
    Text(SecretString),
    /// In a file.
    File(PathBuf),
}

const CHAIN: &str = "kubesvc.grpc.server.security.certificateChain";
const KEY: &str = "kubesvc.grpc.server.security.privateKey";
const CLIENT_AUTH: &str = "kubesvc.grpc.server.security.clientAuth";
const AUTHORITIES: &str = "kubesvc.grpc.server.security.trustCertCollection";
const FILTERS: &str = "kubesvc.grpc.auth.x509.filters";

impl GrpcServer {
    pub(super) fn read(values: &mut Values) -> GrpcServer {
        let tls = values
            .flag("kubesvc.grpc.server.security.enabled")
            .then(|| tls(values));
        let keep_alive = values.number("kubesvc.grpc.server.security.keepAliveHeartbeatSeconds");
        GrpcServer {
            listen: SocketAddr::new(
                values.address("kubesvc.grpc.server.address"),
                values
                    .number("kubesvc.grpc.server.port")
                    .try_into()
                    .expect("the key's bounds are those of a port"),
            ),
            max_inbound_message_size: values.size("kubesvc.grpc.server.maxInboundMessageSize"),
            allow_plaintext: values.flag("kubesvc.grpc.allowPlaintext"),
            subjects: subjects(values, tls.as_ref()),
            token: token(values),
            keep_alive: (keep_alive > 0).then(|| Duration::from_secs(keep_alive)),
            keep_alive_timeout: values
                .seconds("kubesvc.grpc.server.security.keepAliveTimeOutSeconds"),
            health: values.flag("kubesvc.grpc.server.healthServiceEnabled"),
            tls,
        }
    }
}

fn tls(values: &mut Values) -> Server {
    let (certificates, key) = (values.file(CHAIN), values.file(KEY));
    for name in [CHAIN, KEY] {
        if values.text(name).is_none() {
            values.refuse(name, "is missing, but TLS is enabled: name the PEM file");
        }
    }
    let client_auth = match values
        .text(CLIENT_AUTH)
        .map(str::to_ascii_uppercase)
        .as_deref()
    {
        Some("REQUIRE") => ClientAuth::Require,
        Some("OPTIONAL") => ClientAuth::Optional,
        _ => ClientAuth::None,
    };
    let client_authorities = values.file(AUTHORITIES);
    if client_auth != ClientAuth::None && values.text(AUTHORITIES).is_none() {
        values.refuse(
            AUTHORITIES,
            "is missing, but clientAuth asks agents for certificates: name the PEM file of their \
             authorities",
        );
    }
    let (protocols_key, ciphers_key) = (
        "kubesvc.grpc.server.security.protocols",
        "kubesvc.grpc.server.security.ciphers",
    );
    let protocols = ferry_tls::protocols(values.list(protocols_key));
    let cipher_suites = ferry_tls::cipher_suites(values.list(ciphers_key));
    Server {
        certificates: certificates.unwrap_or_default(),
        key: key.unwrap_or_default(),
        key_password: values
            .text("kubesvc.grpc.server.security.privateKeyPassword")
            .map(SecretString::from),
        client_auth,
        client_authorities,
        protocols: or_refuse(values, protocols_key, protocols),
        cipher_suites: or_refuse(values, ciphers_key, cipher_suites),
        alpn: &[b"h2"],
    }
}

fn or_refuse<T: Default>(values: &mut Values, name: &str, outcome: Result<T, String>) -> T {
    outcome.unwrap_or_else(|reason| {
        values.refuse(name, reason);
        T::default()
    })
}

fn subjects(values: &mut Values, tls: Option<&Server>) -> Option<Vec<Regex>> {
    let enabled = "kubesvc.grpc.auth.x509.enabled";
    if !values.flag(enabled) {
        return None;
    }
    if tls.is_none_or(|tls| tls.client_auth == ClientAuth::None) {
        values.refuse(
            enabled,
            "no agent shows a certificate: set kubesvc.grpc.server.security.enabled: true and \
             clientAuth: REQUIRE",
        );
    }
    let filters = values.list(FILTERS).iter();
    let filters: Vec<Regex> = filters
        .filter_map(|text| pattern::compile(text).ok())
        .collect();
    if filters.is_empty() {
        values.refuse(FILTERS, "is empty, and so no agent would be let in");
    }
    Some(filters)
}

fn token(values: &mut Values) -> Option<AgentToken> {
    let name = "kubesvc.grpc.auth.tokenFile";
    let file = values.file(name);
    let text = values
        .text("kubesvc.grpc.auth.token")
        .map(SecretString::from);
    match (text, file) {
        (Some(_), Some(_)) => {
            values.refuse(name, "kubesvc.grpc.auth.token is set too; keep one of them");
            None
        }
        (Some(text), None) => Some(AgentToken::Text(text)),
        (None, file) => file.map(AgentToken::File),
    }
}

/// `kubesvc.heartbeat.*`.
pub(super) fn heartbeat(values: &mut Values, account_cleanup: Duration) -> Option<Duration> {
    if !values.flag("kubesvc.heartbeat.enabled") {
        return None;
    }
    let unit = values.text("kubesvc.heartbeat.periodUnit");
    let nanoseconds: u64 = match unit.map(str::to_ascii_uppercase).as_deref() {
        Some("NANOSECONDS") => 1,
        Some("MICROSECONDS") => 1_000,
        Some("MILLISECONDS") => 1_000_000,
        Some("MINUTES") => 60_000_000_000,
        Some("HOURS") => 3_600_000_000_000,
        Some("DAYS") => 86_400_000_000_000,
        _ => 1_000_000_000,
    };
    let period = values.number("kubesvc.heartbeat.period");
    // What overflows is longer than any cleanup, and refused as such.
    let heartbeat = Duration::from_nanos(period.saturating_mul(nanoseconds));
    if heartbeat >= account_cleanup {
        let reason = format!(
            "{heartbeat:?} is not below kubesvc.cache.accountCleanupFrequencySeconds \
             ({account_cleanup:?}): accounts would be cleaned up between two heartbeats"
        );
        values.refuse("kubesvc.heartbeat.period", reason);
    }
    if heartbeat < Duration::from_secs(1) {
        let reason = format!("{heartbeat:?} is less than a second, and agents count in seconds");
        values.refuse("kubesvc.heartbeat.period", reason);
    }
    Some(heartbeat)
}
