//! The journal of writes to `/credentials`: an intent is opened before the write is forwarded and
//! closed once what Clouddriver made of it is recorded. What a dead process left open is settled
//! against the source at the next start.

use super::{Store, StoreError, failpoint, transaction};
use crate::sql::{Record, Tx, sql};

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
    /// When it was opened, Unix milliseconds; 0: the store says now.
    pub opened_at: i64,
}

impl Store {
    /// Journals an intent; one that is there stays. Answers when it was opened.
    pub async fn open_intent(&self, intent: &Intent) -> Result<i64, StoreError> {
        transaction!(
            self,
            failpoint::INTENT_BEFORE,
            failpoint::INTENT_AFTER,
            |tx| { write(&mut tx, intent, &["id"]).await? }
        )
    }

    /// Records what is known of a write by now, such as that Clouddriver took it. Its intent need not be
    /// in the journal: another core closes one that it sees no end of.
    pub async fn renew_intent(&self, intent: &Intent) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::ACCEPT_BEFORE,
            failpoint::ACCEPT_AFTER,
            |tx| {
                write(&mut tx, intent, &["accepted", "opened_at"]).await?;
            }
        )
    }

    /// Removes an intent whose outcome is recorded, unless more has become known of it meanwhile.
    pub async fn close_intent(&self, intent: &Intent) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::CLOSE_BEFORE,
            failpoint::CLOSE_AFTER,
            |tx| {
                let close = sql("DELETE FROM kubesvc_ferry_intents WHERE id = ? AND accepted = ?");
                let close = close.text(intent.id.as_str());
                close
                    .number(i64::from(intent.accepted))
                    .run(&mut tx)
                    .await?;
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

/// Writes an intent; of one that is there, `anew` alone.
async fn write(tx: &mut Tx, intent: &Intent, anew: &[&str]) -> Result<i64, StoreError> {
    let opened_at = match intent.opened_at {
        0 => tx.now().await?,
        earlier => earlier,
    };
    let update = tx.dialect().or_update("id", anew);
    let written = format!(
        "INSERT INTO kubesvc_ferry_intents (id, method, account, body_fields, body_sha256,
         existed, accepted, who, request_id, opened_at, definition)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) {update}"
    );
    sql(written)
        .texts([intent.id.as_str(), &intent.method, &intent.account])
        .texts([intent.body_fields.as_str(), &intent.body_sha256])
        .number(intent.existed.map(i64::from))
        .number(i64::from(intent.accepted))
        .text(intent.who.as_str())
        .text(intent.request_id.as_deref())
        .number(opened_at)
        .text(intent.definition.as_deref())
        .run(tx)
        .await?;
    Ok(opened_at)
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
