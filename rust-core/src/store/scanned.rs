//! What the scan asks of our tables: which of some names are taken, and by what.

use super::adopt::OURS;
use super::rows::{Content, read_content};
use super::{Store, StoreError, failpoint, origins, tombstones, transaction, word};
use crate::account::Status;
use crate::sql::{CHUNK, sql};
use std::collections::BTreeMap;

/// What is known here of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It has a row.
    Row {
        /// Where it stands.
        status: Status,
        /// Its definition came with a request of ours.
        inline: bool,
        /// It is marked as gone from Clouddriver.
        gone: bool,
    },
    /// An agent brings it by its own configuration.
    Static,
    /// It was deleted here.
    Buried,
}

impl Store {
    /// What is known of these names; those of which nothing is known are left out.
    pub async fn facts(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, Known>, StoreError> {
        let mut facts = BTreeMap::new();
        let mut tx = self.pool.read().await?;
        for names in names.chunks(CHUNK) {
            for (table, what) in [
                ("kubesvc_ferry_tombstones", Known::Buried),
                ("kubesvc_ferry_static_accounts", Known::Static),
            ] {
                let query = sql(format!("SELECT name FROM {table} WHERE name IN"));
                let found = query.list(names).column(&mut tx).await?;
                facts.extend(found.into_iter().map(|name| (name, what)));
            }
            let query = sql(format!(
                "SELECT a.name, a.status, o.inline_definition, o.gone_at FROM kubesvc_accounts a
                 LEFT JOIN kubesvc_ferry_origins o ON o.name = a.name
                 WHERE a.{OURS} AND a.name IN"
            ));
            for row in query.list(names).all(&mut tx).await? {
                let name: String = row.get("name")?;
                let gone: Option<i64> = row.get("gone_at")?;
                let known = Known::Row {
                    status: word(&row, "kubesvc_accounts", &name, "status")?,
                    inline: origins::is_inline(&row)?,
                    gone: gone.is_some(),
                };
                facts.insert(name, known);
            }
        }
        tx.commit().await?;
        Ok(facts)
    }

    /// The definitions of these rows.
    pub async fn contents(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, Content>, StoreError> {
        let mut contents = BTreeMap::new();
        let mut tx = self.pool.read().await?;
        for names in names.chunks(CHUNK) {
            let query = sql(format!(
                "SELECT a.name, a.definition, a.secret, a.secret_key_id, o.inline_definition
                 FROM kubesvc_accounts a LEFT JOIN kubesvc_ferry_origins o ON o.name = a.name
                 WHERE a.{OURS} AND a.name IN"
            ));
            for row in query.list(names).all(&mut tx).await? {
                contents.insert(row.get("name")?, read_content(&row)?);
            }
        }
        tx.commit().await?;
        Ok(contents)
    }

    /// Records of these rows whether Clouddriver has the account. Inline ones it never had.
    pub async fn mark_gone(&self, names: &[String], gone: bool) -> Result<(), StoreError> {
        transaction!(self, failpoint::GONE_BEFORE, failpoint::GONE_AFTER, |tx| {
            let now = tx.now().await?;
            for name in names {
                origins::mark(&mut tx, name, gone.then_some(now)).await?;
            }
        })
    }

    /// Clears the marks of accounts that were deleted here.
    pub async fn unbury(&self, names: &[String]) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::UNBURY_BEFORE,
            failpoint::UNBURY_AFTER,
            |tx| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                tombstones::clear(&mut tx, &names).await?;
            }
        )
    }

    /// Rows that have Clouddriver's accounts as their source, after `after` in byte order, at most
    /// `limit`; with each, whether it is marked as gone from there.
    pub async fn followers(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, bool)>, StoreError> {
        let mut tx = self.pool.read().await?;
        let query = sql(format!(
            "SELECT a.name, o.gone_at FROM kubesvc_accounts a
             LEFT JOIN kubesvc_ferry_origins o ON o.name = a.name
             WHERE a.{OURS} AND a.name > ? AND COALESCE(o.inline_definition, 0) = 0
             ORDER BY a.name LIMIT {limit}"
        ));
        let rows = query.text(after).all(&mut tx).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                let gone: Option<i64> = row.get("gone_at")?;
                Ok((row.get("name")?, gone.is_some()))
            })
            .collect()
    }
}
