//! Marks of accounts that were deleted here while Clouddriver has them, or are to be left to it: the scan
//! does not take them. A POST of the name clears its mark, and so does the scan when the source has it no longer.

use super::{Actor, Store, StoreError, failpoint, rows, transaction};
use crate::account::step::Tombstone;
use crate::sql::{CHUNK, Tx, Value, insert_or, sql};
use std::collections::BTreeSet;

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buried {
    /// Who deleted the account.
    pub who: String,
    /// When, Unix milliseconds.
    pub at: i64,
}

impl Store {
    /// The mark of `name`, if there is one.
    pub async fn buried(&self, name: &str) -> Result<Option<Buried>, StoreError> {
        let mut tx = self.pool.read().await?;
        let row = sql("SELECT who, laid_at FROM kubesvc_ferry_tombstones WHERE name = ?");
        let row = row.text(name).optional(&mut tx).await?;
        tx.commit().await?;
        row.map(|row| {
            Ok(Buried {
                who: row.get("who")?,
                at: row.get("laid_at")?,
            })
        })
        .transpose()
    }

    /// Marks those of these accounts that have no row; answers the others.
    pub async fn bury(
        &self,
        names: &[&str],
        actor: &Actor,
    ) -> Result<BTreeSet<String>, StoreError> {
        transaction!(self, failpoint::BURY_BEFORE, failpoint::BURY_AFTER, |tx| {
            let now = tx.now().await?;
            let rows = rows::taken(&mut tx, names).await?;
            let free = names.iter().copied();
            let free = free.filter(|name| !rows.contains(*name));
            lay(&mut tx, free, &actor.who, now).await?;
            rows
        })
    }

    /// Marked names after `after` in byte order, at most `limit`.
    pub async fn tombstones(&self, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let names = sql(format!(
            "SELECT name FROM kubesvc_ferry_tombstones WHERE name > ? ORDER BY name LIMIT {limit}"
        ));
        let names = names.text(after).column(&mut tx).await?;
        tx.commit().await?;
        Ok(names)
    }
}

pub(super) async fn write(
    tx: &mut Tx,
    name: &str,
    tombstone: Tombstone,
    who: &str,
    now: i64,
) -> Result<(), StoreError> {
    match tombstone {
        Tombstone::Stays => Ok(()),
        Tombstone::Cleared => clear(tx, &[name]).await,
        Tombstone::Laid => lay(tx, [name].into_iter(), who, now).await,
    }
}

async fn lay(
    tx: &mut Tx,
    names: impl Iterator<Item = &str>,
    who: &str,
    now: i64,
) -> Result<(), StoreError> {
    let columns = ["name", "who", "laid_at"];
    let marks = names.map(|name| [Value::text(name), Value::text(who), Value::number(now)]);
    let anew = tx.dialect().or_update("name", &columns[1..]);
    let table = "kubesvc_ferry_tombstones";
    Ok(insert_or(tx, table, columns, marks.collect(), &anew).await?)
}

pub(super) async fn clear(tx: &mut Tx, names: &[&str]) -> Result<(), StoreError> {
    for names in names.chunks(CHUNK) {
        let clear = sql("DELETE FROM kubesvc_ferry_tombstones WHERE name IN");
        clear.list(names).run(tx).await?;
    }
    Ok(())
}
