//! Brings the tables up to date, a statement at a time: what a start that died left undone, the
//! next goes on with. `open` calls it; sqlx's migrator keeps the history, in a table of ours.

use super::{StoreError, failpoint, reshape};
use crate::sql::{ANSWER, Dialect, within};
use failpoint::hit;
use futures_util::future::BoxFuture;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr};
use std::time::Duration;

/// The history of migrations.
const HISTORY: &str = "kubesvc_ferry_migrations";
/// How long another core that brings the tables up to date is waited for.
const LOCK: Duration = Duration::from_secs(60);
/// How long what alters a table may take. It may write all its rows anew, and on PostgreSQL a start that
/// gave that up would leave the next with as much to do.
const ALTER: Duration = Duration::from_secs(60 * 60);

/// What is asked for, as an error says it.
const LOGIN: &str = "a login";
const LOCKING: &str = "the lock under which one core brings the tables up to date";
const RESHAPING: &str = "making Armory's table ours";
const READING: &str = "the history of migrations";
const ALTERING: &str = "a migration";

const SQLITE: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_accounts.sql"),
    include_str!("../../migrations/sqlite/0002_scan.sql"),
    include_str!("../../migrations/sqlite/0003_lists.sql"),
    include_str!("../../migrations/sqlite/0004_evictions.sql"),
    include_str!("../../migrations/sqlite/0005_references.sql"),
    include_str!("../../migrations/sqlite/0006_keys.sql"),
    include_str!("../../migrations/sqlite/0007_operations.sql"),
    include_str!("../../migrations/sqlite/0008_answers.sql"),
    include_str!("../../migrations/sqlite/0009_agents.sql"),
    include_str!("../../migrations/sqlite/0010_requests.sql"),
    include_str!("../../migrations/sqlite/0011_outcomes.sql"),
    include_str!("../../migrations/sqlite/0012_probes.sql"),
    include_str!("../../migrations/sqlite/0013_namespaces.sql"),
    include_str!("../../migrations/sqlite/0014_written.sql"),
];
const MYSQL: &[&str] = &[
    include_str!("../../migrations/mysql/0001_accounts.sql"),
    include_str!("../../migrations/mysql/0002_scan.sql"),
    include_str!("../../migrations/mysql/0003_lists.sql"),
    include_str!("../../migrations/mysql/0004_evictions.sql"),
    include_str!("../../migrations/mysql/0005_references.sql"),
    include_str!("../../migrations/mysql/0006_keys.sql"),
    include_str!("../../migrations/mysql/0007_operations.sql"),
    include_str!("../../migrations/mysql/0008_answers.sql"),
    include_str!("../../migrations/mysql/0009_agents.sql"),
    include_str!("../../migrations/mysql/0010_requests.sql"),
    include_str!("../../migrations/mysql/0011_outcomes.sql"),
    include_str!("../../migrations/mysql/0012_probes.sql"),
    include_str!("../../migrations/mysql/0013_namespaces.sql"),
    include_str!("../../migrations/mysql/0014_written.sql"),
];
const POSTGRES: &[&str] = &[
    include_str!("../../migrations/postgres/0001_accounts.sql"),
    include_str!("../../migrations/postgres/0002_scan.sql"),
    include_str!("../../migrations/postgres/0003_lists.sql"),
    include_str!("../../migrations/postgres/0004_evictions.sql"),
    include_str!("../../migrations/postgres/0005_references.sql"),
    include_str!("../../migrations/postgres/0006_keys.sql"),
    include_str!("../../migrations/postgres/0007_operations.sql"),
    include_str!("../../migrations/postgres/0008_answers.sql"),
    include_str!("../../migrations/postgres/0009_agents.sql"),
    include_str!("../../migrations/postgres/0010_requests.sql"),
    include_str!("../../migrations/postgres/0011_outcomes.sql"),
    include_str!("../../migrations/postgres/0012_probes.sql"),
    include_str!("../../migrations/postgres/0013_namespaces.sql"),
    include_str!("../../migrations/postgres/0014_written.sql"),
];

pub(super) async fn sqlite(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    run(&migrator(SQLITE), Visible(connection, Dialect::Sqlite)).await
}

pub(super) async fn postgres(options: &PgConnectOptions) -> Result<(), StoreError> {
    let database = Dialect::Postgres;
    let mut connection = within(ANSWER, database, LOGIN, options.connect()).await?;
    lock_postgres(&mut connection, LOCK).await?;
    let reshaped = reshape::postgres(&mut connection);
    within(ALTER, database, RESHAPING, reshaped).await?;
    let mut migrator = migrator(POSTGRES);
    migrator.set_locking(false);
    run(&migrator, Visible(&mut connection, database)).await?;
    Ok(connection.close().await?)
}

/// Takes sqlx's lock, as cores of other versions do, but does not wait for it without end. It ends with
/// the connection.
async fn lock_postgres(connection: &mut PgConnection, wait: Duration) -> Result<(), StoreError> {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    let bound = AssertSqlSafe(format!("SET lock_timeout = {}", wait.as_millis()));
    let locking = async {
        sqlx::query(bound).execute(&mut *connection).await?;
        let mut visible = Visible(&mut *connection, Dialect::Postgres);
        visible.lock().await?;
        // What alters a table waits for whoever works on it.
        let unbound = sqlx::query("RESET lock_timeout");
        unbound.execute(&mut *connection).await?;
        Ok::<_, MigrateError>(())
    };
    match within(wait + ANSWER, Dialect::Postgres, LOCKING, locking).await {
        Err(MigrateError::Execute(sqlx::Error::Database(error)))
            if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) =>
        {
            Err(StoreError::Locked)
        }
        locked => Ok(locked?),
    }
}

/// Here making a table is no part of a transaction. A statement that was carried out and not
/// recorded as such is repeated.
pub(super) async fn mysql(options: &MySqlConnectOptions) -> Result<(), StoreError> {
    let database = Dialect::MySql;
    let mut connection = within(ANSWER, database, LOGIN, options.connect()).await?;
    lock_mysql(&mut connection, LOCK).await?;
    let reshaped = reshape::mysql(&mut connection);
    within(ALTER, database, RESHAPING, reshaped).await?;
    let mut migrator = migrator(MYSQL);
    migrator.set_locking(false);
    Visible(&mut connection, database)
        .ensure_migrations_table(HISTORY)
        .await?;
    let undone = AssertSqlSafe(format!("DELETE FROM {HISTORY} WHERE NOT success"));
    hit(failpoint::UNDONE_BEFORE);
    let undone = sqlx::query(undone).execute(&mut connection);
    within(ANSWER, database, READING, undone).await?;
    hit(failpoint::UNDONE_AFTER);
    run(&migrator, Visible(&mut connection, database)).await?;
    Ok(connection.close().await?)
}

/// In place of sqlx's lock, which waits without end: MariaDB refuses that and takes no lock. This one
/// ends with the connection.
async fn lock_mysql(connection: &mut MySqlConnection, wait: Duration) -> Result<(), StoreError> {
    hit(failpoint::LOCK_BEFORE);
    let lock = "SELECT GET_LOCK(MD5(CONCAT(DATABASE(), '.kubesvc_ferry')), ?)";
    let lock = sqlx::query_scalar(lock).bind(wait.as_secs());
    let locked = lock.fetch_one(connection);
    let locked: Option<i64> = within(wait + ANSWER, Dialect::MySql, LOCKING, locked).await?;
    if locked != Some(1) {
        return Err(StoreError::Locked);
    }
    hit(failpoint::LOCK_AFTER);
    Ok(())
}

async fn run<C: Migrate + Send>(
    migrator: &Migrator,
    mut connection: Visible<'_, C>,
) -> Result<(), StoreError> {
    Ok(migrator.run_direct(None, &mut connection, false).await?)
}

/// Every statement of these files as a migration: the second of the first file is 1002.
fn migrator(files: &[&'static str]) -> Migrator {
    let mut migrations = Vec::new();
    for (file, text) in (1..).zip(files) {
        for (statement, text) in (1..).zip(statements(text)) {
            migrations.push(Migration::new(
                file * 1000 + statement,
                "".into(),
                MigrationType::Simple,
                text.into_sql_str(),
                false,
            ));
        }
    }
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(HISTORY);
    migrator
}

/// A statement ends with a line.
fn statements(text: &'static str) -> impl Iterator<Item = &'static str> {
    let statements = text.split_inclusive(";\n").map(str::trim);
    statements.filter(|statement| !statement.is_empty())
}

/// A connection whose changes a test can let the core die at, and whose answers are waited for with a bound.
struct Visible<'c, C>(&'c mut C, Dialect);

type Done<'e, T> = BoxFuture<'e, Result<T, MigrateError>>;

impl<C: Migrate + Send> Migrate for Visible<'_, C> {
    fn create_schema_if_not_exists<'e>(&'e mut self, schema: &'e str) -> Done<'e, ()> {
        self.0.create_schema_if_not_exists(schema)
    }

    fn ensure_migrations_table<'e>(&'e mut self, table: &'e str) -> Done<'e, ()> {
        Box::pin(async move {
            hit(failpoint::HISTORY_BEFORE);
            let made = self.0.ensure_migrations_table(table);
            within(ANSWER, self.1, READING, made).await?;
            hit(failpoint::HISTORY_AFTER);
            Ok(())
        })
    }

    fn dirty_version<'e>(&'e mut self, table: &'e str) -> Done<'e, Option<i64>> {
        let version = self.0.dirty_version(table);
        Box::pin(within(ANSWER, self.1, READING, version))
    }

    fn list_applied_migrations<'e>(
        &'e mut self,
        table: &'e str,
    ) -> Done<'e, Vec<AppliedMigration>> {
        let applied = self.0.list_applied_migrations(table);
        Box::pin(within(ANSWER, self.1, READING, applied))
    }

    fn lock(&mut self) -> Done<'_, ()> {
        Box::pin(async move {
            hit(failpoint::LOCK_BEFORE);
            self.0.lock().await?;
            hit(failpoint::LOCK_AFTER);
            Ok(())
        })
    }

    fn unlock(&mut self) -> Done<'_, ()> {
        self.0.unlock()
    }

    fn apply<'e>(&'e mut self, table: &'e str, migration: &'e Migration) -> Done<'e, Duration> {
        Box::pin(async move {
            hit(failpoint::MIGRATE_BEFORE);
            let applied = self.0.apply(table, migration);
            let took = within(ALTER, self.1, ALTERING, applied).await?;
            hit(failpoint::MIGRATE_AFTER);
            Ok(took)
        })
    }

    fn revert<'e>(&'e mut self, table: &'e str, migration: &'e Migration) -> Done<'e, Duration> {
        self.0.revert(table, migration)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ferry_tests::database::{Database, Kind, User};
    use std::str::FromStr;

    /// A lock that another core has is waited for so long.
    const SHORTLY: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn one_core_locks_mariadb_and_another_waits_for_a_time() {
        let schema = Database::shared(Kind::MariaDb).schema();
        let core = MySqlConnectOptions::from_str(&schema.url(User::Migrate)).unwrap();
        let (mut one, mut other) = (core.connect().await.unwrap(), core.connect().await.unwrap());
        lock_mysql(&mut one, LOCK).await.unwrap();
        let locked = lock_mysql(&mut other, SHORTLY).await;
        assert!(matches!(locked, Err(StoreError::Locked)), "{locked:?}");
        one.close().await.unwrap();
        lock_mysql(&mut other, LOCK).await.unwrap();
    }

    #[tokio::test]
    async fn one_core_locks_postgres_and_another_waits_for_a_time() {
        let schema = Database::shared(Kind::Postgres).schema();
        let core = PgConnectOptions::from_str(&schema.url(User::Migrate)).unwrap();
        let (mut one, mut other) = (core.connect().await.unwrap(), core.connect().await.unwrap());
        lock_postgres(&mut one, LOCK).await.unwrap();
        let locked = lock_postgres(&mut other, SHORTLY).await;
        assert!(matches!(locked, Err(StoreError::Locked)), "{locked:?}");
        one.close().await.unwrap();
        lock_postgres(&mut other, LOCK).await.unwrap();
        let bound = sqlx::query_scalar("SHOW lock_timeout").fetch_one(&mut other);
        let bound: String = bound.await.unwrap();
        assert_eq!(bound, "0", "it is the lock's alone");
    }

    #[test]
    fn every_statement_is_a_migration() {
        for files in [SQLITE, MYSQL, POSTGRES] {
            for file in files {
                let made = statements(file).count();
                let begun = |line: &&str| line.starts_with(|letter: char| letter.is_alphabetic());
                assert_eq!(made, file.lines().filter(begun).count());
            }
        }
    }
}
