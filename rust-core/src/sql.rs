//! The one place where the databases differ: SQLite, MySQL/MariaDB and PostgreSQL behind one pool,
//! one transaction, one statement and one row. Statements are written with `?`; the few words that
//! differ stand in [`Dialect`]. `store` and `source` use it.

mod answer;
mod pool;
mod statement;
mod text;
mod transaction;

pub(crate) use answer::{ANSWER, within};
pub use pool::PoolSettings;
pub(crate) use pool::{Connections, Pool};
pub(crate) use statement::{CHUNK, Statement, insert, insert_or, sql};
pub(crate) use transaction::Tx;

use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, MySql, Postgres, Row, Sqlite, Type};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    MySql,
    Postgres,
}

impl Dialect {
    /// The database's name.
    fn name(self) -> &'static str {
        match self {
            Dialect::Sqlite => "sqlite",
            Dialect::MySql => "mysql",
            Dialect::Postgres => "postgresql",
        }
    }

    /// The database's clock in Unix milliseconds, as an expression.
    pub(crate) fn now(self) -> &'static str {
        match self {
            // A test that sets the file's user_version turns its clock: seconds of the year 2026.
            #[cfg(test)]
            Dialect::Sqlite => {
                "(SELECT CASE user_version WHEN 0 THEN CAST(unixepoch('subsec') * 1000 AS INTEGER)
                 ELSE 1767225600000 + user_version * 1000 END FROM pragma_user_version)"
            }
            #[cfg(not(test))]
            Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Dialect::MySql => "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
            Dialect::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// What follows a SELECT that locks its rows. SQLite has one writer at a time.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            Dialect::MySql | Dialect::Postgres => " FOR UPDATE",
        }
    }

    /// What follows a SELECT whose rows nobody else may change until the transaction ends.
    pub(crate) fn for_share(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            Dialect::MySql => " LOCK IN SHARE MODE",
            Dialect::Postgres => " FOR SHARE",
        }
    }

    /// What follows an INSERT that sets `columns` when `key` is there already.
    pub(crate) fn or_update(self, key: &str, columns: &[&str]) -> String {
        let assign = |new: fn(&str) -> String| {
            let columns = columns
                .iter()
                .map(|column| format!("{column} = {}", new(column)));
            columns.collect::<Vec<_>>().join(", ")
        };
        match self {
            Dialect::MySql => {
                format!(
                    "ON DUPLICATE KEY UPDATE {}",
                    assign(|column| format!("VALUES({column})"))
                )
            }
            Dialect::Sqlite | Dialect::Postgres => format!(
                "ON CONFLICT ({key}) DO UPDATE SET {}",
                assign(|column| format!("excluded.{column}"))
            ),
        }
    }

    /// Whether a column is true that another program made a boolean, a bit or a number.
    pub(crate) fn is_true(self, column: &str) -> String {
        match self {
            Dialect::Sqlite | Dialect::MySql => format!("COALESCE({column} + 0, 0) <> 0"),
            Dialect::Postgres => {
                format!("COALESCE(CAST({column} AS TEXT), '0') NOT IN ('false', '0')")
            }
        }
    }

    /// A column of JSON as text.
    pub(crate) fn json_text(self, column: &str) -> String {
        match self {
            Dialect::Sqlite => column.to_owned(),
            Dialect::MySql => format!("CAST({column} AS CHAR)"),
            Dialect::Postgres => format!("CAST({column} AS TEXT)"),
        }
    }

    /// A column of text of somebody else's table, compared and sorted by its bytes.
    pub(crate) fn by_bytes(self, column: &str) -> String {
        match self {
            Dialect::Sqlite => column.to_owned(),
            Dialect::MySql => format!("CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin"),
            Dialect::Postgres => format!("{column} COLLATE \"C\""),
        }
    }

    /// The statement with this database's placeholders. No `?` stands in a literal.
    fn placeholders(self, sql: &str) -> String {
        if self != Dialect::Postgres {
            return sql.to_owned();
        }
        let mut numbered = String::with_capacity(sql.len() + 16);
        let mut count = 0;
        for letter in sql.chars() {
            if letter == '?' {
                count += 1;
                numbered.push_str(&format!("${count}"));
            } else {
                numbered.push(letter);
            }
        }
        numbered
    }
}

/// A value of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl Value {
    pub(crate) fn text<'a>(value: impl Into<Option<&'a str>>) -> Value {
        Value::Text(value.into().map(str::to_owned))
    }

    pub(crate) fn number(value: impl Into<Option<i64>>) -> Value {
        Value::Number(value.into())
    }

    fn size(&self) -> usize {
        match self {
            Value::Text(text) => text.as_ref().map_or(0, String::len),
            Value::Number(_) => 8,
            Value::Bytes(bytes) => bytes.as_ref().map_or(0, Vec::len),
        }
    }
}

/// A row.
pub(crate) enum Record {
    Sqlite(SqliteRow),
    MySql(MySqlRow),
    Postgres(PgRow),
}

/// What a column can be read as, on every database.
pub(crate) trait Readable:
    for<'r> Decode<'r, Sqlite>
    + Type<Sqlite>
    + for<'r> Decode<'r, MySql>
    + Type<MySql>
    + for<'r> Decode<'r, Postgres>
    + Type<Postgres>
{
}

impl<T> Readable for T where
    T: for<'r> Decode<'r, Sqlite>
        + Type<Sqlite>
        + for<'r> Decode<'r, MySql>
        + Type<MySql>
        + for<'r> Decode<'r, Postgres>
        + Type<Postgres>
{
}

impl Record {
    /// The value of the column of this name.
    pub(crate) fn get<T: Readable>(&self, column: &str) -> Result<T, sqlx::Error> {
        Ok(match self {
            Record::Sqlite(row) => row.try_get(column)?,
            Record::MySql(row) => row.try_get(column)?,
            Record::Postgres(row) => row.try_get(column)?,
        })
    }

    fn at<T: Readable>(&self, index: usize) -> Result<T, sqlx::Error> {
        Ok(match self {
            Record::Sqlite(row) => row.try_get(index)?,
            Record::MySql(row) => row.try_get(index)?,
            Record::Postgres(row) => row.try_get(index)?,
        })
    }
}
