//! Clouddriver's table `accounts` as a source. The only statements here are SELECTs.

use super::{Definition, PAGE};
use crate::sql::{CHUNK, Pool, Record, sql};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Rows may become visible, or bear a time of another clock, by so many milliseconds late.
const OVERLAP: i64 = 600_000;

/// How far the looks at it have come.
#[derive(Debug, Default)]
pub(super) struct TableCursor {
    /// When this look began, by the database's clock.
    began: Option<i64>,
    /// Every row was looked at once.
    whole: bool,
    /// This look goes on after this row.
    time: i64,
    id: String,
    /// What the overlap shows again: when it was modified as it was looked at.
    seen: HashMap<String, i64>,
    /// Where the walk through all names is.
    walked: String,
}

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

impl Table {
    pub(super) async fn changed(
        &self,
        cursor: &mut TableCursor,
    ) -> Result<Option<Vec<(String, Definition)>>, sqlx::Error> {
        let mut tx = self.pool.read().await?;
        let began = match cursor.began {
            Some(began) => began,
            None => tx.now().await?,
        };
        cursor.began = Some(began);
        // What was inserted by hand may have no time.
        let time = "COALESCE(last_modified_at, 0)";
        let query = match cursor.whole {
            true => sql(format!(
                "SELECT id, {body} AS body, {time} AS modified FROM accounts
                 WHERE type = 'kubernetes' AND last_modified_at >= ?
                 AND (last_modified_at > ? OR id > ?) ORDER BY last_modified_at, id LIMIT {PAGE}",
                body = tx.dialect().json_text("body"),
            ))
            .number(cursor.time)
            .number(cursor.time),
            // Other types are left out of the answer, not of the query: a database without statistics
            // would rather read and sort all rows for every page.
            false => sql(format!(
                "SELECT id, CASE type WHEN 'kubernetes' THEN {body} END AS body,
                 {time} AS modified FROM accounts WHERE id > ? ORDER BY id LIMIT {PAGE}",
                body = tx.dialect().json_text("body"),
            )),
        };
        let rows = query.text(cursor.id.as_str()).all(&mut tx).await?;
        tx.commit().await?;
        if rows.is_empty() {
            let since = began.saturating_sub(OVERLAP);
            cursor.seen.retain(|_, modified| *modified >= since);
            (cursor.began, cursor.whole) = (None, true);
            (cursor.time, cursor.id) = (since, String::new());
            return Ok(None);
        }
        let mut changed = Vec::new();
        for row in &rows {
            let (id, modified): (String, i64) = (row.get("id")?, row.get("modified")?);
            (cursor.time, cursor.id) = (modified, id.clone());
            let is_other = row.get::<Option<String>>("body")?.is_none();
            if is_other || cursor.seen.get(&id) == Some(&modified) {
                continue;
            }
            let (id, account) = read(row)?;
            if modified >= began.saturating_sub(OVERLAP) {
                cursor.seen.insert(id.clone(), modified);
            }
            changed.push((id, account));
        }
        Ok(Some(changed))
    }

    pub(super) async fn walk(
        &self,
        cursor: &mut TableCursor,
        limit: usize,
    ) -> Result<Vec<String>, sqlx::Error> {
        let mut tx = self.pool.read().await?;
        let query = sql(format!(
            "SELECT id FROM accounts WHERE type = 'kubernetes' AND id > ? ORDER BY id LIMIT {limit}"
        ));
        let names = query.text(cursor.walked.as_str()).column(&mut tx).await?;
        tx.commit().await?;
        let last = names.last().filter(|_| names.len() == limit);
        cursor.walked = last.cloned().unwrap_or_default();
        Ok(names)
    }

    pub(super) async fn there(&self, names: &[String]) -> Result<HashSet<String>, sqlx::Error> {
        let mut there = HashSet::new();
        let mut tx = self.pool.read().await?;
        for names in names.chunks(CHUNK) {
            let query = sql("SELECT id FROM accounts WHERE type = 'kubernetes' AND id IN");
            there.extend(query.list(names).column(&mut tx).await?);
        }
        tx.commit().await?;
        Ok(there)
    }

    pub(super) async fn type_of(&self, name: &str) -> Result<Option<String>, sqlx::Error> {
        let mut tx = self.pool.read().await?;
        let rows = sql("SELECT id, type FROM accounts WHERE id = ?");
        let rows = rows.text(name).all(&mut tx).await?;
        tx.commit().await?;
        for row in &rows {
            if row.get::<String>("id")? == name {
                return Ok(Some(row.get("type")?));
            }
        }
        Ok(None)
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
