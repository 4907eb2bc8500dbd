//! `clouddriver.*`: how the core is reached.
//!
//! Used by `config`. Files are only named here; `link` reads them for every connection.

use std::time::Duration;

use super::ConfigError;
use super::read::Document;
use crate::backoff::Backoff;
use crate::dial::Dialer;
use crate::link::{Auth, CoreTls, TokenCommand};

/// `clouddriver.*`: how to reach the core.
#[derive(Debug, Clone)]
pub struct CoreLink {
    /// host:port
    pub grpc: String,
    /// `None`: plaintext HTTP/2.
    pub tls: Option<CoreTls>,
    /// What the core wants to see.
    pub auth: Auth,
    /// Straight, or by the operator's proxy.
    pub dialer: Dialer,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// Attempts in between, while there is something to say; none: they are off.
    pub response_retries: Option<ResponseRetries>,
    /// Time between HTTP/2 pings; none when it is off.
    pub keep_alive: Option<Duration>,
    /// How long an HTTP/2 ping may stay unanswered.
    pub keep_alive_timeout: Duration,
    /// A session that brings no operation for this long is opened anew; none: it stays.
    pub keep_alive_operation: Option<Duration>,
}

/// `clouddriver.responseRetries.*`: what an agent has to say while it has no session does not wait for
/// the next attempt to be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRetries {
    /// How often, until there is a session.
    pub times: u32,
    /// The wait before.
    pub wait: Duration,
}

impl CoreLink {
    /// The host, without brackets, and the port.
    pub fn host_and_port(&self) -> (&str, u16) {
        let (host, port) = self.grpc.rsplit_once(':').expect("it was checked");
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (host, port.parse().expect("it was checked"))
    }

    pub(super) fn read(document: &Document) -> Result<Self, ConfigError> {
        let nanos = |key: &str, default: u64| -> Result<Duration, ConfigError> {
            Ok(Duration::from_nanos(
                document.whole(key, 10_u64.pow(15))?.unwrap_or(default),
            ))
        };
        let seconds = |key: &str| -> Result<Option<Duration>, ConfigError> {
            Ok(document.whole(key, 86_400)?.map(Duration::from_secs))
        };
        let some = |time: &Duration| !time.is_zero();
        let keep_alive = seconds("clouddriver.keepAliveHeartbeatSeconds")?;
        Ok(Self {
            grpc: address(document)?,
            tls: tls(document)?,
            auth: auth(document)?,
            dialer: match document.flag("clouddriver.noProxy")?.unwrap_or(false) {
                true => Dialer::straight(),
                false => Dialer::of_environment(),
            },
            backoff: Backoff {
                base: nanos("clouddriver.backoff.baseDelay", 1_000_000_000)?,
                multiplier: document
                    .number("clouddriver.backoff.multiplier", 1.0, 100.0)?
                    .unwrap_or(1.6),
                jitter: document
                    .number("clouddriver.backoff.jitter", 0.0, 1.0)?
                    .unwrap_or(0.2),
                max: nanos("clouddriver.backoff.maxDelay", 120_000_000_000)?,
            },
            response_retries: response_retries(document)?,
            keep_alive: Some(keep_alive.unwrap_or(Duration::from_secs(20))).filter(some),
            keep_alive_timeout: seconds("clouddriver.keepAliveTimeOutSeconds")?
                .filter(some)
                .unwrap_or(Duration::from_secs(20)),
            keep_alive_operation: seconds("clouddriver.keepAliveOperationSeconds")?.filter(some),
        })
    }
}

fn response_retries(document: &Document) -> Result<Option<ResponseRetries>, ConfigError> {
    let key = |name: &str| format!("clouddriver.responseRetries.{name}");
    let times = document.whole(&key("maxRetries"), 1_000_000)?.unwrap_or(3);
    let wait = document
        .whole(&key("backOffMs"), 86_400_000)?
        .unwrap_or(3000);
    let retries = ResponseRetries {
        times: u32::try_from(times).expect("it is not above a million"),
        wait: Duration::from_millis(wait),
    };
    let enabled = document.flag(&key("enabled"))?.unwrap_or(true);
    Ok(enabled.then_some(retries))
}

fn address(document: &Document) -> Result<String, ConfigError> {
    let key = "clouddriver.grpc";
    let grpc = document
        .text(key)?
        .unwrap_or_else(|| "spin-clouddriver-grpc:9091".into());
    let fits = grpc.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && !host.contains(['/', '@'])
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    match fits {
        true => Ok(grpc),
        false => Err(document.wrong(key, "host:port")),
    }
}

/// `clouddriver.insecure`, and unless that says so, whether there are settings for TLS.
fn tls(document: &Document) -> Result<Option<CoreTls>, ConfigError> {
    let configured = document
        .at("clouddriver.tls")
        .as_object()
        .is_some_and(|tls| tls.values().any(|value| !value.is_null()));
    let certificate = document.file("clouddriver.tls.clientCertFile")?;
    let key = document.file("clouddriver.tls.clientKeyFile")?;
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            let expected = "the file of the key of clientCertFile";
            return Err(document.wrong("clouddriver.tls.clientKeyFile", expected));
        }
        (None, Some(_)) => {
            let expected = "the file of the certificate of clientKeyFile";
            return Err(document.wrong("clouddriver.tls.clientCertFile", expected));
        }
    };
    let password = document.secret("clouddriver.tls.clientKeyFilePassword")?;
    let tls = CoreTls {
        server_name: document.text("clouddriver.tls.serverName")?,
        skip_verify: document
            .flag("clouddriver.tls.insecureSkipVerify")?
            .unwrap_or(false),
        client,
        key_password: password.or(document.secret("clouddriver.tls.clientKeyPassword")?),
        authorities: document.file("clouddriver.tls.cacertFile")?,
    };
    let insecure = document
        .flag("clouddriver.insecure")?
        .unwrap_or(!configured);
    Ok((!insecure).then_some(tls))
}

fn auth(document: &Document) -> Result<Auth, ConfigError> {
    let token = document.secret("clouddriver.auth.token")?;
    let file_key = "clouddriver.auth.tokenFile";
    let file = document.file(file_key)?;
    let key = "clouddriver.auth.tokenCommand.command";
    let command = document.text(key)?;
    match (token, file, command) {
        (Some(_), Some(_), _) => {
            Err(document.wrong(file_key, "no file beside clouddriver.auth.token"))
        }
        (Some(_), _, Some(_)) => {
            Err(document.wrong(key, "no command beside clouddriver.auth.token"))
        }
        (None, Some(_), Some(_)) => {
            Err(document.wrong(key, "no command beside clouddriver.auth.tokenFile"))
        }
        (Some(token), None, None) => Ok(Auth::Token(token)),
        (None, Some(file), None) => Ok(Auth::File(file)),
        (None, None, None) => Ok(Auth::None),
        (None, None, Some(command)) => Ok(Auth::Command(TokenCommand {
            command,
            args: document.texts("clouddriver.auth.tokenCommand.args")?,
            raw: raw(document)?,
            refresh: document
                .whole(
                    "clouddriver.auth.tokenCommand.refreshIntervalSeconds",
                    31_536_000,
                )?
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
        })),
    }
}

/// `format`: JSON unless it says `raw`; Armory's default is an empty list.
fn raw(document: &Document) -> Result<bool, ConfigError> {
    let key = "clouddriver.auth.tokenCommand.format";
    let value = document.at(key);
    let word = match value.as_array().map(Vec::as_slice) {
        Some([]) => return Ok(false),
        Some([only]) => only.as_str(),
        _ => value.as_str(),
    };
    match word {
        None | Some("") if value.is_null() || word.is_some() => Ok(false),
        Some("json") => Ok(false),
        Some("raw") => Ok(true),
        _ => Err(document.wrong(key, "raw or json")),
    }
}
