//! Kubeconfigs that are kept elsewhere and named by a reference: resolved when they are sent, and
//! looked at again while the account is served or waits for its secret, so that one that changed
//! reaches the agents as a new generation. SQL keeps a fingerprint of what was sent; only accounts
//! with references cost.

use super::prepare::{Found, kubeconfig};
use super::{Lifecycle, Refusal, Verb};
use crate::account::{Account, Status};
use crate::error::causes;
use crate::store::{Actor, Sent, StoreError};
use futures_util::StreamExt;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;

/// How often references are looked at: a changed secret is at the agents well within a minute.
const EVERY: Duration = Duration::from_secs(20);
/// How many are taken at a time.
const BATCH: u32 = 100;
/// How many are asked for at the same time.
const AT_ONCE: usize = 10;

impl Lifecycle {
    /// The secret, remembered by its fingerprint, or a sentence.
    pub(super) async fn resolve(
        &self,
        account: &Account,
        reference: &str,
    ) -> Result<Result<SecretString, String>, StoreError> {
        let resolved = self.resolver.resolve(reference).await;
        let fingerprint = match &resolved {
            Ok(secret) => self.keyring.fingerprint(secret),
            Err(_) => Ok(String::new()),
        };
        let fingerprint = match fingerprint {
            Ok(fingerprint) => fingerprint,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let sent = Sent {
            account: account.name.clone(),
            generation: account.generation,
            fingerprint,
        };
        self.store.remember_reference(&sent).await?;
        Ok(resolved)
    }

    pub(super) async fn watch_references(self: Arc<Self>) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.look_at_references().await {
                tracing::error!(error = causes(&error), "references to secrets wait");
            }
        }
    }

    /// Of several cores one looks at each.
    async fn look_at_references(&self) -> Result<(), StoreError> {
        let mut unread = Vec::new();
        loop {
            let due = self.store.due_references(EVERY, BATCH).await?;
            let last = due.len() < BATCH as usize;
            let looks = futures_util::stream::iter(due).map(|sent| self.look_at_one(sent));
            let causes: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
            unread.extend(causes.into_iter().flatten());
            if last {
                break;
            }
        }
        if let Some(cause) = unread.first() {
            let accounts = unread.len();
            tracing::warn!(
                accounts,
                cause,
                "secrets of served accounts are not looked at"
            );
        }
        Ok(())
    }

    /// A key that is taken away takes its fingerprints along: they are made anew while it is there.
    /// One that it was taken from before says nothing: what is there now counts as what was sent.
    async fn keep_known(&self, sent: &Sent, secret: &SecretString) -> Result<(), Refusal> {
        if !self.keyring.is_current(&sent.fingerprint) {
            let anew = self.keyring.fingerprint(secret)?;
            self.store.renew_reference(sent, &anew).await?;
        }
        Ok(())
    }

    /// What keeps a served account's secret from being looked at.
    async fn look_at_one(&self, sent: Sent) -> Option<String> {
        let compared = self.compare(&sent).await;
        compared.unwrap_or_else(|error| Some(causes(&error)))
    }

    async fn compare(&self, sent: &Sent) -> Result<Option<String>, Refusal> {
        let name = sent.account.as_str();
        let (view, content) = (
            self.store.view(name).await?,
            self.store.content(name).await?,
        );
        let (Some(view), Some(content)) = (view, content) else {
            return Ok(None);
        };
        let account = &view.account;
        let Ok(definition) = self.open(name, &content).await else {
            return Ok(None);
        };
        let Ok(Found::Reference(reference)) = kubeconfig(account, &definition) else {
            self.store.forget_reference(sent).await?;
            return Ok(None);
        };
        // A generation that is still to be sent is resolved when it is.
        if account.status == Status::Active && account.generation > sent.generation {
            return Ok(None);
        }
        match self.resolver.resolve(&reference).await {
            Ok(secret) if self.keyring.knows(&sent.fingerprint, &secret) != Some(false) => {
                self.keep_known(sent, &secret).await?;
                Ok(None)
            }
            Ok(_) => {
                tracing::info!(account = name, reference, "its secret changed");
                self.ask(name, Verb::Refresh, &Actor::ferry()).await?;
                Ok(None)
            }
            // It goes on being served with what was sent; one that is not was told why.
            Err(cause) => Ok((account.status == Status::Active).then_some(cause)),
        }
    }
}

#[cfg(test)]
#[path = "references_tests.rs"]
mod tests;
