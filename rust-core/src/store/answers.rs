//! What requests with an `Idempotency-Key` were answered, for a day. The key's row is made before
//! the request is carried out and gets the answer after it: a row without one is of a request that
//! is under way, or whose process died.
//!
//! `api` calls it. It never holds a request, only what it is known again by.

use super::{Store, StoreError, failpoint, transaction};
use crate::sql::sql;

/// How long an answer is kept, in milliseconds.
const KEPT: i64 = 24 * 60 * 60 * 1000;

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// By which its request is known again.
    pub request: String,
    /// Status and body; `None`: there is none yet.
    pub answer: Option<(u16, String)>,
}

impl Store {
    /// Makes the row of a key, for the request that is known again by `request`; `Some`: there is
    /// one, which stays as it is. Rows that are a day old are gone before.
    pub async fn claim_key(&self, id: &str, request: &str) -> Result<Option<Kept>, StoreError> {
        transaction!(self, failpoint::KEY_BEFORE, failpoint::KEY_AFTER, |tx| {
            let now = tx.now().await?;
            let purge = sql("DELETE FROM kubesvc_ferry_answers WHERE asked_at <= ?");
            purge.number(now - KEPT).run(&mut tx).await?;
            let query = sql("SELECT request, status, body FROM kubesvc_ferry_answers WHERE id = ?");
            let row = query.text(id).optional(&mut tx).await?;
            if row.is_none() {
                let make =
                    "INSERT INTO kubesvc_ferry_answers (id, request, asked_at) VALUES (?, ?, ?)";
                let make = sql(make).texts([id, request]).number(now);
                make.run(&mut tx).await?;
            }
            match row {
                None => None,
                Some(row) => {
                    let status: Option<i64> = row.get("status")?;
                    let status = status.and_then(|status| u16::try_from(status).ok());
                    let body: Option<String> = row.get("body")?;
                    Some(Kept {
                        request: row.get("request")?,
                        answer: status.map(|status| (status, body.unwrap_or_default())),
                    })
                }
            }
        })
    }

    /// Keeps the answer of a key that has none; `false`: it has one, which stays.
    pub async fn keep_answer(&self, id: &str, status: u16, body: &str) -> Result<bool, StoreError> {
        transaction!(
            self,
            failpoint::ANSWER_BEFORE,
            failpoint::ANSWER_AFTER,
            |tx| {
                let keep = sql("UPDATE kubesvc_ferry_answers SET status = ?, body = ?
                     WHERE id = ? AND status IS NULL");
                let keep = keep.number(i64::from(status)).texts([body, id]);
                keep.run(&mut tx).await? == 1
            }
        )
    }
}
