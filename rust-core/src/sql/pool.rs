//! The connections to one database.

use super::{Dialect, Tx};
use sqlx::{MySqlPool, PgPool, SqlitePool};

/// The connections to one database.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// SQLite has one writer at a time: one connection waits in line instead of failing as busy.
    Sqlite {
        writer: SqlitePool,
        reader: SqlitePool,
    },
    MySql(MySqlPool),
    Postgres(PgPool),
}

impl Pool {
    /// A transaction that only reads.
    pub(crate) async fn read(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            Pool::Sqlite { reader, .. } => Tx::Sqlite(reader.begin().await?),
            Pool::MySql(pool) => Tx::MySql(pool.begin().await?),
            Pool::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// A transaction that writes.
    pub(crate) async fn write(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            Pool::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pool::MySql(pool) => Tx::MySql(pool.begin().await?),
            Pool::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Pool::Sqlite { .. } => Dialect::Sqlite,
            Pool::MySql(_) => Dialect::MySql,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// What each pool may and does hold.
    pub(crate) fn settings(&self) -> Vec<PoolSettings> {
        match self {
            Pool::Sqlite { writer, reader } => vec![
                PoolSettings::of("writer", "sqlite", writer),
                PoolSettings::of("reader", "sqlite", reader),
            ],
            Pool::MySql(pool) => vec![PoolSettings::of("default", "mysql", pool)],
            Pool::Postgres(pool) => vec![PoolSettings::of("default", "postgresql", pool)],
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Pool::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Pool::MySql(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
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
