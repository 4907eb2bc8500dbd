//! Clouddriver's table `accounts` as a source. The only statements here are SELECTs.

use super::Definition;
use crate::sql::{CHUNK, Pool, Record, sql};
use std::collections::BTreeMap;

/// The table, in the database that ours are in.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pool: Pool,
}

impl Table {
    pub(super) fn new(pool: Pool) -> Table {
        Table { pool }
    }

    /// Whether it is there and may be read.
    pub(super) async fn is_there(&self) -> Result<bool, sqlx::Error> {
        let mut tx = self.pool.read().await?;
        let probe = sql("SELECT COUNT(*) FROM accounts WHERE 1 = 0");
        match probe.count(&mut tx).await {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    pub(super) async fn find(&self, name: &str) -> Result<Option<Definition>, sqlx::Error> {
        Ok(self.some(&[name]).await?.remove(name))
    }

    pub(super) async fn some(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, Definition>, sqlx::Error> {
        let mut accounts = BTreeMap::new();
        for names in names.chunks(CHUNK) {
            let mut tx = self.pool.read().await?;
            let body = tx.dialect().json_text("body");
            let rows = sql(format!(
                "SELECT id, {body} AS body FROM accounts WHERE type = 'kubernetes' AND id IN"
            ));
            for row in rows.list(names).all(&mut tx).await? {
                let (id, account) = read(&row)?;
                // A collation may hold other names to be the same.
                if names.iter().any(|name| name.as_ref() == id) {
                    accounts.insert(id, account);
                }
            }
            tx.commit().await?;
        }
        Ok(accounts)
    }

    /// The names, as a query with one column `name` that compares by bytes.
    pub(super) fn names(&self) -> String {
        let name = self.pool.dialect().by_bytes("id");
        format!("SELECT {name} AS name FROM accounts WHERE type = 'kubernetes'")
    }
}

fn read(row: &Record) -> Result<(String, Definition), sqlx::Error> {
    let (id, body): (String, String) = (row.get("id")?, row.get("body")?);
    let mut account: Definition = serde_json::from_str(&body).unwrap_or_else(|_| {
        // Clouddriver cannot read it either. Its text is not shown: it may hold secrets.
        tracing::warn!(
            account = id,
            "its body in Clouddriver's table is not a JSON object"
        );
        Definition::new()
    });
    account.insert("name".to_owned(), id.clone().into());
    Ok((id, account))
}
