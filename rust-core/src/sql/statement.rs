//! A statement and its values, as every database takes it; and INSERTs of many rows.

use super::transaction::Connection;
use super::{Record, Tx, Value, text};
use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlArguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use tokio::time::timeout;

/// How many names one statement asks for, and how many rows it adds: far below every database's
/// bound on the values of a statement (SQLite's is 32,766), and enough for a round trip to weigh
/// nothing.
pub(crate) const CHUNK: usize = 500;
/// How many bytes of values one INSERT has, unless a single row is longer: below the shortest
/// packet that MySQL takes by default.
const INSERT_BYTES: usize = 1 << 20;
/// Up to how many bytes of values MySQL gets a statement as text, which takes twice as many.
const TEXT_BYTES: usize = 1 << 20;
/// A statement of more values than this is not kept prepared: its text hardly comes again.
const KEPT_VALUES: usize = 64;

/// Adds rows, in as few statements as the databases' bounds allow.
pub(crate) async fn insert<const N: usize>(
    tx: &mut Tx,
    table: &str,
    columns: [&str; N],
    rows: Vec<[Value; N]>,
) -> Result<(), sqlx::Error> {
    insert_or(tx, table, columns, rows, "").await
}

/// Adds rows, each with another key; `or` says what becomes of one that is there already
/// ([`Dialect::or_update`]).
pub(crate) async fn insert_or<const N: usize>(
    tx: &mut Tx,
    table: &str,
    columns: [&str; N],
    rows: Vec<[Value; N]>,
    or: &str,
) -> Result<(), sqlx::Error> {
    let head = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
    let one = format!("({})", ["?"; N].join(", "));
    let (mut statement, mut count, mut bytes) = (sql(head.as_str()), 0, 0);
    for row in rows {
        let size = row.iter().map(Value::size).sum::<usize>();
        if count == CHUNK || (count > 0 && bytes + size > INSERT_BYTES) {
            statement.push(" ");
            statement.push(or);
            std::mem::replace(&mut statement, sql(head.as_str()))
                .run(tx)
                .await?;
            (count, bytes) = (0, 0);
        }
        statement.push(if count == 0 { "" } else { ", " });
        statement.push(&one);
        statement.values.extend(row);
        count += 1;
        bytes += size;
    }
    if count > 0 {
        statement.push(" ");
        statement.push(or);
        statement.run(tx).await?;
    }
    Ok(())
}

/// A statement and its values.
#[derive(Clone)]
pub(crate) struct Statement {
    text: String,
    values: Vec<Value>,
}

/// A statement; `?` stands for each value that is bound.
pub(crate) fn sql(text: impl Into<String>) -> Statement {
    Statement {
        text: text.into(),
        values: Vec::new(),
    }
}

impl Statement {
    pub(crate) fn text<'a>(self, value: impl Into<Option<&'a str>>) -> Statement {
        self.value(Value::text(value))
    }

    pub(crate) fn texts<'a>(self, values: impl IntoIterator<Item = &'a str>) -> Statement {
        values.into_iter().fold(self, Statement::text)
    }

    pub(crate) fn number(self, value: impl Into<Option<i64>>) -> Statement {
        self.value(Value::number(value))
    }

    pub(crate) fn bytes(self, value: Option<Vec<u8>>) -> Statement {
        self.value(Value::Bytes(value))
    }

    fn value(mut self, value: Value) -> Statement {
        self.values.push(value);
        self
    }

    /// Adds ` (?, ?, …)` with these texts, at least one and at most [`CHUNK`], after an `IN`.
    pub(crate) fn list(mut self, texts: &[impl AsRef<str>]) -> Statement {
        self.text.push_str(" (?");
        self.text.push_str(&", ?".repeat(texts.len() - 1));
        self.text.push(')');
        self.texts(texts.iter().map(AsRef::as_ref))
    }

    /// Adds to the statement's text.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds another statement, between `before` and `after`.
    pub(crate) fn push_all(&mut self, before: &str, other: Statement, after: &str) {
        self.text.push_str(before);
        self.text.push_str(&other.text);
        self.text.push_str(after);
        self.values.extend(other.values);
    }

    /// Adds a value to a statement that is put together piece by piece.
    pub(crate) fn push_text(&mut self, value: &str) {
        self.text.push('?');
        self.values.push(Value::Text(Some(value.to_owned())));
    }

    /// Runs it; answers how many rows it changed.
    pub(crate) async fn run(self, tx: &mut Tx) -> Result<u64, sqlx::Error> {
        let Statement { text, values } = self;
        let answer = tx.answer();
        let done = timeout(answer, run_on(&text, values, tx.connection()?)).await;
        tx.in_time(&text, done)
    }

    /// Every row.
    pub(crate) async fn all(self, tx: &mut Tx) -> Result<Vec<Record>, sqlx::Error> {
        let Statement { text, values } = self;
        let answer = tx.answer();
        let rows = timeout(answer, all_on(&text, values, tx.connection()?)).await;
        tx.in_time(&text, rows)
    }

    /// The first row, if there is one.
    pub(crate) async fn optional(self, tx: &mut Tx) -> Result<Option<Record>, sqlx::Error> {
        Ok(self.all(tx).await?.into_iter().next())
    }

    /// The first row of a statement that always has one.
    pub(crate) async fn one(self, tx: &mut Tx) -> Result<Record, sqlx::Error> {
        self.optional(tx).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// The text in the first column of every row.
    pub(crate) async fn column(self, tx: &mut Tx) -> Result<Vec<String>, sqlx::Error> {
        self.all(tx).await?.iter().map(|row| row.at(0)).collect()
    }

    /// The first column of a `SELECT COUNT(*)`.
    pub(crate) async fn count(self, tx: &mut Tx) -> Result<i64, sqlx::Error> {
        self.one(tx).await?.at(0)
    }
}

async fn run_on(
    statement: &str,
    values: Vec<Value>,
    connection: &mut Connection,
) -> Result<u64, sqlx::Error> {
    let text = AssertSqlSafe(connection.dialect().placeholders(statement));
    let kept = values.len() <= KEPT_VALUES;
    Ok(match connection {
        Connection::Sqlite(connection) => {
            let query = sqlx::query_with(text, sqlite(values)?).persistent(kept);
            query.execute(&mut **connection).await?.rows_affected()
        }
        Connection::MySql(connection) if is_text(&values) => {
            let text = AssertSqlSafe(text::with_values(statement, &values));
            let query = sqlx::raw_sql(text);
            query.execute(&mut **connection).await?.rows_affected()
        }
        Connection::MySql(connection) => {
            let query = sqlx::query_with(text, mysql(values)?).persistent(false);
            query.execute(&mut **connection).await?.rows_affected()
        }
        Connection::Postgres(connection) => {
            let query = sqlx::query_with(text, postgres(values)?).persistent(kept);
            query.execute(&mut **connection).await?.rows_affected()
        }
    })
}

async fn all_on(
    statement: &str,
    values: Vec<Value>,
    connection: &mut Connection,
) -> Result<Vec<Record>, sqlx::Error> {
    let text = AssertSqlSafe(connection.dialect().placeholders(statement));
    let kept = values.len() <= KEPT_VALUES;
    Ok(match connection {
        Connection::Sqlite(connection) => {
            let query = sqlx::query_with(text, sqlite(values)?).persistent(kept);
            let rows = query.fetch_all(&mut **connection).await?;
            rows.into_iter().map(Record::Sqlite).collect()
        }
        Connection::MySql(connection) => {
            let rows = if is_text(&values) {
                let text = AssertSqlSafe(text::with_values(statement, &values));
                sqlx::raw_sql(text).fetch_all(&mut **connection).await?
            } else {
                let query = sqlx::query_with(text, mysql(values)?).persistent(false);
                query.fetch_all(&mut **connection).await?
            };
            rows.into_iter().map(Record::MySql).collect()
        }
        Connection::Postgres(connection) => {
            let query = sqlx::query_with(text, postgres(values)?).persistent(kept);
            let rows = query.fetch_all(&mut **connection).await?;
            rows.into_iter().map(Record::Postgres).collect()
        }
    })
}

/// Whether MySQL gets a statement of these values as text.
fn is_text(values: &[Value]) -> bool {
    values.iter().map(Value::size).sum::<usize>() <= TEXT_BYTES
}

macro_rules! arguments {
    ($name:ident, $arguments:ty) => {
        fn $name(values: Vec<Value>) -> Result<$arguments, sqlx::Error> {
            use sqlx::Arguments;
            let mut arguments = <$arguments>::default();
            for value in values {
                match value {
                    Value::Text(text) => arguments.add(text),
                    Value::Number(number) => arguments.add(number),
                    Value::Bytes(bytes) => arguments.add(bytes),
                }
                .map_err(sqlx::Error::Encode)?;
            }
            Ok(arguments)
        }
    };
}

arguments!(sqlite, SqliteArguments);
arguments!(mysql, MySqlArguments);
arguments!(postgres, PgArguments);
