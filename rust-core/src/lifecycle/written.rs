//! Clouddriver's accounts as they were written. Its API shows what a reference to a secret names in the
//! reference's place, and leaves an account out whose references it cannot read: there, what was written
//! through `/credentials` says what they are. The source goes before it: where an account has nothing in a
//! reference's place, it was changed since. Clouddriver's table shows everything itself.
//!
//! All that compares kept definitions with Clouddriver's asks here; `intercept` says what was written.

use super::Lifecycle;
use crate::account::definition::{Definition, is_reference};
use crate::source::{self, SourceError, Unfit};
use crate::store::{StoreError, Written};
use ferry_wire::MAX_ACCOUNT_BYTES;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Accounts as Clouddriver has them.
type Accounts = BTreeMap<String, source::Definition>;

/// What the source showed without the references may have been read before they were written, but no
/// longer ago than so many milliseconds.
const READ_BEFORE: i64 = 120_000;

/// Why Clouddriver's accounts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What was written is kept in the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Lifecycle {
    /// Those of these Kubernetes accounts that Clouddriver has and lets `user` see, by name. Whom it would
    /// let see one with permissions that it leaves out, nobody can ask.
    pub async fn seen_at_clouddriver(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<Accounts, Unread> {
        let mut accounts = self.source.some_stored(names, user).await?;
        let shown: BTreeSet<String> = accounts.keys().cloned().collect();
        self.as_written(names, &mut accounts).await?;
        let is_hidden = |(name, account): &(&String, &source::Definition)| {
            !shown.contains(*name) && is_restricted(account)
        };
        let hidden = accounts.iter().filter(is_hidden);
        let hidden: Vec<String> = hidden.map(|(name, _)| name.clone()).collect();
        self.source.add_configured(names, &mut accounts);
        accounts.retain(|name, _| !hidden.contains(name));
        Ok(accounts)
    }

    /// Those of these names that Clouddriver's configuration alone has, each with why it is not to be
    /// served.
    pub async fn configured(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Option<Unfit>>, Unread> {
        let mut configured = self.source.configured(names, user).await?;
        if !configured.is_empty() {
            let names: Vec<&String> = configured.keys().collect();
            let stored = self.written(&names).await?;
            configured.retain(|name, _| !stored.contains_key(name));
        }
        Ok(configured)
    }

    /// Those of these Kubernetes accounts that Clouddriver has, by name. `user` is who asks.
    pub async fn at_clouddriver(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<Accounts, Unread> {
        let mut accounts = self.stored_at_clouddriver(names, user).await?;
        self.source.add_configured(names, &mut accounts);
        Ok(accounts)
    }

    /// The same, of Clouddriver's account storage alone.
    pub async fn stored_at_clouddriver(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<Accounts, Unread> {
        // Before what was written: what is written meanwhile is not followed by what was there before.
        let mut accounts = self.source.some_stored(names, user).await?;
        self.as_written(names, &mut accounts).await?;
        Ok(accounts)
    }

    /// Makes of what the source has of these accounts what was written. Answers of which accounts that
    /// says nothing any longer: they have none of the references.
    pub(super) async fn as_written(
        &self,
        names: &[impl AsRef<str>],
        accounts: &mut Accounts,
    ) -> Result<Vec<(String, Written)>, StoreError> {
        let mut overwritten = Vec::new();
        for (name, written) in self.written(names).await? {
            match accounts.get_mut(&name) {
                Some(account) => {
                    self.put_back(account, &written.definition);
                    if self.is_overwritten(account, &written.definition) {
                        overwritten.push((name, written));
                    }
                }
                None => {
                    if let Some(account) = whole(&written) {
                        accounts.insert(name, account);
                    }
                }
            }
        }
        Ok(overwritten)
    }

    /// What was written of these accounts that the source does not show.
    pub(super) async fn written(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, Written>, StoreError> {
        match self.source.shows_references() || names.is_empty() {
            true => Ok(BTreeMap::new()),
            false => self.store.written(names).await,
        }
    }

    /// Forgets what was overwritten at Clouddriver.
    pub(super) async fn forget(
        &self,
        overwritten: Vec<(String, Written)>,
    ) -> Result<(), StoreError> {
        for (name, written) in overwritten {
            if written.age > READ_BEFORE {
                tracing::info!(account = name, "has other secrets at Clouddriver: followed");
                self.store.unwrite(&name, &written.intent).await?;
            }
        }
        Ok(())
    }

    /// In which fields `account` shows what the references of `written` name.
    pub fn in_place(&self, account: &source::Definition, written: &str) -> Vec<String> {
        let written = read(written);
        let shown = self
            .references(&written)
            .filter(|(field, _)| is_shown(account.get(*field)));
        shown.map(|(field, _)| field.to_owned()).collect()
    }

    /// Puts the references that `written` has where `account` shows what they name; `true`: it does so
    /// of each.
    pub fn put_back(&self, account: &mut source::Definition, written: &str) -> bool {
        let mut all = true;
        for (field, reference) in self.references(&read(written)) {
            match account.get_mut(field) {
                Some(shown) if is_shown(Some(shown)) => *shown = Value::from(reference),
                _ => all = false,
            }
        }
        all
    }

    /// Whether `account` has none of the references that were written.
    fn is_overwritten(&self, account: &source::Definition, written: &str) -> bool {
        let written = read(written);
        let mut references = self.references(&written).peekable();
        let is = |(field, text)| account.get(field).and_then(Value::as_str) == Some(text);
        references.peek().is_some() && !references.any(is)
    }

    /// What is to be remembered of a definition that is written, as JSON; `None`: the source shows all
    /// of it. Where it has secrets beside its references, those references alone.
    pub fn to_write_down(&self, definition: &Definition) -> Option<String> {
        if self.source.shows_references() {
            return None;
        }
        // Also those of other engines: the account may be left out for them.
        let is_reference = |value: &Value| value.as_str().is_some_and(is_reference);
        if !definition.public.values().any(is_reference) {
            return None;
        }
        let mut remembered = definition.public.clone();
        if definition.secrets.is_some() {
            remembered.retain(|field, value| field != "name" && is_reference(value));
        }
        let remembered = Value::Object(remembered).to_string();
        // What is longer reaches no agent.
        (remembered.len() <= MAX_ACCOUNT_BYTES).then_some(remembered)
    }

    /// Whether this very definition is kept of an account.
    pub async fn has_kept(
        &self,
        name: &str,
        account: &source::Definition,
    ) -> Result<bool, StoreError> {
        let kept = self.store.content(name).await?;
        Ok(kept.is_some_and(|kept| {
            let definition = Definition::part(account.clone());
            self.is_kept(name, &kept, &definition)
        }))
    }

    /// The references of engines that there are, by field. Clouddriver reads those alone that are an
    /// account's own fields.
    fn references<'a>(
        &self,
        definition: &'a Map<String, Value>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = definition
            .iter()
            .filter_map(|(field, value)| Some((field.as_str(), value.as_str()?)));
        texts.filter(|(field, text)| {
            !["name", "type"].contains(field) && self.resolver.has_engine_of(text)
        })
    }
}

/// Whether an account's definition says who may read it.
pub(super) fn is_restricted(definition: &source::Definition) -> bool {
    ["permissions", "requiredGroupMembership"]
        .iter()
        .any(|key| match definition.get(*key) {
            Some(Value::Object(of)) => !of.is_empty(),
            Some(Value::Array(of)) => !of.is_empty(),
            _ => false,
        })
}

/// Whether this is what a reference names, as far as can be seen.
fn is_shown(value: Option<&Value>) -> bool {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    !text.is_empty() && !is_reference(text)
}

/// The account that was written, as far as it is known without the source.
pub(super) fn whole(written: &Written) -> Option<source::Definition> {
    let account = read(&written.definition);
    account.contains_key("name").then_some(account)
}

pub(super) fn read(written: &str) -> Map<String, Value> {
    serde_json::from_str(written).unwrap_or_default()
}

#[cfg(test)]
#[path = "written_tests.rs"]
mod tests;
