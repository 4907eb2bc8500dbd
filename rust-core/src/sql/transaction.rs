//! A transaction on a connection of a pool. sqlx's own gives its connection back for as long as that takes:
//! a connection that fell silent would keep its place in the pool. Here that has a bound, as every answer
//! has, and a connection on which none came in time is closed without a word: the answer may still come,
//! and nobody would know what to.

use super::answer::no_answer;
use super::{Dialect, sql};
use sqlx::pool::PoolConnection;
use sqlx::{MySql, Postgres, Sqlite};
use std::io;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How many words of a statement say which it is.
const WORDS: usize = 8;

/// A transaction; dropped without [`Tx::commit`] it changes nothing.
pub(crate) struct Tx {
    dialect: Dialect,
    /// `None` once an answer did not come in time.
    connection: Option<Connection>,
    committed: bool,
    answer: Duration,
}

impl Tx {
    /// Begins one; each of its answers is waited for so long.
    pub(super) async fn begin(
        connection: Connection,
        begin: &'static str,
        answer: Duration,
    ) -> Result<Tx, sqlx::Error> {
        let mut tx = Tx {
            dialect: connection.dialect(),
            connection: Some(connection),
            committed: false,
            answer,
        };
        tx.control(begin).await?;
        Ok(tx)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.control("COMMIT").await?;
        self.committed = true;
        Ok(())
    }

    /// The database's clock, in Unix milliseconds.
    pub(crate) async fn now(&mut self) -> Result<i64, sqlx::Error> {
        sql(format!("SELECT {} AS now", self.dialect().now()))
            .one(self)
            .await?
            .get("now")
    }

    async fn control(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        let done = timeout(self.answer, self.connection()?.control(text)).await;
        self.in_time(text, done)
    }

    /// How long an answer is waited for.
    pub(super) fn answer(&self) -> Duration {
        self.answer
    }

    /// The connection, unless an answer on it did not come in time.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, sqlx::Error> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected).into();
        self.connection.as_mut().ok_or_else(gone)
    }

    /// What was answered to the statement `asked`. When nothing was in time, the connection is given up.
    pub(super) fn in_time<T>(
        &mut self,
        asked: &str,
        answered: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Result<T, sqlx::Error> {
        answered.unwrap_or_else(|_| {
            if let Some(connection) = self.connection.take() {
                connection.give_up();
            }
            let words = asked.split_whitespace().take(WORDS);
            let asked = words.collect::<Vec<_>>().join(" ");
            Err(no_answer(self.dialect, &asked, self.answer))
        })
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let (committed, answer) = (self.committed, self.answer);
        tokio::spawn(async move {
            let at_rest = committed || {
                let done = timeout(answer, connection.control("ROLLBACK")).await;
                matches!(done, Ok(Ok(())))
            };
            if at_rest {
                timeout(answer, connection.give_back()).await.ok();
            } else {
                connection.give_up();
            }
        });
    }
}

/// A connection of a pool.
pub(super) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    MySql(PoolConnection<MySql>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::MySql(_) => Dialect::MySql,
            Connection::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement that begins or ends a transaction.
    async fn control(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        let text = sqlx::raw_sql(text);
        match self {
            Connection::Sqlite(connection) => text.execute(&mut **connection).await.map(drop),
            Connection::MySql(connection) => text.execute(&mut **connection).await.map(drop),
            Connection::Postgres(connection) => text.execute(&mut **connection).await.map(drop),
        }
    }

    /// Puts it back into its pool if it still answers.
    async fn give_back(mut self) {
        match &mut self {
            Connection::Sqlite(connection) => connection.return_to_pool().await,
            Connection::MySql(connection) => connection.return_to_pool().await,
            Connection::Postgres(connection) => connection.return_to_pool().await,
        }
    }

    /// Closes it without a word, and frees its place in the pool.
    fn give_up(self) {
        match self {
            Connection::Sqlite(connection) => drop(connection.detach()),
            Connection::MySql(connection) => drop(connection.detach()),
            Connection::Postgres(connection) => drop(connection.detach()),
        }
    }
}
