//! Which cores are up. A core has a lease and renews it; when one ends, another takes over what it
//! left: the connections of its agents count as ended, and every account is looked at.

use super::agents::end_connections;
use super::{Store, StoreError, failpoint, transaction};
use crate::account::Limits;
use crate::sql::{Tx, sql};
use std::collections::BTreeSet;
use std::time::Duration;

/// A core that has not been seen for so long is gone.
const LEASE: Duration = Duration::from_secs(15);

/// A core that is up, or was a moment ago.
#[derive(Debug, Clone)]
pub struct CoreRow {
    /// Its id.
    pub core_id: String,
    /// When it last renewed its lease, Unix milliseconds.
    pub last_seen: i64,
    /// Its lease is not over.
    pub ready: bool,
}

impl Store {
    /// Every core that has not ended, sorted by id.
    pub async fn cores(&self) -> Result<Vec<CoreRow>, StoreError> {
        let mut tx = self.pool.read().await?;
        let now = tx.now().await?;
        let rows = sql("SELECT core_id, last_seen FROM kubesvc_ferry_cores ORDER BY core_id");
        let rows = rows.all(&mut tx).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                let last_seen = row.get("last_seen")?;
                Ok(CoreRow {
                    core_id: row.get("core_id")?,
                    last_seen,
                    ready: last_seen > live_since(now),
                })
            })
            .collect()
    }

    /// Enters a core that starts. Connections of an earlier life of it have ended. When no other
    /// core is up, every deadline and retry begins anew, since nobody worked towards it.
    pub async fn enter(&self, core_id: &str, limits: &Limits) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::ENTER_BEFORE,
            failpoint::ENTER_AFTER,
            |tx| {
                let now = tx.now().await?;
                begin(&mut tx, self.alone, core_id, limits, now).await?;
            }
        )
    }

    /// Renews this core's lease. Answers whether one was over: another core's, which is taken over,
    /// or its own, which another may have taken over, so that it is entered anew.
    pub async fn seen(&self, core_id: &str, limits: &Limits) -> Result<bool, StoreError> {
        transaction!(self, failpoint::SEEN_BEFORE, failpoint::SEEN_AFTER, |tx| {
            let now = tx.now().await?;
            let renew = sql("UPDATE kubesvc_ferry_cores SET last_seen = ? WHERE core_id = ?");
            let mut taken = renew.number(now).text(core_id).run(&mut tx).await? == 0;
            if taken {
                begin(&mut tx, self.alone, core_id, limits, now).await?;
            }
            let over = sql("SELECT core_id FROM kubesvc_ferry_cores WHERE last_seen <= ?");
            let over: BTreeSet<String> = over
                .number(live_since(now))
                .column(&mut tx)
                .await?
                .into_iter()
                .collect();
            for other in over {
                let remove =
                    sql("DELETE FROM kubesvc_ferry_cores WHERE core_id = ? AND last_seen <= ?");
                let remove = remove.text(other.as_str()).number(live_since(now));
                if remove.run(&mut tx).await? == 1 {
                    end_connections(&mut tx, &other, now).await?;
                    taken = true;
                }
            }
            taken
        })
    }

    /// Removes a core that ends in order.
    pub async fn exit(&self, core_id: &str) -> Result<(), StoreError> {
        transaction!(self, failpoint::EXIT_BEFORE, failpoint::EXIT_AFTER, |tx| {
            let exit = sql("DELETE FROM kubesvc_ferry_cores WHERE core_id = ?");
            exit.text(core_id).run(&mut tx).await?;
        })
    }
}

async fn begin(
    tx: &mut Tx,
    alone: bool,
    core_id: &str,
    limits: &Limits,
    now: i64,
) -> Result<(), StoreError> {
    let others =
        sql("SELECT COUNT(*) FROM kubesvc_ferry_cores WHERE core_id <> ? AND last_seen > ?");
    let others = others.text(core_id).number(live_since(now));
    let alone = alone || others.count(tx).await? == 0;
    let write = tx.dialect().or_update("core_id", &["last_seen"]);
    let enter =
        format!("INSERT INTO kubesvc_ferry_cores (core_id, last_seen) VALUES (?, ?) {write}");
    sql(enter).text(core_id).number(now).run(tx).await?;
    if !alone {
        return end_connections(tx, core_id, now).await;
    }
    let former = sql("DELETE FROM kubesvc_ferry_cores WHERE core_id <> ?");
    former.text(core_id).run(tx).await?;
    let renew = sql("UPDATE kubesvc_accounts SET due_at = ? WHERE due_at IS NOT NULL");
    renew.number(limits.deadline(now)).run(tx).await?;
    let away = sql("UPDATE kubesvc_ferry_agents SET left_at = ?");
    away.number(now).run(tx).await?;
    Ok(())
}

/// Cores seen after this are up.
pub(super) fn live_since(now: i64) -> i64 {
    now - millis(LEASE)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
