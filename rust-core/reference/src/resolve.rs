//! From a reference to what it names, by the engines that are configured. The core asks just
//! before it sends a kubeconfig, an agent just before it uses one; what comes back is kept nowhere. An engine that is not reached is
//! left alone for a few seconds, so that the accounts of another do not wait for it.

use super::kubernetes;
use super::reference::Reference;
use super::vault::{Vault, VaultSettings};
use secrecy::SecretString;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long an engine is left alone that was not reached.
const REST: Duration = Duration::from_secs(5);

/// Which engines there are.
#[derive(Debug, Clone, Default)]
pub struct Engines {
    /// For `k8s`; none: the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// For `vault`; none: it is not configured.
    pub vault: Option<VaultSettings>,
    /// Secrets may come from other hosts without TLS.
    pub allow_plaintext: bool,
}

/// The engines at work.
pub struct Resolver {
    kubeconfig: Option<PathBuf>,
    allow_plaintext: bool,
    kubernetes_rests: Rest,
    vault: Option<Vault>,
    vault_rests: Rest,
}

/// Until when an engine is left alone, and why.
type Rest = Mutex<Option<(Instant, String)>>;

/// Why there is no content: a sentence, never with the content in it.
#[derive(Debug)]
pub(super) enum Reason {
    /// The engine is not reached.
    Away(String),
    /// It has no such thing, or does not give it to us.
    Wrong(String),
}

impl From<String> for Reason {
    fn from(reason: String) -> Reason {
        Reason::Wrong(reason)
    }
}

impl Resolver {
    /// Nothing is asked yet. An error is a sentence about Vault's certificates.
    pub fn new(engines: Engines) -> Result<Resolver, String> {
        let vault = engines.vault.map(Vault::new).transpose();
        Ok(Resolver {
            kubeconfig: engines.kubeconfig,
            allow_plaintext: engines.allow_plaintext,
            kubernetes_rests: Rest::default(),
            vault: vault?,
            vault_rests: Rest::default(),
        })
    }

    /// Whether `text` is a reference of an engine that there is: one that was configured, or the pod's.
    pub fn has_engine_of(&self, text: &str) -> bool {
        let reference = Reference::parse(text);
        reference.is_ok_and(|reference| match reference.engine {
            "k8s" => self.kubeconfig.is_some() || kubernetes::is_in_pod(),
            "vault" => self.vault.is_some(),
            _ => false,
        })
    }

    /// What `reference` names; an error is a sentence with the reference in it, never the content.
    pub async fn resolve(&self, reference: &str) -> Result<SecretString, String> {
        let said = |reason: &str| format!("the secret `{reference}` cannot be read: {reason}");
        let content = match self.content(reference).await {
            Ok(content) => content,
            Err(Reason::Away(reason) | Reason::Wrong(reason)) => return Err(said(&reason)),
        };
        match String::from_utf8(content) {
            Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text)),
            Ok(_) => Err(said("it is empty")),
            Err(_) => Err(said("it is not text")),
        }
    }

    async fn content(&self, text: &str) -> Result<Vec<u8>, Reason> {
        let reference = Reference::parse(text)?;
        // Boxed, so that nobody who waits for something else keeps room for a read.
        match (reference.engine, &self.vault) {
            ("k8s", _) => {
                let kubeconfig = self.kubeconfig.as_deref();
                let read = kubernetes::read(kubeconfig, self.allow_plaintext, &reference);
                rested("k8s", &self.kubernetes_rests, Box::pin(read)).await
            }
            ("vault", Some(vault)) => {
                let read = vault.read(&reference);
                rested("vault", &self.vault_rests, Box::pin(read)).await
            }
            ("vault", None) => Err("set secrets.vault.enabled and secrets.vault.url".to_owned())?,
            (engine, _) => Err(format!(
                "the engine `{engine}` is not known here; k8s and vault are"
            ))?,
        }
    }
}

/// Asks the engine, unless it was away just now.
async fn rested(
    engine: &str,
    rest: &Rest,
    read: impl Future<Output = Result<Vec<u8>, Reason>>,
) -> Result<Vec<u8>, Reason> {
    const HELD: &str = "nothing panics while it holds this";
    if let Some((until, reason)) = &*rest.lock().expect(HELD)
        && Instant::now() < *until
    {
        return Err(Reason::Away(reason.clone()));
    }
    let read = read.await;
    let away = match &read {
        Err(Reason::Away(reason)) => Some((Instant::now() + REST, reason.clone())),
        _ => None,
    };
    let mut rest = rest.lock().expect(HELD);
    match (&*rest, &away) {
        (None, Some((_, reason))) => tracing::warn!(engine, reason, "secrets cannot be read"),
        (Some(_), None) => tracing::info!(engine, "secrets can be read again"),
        _ => {}
    }
    *rest = away;
    read
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
