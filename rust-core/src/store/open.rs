//! Opening a database: where it is, its tables brought up to date, its pool.

use super::{Store, StoreError, migrate};
use crate::sql::{Connections, Pool};
use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How long a request waits for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long an idle connection of it may take to show that it still stands: the rest of the wait is for a
/// new one.
const STANDS: Duration = Duration::from_secs(2);
/// Connections to a server.
const CONNECTIONS: u32 = 10;

/// Where the tables are. Passwords in it never show: it has no Debug.
#[derive(Clone)]
pub enum Location {
    /// A file, made when it is not there.
    Sqlite(PathBuf),
    /// MySQL or MariaDB.
    MySql {
        /// Everything but the tables' shape.
        service: Box<MySqlConnectOptions>,
        /// Makes and alters the tables.
        migration: Box<MySqlConnectOptions>,
    },
    /// PostgreSQL.
    Postgres {
        /// Everything but the tables' shape.
        service: Box<PgConnectOptions>,
        /// Makes and alters the tables.
        migration: Box<PgConnectOptions>,
    },
}

/// A database URL that cannot be used. It is not shown: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a file's path, sqlite:path, mysql://user:password@host/schema or \
         postgres://user:password@host/database: {0}"
)]
pub struct BadLocation(String);

impl Location {
    /// The location in a path or URL; `migration` is the URL for the user who may make and alter
    /// tables, when that is another one.
    pub fn parse(
        database: &SecretString,
        migration: Option<&SecretString>,
    ) -> Result<Location, BadLocation> {
        let text = database.expose_secret();
        let migration = migration.unwrap_or(database).expose_secret();
        if has_stray_login(text) || has_stray_login(migration) {
            return Err(BadLocation(STRAY_LOGIN.to_owned()));
        }
        let bad = |error: sqlx::Error| BadLocation(error.to_string());
        match text.split_once("://").map(|(scheme, _)| scheme) {
            Some("mysql" | "mariadb") => Ok(Location::mysql(
                MySqlConnectOptions::from_str(text).map_err(bad)?,
                MySqlConnectOptions::from_str(migration).map_err(bad)?,
            )),
            Some("postgres" | "postgresql") => Ok(Location::postgres(
                PgConnectOptions::from_str(text).map_err(bad)?,
                PgConnectOptions::from_str(migration).map_err(bad)?,
            )),
            Some(scheme) if scheme != "sqlite" => {
                Err(BadLocation(format!("unknown scheme {scheme}:")))
            }
            _ => {
                let path = text.strip_prefix("sqlite:").unwrap_or(text);
                Ok(Location::Sqlite(PathBuf::from(
                    path.strip_prefix("//").unwrap_or(path),
                )))
            }
        }
    }

    /// MySQL or MariaDB with these two users.
    pub fn mysql(service: MySqlConnectOptions, migration: MySqlConnectOptions) -> Location {
        Location::MySql {
            service: Box::new(service),
            migration: Box::new(migration),
        }
    }

    /// PostgreSQL with these two users.
    pub fn postgres(service: PgConnectOptions, migration: PgConnectOptions) -> Location {
        Location::Postgres {
            service: Box::new(service),
            migration: Box::new(migration),
        }
    }

    /// The location for people, without user and password.
    pub fn describe(&self) -> String {
        match self {
            Location::Sqlite(path) => path.display().to_string(),
            Location::MySql { service, .. } => without_user(service.to_url_lossy()),
            Location::Postgres { service, .. } => without_user(service.to_url_lossy()),
        }
    }
}

const STRAY_LOGIN: &str = "there is an @ in the file's path or the database's name, as when a password has \
     a / in it: write /, @, :, ? and # of a password as %2F, %40, %3A, %3F and %23, or put the \
     password into sidecar.databasePassword";

/// Whether a user and password may stand where they would be shown: there is an `@`, and not before a
/// server's name.
fn has_stray_login(text: &str) -> bool {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let after = match scheme {
        "" | "sqlite" => text,
        _ => rest.split_once(['/', '?', '#']).unwrap_or_default().1,
    };
    scheme.contains('@') || after.contains('@')
}

fn without_user(mut url: url::Url) -> String {
    url.set_query(None);
    // A URL of a server always has a place for both.
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .ok();
    url.to_string()
}

impl Store {
    /// Opens the database and brings its tables up to date.
    pub async fn open(location: &Location) -> Result<Store, StoreError> {
        let connections = match location {
            Location::Sqlite(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // What was answered 2xx survives the machine's power, too.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(5))
                    .thread_name(beside_this_thread)
                    .optimize_on_close(true, None);
                let writer = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(ACQUIRE);
                let writer = writer.connect_with(options.clone()).await?;
                migrate::sqlite(&mut *writer.acquire().await?).await?;
                let reader = SqlitePoolOptions::new()
                    .max_connections(4)
                    .acquire_timeout(ACQUIRE);
                Connections::Sqlite {
                    writer,
                    reader: reader.connect_with(options).await?,
                }
            }
            Location::MySql { service, migration } => {
                migrate::mysql(migration).await?;
                let pool = MySqlPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(ACQUIRE)
                    .test_before_acquire(false)
                    .before_acquire(|connection, _| Box::pin(stands(connection)))
                    .after_connect(|connection, _| {
                        // As on PostgreSQL: no lock on rows that are not there.
                        let sql = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
                        Box::pin(async move {
                            sqlx::query(sql).execute(connection).await?;
                            Ok(())
                        })
                    });
                // Its log would have the values that are in a statement's text.
                let service = (**service).clone().disable_statement_logging();
                Connections::MySql(pool.connect_with(service).await?)
            }
            Location::Postgres { service, migration } => {
                migrate::postgres(migration).await?;
                let pool = PgPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(ACQUIRE)
                    .test_before_acquire(false)
                    .before_acquire(|connection, _| Box::pin(stands(connection)));
                Connections::Postgres(pool.connect_with((**service).clone()).await?)
            }
        };
        let core_id = "".into();
        let alone = matches!(location, Location::Sqlite(_));
        Ok(Store {
            pool: Pool::new(connections),
            core_id,
            alone,
        })
    }
}

/// Whether an idle connection still stands. sqlx's own test of one that fell silent takes all the time in
/// which a new one could be opened.
async fn stands<C: Connection>(connection: &mut C) -> Result<bool, sqlx::Error> {
    let answered = tokio::time::timeout(STANDS, connection.ping()).await;
    Ok(matches!(answered, Ok(Ok(()))))
}

/// A connection's thread begins its name as the runtime's workers do, so that who ends the runtime
/// can see it end, too.
fn beside_this_thread(id: u64) -> String {
    let worker = std::thread::current();
    format!("{}sql-{id}", worker.name().unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Location, BadLocation> {
        Location::parse(&url.into(), None)
    }

    #[test]
    fn a_password_is_not_taken_for_a_path_or_a_name() {
        for url in [
            "mysql://u:123/hunter2@host/db",
            "postgres://u:123/hunter2@host/db",
            "mysql://u:123?hunter2@host/db",
            "mysql://u:123#hunter2@host/db",
            "u:hunter2@host/db",
            "mysql:u:hunter2@host/db",
            "sqlite://u:hunter2@host/db",
        ] {
            let good = &SecretString::from("mysql://host/db");
            let error = parse(url).err().unwrap().to_string();
            assert!(error.contains("sidecar.databasePassword"), "{error}");
            assert!(
                !error.contains("hunter2") && !error.contains("123"),
                "{error}"
            );
            assert!(Location::parse(good, Some(&url.into())).is_err());
        }
        for url in ["mysql://u:12a/hunter2@host/db", "hunter2@x://host"] {
            let error = parse(url).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        for (url, shown) in [
            ("mysql://u:hunter2@host:1/db", "mysql://host:1/db"),
            (
                "mysql://u:a%2Fhunter2@host/db?ssl-ca=%2Fa%40b",
                "mysql://host:3306/db",
            ),
            ("postgres://u:hunter2@host/db", "postgres://host:5432/db"),
            ("sqlite:///var/ferry.db", "/var/ferry.db"),
            ("ferry.db", "ferry.db"),
        ] {
            let shown_as = parse(url).unwrap().describe();
            assert!(shown_as.starts_with(shown), "{shown_as}");
        }
    }
}
