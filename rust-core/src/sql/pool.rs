//! The connections to one database.

use super::transaction::Connection;
use super::{ANSWER, Dialect, Tx};
use sqlx::{MySqlPool, PgPool, SqlitePool};
use std::time::Duration;

/// The connections to one database, and how long an answer is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    connections: Connections,
    answer: Duration,
}

/// The connections to one database.
#[derive(Debug, Clone)]
pub(crate) enum Connections {
    /// SQLite has one writer at a time: one connection waits in line instead of failing as busy.
    Sqlite {
        writer: SqlitePool,
        reader: SqlitePool,
    },
    MySql(MySqlPool),
    Postgres(PgPool),
}

impl Pool {
    pub(crate) fn new(connections: Connections) -> Pool {
        Pool {
            connections,
            answer: ANSWER,
        }
    }

    /// The same connections for a test that waits for no answer as long.
    #[cfg(test)]
    pub(crate) fn answering_within(self, answer: Duration) -> Pool {
        Pool { answer, ..self }
    }

    /// A transaction that only reads.
    pub(crate) async fn read(&self) -> Result<Tx, sqlx::Error> {
        let connection = match &self.connections {
            Connections::Sqlite { reader, .. } => Connection::Sqlite(reader.acquire().await?),
            Connections::MySql(pool) => Connection::MySql(pool.acquire().await?),
            Connections::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        Tx::begin(connection, "BEGIN", self.answer).await
    }

    /// A transaction that writes.
    pub(crate) async fn write(&self) -> Result<Tx, sqlx::Error> {
        let Connections::Sqlite { writer, .. } = &self.connections else {
            return self.read().await;
        };
        let connection = Connection::Sqlite(writer.acquire().await?);
        Tx::begin(connection, "BEGIN IMMEDIATE", self.answer).await
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match &self.connections {
            Connections::Sqlite { .. } => Dialect::Sqlite,
            Connections::MySql(_) => Dialect::MySql,
            Connections::Postgres(_) => Dialect::Postgres,
        }
    }

    /// What each pool may and does hold.
    pub(crate) fn settings(&self) -> Vec<PoolSettings> {
        let database = self.dialect().name();
        match &self.connections {
            Connections::Sqlite { writer, reader } => vec![
                PoolSettings::of("writer", database, writer),
                PoolSettings::of("reader", database, reader),
            ],
            Connections::MySql(pool) => vec![PoolSettings::of("default", database, pool)],
            Connections::Postgres(pool) => vec![PoolSettings::of("default", database, pool)],
        }
    }

    pub(crate) async fn close(&self) {
        match &self.connections {
            Connections::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Connections::MySql(pool) => pool.close().await,
            Connections::Postgres(pool) => pool.close().await,
        }
    }
}

/// The connections of one pool.
#[derive(Debug)]
pub struct PoolSettings {
    /// `default`, or what it is for where there are two.
    pub name: &'static str,
    /// `sqlite`, `mysql` or `postgresql`.
    pub database: &'static str,
    /// The most connections.
    pub max: u32,
    /// How long one is waited for.
    pub acquire_timeout_ms: u64,
    /// Connections now.
    pub connections: u32,
    /// Those of them that nobody uses.
    pub idle: usize,
}

impl PoolSettings {
    fn of<D: sqlx::Database>(
        name: &'static str,
        database: &'static str,
        pool: &sqlx::Pool<D>,
    ) -> PoolSettings {
        let wait = pool.options().get_acquire_timeout().as_millis();
        PoolSettings {
            name,
            database,
            max: pool.options().get_max_connections(),
            acquire_timeout_ms: u64::try_from(wait).unwrap_or(u64::MAX),
            connections: pool.size(),
            idle: pool.num_idle(),
        }
    }
}
