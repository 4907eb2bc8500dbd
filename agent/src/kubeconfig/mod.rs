//! From a kubeconfig, or the agent's service account, to what `cluster` connects with.
//!
//! `accounts::supervise` calls [`access`]. Nothing is read from the environment (neither KUBECONFIG
//! nor proxies), and whatever a kubeconfig that was sent could make this host do (run programs, read
//! files, use a proxy) is refused before anything of it is used. Errors never quote its text.

mod choose;
mod credentials;
mod files;
mod refuse;

use std::path::PathBuf;

use kube::config::Kubeconfig;
use secrecy::{ExposeSecret, SecretString};

use crate::cause::{Place, Refusal};
pub use choose::Access;
use files::Folders;

/// Where an account's kubeconfig comes from, and thereby how far it is trusted.
#[derive(Debug, Clone)]
pub enum Source {
    /// Sent by the core: it may name no file, program or proxy.
    Sent(SecretString),
    /// A file of this host that the core named: it must lie below an allowed folder, and so must
    /// every file that it names; it may run nothing.
    NamedByCore(PathBuf),
    /// A file that the agent's own configuration names: used as the operator wrote it.
    NamedByOperator(PathBuf),
    /// A reference to a secret that the agent's own configuration names; it is resolved before each
    /// attempt.
    Referenced(String),
    /// What such a reference names: used as the operator wrote it, but for relative paths, which lead
    /// nowhere.
    Resolved(SecretString),
    /// The agent's own service account.
    ServiceAccount,
}

/// Whose word a kubeconfig is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Sent,
    NamedByCore,
    Operator,
}

/// Reads and checks the kubeconfig, and chooses the context's cluster and user.
///
/// May read files, and waits for them: call it where blocking is allowed. `folders` are those below
/// which a file may lie that the core names.
pub fn access(
    source: &Source,
    context: Option<&str>,
    folders: &[PathBuf],
) -> Result<Access, Refusal> {
    let folders = Folders::new(folders);
    match source {
        Source::Sent(contents) => {
            let kubeconfig = parse(contents.expose_secret())?;
            choose::choose(kubeconfig, context, Trust::Sent, None, &folders)
        }
        Source::NamedByCore(path) => {
            let path = folders.admit(path)?;
            let kubeconfig = parse(files::read(&path)?.expose_secret())?;
            choose::choose(
                kubeconfig,
                context,
                Trust::NamedByCore,
                path.parent(),
                &folders,
            )
        }
        Source::NamedByOperator(path) => {
            let kubeconfig = parse(files::read(path)?.expose_secret())?;
            choose::choose(
                kubeconfig,
                context,
                Trust::Operator,
                path.parent(),
                &folders,
            )
        }
        Source::Resolved(contents) => {
            let kubeconfig = parse(contents.expose_secret())?;
            choose::choose(kubeconfig, context, Trust::Operator, None, &folders)
        }
        Source::Referenced(reference) => Err(Refusal::Reference(format!(
            "the secret `{reference}` was not read"
        ))),
        Source::ServiceAccount => choose::service_account(),
    }
}

fn parse(text: &str) -> Result<Kubeconfig, Refusal> {
    serde_saphyr::from_str(text).map_err(|error| {
        let place = place(&error);
        // Only where, never what: the parser's messages quote the source.
        match serde_saphyr::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Refusal::NotKubeconfig(place),
            Err(_) => Refusal::NotYaml(place),
        }
    })
}

/// Where a YAML error is; the beginning when the parser does not know.
pub(crate) fn place(error: &serde_saphyr::Error) -> Place {
    error
        .location()
        .map_or(Place { line: 1, column: 1 }, |at| Place {
            line: at.line(),
            column: at.column(),
        })
}
