//! What Clouddriver's accounts have that is new or changed since the last look. Migrated ones that were
//! edited behind our back are updated; what is gone there is said so; with automatic migration,
//! accounts whose names match go all the way to ACTIVE. One core of several scans at a time.

use super::written::{is_restricted, read, whole};
use super::{Ask, Asked, Lifecycle, Refusal, Unread, Verb};
use crate::account::definition::Definition;
use crate::account::scan::Origin;
use crate::error::causes;
use crate::source::{Cursor, Definition as Account, Unfit};
use crate::store::{Actor, Known, StoreError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The lease of the core that scans.
const LEASE: &str = "scan";
/// How many names one scan compares in turn, whatever changed.
const SLICE: usize = 2000;

/// What one core remembers from scan to scan. Lost, all accounts are looked at once more.
#[derive(Default)]
pub(crate) struct Memory {
    cursor: Cursor,
    /// Changed accounts that could not be compared yet: the database failed, or their row is on its
    /// way out, and another may follow.
    again: BTreeSet<String>,
    /// Accounts that match and wait for their batch.
    waiting: BTreeSet<String>,
    /// Accounts that match and are agents' own.
    brought: BTreeSet<String>,
    /// Where the walks through our rows and marks are.
    rows: String,
    marks: String,
}

impl Lifecycle {
    /// Scans from time to time, unless dynamic accounts are switched off.
    pub(super) async fn scan(self: Arc<Self>) {
        if !self.follows {
            return;
        }
        if self.rules.enabled && self.rules.patterns.is_empty() {
            tracing::warn!(
                "kubesvc.dynamicAccounts.scan is on, but namePatterns is empty, and so is \
                 credentialScanNamePatterns: no account is taken; changes of migrated ones are followed"
            );
        }
        let mut tick = tokio::time::interval(self.rules.frequency);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut memory = Memory::default();
        loop {
            tick.tick().await;
            self.scan_in_turn(&mut memory).await;
        }
    }

    /// Scans once, if no other core does.
    pub(super) async fn scan_in_turn(&self, memory: &mut Memory) {
        let lasts = self.rules.frequency * 2 + Duration::from_secs(10);
        match self.store.lease(LEASE, &self.core_id, lasts).await {
            Ok(true) => {}
            Ok(false) => {
                // What another core sees meanwhile is not known here.
                *memory = Memory::default();
                return;
            }
            Err(error) => {
                tracing::error!(error = causes(&error), "the scan waits for the database");
                return;
            }
        }
        let start = Instant::now();
        match self.scan_once(memory).await {
            Ok(()) => self.metrics.scan_took(start.elapsed()),
            Err(error) => {
                tracing::warn!(error = causes(&error), "the scan goes on next time");
            }
        }
    }

    async fn scan_once(&self, memory: &mut Memory) -> Result<(), Unread> {
        if !self.rules.take_any() && self.has_nothing_to_follow().await? {
            return Ok(());
        }
        self.compare_again(memory).await?;
        while let Some(page) = self.source.changed(&mut memory.cursor).await? {
            let names: Vec<String> = page.iter().map(|(name, _)| name.clone()).collect();
            memory.again.extend(names.iter().cloned());
            let mut page: BTreeMap<_, _> = page.into_iter().collect();
            let overwritten = match memory.cursor.came_to_configured() {
                false => self.as_written(&names, &mut page).await?,
                true => {
                    // The storage has those, and leaves them out.
                    let stored = self.written(&names).await?;
                    page.retain(|name, _| !stored.contains_key(name));
                    Vec::new()
                }
            };
            self.compare_page(page, memory).await?;
            self.forget(overwritten).await?;
        }
        if self.rules.take_any() {
            let names = self.source.walk(&mut memory.cursor, SLICE).await?;
            let facts = self.store.facts(&names).await?;
            let new = names.into_iter().filter(|name| !facts.contains_key(name));
            let new = new.filter(|name| self.rules.takes(name, Origin::Stored));
            memory.waiting.extend(new);
            self.let_go(memory).await?;
            self.take(&mut memory.waiting).await?;
        }
        self.compare_rows(memory).await?;
        self.compare_marks(memory).await
    }

    /// Nobody asks Clouddriver for what concerns no account here.
    async fn has_nothing_to_follow(&self) -> Result<bool, StoreError> {
        Ok(self.store.followers("", 1).await?.is_empty()
            && self.store.tombstones("", 1).await?.is_empty())
    }

    /// Looks once more at accounts that could not be compared.
    async fn compare_again(&self, memory: &mut Memory) -> Result<(), Unread> {
        let names: Vec<String> = memory.again.iter().take(SLICE).cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        let accounts = self.at_clouddriver(&names, None).await?;
        memory
            .again
            .retain(|name| !names.contains(name) || accounts.contains_key(name));
        self.compare_page(accounts, memory).await
    }

    /// Looks at accounts that are new or changed.
    async fn compare_page(
        &self,
        page: BTreeMap<String, Account>,
        memory: &mut Memory,
    ) -> Result<(), Unread> {
        let names: Vec<&str> = page.keys().map(String::as_str).collect();
        let facts = self.store.facts(&names).await?;
        let follows = |name: &&str| {
            matches!(facts.get(*name), Some(Known::Row { inline: false, status, .. })
                if !status.is_deleting())
        };
        let followers: Vec<&str> = names.iter().copied().filter(follows).collect();
        let contents = self.store.contents(&followers).await?;
        let configured = self.configured(&names, None).await?;
        let (mut back, mut changed) = (Vec::new(), Vec::new());
        for (name, account) in page {
            let unfit = configured.get(&name);
            match facts.get(&name) {
                None if self.takes(&name, unfit) => {
                    memory.waiting.insert(name.clone());
                }
                Some(Known::Static) if self.takes(&name, unfit) => {
                    memory.brought.insert(name.clone());
                }
                Some(Known::Row { gone: true, .. }) => back.push(name.clone()),
                _ => {}
            }
            if let Some(kept) = contents.get(&name) {
                let definition = Definition::part(account);
                if !self.is_kept(&name, kept, &definition)
                    && self.serves(&name, unfit.and_then(Option::as_ref)).await?
                {
                    memory.again.insert(name.clone());
                    changed.push(name);
                    continue;
                }
            }
            let leaves =
                |known: &Known| matches!(known, Known::Row { status, .. } if status.is_deleting());
            if !facts.get(&name).is_some_and(leaves) {
                memory.again.remove(&name);
            }
        }
        if !back.is_empty() {
            self.store.mark_gone(&back, false).await?;
        }
        // A request may have brought what is newer than the page; and then, than what was followed.
        for _ in 0..2 {
            if changed.is_empty() {
                break;
            }
            let now = self.at_clouddriver(&changed, None).await?;
            let followed = self.follow_source(now, &scanner()).await?;
            for name in changed.iter().filter(|name| !followed.contains(*name)) {
                memory.again.remove(name);
            }
            changed = followed.into_iter().collect();
        }
        Ok(())
    }

    /// Accounts that match and are no agent's own any longer wait for their batch.
    async fn let_go(&self, memory: &mut Memory) -> Result<(), StoreError> {
        let names: Vec<&str> = memory.brought.iter().map(String::as_str).collect();
        let mut facts = self.store.facts(&names).await?;
        for name in std::mem::take(&mut memory.brought) {
            match facts.remove(&name) {
                Some(Known::Static) => memory.brought.insert(name),
                Some(_) => false,
                None => memory.waiting.insert(name),
            };
        }
        Ok(())
    }

    /// Whether an account that is not migrated is to be; `configured`: Clouddriver's configuration alone
    /// has it, and why Ferry cannot serve it, if so.
    fn takes(&self, name: &str, configured: Option<&Option<Unfit>>) -> bool {
        match configured {
            None => self.rules.takes(name, Origin::Stored),
            Some(unfit) => {
                let takes = self.rules.takes(name, Origin::Configured);
                if let (true, Some(Unfit { why, .. })) = (takes, unfit) {
                    tracing::warn!(account = name, why, "its name matches: not migrated");
                }
                takes && unfit.is_none()
            }
        }
    }

    /// Whether the row can be served as its source is now.
    async fn serves(&self, name: &str, unfit: Option<&Unfit>) -> Result<bool, StoreError> {
        let Some(unfit) = unfit else { return Ok(true) };
        let row = self.store.view(name).await?;
        let has_its_own = row.is_some_and(|row| row.account.kubeconfig_file.is_some());
        if unfit.mended_by_kubeconfig && has_its_own {
            return Ok(true);
        }
        tracing::warn!(
            account = name,
            why = unfit.why,
            "changed in Clouddriver's configuration, and not followed"
        );
        Ok(false)
    }

    /// Updates those rows that differ from these accounts, which are as Clouddriver has them now. Answers
    /// which did.
    pub(super) async fn follow_source(
        &self,
        accounts: BTreeMap<String, Account>,
        actor: &Actor,
    ) -> Result<BTreeSet<String>, StoreError> {
        let names: Vec<&String> = accounts.keys().collect();
        let contents = self.store.contents(&names).await?;
        let mut followed = BTreeSet::new();
        for (name, account) in accounts {
            let definition = Definition::part(account);
            let kept = contents.get(&name);
            if kept.is_none_or(|kept| kept.inline || self.is_kept(&name, kept, &definition)) {
                continue;
            }
            match self.update(&name, &definition, actor).await {
                Ok(()) => {
                    self.metrics.scanned("updated", 1);
                    tracing::info!(account = name, "changed at Clouddriver: followed");
                    followed.insert(name);
                }
                Err(Refusal::Store(error)) => return Err(error),
                // It is on its way out, or its secret cannot be sealed.
                Err(refusal) => {
                    tracing::warn!(account = name, reason = causes(&refusal), "not followed");
                }
            }
        }
        Ok(followed)
    }

    /// Takes the next accounts that match, in one transaction, and sends them on to ACTIVE.
    async fn take(&self, waiting: &mut BTreeSet<String>) -> Result<(), Unread> {
        let batch = waiting.iter().take(self.rules.batch_size);
        let names: Vec<String> = batch.cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        // A while may have passed since they were seen.
        let facts = self.store.facts(&names).await?;
        let mut accounts = self.at_clouddriver(&names, None).await?;
        accounts.retain(|name, _| !facts.contains_key(name));
        let mut rows = Vec::new();
        for (name, account) in accounts {
            match self.new_row(&name, &Definition::part(account), Asked::default()) {
                Ok(mut row) => {
                    row.activate = Some(self.limits);
                    rows.push(row);
                }
                Err(error) => {
                    tracing::error!(account = name, error = causes(&error), "not migrated");
                }
            }
        }
        if !rows.is_empty() {
            let made = self.create(&rows, &scanner()).await?;
            self.follow_made(&made, None, &scanner()).await;
            self.metrics.scanned("taken", made.len());
            tracing::info!(
                taken = made.len(),
                "accounts whose names match are migrated"
            );
        }
        waiting.retain(|name| !names.contains(name));
        Ok(())
    }

    /// Removes those accounts again, just made as Clouddriver had them, that it has no longer, and makes the
    /// others what they are there now: whoever wrote or deleted them meanwhile found no row here. `user` is
    /// who asks.
    pub async fn follow_made(&self, made: &BTreeSet<String>, user: Option<&str>, actor: &Actor) {
        if made.is_empty() {
            return;
        }
        let removed = async {
            let names: Vec<&String> = made.iter().collect();
            let there = self.at_clouddriver(&names, user).await?;
            let gone = made.iter().filter(|name| !there.contains_key(*name));
            let asks = gone.map(|name| Ask {
                name: name.clone(),
                verb: Verb::DeleteWithSource,
            });
            // To a request with a key they are made.
            let actor = Actor {
                claim: None,
                ..actor.clone()
            };
            self.ask_all(&asks.collect::<Vec<_>>(), &actor).await?;
            self.follow_source(there, &actor).await?;
            Ok::<_, Unread>(())
        };
        if let Err(error) = removed.await {
            let error = causes(&error);
            tracing::warn!(
                error,
                "not known whether Clouddriver still has what was migrated"
            );
        }
    }

    /// Compares some of our rows with the source, in turn all of them.
    async fn compare_rows(&self, memory: &mut Memory) -> Result<(), Unread> {
        let rows = self.store.followers(&memory.rows, SLICE).await?;
        let last = rows.last().filter(|_| rows.len() == SLICE);
        memory.rows = last.map(|(name, _)| name.clone()).unwrap_or_default();
        let marked: HashMap<String, bool> = rows.into_iter().collect();
        let names: Vec<String> = marked.keys().cloned().collect();
        let (gone, left_out) = self.gone(&memory.cursor, &names).await?;
        self.compare_page(left_out, memory).await?;
        let (mut lost, mut back) = (Vec::new(), Vec::new());
        for (name, marked) in marked {
            match (gone.contains(&name), marked) {
                (true, false) => lost.push(name),
                (false, true) => back.push(name),
                _ => {}
            }
        }
        let lost = self.not_just_hidden(lost).await?;
        for name in &lost {
            tracing::warn!(
                account = name,
                "Clouddriver has no account of this name any longer: it stays here until it is \
                 deleted"
            );
        }
        for (names, gone) in [(lost, true), (back, false)] {
            if !names.is_empty() {
                self.store.mark_gone(&names, gone).await?;
            }
        }
        Ok(())
    }

    /// Leaves those out that Clouddriver may only not show: it has permissions, and nobody has them here.
    async fn not_just_hidden(&self, mut lost: Vec<String>) -> Result<Vec<String>, StoreError> {
        if !lost.is_empty() && !self.source.shows_all() {
            let contents = self.store.contents(&lost).await?;
            lost.retain(|name| {
                let kept = contents.get(name);
                !kept.is_some_and(|kept| is_restricted(&read(&kept.definition)))
            });
        }
        Ok(lost)
    }

    /// Clears marks of deleted accounts that the source does not have either.
    async fn compare_marks(&self, memory: &mut Memory) -> Result<(), Unread> {
        let marks = self.store.tombstones(&memory.marks, SLICE).await?;
        let last = marks.last().filter(|_| marks.len() == SLICE);
        memory.marks = last.cloned().unwrap_or_default();
        let (gone, _) = self.gone(&memory.cursor, &marks).await?;
        if !gone.is_empty() {
            let gone: Vec<String> = gone.into_iter().collect();
            self.store.unbury(&gone).await?;
        }
        Ok(())
    }

    /// Those that the source has not, asked once more: it may have them since the last look. And those that
    /// it has and leaves out, as they were written.
    async fn gone(
        &self,
        cursor: &Cursor,
        names: &[String],
    ) -> Result<(BTreeSet<String>, BTreeMap<String, Account>), Unread> {
        let mut missing = self.source.missing(cursor, names).await?;
        let written = self.written(&missing).await?;
        missing.retain(|name| !written.contains_key(name));
        let there = match missing.is_empty() {
            true => BTreeMap::new(),
            false => self.at_clouddriver(&missing, None).await?,
        };
        missing.retain(|name| !there.contains_key(name));
        let left_out = written.into_iter();
        let left_out = left_out.filter_map(|(name, written)| Some((name, whole(&written)?)));
        // The others may be shown to who has permissions.
        let all = self.source.shows_all();
        let left_out = left_out.filter(|(_, account)| all || !is_restricted(account));
        Ok((missing.into_iter().collect(), left_out.collect()))
    }
}

fn scanner() -> Actor {
    Actor {
        who: "scan".to_owned(),
        request_id: None,
        claim: None,
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
