//! The tables `kubesvc_*`: the truth about every account. Each change of a row is one
//! compare-and-swap on its version, in one transaction with its holdings and its audit row.
//!
//! `lifecycle`, `intercept` and `api` call it. It decides nothing: what a change means is
//! `account`'s.

mod agents;
mod journal;
mod listing;
mod rows;
mod steps;

pub use agents::{Gone, Held, Registration, StaticAccount};
pub use journal::Intent;
pub use listing::{AccountDetail, Filter, Listed, Source};
pub use rows::Content;
pub use steps::Actor;

use crate::failpoint;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlSafeStr, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;

/// The database's clock, in Unix milliseconds.
const NOW: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// What can go wrong with the tables.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or refuses.
    #[error("the database cannot be used")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be made or altered.
    #[error("the tables in {path} cannot be brought up to date")]
    Migration {
        /// The database's file.
        path: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// A column holds what this program never writes.
    #[error("table {table}, row `{row}`, column {column}: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// The column.
        column: &'static str,
        /// What was expected.
        reason: String,
    },
}

/// The store of one core.
#[derive(Debug, Clone)]
pub struct Store {
    /// SQLite has one writer at a time: one connection waits in line instead of failing as busy.
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Store {
    /// Opens the SQLite file at `path`, makes it if it is not there, and brings its tables up to
    /// date.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was answered 2xx survives the machine's power, too.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .optimize_on_close(true, None);
        let writer = SqlitePoolOptions::new().max_connections(1);
        let writer = writer.connect_with(options.clone()).await?;
        migrations()
            .run(&writer)
            .await
            .map_err(|source| StoreError::Migration {
                path: path.display().to_string(),
                source,
            })?;
        let reader = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await?;
        Ok(Store { writer, reader })
    }

    /// `Ok` when the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.reader).await?;
        Ok(())
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Lets every deadline and retry begin anew, since no core was up to work towards it, and
    /// every connection count as ended now. For the first core that starts.
    pub async fn renew(&self, limits: &crate::account::Limits) -> Result<(), StoreError> {
        failpoint::hit(failpoint::RENEW_BEFORE);
        let mut tx = self.begin().await?;
        let now = now(&mut tx).await?;
        sqlx::query("UPDATE kubesvc_accounts SET due_at = ? WHERE due_at IS NOT NULL")
            .bind(limits.deadline(now))
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE kubesvc_ferry_agents SET left_at = ?")
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        failpoint::hit(failpoint::RENEW_AFTER);
        Ok(())
    }
}

fn migrations() -> Migrator {
    let accounts = include_str!("../../migrations/sqlite/0001_accounts.sql");
    let mut migrator = Migrator::with_migrations(vec![Migration::new(
        1,
        "accounts".into(),
        MigrationType::Simple,
        accounts.into_sql_str(),
        false,
    )]);
    migrator.dangerous_set_table_name("kubesvc_ferry_migrations");
    migrator
}

async fn now(tx: &mut Transaction<'static, Sqlite>) -> Result<i64, StoreError> {
    Ok(sqlx::query(NOW).fetch_one(&mut **tx).await?.try_get(0)?)
}

/// Reads a column that holds one of an enum's words.
fn word<T: std::str::FromStr<Err = String>>(
    row: &sqlx::sqlite::SqliteRow,
    table: &'static str,
    key: &str,
    column: &'static str,
) -> Result<T, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|reason| StoreError::Corrupt {
        table,
        row: key.to_owned(),
        column,
        reason,
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
