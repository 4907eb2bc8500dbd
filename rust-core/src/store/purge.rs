//! Removes what is kept for a time alone: the audit, the history of operations, and that an account was
//! written anew without references. `lifecycle` asks for it from time to time.

use super::cores::millis;
use super::{Store, StoreError, failpoint, transaction};
use crate::sql::{CHUNK, sql};
use std::time::Duration;

/// When a write without references is nothing to know any longer.
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// How long rows are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Of the audit.
    pub audit: Duration,
    /// Of the history of operations.
    pub operations: Duration,
}

impl Store {
    /// Removes some of the rows that are older, the earliest first. `true`: more may be left.
    pub async fn purge(&self, retention: &Retention) -> Result<bool, StoreError> {
        let tables = [
            ("kubesvc_ferry_audit", "at", retention.audit),
            (
                "kubesvc_ferry_operations",
                "received_at",
                retention.operations,
            ),
        ];
        transaction!(
            self,
            failpoint::PURGE_BEFORE,
            failpoint::PURGE_AFTER,
            |tx| {
                let now = tx.now().await?;
                let mut more = false;
                // One that is still under way, and began before, is not to count after it.
                let settled = sql("DELETE FROM kubesvc_ferry_written
                     WHERE definition IS NULL AND written_at < ?
                       AND account NOT IN (SELECT account FROM kubesvc_ferry_intents)");
                let settled = settled.number(now - millis(SETTLED));
                settled.run(&mut tx).await?;
                for (table, time, kept) in tables {
                    let before = now - millis(kept);
                    // Ids are in the order of time, but for those of before its clock was set back.
                    let old = sql(format!(
                        "SELECT id FROM {table} WHERE id < ? AND {time} < ? ORDER BY id LIMIT {CHUNK}"
                    ));
                    let old = old.text(first_id(before).as_str()).number(before);
                    let old = old.column(&mut tx).await?;
                    more |= old.len() == CHUNK;
                    if !old.is_empty() {
                        let remove = sql(format!("DELETE FROM {table} WHERE id IN"));
                        remove.list(&old).run(&mut tx).await?;
                    }
                }
                more
            }
        )
    }
}

/// The least id of this time.
fn first_id(at: i64) -> String {
    ulid::Ulid::from_parts(u64::try_from(at).unwrap_or_default(), 0).to_string()
}
