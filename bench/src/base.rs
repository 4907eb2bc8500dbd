//! A database of a bench, beside the sidecar that works on it: Clouddriver's table, filled, and what
//! the raw peers do.

use ferry_tests::Sidecar;
use ferry_tests::database::{Database, Kind, Schema, User};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows of one statement.
const ROWS: usize = 500;

enum Link {
    Sqlite(SqliteConnection),
    MySql(MySqlConnection),
    Postgres(PgConnection),
}

/// A connection to the database, and the sidecar's place in it.
pub(crate) struct Base {
    link: Link,
    runtime: tokio::runtime::Runtime,
    schema: Option<Schema>,
}

impl Base {
    /// A database of this kind, a file without one, with Clouddriver's table.
    pub(crate) fn make(kind: Option<Kind>, folder: &Path) -> Base {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let schema = kind.map(|kind| Database::shared(kind).schema());
        let link = runtime.block_on(connect(kind, schema.as_ref(), folder));
        let json = match link {
            Link::Sqlite(_) => "TEXT",
            _ => "JSON",
        };
        let mut base = Base {
            link,
            runtime,
            schema,
        };
        base.run(format!(
            "CREATE TABLE accounts (id VARCHAR(255) NOT NULL PRIMARY KEY, type VARCHAR(50) NOT NULL,
             body {json} NOT NULL, created_at BIGINT NOT NULL, last_modified_at BIGINT NOT NULL,
             last_modified_by VARCHAR(255) NOT NULL)"
        ));
        base
    }

    /// A sidecar on it, with more YAML. No Clouddriver is behind: its table is all that is asked.
    pub(crate) fn sidecar(&self, folder: &Path, more: &str) -> Sidecar {
        let nobody = "http://127.0.0.1:9";
        let mut sidecar = match &self.schema {
            None => Sidecar::new(folder, nobody, more),
            Some(schema) => Sidecar::on(schema, &folder.join("key"), folder, nobody, more),
        };
        let started = sidecar.start(&[]);
        started.unwrap_or_else(|not| panic!("the sidecar does not start: {}", not.log));
        sidecar
    }

    pub(crate) fn run(&mut self, text: String) {
        let text = sqlx::raw_sql(AssertSqlSafe(text));
        let done = self.runtime.block_on(async {
            match &mut self.link {
                Link::Sqlite(link) => text.execute(link).await.map(drop),
                Link::MySql(link) => text.execute(link).await.map(drop),
                Link::Postgres(link) => text.execute(link).await.map(drop),
            }
        });
        done.unwrap();
    }

    /// The first column of what it answers.
    pub(crate) fn texts(&mut self, text: String) -> Vec<String> {
        let text = sqlx::raw_sql(AssertSqlSafe(text));
        let rows = self.runtime.block_on(async {
            Ok::<_, sqlx::Error>(match &mut self.link {
                Link::Sqlite(link) => column(&text.fetch_all(link).await?),
                Link::MySql(link) => column(&text.fetch_all(link).await?),
                Link::Postgres(link) => column(&text.fetch_all(link).await?),
            })
        });
        rows.unwrap()
    }

    /// How long these rows take, written as literals, by one transaction of multi-row INSERTs.
    pub(crate) fn insert(&mut self, into: &[(&str, &[String])]) -> Duration {
        let mut statements = vec!["BEGIN".to_owned()];
        for (table, rows) in into {
            let rows = rows.chunks(ROWS);
            statements
                .extend(rows.map(|rows| format!("INSERT INTO {table} VALUES {}", rows.join(","))));
        }
        statements.push("COMMIT".to_owned());
        let start = Instant::now();
        for statement in statements {
            self.run(statement);
        }
        start.elapsed()
    }

    /// An empty table of the same shape, with the same indexes.
    pub(crate) fn like(&mut self, table: &str, new: &str) {
        match self.link {
            Link::MySql(_) => self.run(format!("CREATE TABLE {new} LIKE {table}")),
            Link::Postgres(_) => {
                self.run(format!("CREATE TABLE {new} (LIKE {table} INCLUDING ALL)"))
            }
            Link::Sqlite(_) => {
                let made = self.texts(format!(
                    "SELECT sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql IS NOT NULL"
                ));
                for sql in made {
                    self.run(sql.replace(table, new));
                }
            }
        }
    }

    /// Every row of a table as the literals of an INSERT.
    pub(crate) fn literals(&mut self, table: &str) -> Vec<String> {
        let columns = match self.link {
            Link::Sqlite(_) => format!("SELECT name FROM pragma_table_info('{table}')"),
            Link::MySql(_) => format!(
                "SELECT CAST(column_name AS CHAR) FROM information_schema.columns
                 WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
            ),
            Link::Postgres(_) => format!(
                "SELECT column_name::text FROM information_schema.columns
                 WHERE table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        let columns = self.texts(columns);
        let quoted = columns.iter().map(|column| match self.link {
            Link::Sqlite(_) => format!("quote({column})"),
            Link::Postgres(_) => format!("quote_nullable({column})"),
            Link::MySql(_) if column == "secret" => {
                "COALESCE(CONCAT('x''', HEX(secret), ''''), 'NULL')".to_owned()
            }
            Link::MySql(_) => format!("QUOTE({column})"),
        });
        let quoted: Vec<String> = quoted.collect();
        let row = match self.link {
            Link::MySql(_) => format!("CONCAT('(', {}, ')')", quoted.join(", ',', ")),
            _ => format!("'(' || {} || ')'", quoted.join(" || ',' || ")),
        };
        self.texts(format!("SELECT {row} FROM {table}"))
    }
}

async fn connect(kind: Option<Kind>, schema: Option<&Schema>, folder: &Path) -> Link {
    let url = schema.map(|schema| schema.url(User::Migrate));
    match (kind, url) {
        (Some(Kind::MariaDb), Some(url)) => {
            Link::MySql(MySqlConnection::connect(&url).await.unwrap())
        }
        (Some(Kind::Postgres), Some(url)) => {
            Link::Postgres(PgConnection::connect(&url).await.unwrap())
        }
        _ => {
            // As the sidecar opens it: what is committed is on the disk.
            let options = SqliteConnectOptions::new()
                .filename(folder.join("ferry.db"))
                .create_if_missing(true)
                .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(30));
            Link::Sqlite(options.connect().await.unwrap())
        }
    }
}

fn column<R: Row>(rows: &[R]) -> Vec<String>
where
    usize: sqlx::ColumnIndex<R>,
    String: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    rows.iter().map(|row| row.get(0)).collect()
}
