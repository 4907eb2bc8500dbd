//! The tables `kubesvc_*`: the truth about every account. Each change of a row is one
//! compare-and-swap on its version, in one transaction with its holdings and its audit row.
//!
//! `lifecycle`, `intercept` and `api` call it. It decides nothing: what a change means is
//! `account`'s. The databases differ in `sql` alone.

mod adopt;
mod agents;
mod answers;
mod audit;
mod connected;
mod cores;
mod journal;
mod keys;
mod leases;
mod listing;
mod migrate;
mod namespaces;
mod next;
mod open;
mod operations;
mod origins;
mod outcomes;
mod pages;
mod probes;
mod purge;
mod references;
mod reports;
mod reshape;
mod rows;
mod scanned;
mod statics;
mod steps;
mod tombstones;
mod written;

#[cfg(test)]
pub use adopt::ARMORY_AGENTS;
pub use adopt::Adopted;
pub use agents::{Gone, Held, Registration, StaticAccount};
pub use answers::Stands;
pub use audit::{AuditRow, Export};
pub use connected::AgentRow;
pub use cores::CoreRow;
pub(crate) use cores::LEASE;
pub use journal::Intent;
pub use keys::{KeyUse, Place, Resealed};
pub use listing::AccountDetail;
pub use namespaces::Namespaces;
pub use open::{BadLocation, Location};
pub use operations::{Ended, Moment, OperationRow};
pub use outcomes::{Claim, Moved, Outcome};
pub use pages::{Filter, Part, Source};
pub use probes::Probe;
pub use purge::Retention;
pub use references::Sent;
pub use reports::Report;
pub use rows::{Content, NewRow};
pub use scanned::Known;
pub use steps::{Actor, Change, Unsent};
pub use written::{LastWrite, Written};

use crate::failpoint;
pub use crate::sql::PoolSettings;
use crate::sql::{Pool, Record};
use std::sync::Arc;

/// What can go wrong with the tables.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or refuses.
    #[error("the database cannot be used")]
    Database(#[source] sqlx::Error),
    /// The login's password would go over an RSA exchange, which is not done.
    #[error(
        "the database wants the password encrypted with RSA, since the connection has no TLS: use TLS \
         (ssl-mode=REQUIRED in the URL; in a JDBC URL sslMode=REQUIRED), and on a server without it \
         give the user another plugin than caching_sha2_password or sha256_password"
    )]
    NeedsTls,
    /// The connection broke while it committed, or the answer did not come in time.
    #[error("the database does not say whether it has recorded this")]
    Unsettled(#[source] sqlx::Error),
    /// The tables cannot be made or altered.
    #[error("the tables cannot be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Another core makes the tables, and does not end.
    #[error("another core has been bringing the tables up to date for a minute; see its log")]
    Locked,
    /// Another process has taken over what this one was to carry out.
    #[error("another replica carries out this request by now")]
    Taken,
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        match &error {
            sqlx::Error::Configuration(cause) if cause.to_string().starts_with("RSA auth") => {
                StoreError::NeedsTls
            }
            _ => StoreError::Database(error),
        }
    }
}

/// SQLite's codes for the same: ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE.
const SQLITE_LASTING: [i32; 5] = [1, 18, 19, 20, 25];

impl StoreError {
    /// The database gave up this transaction for the sake of another, or another was first with a
    /// row: it is to be tried again.
    fn is_clash(&self) -> bool {
        let StoreError::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        // Serialization failure and deadlock, by SQLSTATE; MySQL's deadlock is 40001, too.
        matches!(error.code().as_deref(), Some("40001" | "40P01")) || error.is_unique_violation()
    }

    /// What became of a transaction whose COMMIT was answered so.
    fn of_commit(error: sqlx::Error) -> StoreError {
        let error = StoreError::Database(error);
        match error {
            StoreError::Database(cause) if !error.is_clash() => StoreError::Unsettled(cause),
            clash => clash,
        }
    }

    /// Another try comes to the same end: the database answers, and it is what was asked of it that
    /// is wrong.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            StoreError::Database(sqlx::Error::Database(error)) => {
                // Data, constraints, syntax, by the class of the SQLSTATE.
                let class = |code: &str| ["22", "23", "42"].contains(&&code[..2]);
                error.code().is_some_and(|code| match code.len() {
                    5 => class(&code),
                    _ => code
                        .parse()
                        .is_ok_and(|code: i32| SQLITE_LASTING.contains(&(code & 0xff))),
                })
            }
            StoreError::Database(error) => matches!(
                error,
                sqlx::Error::Encode(_)
                    | sqlx::Error::Decode(_)
                    | sqlx::Error::ColumnDecode { .. }
                    | sqlx::Error::ColumnNotFound(_)
            ),
            StoreError::Corrupt { .. } => true,
            StoreError::Migration(_)
            | StoreError::Locked
            | StoreError::NeedsTls
            | StoreError::Unsettled(_)
            | StoreError::Taken => false,
        }
    }
}

/// The store of one core.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    /// Whose steps and reports these are, for the history of operations.
    core_id: Arc<str>,
    /// A file is one core's; what it says of another is about its own former life.
    alone: bool,
}

/// Runs a transaction, again when it clashed with another.
macro_rules! transaction {
    ($store:expr, $before:expr, $after:expr, |$tx:ident| $body:block) => {{
        $crate::failpoint::hit($before);
        let mut tries = 0;
        let done = loop {
            tries += 1;
            let outcome = async {
                let mut $tx = $store.pool.write().await?;
                let done = $body;
                let committed = $tx.commit().await;
                committed.map_err($crate::store::StoreError::of_commit)?;
                Ok::<_, $crate::store::StoreError>(done)
            };
            match outcome.await {
                Err(error) if error.is_clash() && tries < 20 => {
                    tokio::time::sleep(std::time::Duration::from_millis(5 * tries)).await;
                }
                outcome => break outcome?,
            }
        };
        $crate::failpoint::hit($after);
        Ok(done)
    }};
}
use transaction;

impl Store {
    /// The same store as that of the core of this id.
    pub fn of_core(self, core_id: &str) -> Store {
        let core_id = core_id.into();
        Store { core_id, ..self }
    }

    /// The same store, whose file tests let several cores have as they would a server.
    #[cfg(test)]
    pub(crate) fn among_others(self) -> Store {
        Store {
            alone: false,
            ..self
        }
    }

    /// `Ok` when the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut tx = self.pool.read().await?;
        tx.now().await?;
        Ok(tx.commit().await?)
    }

    /// The connections, for reading what lies beside our tables.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// This core's connections.
    pub fn pool_settings(&self) -> Vec<PoolSettings> {
        self.pool.settings()
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Reads a column that holds one of an enum's words.
fn word<T: std::str::FromStr<Err = String>>(
    row: &Record,
    table: &'static str,
    key: &str,
    column: &'static str,
) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|reason| StoreError::Corrupt {
        table,
        row: key.to_owned(),
        column,
        reason,
    })
}

#[cfg(test)]
mod login_tests;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
