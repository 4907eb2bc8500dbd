//! From the errors of kube, hyper, rustls and the operating system to sentences.
//!
//! Used by the rest of `cluster`. Of a foreign error's own text only what is known to be harmless is
//! taken: rustls' names of certificate faults and what the API server says with a 403.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::CertificateError;

use super::bounded::TooLarge;
use crate::cause::{Cause, Refusal, Trouble, printable};

/// What an input/output error of a connection means. `name` is that which the certificate must bear.
pub(super) fn of_io(error: &io::Error, server: &str, name: &str) -> Trouble {
    let server = server.to_owned();
    if let Some(error) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return of_tls(error, server, name);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Trouble::ConnectionRefused { server },
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Trouble::NoRoute { server },
        kind => Trouble::Connection {
            server,
            what: kind.to_string(),
        },
    }
}

fn of_tls(error: &rustls::Error, server: String, name: &str) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(fault) => of_certificate(fault, server, name),
        rustls::Error::InvalidMessage(_) => Trouble::NotTls { server },
        rustls::Error::AlertReceived(alert) => Trouble::TlsRefused {
            server,
            what: format!("alert {alert:?}"),
        },
        rustls::Error::PeerIncompatible(what) => Trouble::TlsRefused {
            server,
            what: format!("{what:?}"),
        },
        _ => Trouble::Connection {
            server,
            what: "a TLS error".into(),
        },
    }
}

fn of_certificate(fault: &CertificateError, server: String, name: &str) -> Trouble {
    match fault {
        // An authority of the same name with another key shows as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Trouble::UnknownIssuer { server }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Trouble::CertificateExpired { server }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Trouble::CertificateNotYetValid { server }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Trouble::WrongHostName {
                server,
                name: printable(name),
            }
        }
        other => Trouble::CertificateUnusable {
            server,
            what: printable(&other.to_string()),
        },
    }
}

/// What an answer, or none, to a request for `what` means.
pub(super) fn of_request(error: &kube::Error, server: &str, what: &'static str) -> Trouble {
    let owned = server.to_owned();
    match error {
        kube::Error::Api(status) => match status.code {
            401 => Trouble::Unauthorized { server: owned },
            403 => Trouble::Forbidden {
                server: owned,
                what,
                said: said(&status.message),
            },
            429 | 500.. => Trouble::ServerError {
                server: owned,
                what,
                code: status.code,
            },
            code => Trouble::NotKubernetes {
                server: owned,
                what: format!("{what}: status {code}"),
            },
        },
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Trouble::NotKubernetes {
            server: owned,
            what: format!("{what}: no JSON of Kubernetes"),
        },
        kube::Error::Auth(error) => of_credentials(error, owned),
        error => of_chain(error, server, what),
    }
}

/// What an error below HTTP means: the first input/output error in its chain of sources says it.
fn of_chain(error: &(dyn Error + 'static), server: &str, what: &'static str) -> Trouble {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(error) = error.downcast_ref::<kube::client::AuthError>() {
            return of_credentials(error, server.to_owned());
        }
        if let Some(TooLarge(limit)) = error.downcast_ref::<TooLarge>() {
            return Trouble::TooLarge {
                server: server.to_owned(),
                what,
                limit: *limit,
            };
        }
        let io = error.downcast_ref::<io::Error>();
        let inner = io.and_then(io::Error::get_ref);
        // Layers wrap an io::Error in another, and kube what ends a watch; the innermost knows.
        let wraps = inner.is_some_and(|inner| inner.is::<io::Error>() || inner.is::<kube::Error>());
        if let Some(io) = io
            && !wraps
        {
            return of_io(io, server, server);
        }
        link = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    Trouble::Connection {
        server: server.to_owned(),
        what: "it was cut".into(),
    }
}

fn of_credentials(error: &kube::client::AuthError, server: String) -> Trouble {
    use kube::client::AuthError as E;
    // The messages of others quote what a program printed, which may be a token.
    let what = match error {
        E::ReadTokenFile(error, path) => {
            format!("{}: {}", printable(&path.to_string_lossy()), error.kind())
        }
        E::AuthExecStart(error) => format!("the exec program does not start: {}", error.kind()),
        E::AuthExecRun { out, .. } => format!("the exec program ended with {}", out.status),
        E::ExecPluginFailed | E::AuthExecParse(_) => "the exec program gave no credentials".into(),
        E::InvalidBearerToken(_) => "the token holds characters that no header may hold".into(),
        _ => "the user's credentials are not usable".into(),
    };
    Trouble::CredentialsUnavailable { server, what }
}

/// What it means that no client could be made from a checked kubeconfig.
/// `own_authority`: the kubeconfig names one.
pub(super) fn of_configuration(
    error: &kube::Error,
    server: &str,
    user: &str,
    own_authority: bool,
) -> Cause {
    use kube::client::RustlsTlsError as Tls;
    match error {
        kube::Error::Auth(error) => of_credentials(error, server.to_owned()).into(),
        kube::Error::RustlsTls(Tls::AddRootCertificate(_)) => {
            if own_authority {
                return Refusal::AuthorityData(server.to_owned()).into();
            }
            Trouble::NoAuthorities {
                server: server.to_owned(),
            }
            .into()
        }
        kube::Error::RustlsTls(Tls::InvalidServerName(_)) => {
            Refusal::BadServer(server.to_owned()).into()
        }
        kube::Error::HttpError(_) => Refusal::Credentials(user.to_owned()).into(),
        _ => Refusal::ClientCertificate(user.to_owned()).into(),
    }
}

/// The API server's own words about a 403: who may not do what.
pub(super) fn said(message: &str) -> String {
    let message = message.trim();
    if message.is_empty() {
        "it gives no reason".into()
    } else {
        printable(message)
    }
}
