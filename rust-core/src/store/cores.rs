//! Which cores are up. A core has a lease and renews it; when one ends, another takes over what it
//! left: the connections of its agents count as ended, and every account is looked at.

use super::agents::end_connections;
use super::{Store, StoreError, failpoint, transaction};
use crate::account::Limits;
use crate::sql::{Tx, sql};
use std::collections::BTreeSet;
use std::time::Duration;

/// A core that has not been seen for so long is gone.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// A core that is up is seen every second: after so long a silence of all of them none was.
const SILENCE: Duration = Duration::from_secs(3);

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
    /// Whether other cores may have the same database.
    pub fn is_shared(&self) -> bool {
        !self.alone
    }

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
    /// core is up, every deadline and retry begins anew, since nobody worked towards it; when others only
    /// just died, each is later by as long as there was none.
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
    /// or its own, which another may have taken over, so that it is entered anew. When that of all was
    /// over, as when the database was away, deadlines and leases of agents begin anew.
    pub async fn seen(&self, core_id: &str, limits: &Limits) -> Result<bool, StoreError> {
        transaction!(self, failpoint::SEEN_BEFORE, failpoint::SEEN_AFTER, |tx| {
            let now = tx.now().await?;
            let latest = latest(&mut tx, "").await?;
            let renew = sql("UPDATE kubesvc_ferry_cores SET last_seen = ? WHERE core_id = ?");
            let mut taken = renew.number(now).text(core_id).run(&mut tx).await? == 0;
            if taken {
                begin(&mut tx, self.alone, core_id, limits, now).await?;
            } else if latest <= Some(live_since(now)) {
                begin_anew(&mut tx, limits, now).await?;
                taken = true;
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

    /// Removes a core that ends in order. Nobody takes it over: connections whose end it had no time to
    /// record end with it.
    pub async fn exit(&self, core_id: &str) -> Result<(), StoreError> {
        transaction!(self, failpoint::EXIT_BEFORE, failpoint::EXIT_AFTER, |tx| {
            let now = tx.now().await?;
            end_connections(&mut tx, core_id, now).await?;
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
    let latest = latest(tx, core_id).await?;
    let others = latest.filter(|latest| !alone && *latest > live_since(now));
    let write = tx.dialect().or_update("core_id", &["last_seen"]);
    let enter =
        format!("INSERT INTO kubesvc_ferry_cores (core_id, last_seen) VALUES (?, ?) {write}");
    sql(enter).text(core_id).number(now).run(tx).await?;
    if let Some(latest) = others {
        let missed = now - latest;
        if missed > millis(SILENCE) {
            put_off(tx, missed).await?;
        }
        return end_connections(tx, core_id, now).await;
    }
    let former = sql("DELETE FROM kubesvc_ferry_cores WHERE core_id <> ?");
    former.text(core_id).run(tx).await?;
    let away = sql("UPDATE kubesvc_ferry_agents SET left_at = ? WHERE left_at IS NULL");
    away.number(now).run(tx).await?;
    begin_anew(tx, limits, now).await
}

/// When a core other than `core_id` was seen last.
async fn latest(tx: &mut Tx, core_id: &str) -> Result<Option<i64>, StoreError> {
    let latest = sql("SELECT MAX(last_seen) AS seen FROM kubesvc_ferry_cores WHERE core_id <> ?");
    Ok(latest.text(core_id).one(tx).await?.get("seen")?)
}

/// Nobody worked towards what is due, and no agent could come back.
async fn begin_anew(tx: &mut Tx, limits: &Limits, now: i64) -> Result<(), StoreError> {
    let renew = sql("UPDATE kubesvc_accounts SET due_at = ? WHERE due_at IS NOT NULL");
    renew.number(limits.deadline(now)).run(tx).await?;
    let away = sql("UPDATE kubesvc_ferry_agents SET left_at = ? WHERE left_at IS NOT NULL");
    away.number(now).run(tx).await?;
    Ok(())
}

/// The same, for so many milliseconds.
async fn put_off(tx: &mut Tx, missed: i64) -> Result<(), StoreError> {
    for later in [
        "UPDATE kubesvc_accounts SET due_at = due_at + ? WHERE due_at IS NOT NULL",
        "UPDATE kubesvc_ferry_agents SET left_at = left_at + ? WHERE left_at IS NOT NULL",
    ] {
        sql(later).number(missed).run(tx).await?;
    }
    Ok(())
}

/// Cores seen after this are up.
pub(super) fn live_since(now: i64) -> i64 {
    now - millis(LEASE)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
