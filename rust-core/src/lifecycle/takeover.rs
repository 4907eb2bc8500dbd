//! Takes over what Armory's plugin left in our table: each row becomes one of ours where it lies,
//! its definition's secrets sealed. The core does so before anything else moves an account, and goes
//! on as long as it runs: while Clouddrivers are replaced one by one, their plugin still adds some.

use super::prepare::sealed_content;
use super::{Lifecycle, Unread};
use crate::account::Limits;
use crate::account::armory::{self, ArmoryRow};
use crate::account::definition::Definition;
use crate::error::causes;
use crate::secret::{Keyring, SecretError};
use crate::source::{Source, SourceError};
use crate::store::{Actor, Adopted, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Rows per transaction.
const CHUNK: usize = 200;
/// Names that an error shows.
const NAMED: usize = 5;

/// Why the rows were not taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// Secrets would be lost.
    #[error(
        "kubesvc.secrets.keyFile is not set, but Armory's plugin left kubeconfigs in \
         `kubesvc_accounts` that Clouddriver does not have ({count} of {names}): name a file with \
         32 bytes, the same for every core, to keep them encrypted (head -c 32 /dev/urandom)"
    )]
    KeyNeeded {
        /// How many.
        count: usize,
        /// Some of their accounts.
        names: String,
    },
    /// A secret could not be sealed.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Without a key, Clouddriver has to say what it has.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often it is looked whether their plugin has added some.
const AGAIN: Duration = Duration::from_secs(60);

impl Lifecycle {
    /// Takes over what Armory's plugin adds while it is still there.
    pub(super) async fn take_over_again(self: Arc<Self>) {
        let mut behind = BTreeSet::new();
        loop {
            tokio::time::sleep(AGAIN).await;
            match take_over(&self.store, &self.keyring, &self.source, &self.limits).await {
                Ok(names) => {
                    behind.extend(names.iter().cloned());
                    self.queue.add(names);
                }
                Err(error) => {
                    let error = causes(&error);
                    tracing::error!(error, "accounts of Armory's plugin are not taken over yet");
                }
            }
            if let Err(error) = self.catch_up(&mut behind).await {
                let error = causes(&error);
                tracing::warn!(
                    error,
                    "what was taken over is compared with Clouddriver later"
                );
            }
        }
    }

    /// Makes of accounts just taken over what Clouddriver stores: whoever wrote them there meanwhile
    /// found no row of ours. Those that differed are left to be compared once more, since a write may
    /// have come in between.
    async fn catch_up(&self, behind: &mut BTreeSet<String>) -> Result<(), Unread> {
        if behind.is_empty() || !self.follows {
            behind.clear();
            return Ok(());
        }
        let names: Vec<String> = behind.iter().cloned().collect();
        let stored = self.stored_at_clouddriver(&names, None).await?;
        *behind = self.follow_source(stored, &Actor::ferry()).await?;
        Ok(())
    }
}

/// Takes over every row that is not ours yet; answers the names of dynamic accounts.
pub async fn take_over(
    store: &Store,
    keyring: &Keyring,
    source: &Source,
    limits: &Limits,
) -> Result<Vec<String>, TakeoverError> {
    if !keyring.has_key() {
        needs_no_key(store, source, limits).await?;
    }
    let (mut last, mut dynamic, mut set_apart) = (String::new(), Vec::new(), 0);
    loop {
        let (rows, now) = store.armory_rows(&last, CHUNK).await?;
        let Some(end) = rows.last() else { break };
        last = end.name.clone();
        let mut adopted = Vec::with_capacity(rows.len());
        for row in &rows {
            let taken = armory::take_over(row, limits, now);
            if let Some(message) = taken.account.message.as_deref() {
                let status = taken.account.status.as_str();
                tracing::warn!(account = row.name, status, message, "taken over");
            }
            adopted.push(Adopted {
                content: sealed_content(keyring, &row.name, &taken.definition)?,
                account: taken.account,
                held: taken.held,
                dynamic: row.dynamic,
            });
        }
        store.adopt(&adopted).await?;
        set_apart += rows.iter().filter(|row| !row.dynamic).count();
        let names = rows.into_iter().filter(|row| row.dynamic);
        dynamic.extend(names.map(|row| row.name));
    }
    if dynamic.len() + set_apart > 0 {
        let dynamic = dynamic.len();
        tracing::info!(
            dynamic,
            set_apart,
            "took over the accounts of Armory's plugin"
        );
    }
    Ok(dynamic)
}

/// Without a key a secret is kept by its source alone; that must have it.
async fn needs_no_key(
    store: &Store,
    source: &Source,
    limits: &Limits,
) -> Result<(), TakeoverError> {
    let (mut last, mut lost) = (String::new(), Vec::new());
    loop {
        let (rows, now) = store.armory_rows(&last, CHUNK).await?;
        let Some(end) = rows.last() else { break };
        last = end.name.clone();
        for row in &rows {
            let definition = armory::take_over(row, limits, now).definition;
            if definition.secrets.is_some() && !is_at(source, row, &definition).await? {
                lost.push(row.name.clone());
            }
        }
    }
    if lost.is_empty() {
        return Ok(());
    }
    let names = lost.iter().take(NAMED).map(|name| format!("`{name}`"));
    let mut names: Vec<String> = names.collect();
    if lost.len() > NAMED {
        names.push("…".to_owned());
    }
    Err(TakeoverError::KeyNeeded {
        count: lost.len(),
        names: names.join(", "),
    })
}

async fn is_at(
    source: &Source,
    row: &ArmoryRow,
    definition: &Definition,
) -> Result<bool, SourceError> {
    let Some(account) = source.find(&row.name, None).await? else {
        return Ok(false);
    };
    let theirs = Definition::part(account);
    Ok(theirs.kubeconfig_contents().is_some() || definition.kubeconfig_contents().is_none())
}

#[cfg(test)]
#[path = "takeover_tests.rs"]
mod tests;
