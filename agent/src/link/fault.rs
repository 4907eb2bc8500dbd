//! Why there is no connection to the core, as sentences: what is wrong, and which key to look at.
//!
//! Logged by `session` and shown by `/health`. Never bears a token or a password.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};
use thiserror::Error;

use super::STEP;
use crate::cause::printable;
use crate::dial::DialError;

#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("clouddriver.grpc, {0}, cannot be used as an address")]
    Address(String),
    #[error("the host name `{0}` of clouddriver.grpc is not known to the agent's DNS")]
    Dns(String),
    #[error(
        "{core} refuses connections: nothing listens there; check clouddriver.grpc, and that the core is up"
    )]
    Refused { core: String },
    #[error("{core} did not answer within {} s: a firewall or a wrong address is in the way; check clouddriver.grpc", STEP.as_secs())]
    NoAnswer { core: String },
    #[error(
        "no way to {core} by the proxy of HTTPS_PROXY: {what}; if none is needed, set clouddriver.noProxy: true or name the host in NO_PROXY"
    )]
    Proxy { core: String, what: String },
    #[error("the connection to {core} broke: {what}")]
    Connection { core: String, what: String },
    #[error("{core} took the connection but did not answer the TLS handshake within {} s: check clouddriver.grpc", STEP.as_secs())]
    NoHandshake { core: String },
    #[error(
        "clouddriver.tls.serverName, or the host of clouddriver.grpc, `{0}`, cannot be a server's name"
    )]
    ServerName(String),
    #[error("{key}: {cause}")]
    File { key: &'static str, cause: String },
    #[error(
        "clouddriver.tls.clientCertFile and clientKeyFile do not belong together or cannot be used: {0}"
    )]
    Pair(String),
    #[error(
        "the agent's system trusts no authority: set clouddriver.tls.cacertFile to the authority of the core's certificate"
    )]
    NoAuthorities,
    #[error(
        "the certificate of {core} is not trusted: its issuer is unknown; set clouddriver.tls.cacertFile to the authority that issued it"
    )]
    UnknownIssuer { core: String },
    #[error(
        "the certificate of {core} has expired: renew it at the core, and check the agent's clock"
    )]
    Expired { core: String },
    #[error(
        "the certificate of {core} is not valid yet: check the clocks of the agent and of the core"
    )]
    NotYetValid { core: String },
    #[error(
        "the certificate of {core} is not for the name `{name}`: set clouddriver.tls.serverName to a name that it bears"
    )]
    WrongName { core: String, name: String },
    #[error("the certificate of {core} is not acceptable ({what}): renew it at the core")]
    Unusable { core: String, what: String },
    #[error("{core} speaks no TLS: set clouddriver.insecure: true, or configure TLS at the core")]
    NotTls { core: String },
    #[error(
        "{core} wants a client certificate: set clouddriver.tls.clientCertFile and clientKeyFile"
    )]
    CertificateWanted { core: String },
    #[error(
        "{core} does not trust the issuer of clouddriver.tls.clientCertFile: use a certificate of an authority in its trustCertCollection"
    )]
    CertificateUnknown { core: String },
    #[error("{core} finds the certificate in clouddriver.tls.clientCertFile expired: renew it")]
    CertificateExpired { core: String },
    #[error("{core} broke off the TLS handshake ({what})")]
    TlsRefused { core: String, what: String },
    #[error("clouddriver.auth: {0}")]
    Token(String),
    #[error("the agent is ending")]
    Ending,
}

pub(super) fn of_dial(error: DialError, core: &str, host: &str) -> Fault {
    let core = core.to_owned();
    match error {
        DialError::Dns => Fault::Dns(printable(host)),
        DialError::Proxy(what) => Fault::Proxy { core, what },
        DialError::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Fault::Refused { core }
        }
        DialError::Io(error) => {
            let what = error.kind().to_string();
            Fault::Connection { core, what }
        }
    }
}

pub(super) fn of_handshake(error: &io::Error, core: &str, name: &str) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(error) => of_tls(error, core, name),
        None => Fault::TlsRefused {
            core: core.to_owned(),
            what: error.kind().to_string(),
        },
    }
}

pub(super) fn of_tls(error: &rustls::Error, core: &str, name: &str) -> Fault {
    let core = core.to_owned();
    match error {
        rustls::Error::InvalidCertificate(fault) => of_certificate(fault, core, name),
        rustls::Error::InvalidMessage(_) => Fault::NotTls { core },
        rustls::Error::AlertReceived(alert) => of_alert(*alert, core),
        other => Fault::TlsRefused {
            core,
            what: printable(&other.to_string()),
        },
    }
}

fn of_certificate(fault: &CertificateError, core: String, name: &str) -> Fault {
    match fault {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Fault::UnknownIssuer { core }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Fault::Expired { core }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Fault::NotYetValid { core }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let name = printable(name);
            Fault::WrongName { core, name }
        }
        other => Fault::Unusable {
            core,
            what: printable(&other.to_string()),
        },
    }
}

fn of_alert(alert: AlertDescription, core: String) -> Fault {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => Fault::CertificateWanted { core },
        Alert::UnknownCA | Alert::DecryptError => Fault::CertificateUnknown { core },
        Alert::CertificateExpired => Fault::CertificateExpired { core },
        other => Fault::TlsRefused {
            core,
            what: format!("alert {other:?}"),
        },
    }
}
