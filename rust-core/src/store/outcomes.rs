//! What came of the accounts of a request with an `Idempotency-Key`, written in the transaction of
//! its changes: whoever takes over from a process that died knows what was done, does the rest and
//! gives the answer that the first would have given.
//!
//! `steps` and `rows` write them, `answers` reads them and removes them. A process whose claim was
//! taken over writes nothing any longer.

use super::steps::{Actor, Change, next_id};
use super::{Store, StoreError, failpoint, transaction};
use crate::account::Status;
use crate::sql::{Tx, Value, insert, sql};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const OUTCOMES: &str = "kubesvc_ferry_outcomes";

/// How long others leave a request to who carries it out, since that was last heard of; in
/// milliseconds.
pub(super) const CLAIM: i64 = 5000;

/// What came of something that was asked of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Where it stood.
    pub before: Status,
    /// Where it stands once it is answered; what follows goes on. `None`: its row is gone.
    pub after: Option<Status>,
    /// Whether anything was written; else it was so already.
    pub changed: bool,
}

impl Moved {
    /// It was so already.
    pub fn not(status: Status) -> Moved {
        Moved {
            before: status,
            after: Some(status),
            changed: false,
        }
    }

    /// By this change.
    pub fn by(change: &Change<'_>) -> Moved {
        let after = change.step.account.as_ref();
        Moved {
            before: change.view.account.status,
            after: after.map(|account| account.status),
            changed: true,
        }
    }
}

/// What came of one account of a request, once and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is one of those that the request is about, and nothing came of it yet.
    Meant,
    /// Its row was made.
    Made,
    /// It was moved, or stood so already.
    Moved(Moved),
    /// Where it stood, it could not be asked for this; with the reason.
    Refused(Status, String),
    /// It had no row.
    Rowless,
}

impl Outcome {
    /// The change's account, and what came of it.
    pub(super) fn of<'a>(change: &'a Change<'_>) -> (&'a str, Outcome) {
        let name = change.view.account.name.as_str();
        (name, Outcome::Moved(Moved::by(change)))
    }
}

/// A request with a key, as far as it is this process's to carry out.
#[derive(Debug)]
pub struct Claim {
    /// By which its answer is kept.
    pub(super) id: String,
    /// Which claim it is.
    pub(super) token: String,
    /// When the request first came.
    pub(super) asked_at: i64,
    /// What came of its accounts already.
    pub(super) outcomes: BTreeMap<String, Outcome>,
}

impl Claim {
    /// What came already of this account.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.outcomes
            .get(name)
            .filter(|outcome| **outcome != Outcome::Meant)
    }

    /// The accounts that an earlier attempt made.
    pub fn made(&self) -> impl Iterator<Item = &str> {
        let made = |outcome: &Outcome| *outcome == Outcome::Made;
        let made = self.outcomes.iter().filter(move |(_, came)| made(came));
        made.map(|(name, _)| name.as_str())
    }

    /// The accounts that an earlier attempt found the request to be about.
    pub fn meant(&self) -> impl Iterator<Item = &str> {
        self.outcomes.keys().map(String::as_str)
    }
}

impl Store {
    /// Keeps which accounts a request with a key is about, before anything comes of them.
    pub async fn mean(&self, names: &[String], actor: &Actor) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::MEANT_BEFORE,
            failpoint::MEANT_AFTER,
            |tx| {
                let now = tx.now().await?;
                hold(&mut tx, actor, now).await?;
                let meant = names.iter().map(|name| (name.as_str(), Outcome::Meant));
                keep(&mut tx, actor, meant, now).await?;
            }
        )
    }
}

/// Makes sure that a request with a key is still its actor's to carry out.
pub(super) async fn hold(tx: &mut Tx, actor: &Actor, now: i64) -> Result<(), StoreError> {
    match &actor.claim {
        Some(claim) if !renewed(tx, claim, now).await? => Err(StoreError::Taken),
        _ => Ok(()),
    }
}

/// `false`: it is another's by now.
pub(super) async fn renewed(tx: &mut Tx, claim: &Claim, now: i64) -> Result<bool, StoreError> {
    let renew = sql("UPDATE kubesvc_ferry_answers SET claimed_until = ?
         WHERE id = ? AND claim = ? AND status IS NULL");
    let renew = renew.number(now + CLAIM);
    let renew = renew.texts([claim.id.as_str(), &claim.token]);
    Ok(renew.run(tx).await? == 1)
}

/// Keeps what came of accounts of a request with a key.
pub(super) async fn keep<'a>(
    tx: &mut Tx,
    actor: &Actor,
    outcomes: impl Iterator<Item = (&'a str, Outcome)>,
    now: i64,
) -> Result<(), StoreError> {
    let Some(claim) = &actor.claim else {
        return Ok(());
    };
    let outcomes: BTreeMap<&str, Outcome> = outcomes.collect();
    if outcomes.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(&outcomes).expect("names and words serialize");
    let row = [
        Value::text(next_id(now).as_str()),
        Value::text(claim.id.as_str()),
        Value::text(text.as_str()),
        Value::number(claim.asked_at),
    ];
    let columns = ["id", "answer_id", "outcomes", "asked_at"];
    Ok(insert(tx, OUTCOMES, columns, vec![row]).await?)
}

/// What was kept of a request, the later of two of one account.
pub(super) async fn kept(
    tx: &mut Tx,
    answer_id: &str,
) -> Result<BTreeMap<String, Outcome>, StoreError> {
    let rows =
        sql("SELECT id, outcomes FROM kubesvc_ferry_outcomes WHERE answer_id = ? ORDER BY id");
    let mut kept = BTreeMap::new();
    for row in rows.text(answer_id).all(tx).await? {
        let text: String = row.get("outcomes")?;
        let outcomes: BTreeMap<String, Outcome> =
            serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
                table: OUTCOMES,
                row: answer_id.to_owned(),
                column: "outcomes",
                reason: error.to_string(),
            })?;
        kept.extend(outcomes);
    }
    Ok(kept)
}

/// Forgets them: the request is answered.
pub(super) async fn forget(tx: &mut Tx, answer_id: &str) -> Result<(), StoreError> {
    let forget = sql("DELETE FROM kubesvc_ferry_outcomes WHERE answer_id = ?");
    forget.text(answer_id).run(tx).await?;
    Ok(())
}
