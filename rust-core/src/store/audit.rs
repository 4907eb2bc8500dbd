//! Reading the audit: who moved an account when, from where to where, and why. Its rows are written
//! with each step; here they are read.

use super::cores::millis;
use super::{Store, StoreError};
use crate::sql::{Record, sql};
use std::time::Duration;

/// Longer than a transaction takes from its rows of the audit, which it writes last, to its end.
const SETTLING: Duration = Duration::from_secs(10);

/// A row of the audit.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// A ULID: ids sort by time.
    pub id: String,
    /// The account.
    pub account: String,
    /// Where it stood; none: there was no row.
    pub from: Option<String>,
    /// Where it came to; none: the row is gone.
    pub to: Option<String>,
    /// What happened.
    pub event: String,
    /// X-SPINNAKER-USER, or `ferry` for what it does by itself.
    pub who: String,
    /// The request's id, when it had one.
    pub request_id: Option<String>,
    /// A sentence for people.
    pub message: Option<String>,
    /// Unix milliseconds by the database's clock.
    pub at: i64,
}

/// What an export is narrowed to; all conditions hold.
#[derive(Debug, Default)]
pub struct Export {
    /// Only rows after the one of this id.
    pub after: Option<String>,
    /// Only rows of this account.
    pub account: Option<String>,
    /// Only rows from this time on, Unix milliseconds.
    pub from: Option<i64>,
    /// Only rows before this time.
    pub until: Option<i64>,
    /// Only rows so old that no earlier one comes after them: of many accounts another transaction
    /// may be about to write one, which nobody would see who reads on after these. Of one account
    /// each begins when the one before it is written.
    pub settled: bool,
    /// At most so many.
    pub limit: u64,
}

impl Store {
    /// An account's rows, the latest first: those of a page, and how many there are.
    pub async fn audit(
        &self,
        account: &str,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<AuditRow>, i64), StoreError> {
        let mut tx = self.pool.read().await?;
        let total = sql("SELECT COUNT(*) FROM kubesvc_ferry_audit WHERE account = ?");
        let total = total.text(account).count(&mut tx).await?;
        let rows = sql(format!(
            "SELECT * FROM kubesvc_ferry_audit WHERE account = ? ORDER BY id DESC
             LIMIT {limit} OFFSET {offset}"
        ));
        let rows = rows.text(account).all(&mut tx).await?;
        tx.commit().await?;
        let rows: Result<_, StoreError> = rows.iter().map(read).collect();
        Ok((rows?, total))
    }

    /// Rows of all accounts, the earliest first.
    pub async fn export(&self, export: &Export) -> Result<Vec<AuditRow>, StoreError> {
        let mut query = sql("SELECT * FROM kubesvc_ferry_audit WHERE 1 = 1");
        if let Some(id) = &export.after {
            query.push(" AND id > ");
            query.push_text(id);
        }
        if let Some(account) = &export.account {
            query.push(" AND account = ");
            query.push_text(account);
        }
        let mut tx = self.pool.read().await?;
        if export.settled {
            let settled = tx.now().await? - millis(SETTLING);
            query.push(&format!(" AND at <= {settled}"));
        }
        for (time, condition) in [(export.from, "at >= "), (export.until, "at < ")] {
            if let Some(time) = time {
                query.push(&format!(" AND {condition}{time}"));
            }
        }
        query.push(&format!(" ORDER BY id LIMIT {}", export.limit));
        let rows = query.all(&mut tx).await?;
        tx.commit().await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Record) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.get("id")?,
        account: row.get("account")?,
        from: row.get("from_status")?,
        to: row.get("to_status")?,
        event: row.get("event")?,
        who: row.get("who")?,
        request_id: row.get("request_id")?,
        message: row.get("message")?,
        at: row.get("at")?,
    })
}
