//! What one core of several does at a time. A lease that is not renewed goes to who asks next.

use super::cores::millis;
use super::{Store, StoreError, failpoint, transaction};
use crate::sql::sql;
use std::time::Duration;

impl Store {
    /// Takes or renews the lease `name` for so long; `false`: another core has it.
    pub async fn lease(
        &self,
        name: &str,
        core_id: &str,
        lasts: Duration,
    ) -> Result<bool, StoreError> {
        transaction!(
            self,
            failpoint::LEASE_BEFORE,
            failpoint::LEASE_AFTER,
            |tx| {
                let now = tx.now().await?;
                let until = now.saturating_add(millis(lasts));
                let take = sql("UPDATE kubesvc_ferry_leases SET core_id = ?, until_at = ?
                 WHERE name = ? AND (core_id = ? OR until_at < ?)");
                let take = take.text(core_id).number(until);
                let taken = take.texts([name, core_id]).number(now).run(&mut tx).await? > 0;
                let make = sql(
                    "INSERT INTO kubesvc_ferry_leases (name, core_id, until_at) VALUES (?, ?, ?)",
                );
                let make = make.texts([name, core_id]).number(until);
                match taken {
                    true => true,
                    false => match make.run(&mut tx).await {
                        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                            return Ok(false);
                        }
                        made => made? > 0,
                    },
                }
            }
        )
    }

    /// Gives up what this core has, so that another need not wait.
    pub async fn release_leases(&self, core_id: &str) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::RELEASE_BEFORE,
            failpoint::RELEASE_AFTER,
            |tx| {
                let release = sql("DELETE FROM kubesvc_ferry_leases WHERE core_id = ?");
                release.text(core_id).run(&mut tx).await?;
            }
        )
    }
}
