//! The journal of writes to `/credentials`: an intent is opened before the write is forwarded and
//! closed once what Clouddriver made of it is recorded. What a dead process left open is settled
//! against the source at the next start.

use super::{Store, StoreError, failpoint, transaction};
use crate::sql::{Record, sql};

/// A write to `/credentials` under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// A ULID.
    pub id: String,
    /// POST, PUT or DELETE.
    pub method: String,
    /// The account's name.
    pub account: String,
    /// The top-level fields of the body, sorted, joined by commas.
    pub body_fields: String,
    /// A fingerprint of those fields of the body in canonical form: keyed, salted, no secret.
    pub body_sha256: String,
    /// What it says, as JSON, where it has references that the source does not show; it holds no secret.
    pub definition: Option<String>,
    /// Whether the source had the account before; `None`: it could not be asked.
    pub existed: Option<bool>,
    /// Clouddriver is known to have taken it.
    pub accepted: bool,
    /// X-SPINNAKER-USER of the request.
    pub who: String,
    /// X-SPINNAKER-REQUEST-ID of the request, if it had one.
    pub request_id: Option<String>,
    /// When it was opened, Unix milliseconds; the store sets it.
    pub opened_at: i64,
}

impl Store {
    /// Journals an intent; one that is there stays.
    pub async fn open_intent(&self, intent: &Intent) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::INTENT_BEFORE,
            failpoint::INTENT_AFTER,
            |tx| {
                let now = tx.now().await?;
                let written = sql("INSERT INTO kubesvc_ferry_intents (id, method, account, body_fields, body_sha256,
                 existed, accepted, who, request_id, opened_at, definition)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .texts([intent.id.as_str(), &intent.method, &intent.account])
            .texts([intent.body_fields.as_str(), &intent.body_sha256])
            .number(intent.existed.map(i64::from))
            .number(i64::from(intent.accepted))
            .text(intent.who.as_str())
            .text(intent.request_id.as_deref())
            .number(now)
            .text(intent.definition.as_deref())
            .run(&mut tx)
            .await;
                match written {
                    Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                        return Ok(());
                    }
                    written => written?,
                };
            }
        )
    }

    /// Records that Clouddriver took the write.
    pub async fn accept_intent(&self, id: &str) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::ACCEPT_BEFORE,
            failpoint::ACCEPT_AFTER,
            |tx| {
                let accept = sql("UPDATE kubesvc_ferry_intents SET accepted = 1 WHERE id = ?");
                accept.text(id).run(&mut tx).await?;
            }
        )
    }

    /// Removes an intent whose outcome is recorded.
    pub async fn close_intent(&self, id: &str) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::CLOSE_BEFORE,
            failpoint::CLOSE_AFTER,
            |tx| {
                let close = sql("DELETE FROM kubesvc_ferry_intents WHERE id = ?");
                close.text(id).run(&mut tx).await?;
            }
        )
    }

    /// Whether the account's row ended while this intent was open, and not because somebody took the
    /// account out of Ferry alone.
    pub async fn ended_since(&self, intent: &Intent) -> Result<bool, StoreError> {
        let mut tx = self.pool.read().await?;
        let ended = sql("SELECT COUNT(*) FROM kubesvc_ferry_audit
             WHERE account = ? AND to_status IS NULL
               AND at >= (SELECT opened_at FROM kubesvc_ferry_intents WHERE id = ?)
               AND NOT EXISTS (SELECT 1 FROM kubesvc_ferry_tombstones WHERE name = ?)");
        let texts = [&intent.account, &intent.id, &intent.account];
        let ended = ended.texts(texts.map(String::as_str));
        let count = ended.count(&mut tx).await?;
        tx.commit().await?;
        Ok(count > 0)
    }

    /// The open intents, oldest first, and the database's clock.
    pub async fn open_intents(&self) -> Result<(Vec<Intent>, i64), StoreError> {
        let mut tx = self.pool.read().await?;
        let rows = sql("SELECT * FROM kubesvc_ferry_intents ORDER BY id")
            .all(&mut tx)
            .await?;
        let now = tx.now().await?;
        tx.commit().await?;
        Ok((rows.iter().map(read).collect::<Result<_, _>>()?, now))
    }
}

fn read(row: &Record) -> Result<Intent, StoreError> {
    let existed: Option<i64> = row.get("existed")?;
    let accepted: i64 = row.get("accepted")?;
    Ok(Intent {
        id: row.get("id")?,
        method: row.get("method")?,
        account: row.get("account")?,
        body_fields: row.get("body_fields")?,
        body_sha256: row.get("body_sha256")?,
        existed: existed.map(|existed| existed != 0),
        accepted: accepted != 0,
        who: row.get("who")?,
        request_id: row.get("request_id")?,
        definition: row.get("definition")?,
        opened_at: row.get("opened_at")?,
    })
}
