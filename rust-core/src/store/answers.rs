//! What requests with an `Idempotency-Key` were answered, for a day. The key's row is made before
//! the request is carried out and gets the answer after it; until then it says who carries it out.
//! Who has not been heard of for some seconds has died, and the next who asks takes over.
//!
//! `api` calls it. It never holds a request, only what it is known again by.

use super::outcomes::{self, CLAIM, Claim};
use super::steps::next_id;
use super::{Store, StoreError, failpoint, transaction};
use crate::sql::{Record, Tx, sql};

/// How long an answer is kept, in milliseconds.
const KEPT: i64 = 24 * 60 * 60 * 1000;

/// What is kept of a key.
#[derive(Debug)]
pub struct Kept {
    /// By which its request is known again.
    pub request: String,
    /// How far it is.
    pub stands: Stands,
}

/// How far a request is.
#[derive(Debug)]
pub enum Stands {
    /// It was answered, with this status and body.
    Answered(u16, String),
    /// Another carries it out.
    UnderWay,
    /// It is the caller's to carry out, or to go on with.
    Claimed(Claim),
}

impl Store {
    /// Claims a key for the request that is known again by `request`, unless another has it. Rows
    /// that are a day old are gone before.
    pub async fn claim_key(&self, id: &str, request: &str) -> Result<Kept, StoreError> {
        transaction!(self, failpoint::KEY_BEFORE, failpoint::KEY_AFTER, |tx| {
            let now = tx.now().await?;
            for table in ["kubesvc_ferry_answers", "kubesvc_ferry_outcomes"] {
                let purge = sql(format!("DELETE FROM {table} WHERE asked_at <= ?"));
                purge.number(now - KEPT).run(&mut tx).await?;
            }
            let query = sql(
                "SELECT request, status, body, claim, claimed_until, asked_at
                 FROM kubesvc_ferry_answers WHERE id = ?",
            );
            match query.text(id).optional(&mut tx).await? {
                None => Kept {
                    request: request.to_owned(),
                    stands: Stands::Claimed(first(&mut tx, id, request, now).await?),
                },
                Some(row) => Kept {
                    request: row.get("request")?,
                    stands: stands(&mut tx, id, &row, now).await?,
                },
            }
        })
    }

    /// Says that a request is still being carried out.
    pub async fn renew_claim(&self, claim: &Claim) -> Result<(), StoreError> {
        transaction!(self, failpoint::KEY_BEFORE, failpoint::KEY_AFTER, |tx| {
            let now = tx.now().await?;
            outcomes::renewed(&mut tx, claim, now).await?;
        })
    }

    /// Keeps the answer; `false`: another has taken the request over, whose answer counts.
    pub async fn keep_answer(
        &self,
        claim: &Claim,
        status: u16,
        body: &str,
    ) -> Result<bool, StoreError> {
        transaction!(
            self,
            failpoint::ANSWER_BEFORE,
            failpoint::ANSWER_AFTER,
            |tx| {
                let keep = sql("UPDATE kubesvc_ferry_answers SET status = ?, body = ?
                     WHERE id = ? AND claim = ? AND status IS NULL");
                let keep = keep.number(i64::from(status)).text(body);
                let keep = keep.texts([claim.id.as_str(), &claim.token]);
                let kept = keep.run(&mut tx).await? == 1;
                if kept {
                    outcomes::forget(&mut tx, &claim.id).await?;
                }
                kept
            }
        )
    }

    /// Leaves what is left of a request to the next who asks.
    pub async fn release_claim(&self, claim: &Claim) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::ANSWER_BEFORE,
            failpoint::ANSWER_AFTER,
            |tx| {
                let release = sql("UPDATE kubesvc_ferry_answers SET claimed_until = 0
                     WHERE id = ? AND claim = ?");
                let release = release.texts([claim.id.as_str(), &claim.token]);
                release.run(&mut tx).await?;
            }
        )
    }
}

async fn first(tx: &mut Tx, id: &str, request: &str, now: i64) -> Result<Claim, StoreError> {
    let token = next_id(now);
    let make = sql(
        "INSERT INTO kubesvc_ferry_answers (id, request, claim, claimed_until, asked_at)
         VALUES (?, ?, ?, ?, ?)",
    );
    let make = make.texts([id, request, &token]);
    make.number(now + CLAIM).number(now).run(tx).await?;
    Ok(Claim {
        id: id.to_owned(),
        token,
        asked_at: now,
        outcomes: Default::default(),
    })
}

async fn stands(tx: &mut Tx, id: &str, row: &Record, now: i64) -> Result<Stands, StoreError> {
    let status: Option<i64> = row.get("status")?;
    if let Some(status) = status.and_then(|status| u16::try_from(status).ok()) {
        let body: Option<String> = row.get("body")?;
        return Ok(Stands::Answered(status, body.unwrap_or_default()));
    }
    let (claim, until): (String, i64) = (row.get("claim")?, row.get("claimed_until")?);
    if until > now {
        return Ok(Stands::UnderWay);
    }
    // With the time, too: who was taken for dead may have written something just now.
    let take = sql(
        "UPDATE kubesvc_ferry_answers SET claim = ?, claimed_until = ?
         WHERE id = ? AND claim = ? AND claimed_until = ? AND status IS NULL",
    );
    let token = next_id(now);
    let take = take.text(token.as_str()).number(now + CLAIM);
    let take = take.texts([id, &claim]).number(until);
    if take.run(tx).await? == 0 {
        return Ok(Stands::UnderWay);
    }
    Ok(Stands::Claimed(Claim {
        id: id.to_owned(),
        token,
        asked_at: row.get("asked_at")?,
        outcomes: outcomes::kept(tx, id).await?,
    }))
}
