//! What is known of a write beside what the source says of its account: whether Clouddriver took it, when
//! nobody heard its answer, too; and whether its references to secrets count, which Clouddriver's API does
//! not show. What the API does show decides. What it cannot tell apart, what a reference names and what was
//! written in its place, is decided by which write began last. One that began once another was answered is
//! the later one; of two at the same time either may be. `settle` asks.

use super::settle::{Unsettled, reader};
use super::{Interceptor, write};
use crate::source::Definition as Account;
use crate::store::{Intent, LastWrite};

impl Interceptor {
    /// Whether an account is as the intent wrote it.
    pub(super) fn wrote(&self, intent: &Intent, account: &Account) -> bool {
        let text = write::canonical(account, &intent.body_fields);
        self.lifecycle.is_of(&intent.body_sha256, &text)
    }

    /// Writes down that a write counts which Clouddriver took, where the source does not show references.
    pub(super) async fn count(&self, intent: &Intent) -> Result<(), Unsettled> {
        let name = intent.account.as_str();
        if self.source.shows_references()
            || intent.definition.is_none() && !self.store.is_written_with_references(name).await?
        {
            return Ok(());
        }
        let last = self.store.last_write(name).await?;
        let shown = self.source.find_stored(name, reader(intent)).await?;
        let shown = shown.as_ref();
        if !intent.accepted && !self.took(intent, shown, last.as_ref()).await? {
            return Ok(());
        }
        let mine = LastWrite {
            intent: intent.id.clone(),
            body_fields: intent.body_fields.clone(),
            definition: intent.definition.clone(),
        };
        match &last {
            Some(last) if self.tells(shown, last, &mine) => Ok(()),
            Some(last) if self.tells(shown, &mine, last) => {
                Ok(self.store.write_down(intent, Some(&last.intent)).await?)
            }
            _ => Ok(self.store.write_down(intent, None).await?),
        }
    }

    /// Whether what the source shows is by `this` write, which has references, and not by `other`.
    fn tells(&self, shown: Option<&Account>, this: &LastWrite, other: &LastWrite) -> bool {
        let Some(references) = &this.definition else {
            return false;
        };
        let is_deletion = other.body_fields.is_empty();
        let Some(shown) = shown else {
            // One without references would be shown.
            return other.definition.is_none() && !is_deletion;
        };
        let others = |shown: &String| other.body_fields.split(',').any(|field| field == shown);
        let in_place = self.lifecycle.in_place(shown, references);
        is_deletion || in_place.iter().any(|shown| !others(shown))
    }

    /// Whether Clouddriver took a write whose answer nobody heard. One of which that cannot be told does
    /// not count: its client had no answer either, and sends it again.
    async fn took(
        &self,
        intent: &Intent,
        shown: Option<&Account>,
        last: Option<&LastWrite>,
    ) -> Result<bool, Unsettled> {
        let before = last.is_some_and(|last| last.definition.is_some());
        Ok(match (shown, &intent.definition) {
            (Some(shown), None) => self.wrote(intent, shown),
            // It was shown, and no longer is: what it has now cannot be read.
            (None, Some(_)) => intent.existed == Some(true) && !before,
            (None, None) => false,
            (Some(shown), Some(definition)) => {
                let mut written = shown.clone();
                let all = self.lifecycle.put_back(&mut written, definition);
                let is_new = intent.existed == Some(false);
                let changed = !before
                    && self.wrote(intent, &written)
                    && !self.lifecycle.has_kept(&intent.account, shown).await?;
                all && (is_new || changed)
            }
        })
    }
}

/// What is known of a write whose account the source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is not known whether Clouddriver took it.
    Unknown,
    /// Clouddriver took it, and had the account before.
    Known,
    /// Clouddriver took it; whether it had the account before is not known.
    Perhaps,
    /// Clouddriver took it, and did not have the account before.
    New,
}

impl Taken {
    /// `wrote`: whether an account is as the intent wrote it.
    pub(super) fn by(
        intent: &Intent,
        wrote: impl Fn(&Account) -> bool,
    ) -> impl Fn(&Account) -> Taken {
        let (accepted, existed) = (intent.accepted, intent.existed);
        let post = intent.method == "POST";
        move |account| match (accepted, existed) {
            (_, Some(false)) => Taken::New,
            (true, _) if post => Taken::New,
            (true, Some(true)) => Taken::Known,
            // One too many, INACTIVE, harms nobody; one too few is lost.
            (true, None) => Taken::Perhaps,
            (false, Some(true)) => Taken::Unknown,
            (false, None) => match wrote(account) {
                true => Taken::New,
                false => Taken::Unknown,
            },
        }
    }

    pub(super) fn is_new(self) -> bool {
        matches!(self, Taken::New | Taken::Perhaps)
    }
}
