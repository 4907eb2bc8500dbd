//! The journal of writes to `/credentials`: an intent is opened before the write is forwarded and
//! closed once what Clouddriver made of it is recorded. What a dead process left open is settled
//! against the source at the next start.

use super::{Store, StoreError, now};
use crate::failpoint;
use sqlx::Row;

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
    /// SHA-256 over those fields of the body in canonical form, lower-case hex.
    pub body_sha256: String,
    /// Whether the source had the account before; `None`: it could not be asked.
    pub existed: Option<bool>,
    /// Clouddriver is known to have taken it.
    pub accepted: bool,
    /// X-SPINNAKER-USER of the request.
    pub who: String,
    /// When it was opened, Unix milliseconds; the store sets it.
    pub opened_at: i64,
}

impl Store {
    /// Journals an intent.
    pub async fn open_intent(&self, intent: &Intent) -> Result<(), StoreError> {
        failpoint::hit(failpoint::INTENT_BEFORE);
        let mut tx = self.begin().await?;
        let now = now(&mut tx).await?;
        sqlx::query(
            "INSERT INTO kubesvc_ferry_intents (id, method, account, body_fields, body_sha256,
             existed, accepted, who, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&intent.id)
        .bind(&intent.method)
        .bind(&intent.account)
        .bind(&intent.body_fields)
        .bind(&intent.body_sha256)
        .bind(intent.existed)
        .bind(intent.accepted)
        .bind(&intent.who)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        failpoint::hit(failpoint::INTENT_AFTER);
        Ok(())
    }

    /// Records that Clouddriver took the write.
    pub async fn accept_intent(&self, id: &str) -> Result<(), StoreError> {
        failpoint::hit(failpoint::ACCEPT_BEFORE);
        sqlx::query("UPDATE kubesvc_ferry_intents SET accepted = 1 WHERE id = ?")
            .bind(id)
            .execute(&self.writer)
            .await?;
        failpoint::hit(failpoint::ACCEPT_AFTER);
        Ok(())
    }

    /// Removes an intent whose outcome is recorded.
    pub async fn close_intent(&self, id: &str) -> Result<(), StoreError> {
        failpoint::hit(failpoint::CLOSE_BEFORE);
        sqlx::query("DELETE FROM kubesvc_ferry_intents WHERE id = ?")
            .bind(id)
            .execute(&self.writer)
            .await?;
        failpoint::hit(failpoint::CLOSE_AFTER);
        Ok(())
    }

    /// The open intents, oldest first, and the database's clock.
    pub async fn open_intents(&self) -> Result<(Vec<Intent>, i64), StoreError> {
        let mut tx = self.reader.begin().await?;
        let rows = sqlx::query("SELECT * FROM kubesvc_ferry_intents ORDER BY id")
            .fetch_all(&mut *tx)
            .await?;
        let intents = rows
            .iter()
            .map(|row| {
                Ok(Intent {
                    id: row.try_get("id")?,
                    method: row.try_get("method")?,
                    account: row.try_get("account")?,
                    body_fields: row.try_get("body_fields")?,
                    body_sha256: row.try_get("body_sha256")?,
                    existed: row.try_get("existed")?,
                    accepted: row.try_get("accepted")?,
                    who: row.try_get("who")?,
                    opened_at: row.try_get("opened_at")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()?;
        Ok((intents, now(&mut tx).await?))
    }
}
