//! Brings the tables up to date, a statement at a time: what a start that died left undone, the
//! next goes on with. `open` calls it; sqlx's migrator keeps the history, in a table of ours.

use super::{StoreError, failpoint, reshape};
use failpoint::hit;
use futures_util::future::BoxFuture;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr};
use std::time::Duration;

/// The history of migrations.
const HISTORY: &str = "kubesvc_ferry_migrations";

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
    run(&migrator(SQLITE), connection).await
}

pub(super) async fn postgres(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = options.connect().await?;
    reshape::postgres(&mut connection).await?;
    run(&migrator(POSTGRES), &mut connection).await?;
    Ok(connection.close().await?)
}

/// Here making a table is no part of a transaction. A statement that was carried out and not
/// recorded as such is repeated.
pub(super) async fn mysql(options: &MySqlConnectOptions) -> Result<(), StoreError> {
    let mut connection = options.connect().await?;
    // In place of sqlx's lock, which waits without end: MariaDB refuses that and takes no lock. This
    // one ends with the connection.
    hit(failpoint::LOCK_BEFORE);
    let lock = "SELECT GET_LOCK(MD5(CONCAT(DATABASE(), '.kubesvc_ferry')), 60)";
    let locked: Option<i64> = sqlx::query_scalar(lock).fetch_one(&mut connection).await?;
    if locked != Some(1) {
        return Err(StoreError::Locked);
    }
    hit(failpoint::LOCK_AFTER);
    reshape::mysql(&mut connection).await?;
    let mut migrator = migrator(MYSQL);
    migrator.set_locking(false);
    Visible(&mut connection)
        .ensure_migrations_table(HISTORY)
        .await?;
    let undone = AssertSqlSafe(format!("DELETE FROM {HISTORY} WHERE NOT success"));
    hit(failpoint::UNDONE_BEFORE);
    sqlx::query(undone).execute(&mut connection).await?;
    hit(failpoint::UNDONE_AFTER);
    run(&migrator, &mut connection).await?;
    Ok(connection.close().await?)
}

async fn run<C: Migrate + Send>(migrator: &Migrator, connection: &mut C) -> Result<(), StoreError> {
    let mut connection = Visible(connection);
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

/// A connection whose changes a test can let the core die at.
struct Visible<'c, C>(&'c mut C);

type Done<'e, T> = BoxFuture<'e, Result<T, MigrateError>>;

impl<C: Migrate + Send> Migrate for Visible<'_, C> {
    fn create_schema_if_not_exists<'e>(&'e mut self, schema: &'e str) -> Done<'e, ()> {
        self.0.create_schema_if_not_exists(schema)
    }

    fn ensure_migrations_table<'e>(&'e mut self, table: &'e str) -> Done<'e, ()> {
        Box::pin(async move {
            hit(failpoint::HISTORY_BEFORE);
            self.0.ensure_migrations_table(table).await?;
            hit(failpoint::HISTORY_AFTER);
            Ok(())
        })
    }

    fn dirty_version<'e>(&'e mut self, table: &'e str) -> Done<'e, Option<i64>> {
        self.0.dirty_version(table)
    }

    fn list_applied_migrations<'e>(
        &'e mut self,
        table: &'e str,
    ) -> Done<'e, Vec<AppliedMigration>> {
        self.0.list_applied_migrations(table)
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
            let took = self.0.apply(table, migration).await?;
            hit(failpoint::MIGRATE_AFTER);
            Ok(took)
        })
    }

    fn revert<'e>(&'e mut self, table: &'e str, migration: &'e Migration) -> Done<'e, Duration> {
        self.0.revert(table, migration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
