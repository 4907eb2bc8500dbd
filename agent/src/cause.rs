//! Why an account does not work, as sentences for people: what is wrong, where, and what to do.
//!
//! Made by `kubeconfig` and `cluster`, sent to the core by `accounts`. A sentence never bears a
//! secret nor text of a kubeconfig other than its names and the server's URL, and no sentence is
//! longer than [`LONGEST`].

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// The most characters of a text that came from outside and is quoted in a sentence.
const LONGEST: usize = 300;

/// An error with its sources: tonic's own messages say only "transport error".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    printable(&text)
}

/// A text from outside, made fit for a sentence or a log line: no control characters, not endless.
pub fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// A line and a column, from 1, of a text that must not be quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Names for a sentence: `"a", "b"`, or `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let quoted: Vec<String> = self
            .0
            .iter()
            .map(|n| format!("`{}`", printable(n)))
            .collect();
        f.write_str(&printable(&quoted.join(", ")))
    }
}

/// What is wrong with an account's definition or kubeconfig: nothing was tried with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // the sentences say it
pub enum Refusal {
    #[error("no kubeconfig was sent: give kubeconfigContents, kubeconfigFile or serviceAccount")]
    NoKubeconfig,
    #[error("{0}")]
    Reference(String),
    #[error("the account's definition is wrong: {0}")]
    Definition(String),
    #[error(
        "the kubeconfig is not text in UTF-8: send the file itself, not an archive or an encoded copy of it"
    )]
    NotText,
    #[error(
        "the kubeconfig is not valid YAML ({0}): send the whole file, as `kubectl config view --raw` prints it"
    )]
    NotYaml(Place),
    #[error(
        "this is YAML but not a kubeconfig ({0}): clusters, users and contexts are expected, as `kubectl config view --raw` prints them"
    )]
    NotKubeconfig(Place),
    #[error("the kubeconfig has no cluster in it: its list `clusters` is missing or empty")]
    NoCluster,
    #[error(
        "the kubeconfig has no current-context and the account names no context: set `context`; there are: {0}"
    )]
    NoContext(Names),
    #[error(
        "the kubeconfig has no context `{context}`: set `context` to one of those it has: {known}"
    )]
    UnknownContext { context: String, known: Names },
    #[error(
        "context `{context}` names the cluster `{cluster}`, which the kubeconfig does not have; it has: {known}"
    )]
    UnknownCluster {
        context: String,
        cluster: String,
        known: Names,
    },
    #[error(
        "context `{context}` names the user `{user}`, which the kubeconfig does not have; it has: {known}"
    )]
    UnknownUser {
        context: String,
        user: String,
        known: Names,
    },
    #[error("cluster `{0}` of the kubeconfig has no server: set its URL")]
    NoServer(String),
    #[error("the server of cluster `{0}` is not a URL such as https://host:6443")]
    BadServer(String),
    #[error(
        "the server of cluster `{0}` has a user or a password in its URL: put credentials into the kubeconfig's users"
    )]
    CredentialsInUrl(String),
    #[error(
        "certificate-authority-data of cluster `{0}` is not a certificate: base64 of PEM is expected"
    )]
    AuthorityData(String),
    #[error(
        "client-certificate-data or client-key-data of user `{0}` cannot be used: both are expected, each base64 of PEM, and the key must belong to the certificate"
    )]
    ClientCertificate(String),
    #[error(
        "the credentials of user `{0}` cannot be used: they hold characters that no HTTP header may hold"
    )]
    Credentials(String),
    #[error("{entry} uses `{field}`, which is refused: {reason}")]
    Field {
        entry: String,
        field: &'static str,
        reason: &'static str,
    },
    #[error(
        "kubeconfigFile is refused: it is no path but what should be in the file; give its path, or the content as kubeconfigContents"
    )]
    ContentForPath,
    #[error(
        "the kubeconfig file `{0}` is refused: it does not lie below a folder that the agent's kubernetes.kubeconfigFolders allows ({1})"
    )]
    OutsideFolders(String, Names),
    #[error(
        "the kubeconfig file `{0}` cannot be read at the agent ({1}): mount it there, or correct the path"
    )]
    File(String, String),
    #[error("the kubeconfig file `{0}` is larger than {1} bytes, which no kubeconfig is")]
    FileTooLarge(String, u64),
    #[error(
        "{entry} names the file `{path}` in `{field}`, which cannot be read at the agent ({why})"
    )]
    NamedFile {
        entry: String,
        field: &'static str,
        path: String,
        why: String,
    },
    #[error(
        "{entry} names the file `{path}` in `{field}`, which is refused: it does not lie below a folder that the agent's kubernetes.kubeconfigFolders allows ({allowed})"
    )]
    NamedFileOutside {
        entry: String,
        field: &'static str,
        path: String,
        allowed: Names,
    },
    #[error(
        "serviceAccount is set, but the agent has no service account here ({0}): run it in a pod with one, or use a kubeconfig"
    )]
    NoServiceAccount(String),
}

/// What went wrong with a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // the sentences say it
pub enum Trouble {
    #[error(
        "the host name `{host}` of {server} is not known to the agent's DNS: check the server's URL, and the agent's name resolution"
    )]
    Dns { server: String, host: String },
    #[error(
        "{server} refuses connections: nothing listens there; check the server's URL and port, and that the cluster is up"
    )]
    ConnectionRefused { server: String },
    #[error("{server} did not answer within {} s: a firewall or a wrong address is in the way; check the network from the agent to it", .limit.as_secs_f32())]
    ConnectTimeout { server: String, limit: Duration },
    #[error("{server} took the connection but did not answer the TLS handshake within {} s: check that an API server is behind it", .limit.as_secs_f32())]
    HandshakeTimeout { server: String, limit: Duration },
    #[error("there is no route to {server}: check the network from the agent to it")]
    NoRoute { server: String },
    #[error(
        "the certificate of {server} is not trusted: its issuer is unknown; certificate-authority-data of the kubeconfig belongs to another cluster or is missing"
    )]
    UnknownIssuer { server: String },
    #[error(
        "the kubeconfig names no authority for {server} and the agent's system trusts none: set certificate-authority-data"
    )]
    NoAuthorities { server: String },
    #[error(
        "the certificate of {server} has expired: renew it at the cluster, and check the agent's clock"
    )]
    CertificateExpired { server: String },
    #[error(
        "the certificate of {server} is not valid yet: check the clocks of the agent and of the cluster"
    )]
    CertificateNotYetValid { server: String },
    #[error(
        "the certificate of {server} is not for the host name `{name}`: use a name that it bears, or set tls-server-name in the kubeconfig"
    )]
    WrongHostName { server: String, name: String },
    #[error("the certificate of {server} is not acceptable ({what}): renew it at the cluster")]
    CertificateUnusable { server: String, what: String },
    #[error(
        "{server} does not speak TLS there: a plain http server answers; check the port and whether the URL must begin with http://"
    )]
    NotTls { server: String },
    #[error(
        "{server} closed the connection during the TLS handshake: it speaks no TLS there, or something in between cuts it; check the port"
    )]
    HandshakeClosed { server: String },
    #[error(
        "{server} broke off the TLS handshake ({what}): check the client certificate of the kubeconfig and the TLS versions that the server allows"
    )]
    TlsRefused { server: String, what: String },
    #[error(
        "the connection to {server} broke ({what}): check the network and that the cluster is up"
    )]
    Connection { server: String, what: String },
    #[error("{server} did not answer {what} within {} s: check that the API server is healthy", .limit.as_secs_f32())]
    NoAnswer {
        server: String,
        what: &'static str,
        limit: Duration,
    },
    #[error(
        "{server} does not accept the credentials (401 Unauthorized): the token or client certificate in the kubeconfig is wrong, revoked or expired; renew it"
    )]
    Unauthorized { server: String },
    #[error(
        "the credentials are valid at {server} but may list none of the kinds to watch (403): {said}; grant the user `list` and `watch`, for example with the ClusterRole view"
    )]
    NothingAllowed { server: String, said: String },
    #[error(
        "the credentials may not read {what} at {server} (403): {said}; grant the user what it needs"
    )]
    Forbidden {
        server: String,
        what: &'static str,
        said: String,
    },
    #[error(
        "{server} answers, but not like a Kubernetes API server ({what}): check the server's URL"
    )]
    NotKubernetes { server: String, what: String },
    #[error("{server} answered {what} with more than {} MiB, and no API server does: check the server's URL", .limit >> 20)]
    TooLarge {
        server: String,
        what: &'static str,
        limit: usize,
    },
    #[error("{server} answers {what} with an error ({code}): check that the API server is healthy")]
    ServerError {
        server: String,
        what: &'static str,
        code: u16,
    },
    #[error(
        "{server} serves none of the kinds to watch: check kinds, omitKinds and onlyNamespacedResources ({said})"
    )]
    NothingServed { server: String, said: String },
    #[error("{server} was not ready for use within {} s: the agent was still {step}", .limit.as_secs_f32())]
    TooSlow {
        server: String,
        step: &'static str,
        limit: Duration,
    },
    #[error(
        "the credentials for {server} cannot be got ({what}): check the user's entry in the kubeconfig"
    )]
    CredentialsUnavailable { server: String, what: String },
}

/// Why an account does not work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Cause {
    /// The account as it was given cannot be used.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The cluster cannot be used.
    #[error(transparent)]
    Cluster(#[from] Trouble),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_is_cut_and_has_no_control_characters() {
        assert_eq!(printable("a\n\u{1b}[31mb"), "a\u{fffd}\u{fffd}[31mb");
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
