//! Accounts' namespaces, as agents saw them last. They are for people: nothing is decided by them. They
//! stay when the agent is gone, and go with the account.
//!
//! `agents`, `reports` and `steps` write here, in the transaction that they are part of.

use super::{AccountDetail, Store, StoreError};
use crate::sql::{CHUNK, Tx, Value, insert_or, sql};
use std::collections::{BTreeMap, BTreeSet};

/// Namespaces as an agent told them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespaces {
    /// Their names.
    pub names: Vec<String>,
    /// How many there are; more than names when those are the first alone.
    pub total: u32,
}

/// An account, and the agent whose own configuration brings it; an empty one: it has a row.
type Key<'a> = (&'a str, &'a str);

/// What is to be written, the last of each.
pub(super) type Seen<'a> = BTreeMap<Key<'a>, &'a Namespaces>;

impl Store {
    /// What was seen last of an account of which this is shown; `None`: nothing ever was.
    pub async fn namespaces(
        &self,
        account: &str,
        detail: &AccountDetail,
    ) -> Result<Option<Namespaces>, StoreError> {
        let brought_by: Vec<&str> = match detail {
            AccountDetail::Dynamic { .. } => vec![""],
            AccountDetail::Static {
                agents, caching, ..
            } => {
                let agents = agents.iter().map(|(agent_id, ..)| agent_id);
                caching.iter().chain(agents).map(String::as_str).collect()
            }
        };
        let mut tx = self.pool.read().await?;
        let mut seen = None;
        for brought_by in brought_by {
            let query = sql("SELECT names, total FROM kubesvc_ferry_namespaces
                 WHERE account = ? AND brought_by = ?");
            seen = query.texts([account, brought_by]).optional(&mut tx).await?;
            if seen.is_some() {
                break;
            }
        }
        tx.commit().await?;
        let Some(row) = seen else { return Ok(None) };
        let (names, total): (String, i64) = (row.get("names")?, row.get("total")?);
        let names = serde_json::from_str(&names).map_err(|error| StoreError::Corrupt {
            table: "kubesvc_ferry_namespaces",
            row: account.to_owned(),
            column: "names",
            reason: error.to_string(),
        })?;
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        Ok(Some(Namespaces { names, total }))
    }
}

/// Keeps what was seen, in place of what was before.
pub(super) async fn write(tx: &mut Tx, seen: &Seen<'_>) -> Result<(), StoreError> {
    let columns = ["account", "brought_by", "names", "total"];
    let rows = seen.iter().map(|((account, brought_by), namespaces)| {
        let names = serde_json::to_string(&namespaces.names).expect("strings serialize");
        [
            Value::text(*account),
            Value::text(*brought_by),
            Value::text(names.as_str()),
            Value::number(i64::from(namespaces.total)),
        ]
    });
    let write = tx.dialect().or_update("account, brought_by", &columns[2..]);
    let table = "kubesvc_ferry_namespaces";
    Ok(insert_or(tx, table, columns, rows.collect(), &write).await?)
}

/// With its row go an account's namespaces.
pub(super) async fn forget(tx: &mut Tx, account: &str) -> Result<(), StoreError> {
    let forget = sql("DELETE FROM kubesvc_ferry_namespaces WHERE account = ? AND brought_by = ''");
    forget.text(account).run(tx).await?;
    Ok(())
}

/// An agent does not bring these accounts any longer.
pub(super) async fn forget_of(
    tx: &mut Tx,
    agent_id: &str,
    accounts: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let accounts: Vec<&String> = accounts.iter().collect();
    for accounts in accounts.chunks(CHUNK) {
        let forget =
            sql("DELETE FROM kubesvc_ferry_namespaces WHERE brought_by = ? AND account IN");
        forget.text(agent_id).list(accounts).run(tx).await?;
    }
    Ok(())
}
