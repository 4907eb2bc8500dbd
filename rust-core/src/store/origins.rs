//! Where rows have their definitions from, as far as that is not Clouddriver's accounts: inline ones
//! came with a request of ours; and of some, Clouddriver has the account no longer.

use super::StoreError;
use crate::sql::{Record, Tx, Value, insert, sql};

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
