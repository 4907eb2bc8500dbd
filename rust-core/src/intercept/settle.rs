//! Settles intents. What counts is what the source says now: writes may reach us in another order
//! than they reached Clouddriver, so a definition is always read anew, never taken from a request.

use super::{Interceptor, Outcome, RETRY, actor, write};
use crate::account::definition::Definition;
use crate::error::causes;
use crate::lifecycle::{Asked, Refusal};
use crate::source::SourceError;
use crate::store::{Intent, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// A write whose answer nobody heard may still be at work in Clouddriver for so long.
const AT_WORK: Duration = Duration::from_secs(30);

/// Why an intent stays open.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Unsettled {
    /// Whether another try may do.
    fn passes(&self) -> bool {
        match self {
            Unsettled::Source(_) | Unsettled::Store(_) => true,
            Unsettled::Refused(refusal) => matches!(refusal, Refusal::Store(_)),
        }
    }
}

/// Whether an intent has had its effect.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    /// What it asked for is recorded, or nothing is to be recorded.
    Settled,
    /// The source does not show it, so far.
    NotSeen,
    /// The row of that name is being deleted; what the source has becomes the next one.
    Waits,
}

impl Interceptor {
    pub(super) async fn settle(&self, mut intent: Intent, journaled: bool, outcome: Outcome) {
        let settled = match outcome {
            Outcome::Answered(status) if status.is_success() => {
                intent.accepted = true;
                match journaled {
                    true => self.accepted(&intent, true).await,
                    false => self.remembered(&intent).await,
                }
            }
            Outcome::Answered(_) if journaled => self
                .store
                .close_intent(&intent.id)
                .await
                .map_err(Unsettled::from),
            // The sweep of open intents looks at it again and again.
            Outcome::Answered(_) | Outcome::Unknown => Ok(()),
        };
        if let Err(error) = settled {
            tracing::error!(
                account = intent.account,
                method = intent.method,
                journaled,
                error = causes(&error),
                "a write to /credentials is not recorded yet"
            );
        }
    }

    /// What is in no journal this process alone remembers: it tries until it stops.
    async fn remembered(&self, intent: &Intent) -> Result<(), Unsettled> {
        loop {
            match self.accepted(intent, false).await {
                Err(error) if error.passes() && !self.stop.is_cancelled() => {
                    let (account, error) = (&intent.account, causes(&error));
                    tracing::error!(account, error, "a write in no journal is not recorded yet");
                    let wait = tokio::time::sleep(RETRY);
                    self.stop.run_until_cancelled(wait).await;
                }
                settled => return settled,
            }
        }
    }

    async fn accepted(&self, intent: &Intent, journaled: bool) -> Result<(), Unsettled> {
        if journaled {
            self.store.accept_intent(&intent.id).await?;
        }
        let effect = self.apply(intent).await?;
        if journaled && effect != Effect::Waits {
            self.store.close_intent(&intent.id).await?;
        }
        Ok(())
    }

    pub(super) async fn settle_open(self: Arc<Self>) {
        let mut tick = tokio::time::interval(RETRY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // What this process has under way settles itself; only the older is looked at.
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

    /// Looks once at the open intents: at all, or at those that do not settle themselves.
    pub(super) async fn settle_once(&self, all: bool) -> Result<(), StoreError> {
        let (intents, now) = self.store.open_intents().await?;
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
            if effect == Effect::Waits {
                return Ok(());
            }
            if effect == Effect::Settled || intent.accepted || age > AT_WORK {
                self.store.close_intent(&intent.id).await?;
                tracing::info!(
                    account = intent.account,
                    method = intent.method,
                    ?effect,
                    "an open write to /credentials is settled"
                );
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
        let name = &intent.account;
        let actor = actor(intent);
        let user = Some(intent.who.as_str()).filter(|who| *who != "unknown");
        let found = self.source.find(name, user).await?;
        let row = self.store.view(name).await?.map(|view| view.account);
        let known = row.is_some();
        // A process may have died between making the row and activating it.
        let untouched = row.is_none_or(|account| account.version == 1);
        let Some(account) = found else {
            if intent.method != "DELETE" {
                return Ok(Effect::NotSeen);
            }
            if known {
                match self.lifecycle.delete(name, &actor).await {
                    Ok(()) | Err(Refusal::Unknown) => {}
                    Err(refusal) => return Err(refusal.into()),
                }
            }
            return Ok(Effect::Settled);
        };
        if intent.method == "DELETE" {
            return Ok(Effect::NotSeen);
        }
        let by_this_write = match intent.existed {
            Some(existed) => !existed,
            None if intent.accepted => intent.method == "POST",
            None => write::digest(&account, &intent.body_fields) == intent.body_sha256,
        };
        let definition = Definition::part(account);
        if known {
            match self.lifecycle.update(name, &definition, &actor).await {
                Ok(()) => {}
                Err(Refusal::Illegal { .. }) if by_this_write => return Ok(Effect::Waits),
                // It is on its way out; the row that may follow is another one.
                Err(Refusal::Illegal { .. } | Refusal::Unknown) => return Ok(Effect::NotSeen),
                Err(refusal) => return Err(refusal.into()),
            }
        } else if by_this_write {
            self.lifecycle
                .adopt(name, &definition, Asked::default(), &actor)
                .await?;
        } else {
            return Ok(Effect::NotSeen);
        }
        if self.activate && by_this_write && untouched {
            let asked = Asked::default();
            match self.lifecycle.activate(name, &asked, &actor).await {
                Ok(()) | Err(Refusal::Illegal { .. } | Refusal::Unknown) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        // A PUT that is not known to be accepted may still change the account.
        match intent.accepted || intent.method == "POST" {
            true => Ok(Effect::Settled),
            false => Ok(Effect::NotSeen),
        }
    }
}
