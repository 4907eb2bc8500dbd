//! Which cores are up. A core has a lease and renews it; when one ends, another takes over what it
//! left: the connections of its agents count as ended, and every account is looked at.

use super::agents::end_connections;
use super::{Store, StoreError, failpoint, transaction};
use crate::account::Limits;
use crate::sql::{Dialect, sql};
use std::collections::BTreeSet;
use std::time::Duration;

/// A core that has not been seen for so long is gone.
const LEASE: Duration = Duration::from_secs(15);

impl Store {
    /// Enters a core that starts. Connections of an earlier life of it have ended. When no other
    /// core is up, every deadline and retry begins anew, since nobody worked towards it.
    pub async fn enter(&self, core_id: &str, limits: &Limits) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::ENTER_BEFORE,
            failpoint::ENTER_AFTER,
            |tx| {
                let now = tx.now().await?;
                let gone = now - millis(LEASE);
                let others = sql(
                    "SELECT COUNT(*) FROM kubesvc_ferry_cores WHERE core_id <> ? AND last_seen > ?",
                );
                let others = others.text(core_id).number(gone).count(&mut tx).await?;
                // A file is one core's; what it says of another is about its own former life.
                let alone = others == 0 || tx.dialect() == Dialect::Sqlite;
                let write = tx.dialect().or_update("core_id", &["last_seen"]);
                let enter = format!(
                    "INSERT INTO kubesvc_ferry_cores (core_id, last_seen) VALUES (?, ?) {write}"
                );
                sql(enter).text(core_id).number(now).run(&mut tx).await?;
                if alone {
                    let former = sql("DELETE FROM kubesvc_ferry_cores WHERE core_id <> ?");
                    former.text(core_id).run(&mut tx).await?;
                    let renew =
                        sql("UPDATE kubesvc_accounts SET due_at = ? WHERE due_at IS NOT NULL");
                    renew.number(limits.deadline(now)).run(&mut tx).await?;
                    let away = sql("UPDATE kubesvc_ferry_agents SET left_at = ?");
                    away.number(now).run(&mut tx).await?;
                } else {
                    end_connections(&mut tx, core_id, now).await?;
                }
            }
        )
    }

    /// Renews this core's lease. Answers whether another core's was over, and was taken over.
    pub async fn seen(&self, core_id: &str) -> Result<bool, StoreError> {
        transaction!(self, failpoint::SEEN_BEFORE, failpoint::SEEN_AFTER, |tx| {
            let now = tx.now().await?;
            let write = tx.dialect().or_update("core_id", &["last_seen"]);
            let seen = format!(
                "INSERT INTO kubesvc_ferry_cores (core_id, last_seen) VALUES (?, ?) {write}"
            );
            sql(seen).text(core_id).number(now).run(&mut tx).await?;
            let over = sql("SELECT core_id FROM kubesvc_ferry_cores WHERE last_seen <= ?");
            let over: BTreeSet<String> = over
                .number(now - millis(LEASE))
                .column(&mut tx)
                .await?
                .into_iter()
                .collect();
            let mut taken = false;
            for other in over {
                let remove =
                    sql("DELETE FROM kubesvc_ferry_cores WHERE core_id = ? AND last_seen <= ?");
                let remove = remove.text(other.as_str()).number(now - millis(LEASE));
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

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
