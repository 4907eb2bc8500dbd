//! The rows that Armory's plugin left in `kubesvc_accounts`: read, and made ours in place. A row
//! whose version is 0 is not ours yet; making it so is a compare-and-swap from there, so that what
//! a core that died left undone the next does, and of two cores one. Until then nobody else reads,
//! counts, locks or moves it: its definition may have a kubeconfig in it.
//!
//! `lifecycle::takeover` calls it at the start; what becomes of a row is `account::armory`'s.

use super::rows::Content;
use super::steps::{self, Actor, Entry};
use super::{Store, StoreError, failpoint, reshape, transaction};
use crate::account::armory::ArmoryRow;
use crate::account::transition::Event;
use crate::account::{Account, Cluster, Holding, HoldingState};
use crate::sql::{Dialect, Record, Tx, sql};

/// Stands for Armory's agents among the holders of an account that they served, until their lease
/// is over.
pub const ARMORY_AGENTS: &str = "armory-agents";

/// That a row is ours, as a condition.
pub(super) const OURS: &str = "version > 0";

/// The same of the alias `a`, for what an index answers that does not have the version: it is asked
/// only where it can be otherwise.
pub(super) async fn ours(tx: &mut Tx) -> Result<&'static str, StoreError> {
    Ok(match was_armorys(tx).await? {
        true => "a.version > 0",
        false => "1 = 1",
    })
}

/// Whether Armory's plugin made the table.
pub(super) async fn was_armorys(tx: &mut Tx) -> Result<bool, StoreError> {
    let schema = match tx.dialect() {
        // It never kept its tables in a file.
        Dialect::Sqlite => return Ok(false),
        Dialect::MySql => "DATABASE()",
        Dialect::Postgres => "current_schema()",
    };
    let apart = sql(format!(
        "SELECT COUNT(*) FROM information_schema.tables
         WHERE table_schema = {schema} AND table_name = ?"
    ));
    Ok(apart.text(reshape::STATIC).count(tx).await? > 0)
}

/// A row as it is to be kept.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// The row.
    pub account: Account,
    /// Its definition, secrets sealed.
    pub content: Content,
    /// Armory's agents serve it.
    pub held: bool,
    /// An agent's own configuration brought it: it is set apart.
    pub dynamic: bool,
}

impl Store {
    /// The next rows after `last` that Armory's plugin left, in the order of names, and the
    /// database's clock.
    pub async fn armory_rows(
        &self,
        last: &str,
        limit: usize,
    ) -> Result<(Vec<ArmoryRow>, i64), StoreError> {
        let mut tx = self.pool.read().await?;
        let now = tx.now().await?;
        if !was_armorys(&mut tx).await? {
            return Ok((Vec::new(), now));
        }
        let dynamic = tx.dialect().is_true("dynamic");
        let rows = sql(format!(
            "SELECT name, CASE WHEN {dynamic} THEN 'yes' ELSE 'no' END AS is_dynamic, status,
             zone_id, definition, error_message, failed_count, kube_host, kube_version,
             cert_fingerprint FROM kubesvc_accounts WHERE version = 0 AND name > ?
             ORDER BY name LIMIT {limit}"
        ));
        let rows = rows.text(last).all(&mut tx).await?;
        tx.commit().await?;
        Ok((rows.iter().map(read).collect::<Result<_, _>>()?, now))
    }

    /// Makes these rows ours; those that another core was faster with stay as it made them.
    pub async fn adopt(&self, rows: &[Adopted]) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::ADOPT_BEFORE,
            failpoint::ADOPT_AFTER,
            |tx| {
                let now = tx.now().await?;
                let mut entries = Vec::new();
                for row in rows {
                    if !update(&mut tx, row, now).await? {
                        continue;
                    }
                    let name = &row.account.name;
                    if !row.dynamic {
                        set_apart(&mut tx, name).await?;
                        continue;
                    }
                    if row.held {
                        hold(&mut tx, &row.account, now).await?;
                    }
                    entries.push(Entry {
                        name,
                        from: None,
                        to: Some(row.account.status),
                        event: Event::Adopt,
                        message: row.account.message.as_deref(),
                    });
                }
                steps::audit(&mut tx, entries, &Actor::ferry()).await?;
            }
        )
    }
}

fn read(row: &Record) -> Result<ArmoryRow, StoreError> {
    let dynamic: String = row.get("is_dynamic")?;
    let failed_count: Option<i64> = row.get("failed_count")?;
    Ok(ArmoryRow {
        name: row.get("name")?,
        dynamic: dynamic == "yes",
        status: row.get("status")?,
        zone_id: row.get("zone_id")?,
        definition: row.get("definition")?,
        error_message: row.get("error_message")?,
        failed_count: failed_count.unwrap_or_default(),
        cluster: super::rows::read_cluster(row)?,
    })
}

async fn update(tx: &mut Tx, row: &Adopted, now: i64) -> Result<bool, StoreError> {
    let Adopted {
        account, content, ..
    } = row;
    let done = sql(
        "UPDATE kubesvc_accounts SET version = ?, generation = ?, last_updated = ?, status = ?,
         wanted = ?, requested_zone = ?, failed_count = ?, failure = ?, error_message = ?,
         toured = '[]', due_at = ?, definition = ?, secret = ?, secret_key_id = ?
         WHERE name = ? AND version = 0",
    )
    .number(account.version)
    .number(account.generation)
    .number(now)
    .texts([account.status.as_str(), account.wanted.as_str()])
    .text(account.requested_zone.as_deref())
    .number(i64::from(account.failed_count))
    .text(account.failure.map(|failure| failure.as_str()))
    .text(account.message.as_deref())
    .number(account.due_at)
    .text(content.definition.as_str())
    .bytes(content.secret.as_ref().map(|sealed| sealed.bytes.clone()))
    .text(content.secret.as_ref().map(|sealed| sealed.key_id.as_str()))
    .text(account.name.as_str())
    .run(tx)
    .await?;
    Ok(done == 1)
}

async fn set_apart(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    // Their plugin may have added it anew since.
    let earlier = format!("DELETE FROM {} WHERE name = ?", reshape::STATIC);
    sql(earlier).text(name).run(tx).await?;
    let copy = format!(
        "INSERT INTO {} SELECT * FROM kubesvc_accounts WHERE name = ?",
        reshape::STATIC
    );
    sql(copy).text(name).run(tx).await?;
    let remove = sql("DELETE FROM kubesvc_accounts WHERE name = ?");
    remove.text(name).run(tx).await?;
    Ok(())
}

/// Armory's agents are away from now on: agents of ours take the account over at once, and it is
/// ORPHANED when none does within the lease.
async fn hold(tx: &mut Tx, account: &Account, now: i64) -> Result<(), StoreError> {
    let write = tx.dialect().or_update("agent_id", &["left_at"]);
    sql(format!(
        "INSERT INTO kubesvc_ferry_agents (agent_id, zone_id, agent_version, core_id, session_id,
         last_connection, left_at) VALUES (?, '', '', '', '', ?, ?) {write}"
    ))
    .text(ARMORY_AGENTS)
    .number(now)
    .number(now)
    .run(tx)
    .await?;
    let holding = Holding {
        agent_id: ARMORY_AGENTS.to_owned(),
        zone_id: account.zone_id.clone().unwrap_or_default(),
        generation: account.generation,
        state: HoldingState::Away,
        cause: None,
        cluster: Cluster::default(),
    };
    steps::write_holdings(
        tx,
        [(account.name.as_str(), &holding, false)].into_iter(),
        now,
    )
    .await
}
