//! Where rows have their definitions from, as far as that is not Clouddriver's accounts: inline ones
//! came with a request of ours; and of some, Clouddriver has the account no longer.

use super::{Store, StoreError};
use crate::sql::{CHUNK, Record, Tx, Value, insert, sql};
use std::collections::BTreeSet;

impl Store {
    /// Those of these rows whose definitions came with a request of ours.
    pub async fn inline(&self, names: &[impl AsRef<str>]) -> Result<BTreeSet<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let mut inline = BTreeSet::new();
        for names in names.chunks(CHUNK) {
            let query =
                "SELECT name FROM kubesvc_ferry_origins WHERE inline_definition = 1 AND name IN";
            inline.extend(sql(query).list(names).column(&mut tx).await?);
        }
        tx.commit().await?;
        Ok(inline)
    }

    /// Since when Clouddriver has had no account `name`, as far as the scan saw; `None`: it has.
    pub async fn gone_at(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let mut tx = self.pool.read().await?;
        let row = sql("SELECT gone_at FROM kubesvc_ferry_origins WHERE name = ?");
        let row = row.text(name).optional(&mut tx).await?;
        tx.commit().await?;
        Ok(row.map(|row| row.get("gone_at")).transpose()?.flatten())
    }
}

/// Since when Clouddriver has no account of the row; `None`: it has. An inline row it never had.
pub(super) async fn mark(tx: &mut Tx, name: &str, gone_at: Option<i64>) -> Result<(), StoreError> {
    let there = sql(
        "SELECT COUNT(*) FROM kubesvc_accounts a WHERE a.name = ? AND NOT EXISTS
         (SELECT 1 FROM kubesvc_ferry_origins o WHERE o.name = a.name AND o.inline_definition = 1)",
    );
    if there.text(name).count(tx).await? == 0 {
        return Ok(());
    }
    write(tx, name, false).await?;
    if let Some(gone_at) = gone_at {
        let insert = "INSERT INTO kubesvc_ferry_origins (name, inline_definition, gone_at)
             VALUES (?, 0, ?)";
        sql(insert).text(name).number(gone_at).run(tx).await?;
    }
    Ok(())
}

/// Clouddriver's accounts are the source of the row again, or it is an inline one.
pub(super) async fn write(tx: &mut Tx, name: &str, inline: bool) -> Result<(), StoreError> {
    let forget = sql("DELETE FROM kubesvc_ferry_origins WHERE name = ?");
    forget.text(name).run(tx).await?;
    let names = if inline { vec![name] } else { Vec::new() };
    write_inline(tx, names).await
}

/// New rows whose definitions came with a request of ours.
pub(super) async fn write_inline(tx: &mut Tx, names: Vec<&str>) -> Result<(), StoreError> {
    let rows = names.into_iter();
    let rows = rows.map(|name| [Value::text(name), Value::number(1)]);
    let columns = ["name", "inline_definition"];
    Ok(insert(tx, "kubesvc_ferry_origins", columns, rows.collect()).await?)
}

/// Reads the column of a row that was joined.
pub(super) fn is_inline(row: &Record) -> Result<bool, StoreError> {
    let inline: Option<i64> = row.get("inline_definition")?;
    Ok(inline == Some(1))
}
