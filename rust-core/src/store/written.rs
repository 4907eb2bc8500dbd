//! What writes to `/credentials` said of accounts with references to secrets, where Clouddriver's API is
//! the source, which does not show them. One row per account, of the write that counts: of several the
//! one that began last, by the database's clock. It holds references and no secret.
//!
//! `intercept` writes down, `lifecycle::written` reads.

use super::{Intent, Store, StoreError, failpoint, transaction};
use crate::sql::{CHUNK, sql};
use std::collections::BTreeMap;

/// The write of an account that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWrite {
    /// Its intent's id.
    pub intent: String,
    /// As [`Intent::body_fields`]; empty: it deleted the account.
    pub body_fields: String,
    /// As [`Intent::definition`].
    pub definition: Option<String>,
}

/// What the write that counts says of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its intent's id.
    pub intent: String,
    /// As [`Intent::definition`].
    pub definition: String,
    /// For how many milliseconds it has counted.
    pub age: i64,
}

impl Store {
    /// What counts of these accounts, of those that were last written with references.
    pub async fn written(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, Written>, StoreError> {
        let mut written = BTreeMap::new();
        let mut tx = self.pool.read().await?;
        let now = tx.now().await?;
        for names in names.chunks(CHUNK) {
            let query = sql("SELECT account, intent, definition, written_at
                 FROM kubesvc_ferry_written WHERE definition IS NOT NULL AND account IN");
            for row in query.list(names).all(&mut tx).await? {
                let written_at: i64 = row.get("written_at")?;
                let of = Written {
                    intent: row.get("intent")?,
                    definition: row.get("definition")?,
                    age: now - written_at,
                };
                written.insert(row.get("account")?, of);
            }
        }
        tx.commit().await?;
        Ok(written)
    }

    /// The write of an account that counts, if it or one before it has references.
    pub async fn last_write(&self, account: &str) -> Result<Option<LastWrite>, StoreError> {
        let mut tx = self.pool.read().await?;
        let row = sql(
            "SELECT intent, body_fields, definition FROM kubesvc_ferry_written
             WHERE account = ?",
        );
        let row = row.text(account).optional(&mut tx).await?;
        tx.commit().await?;
        row.map(|row| {
            Ok(LastWrite {
                intent: row.get("intent")?,
                body_fields: row.get("body_fields")?,
                definition: row.get("definition")?,
            })
        })
        .transpose()
    }

    /// A journaled write that Clouddriver took counts from now on, unless one does that began later and is
    /// not the intent `over`.
    pub async fn write_down(&self, intent: &Intent, over: Option<&str>) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::WRITTEN_BEFORE,
            failpoint::WRITTEN_AFTER,
            |tx| {
                let begun = sql("SELECT opened_at FROM kubesvc_ferry_intents WHERE id = ?");
                let begun = begun.text(intent.id.as_str()).optional(&mut tx).await?;
                // Another core has settled it.
                let Some(begun) = begun else { return Ok(()) };
                let begun: i64 = begun.get("opened_at")?;
                let now = tx.now().await?;
                let (id, account) = (intent.id.as_str(), intent.account.as_str());
                let replace = sql("UPDATE kubesvc_ferry_written
                     SET intent = ?, body_fields = ?, definition = ?, begun_at = ?, written_at = ?
                     WHERE account = ?
                       AND (intent = ? OR begun_at < ? OR begun_at = ? AND intent < ?)")
                .texts([id, &intent.body_fields])
                .text(intent.definition.as_deref())
                .number(begun)
                .number(now)
                .texts([account, over.unwrap_or_default()])
                .number(begun)
                .number(begun)
                .text(id);
                let there = sql("SELECT COUNT(*) FROM kubesvc_ferry_written WHERE account = ?");
                let there = there.text(account);
                if replace.run(&mut tx).await? == 0 && there.count(&mut tx).await? == 0 {
                    let first = sql("INSERT INTO kubesvc_ferry_written
                         (account, intent, body_fields, definition, begun_at, written_at)
                         VALUES (?, ?, ?, ?, ?, ?)");
                    let first = first.texts([account, id, &intent.body_fields]);
                    let first = first.text(intent.definition.as_deref());
                    first.number(begun).number(now).run(&mut tx).await?;
                }
            }
        )
    }

    /// Forgets what this write said, if it counts.
    pub async fn unwrite(&self, account: &str, intent: &str) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::UNWRITE_BEFORE,
            failpoint::UNWRITE_AFTER,
            |tx| {
                let forget =
                    sql("DELETE FROM kubesvc_ferry_written WHERE account = ? AND intent = ?");
                forget.texts([account, intent]).run(&mut tx).await?;
            }
        )
    }

    /// Whether a write with references counts, or did, or is under way.
    pub async fn is_written_with_references(&self, account: &str) -> Result<bool, StoreError> {
        let mut tx = self.pool.read().await?;
        let mut writes = 0;
        for counting in [
            "SELECT COUNT(*) FROM kubesvc_ferry_written WHERE account = ?",
            "SELECT COUNT(*) FROM kubesvc_ferry_intents
             WHERE account = ? AND definition IS NOT NULL",
        ] {
            writes += sql(counting).text(account).count(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(writes > 0)
    }
}
