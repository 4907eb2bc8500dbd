//! Settles intents. What counts is what the source says now: writes may reach us in another order
//! than they reached Clouddriver, so a definition is always read anew, never taken from a request.
//! `taken` says what counts of references to secrets, which the source may not show.

use super::taken::Taken;
use super::{Interceptor, Outcome, RETRY, actor};
use crate::account::definition::Definition;
use crate::account::scan::Origin;
use crate::error::causes;
use crate::lifecycle::{Refusal, Unread, Verb};
use crate::source::{Definition as Account, SourceError};
use crate::store::{Actor, Intent, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// A write whose answer nobody heard may still be at work in Clouddriver for so long.
const AT_WORK: Duration = Duration::from_secs(30);

/// As often as a definition changes while it is being recorded it is read again; then later.
const ROUNDS: usize = 50;

/// Why an intent stays open.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsettled {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Unread(#[from] Unread),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether an intent has had its effect.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    /// What it asked for is recorded, or nothing is to be recorded.
    Settled,
    /// The source does not show it so far, and still may.
    NotSeen,
}

impl Interceptor {
    pub(super) async fn settle(&self, mut intent: Intent, outcome: Outcome) {
        let settled = match outcome {
            Outcome::Answered(status) if status.is_success() => {
                intent.accepted = true;
                self.accepted(&intent).await
            }
            Outcome::Answered(_) => self
                .store
                .close_intent(&intent)
                .await
                .map_err(Unsettled::from),
            // From now on the sweep of open intents looks at it again and again.
            Outcome::Unknown => {
                intent.opened_at = 0;
                self.until_journaled(&intent).await.map_err(Unsettled::from)
            }
        };
        if let Err(error) = settled {
            tracing::error!(
                account = intent.account,
                method = intent.method,
                error = causes(&error),
                "a write to /credentials is not recorded yet: its intent stays open"
            );
        }
    }

    /// What is not settled at once, the sweep of open intents settles.
    async fn accepted(&self, intent: &Intent) -> Result<(), Unsettled> {
        self.until_journaled(intent).await?;
        if self.apply(intent).await? == Effect::Settled {
            self.store.close_intent(intent).await?;
        }
        Ok(())
    }

    /// Until it is in the journal this process alone knows what became of it: it tries until it stops.
    async fn until_journaled(&self, intent: &Intent) -> Result<(), StoreError> {
        loop {
            let written = self.store.renew_intent(intent).await;
            let Err(error) = written else { return Ok(()) };
            if self.stop.is_cancelled() {
                return Err(error);
            }
            let (account, error) = (&intent.account, causes(&error));
            tracing::error!(
                account,
                error,
                "what became of a write is in no journal yet"
            );
            let wait = tokio::time::sleep(RETRY);
            self.stop.run_until_cancelled(wait).await;
        }
    }

    pub(super) async fn settle_open(self: Arc<Self>) {
        let mut tick = tokio::time::interval(RETRY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut all = true;
        loop {
            tick.tick().await;
            match self.settle_once(all).await {
                Ok(()) => all = false,
                Err(error) => {
                    let error = causes(&error);
                    tracing::error!(error, "the journal of writes cannot be read");
                }
            }
        }
    }

    /// Looks once at the open intents that this process has not under way: at all, or at those that no
    /// other core can be about to settle.
    pub(crate) async fn settle_once(&self, all: bool) -> Result<(), StoreError> {
        // Before the journal is read: what it has of a write that ends meanwhile may be old by then.
        let under_way = self.under_way().clone();
        let (mut intents, now) = self.store.open_intents().await?;
        intents.retain(|intent| !under_way.contains(&intent.id));
        for intent in intents {
            let age = u64::try_from(now - intent.opened_at).unwrap_or_default();
            let age = Duration::from_millis(age);
            if all || age > RETRY * 2 {
                self.resume(&intent, age).await;
            }
        }
        Ok(())
    }

    async fn resume(&self, intent: &Intent, age: Duration) {
        let resumed = async {
            let effect = self.apply(intent).await?;
            match effect {
                Effect::NotSeen if age <= AT_WORK => return Ok(()),
                Effect::NotSeen | Effect::Settled => {}
            }
            self.store.close_intent(intent).await?;
            let (account, method) = (&intent.account, &intent.method);
            let hidden = intent.definition.is_some() && effect == Effect::NotSeen;
            match effect == Effect::NotSeen && intent.accepted {
                true => tracing::warn!(
                    account,
                    method,
                    "Clouddriver took this write, but does not show it: nothing is recorded"
                ),
                false if hidden => tracing::warn!(
                    account,
                    method,
                    "nobody heard whether Clouddriver took this write, and it does not show accounts \
                     whose references it cannot read: nothing is recorded; send it again"
                ),
                false => tracing::info!(
                    account,
                    method,
                    ?effect,
                    "an open write to /credentials is settled"
                ),
            }
            Ok::<_, Unsettled>(())
        };
        if let Err(error) = resumed.await {
            let error = causes(&error);
            tracing::warn!(account = intent.account, error, "a write stays open");
        }
    }

    /// Records what the source says of the intent's account now. Doing it twice changes nothing.
    async fn apply(&self, intent: &Intent) -> Result<Effect, Unsettled> {
        self.count(intent).await?;
        let found = self.find(intent).await?;
        match (found, intent.method == "DELETE") {
            (Some(account), false) => {
                let wrote = |account: &Account| self.wrote(intent, account);
                self.written(intent, account, Taken::by(intent, wrote))
                    .await
            }
            (None, true) => self.deleted(intent).await,
            (Some(_), true) | (None, false) => Ok(Effect::NotSeen),
        }
    }

    /// A DELETE is of what Clouddriver stores alone: one that its configuration has stays there.
    async fn find(&self, intent: &Intent) -> Result<Option<Account>, Unread> {
        let (names, user) = ([intent.account.as_str()], reader(intent));
        let mut found = match intent.method == "DELETE" {
            true => self.lifecycle.stored_at_clouddriver(&names, user).await?,
            false => self.lifecycle.at_clouddriver(&names, user).await?,
        };
        Ok(found.remove(&intent.account))
    }

    async fn deleted(&self, intent: &Intent) -> Result<Effect, Unsettled> {
        // To who may not see an account it looks as if it were gone.
        if !intent.accepted && intent.existed != Some(true) {
            return Ok(Effect::NotSeen);
        }
        let (name, actor) = (&intent.account, actor(intent));
        match self
            .lifecycle
            .ask(name, Verb::DeleteWithSource, &actor)
            .await
        {
            Ok(_) | Err(Refusal::Unknown) => {}
            Err(refusal) => return Err(refusal.into()),
        }
        // Another write may have brought it back, and settled before the row went.
        match self.find(intent).await? {
            Some(account) => self.written(intent, account, |_| Taken::New).await,
            None => Ok(Effect::Settled),
        }
    }

    /// Records `account` and whatever the source says after it, until what was written is what it
    /// says: of two that record at the same time, the one that is last has read last.
    async fn written(
        &self,
        intent: &Intent,
        mut account: Account,
        taken: impl Fn(&Account) -> Taken,
    ) -> Result<Effect, Unsettled> {
        let name = &intent.account;
        let actor = actor(intent);
        let (mut made, mut anew) = (false, false);
        for _ in 0..ROUNDS {
            let taken = match anew {
                true => Taken::New,
                false => taken(&account),
            };
            let definition = Definition::part(account.clone());
            match self.record(name, &definition, taken, &actor).await? {
                Recorded::Made => made = true,
                Recorded::Updated => {}
                Recorded::Gone => continue,
                Recorded::Deleting if taken == Taken::Unknown => return Ok(Effect::NotSeen),
                Recorded::Deleting => {
                    let activate = self.activates(name, taken);
                    let kept = self.lifecycle.succeed(name, &definition, activate, &actor);
                    match kept.await {
                        Ok(()) => {}
                        // It is gone meanwhile.
                        Err(Refusal::Illegal { .. } | Refusal::Unknown) => continue,
                        Err(refusal) => return Err(refusal.into()),
                    }
                }
                // It was ours when the write began. One that deleted it was quicker, and Clouddriver
                // made it anew.
                Recorded::Nothing if intent.accepted && self.store.ended_since(intent).await? => {
                    anew = true;
                    continue;
                }
                Recorded::Nothing if intent.accepted => return Ok(Effect::Settled),
                Recorded::Nothing => return Ok(Effect::NotSeen),
            }
            match self.find(intent).await? {
                Some(now) if now == account => {
                    // A PUT that is not known to be accepted may still change the account.
                    return Ok(match intent.accepted || intent.method == "POST" {
                        true => Effect::Settled,
                        false => Effect::NotSeen,
                    });
                }
                Some(now) => account = now,
                // Deleted meanwhile, maybe before there was a row to remove.
                None if made => {
                    match self
                        .lifecycle
                        .ask(name, Verb::DeleteWithSource, &actor)
                        .await
                    {
                        Ok(_) | Err(Refusal::Unknown) => {}
                        Err(refusal) => return Err(refusal.into()),
                    }
                    return Ok(Effect::Settled);
                }
                None => return Ok(Effect::NotSeen),
            }
        }
        Ok(Effect::NotSeen)
    }

    /// Whether a row goes on to ACTIVE by itself, here or by the next scan.
    fn activates(&self, name: &str, taken: Taken) -> bool {
        taken == Taken::New && (self.activate || self.lifecycle.rules().takes(name, Origin::Stored))
    }

    async fn record(
        &self,
        name: &str,
        definition: &Definition,
        taken: Taken,
        actor: &Actor,
    ) -> Result<Recorded, Unsettled> {
        match self.lifecycle.update(name, definition, actor).await {
            Ok(()) => return Ok(Recorded::Updated),
            Err(Refusal::Illegal { .. }) => return Ok(Recorded::Deleting),
            Err(Refusal::Unknown) => {}
            Err(refusal) => return Err(refusal.into()),
        }
        if !taken.is_new() {
            return Ok(Recorded::Nothing);
        }
        let activate = self.activates(name, taken);
        let adopt = self.lifecycle.adopt(name, definition, activate, actor);
        let made = adopt.await?;
        Ok(match made {
            true => Recorded::Made,
            false => Recorded::Gone,
        })
    }
}

/// As whom the source is asked.
pub(super) fn reader(intent: &Intent) -> Option<&str> {
    Some(intent.who.as_str()).filter(|who| *who != "unknown")
}

/// What became of a definition.
enum Recorded {
    /// A row with it.
    Made,
    /// The row has it.
    Updated,
    /// The row is being deleted.
    Deleting,
    /// The row came or went meanwhile.
    Gone,
    /// There is no row, and none is to be made.
    Nothing,
}
