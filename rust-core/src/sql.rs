//! The one place where the databases differ: SQLite, MySQL/MariaDB and PostgreSQL behind one pool,
//! one transaction, one statement and one row. Statements are written with `?`; the few words that
//! differ stand in [`Dialect`]. `store` and `source` use it.

use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    AssertSqlSafe, Decode, MySql, MySqlPool, PgPool, Postgres, Row, Sqlite, SqlitePool,
    Transaction, Type,
};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    MySql,
    Postgres,
}

impl Dialect {
    /// The database's clock in Unix milliseconds, as an expression.
    pub(crate) fn now(self) -> &'static str {
        match self {
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

/// A transaction; dropped without [`Tx::commit`] it changes nothing.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    MySql(Transaction<'static, MySql>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Tx::Sqlite(_) => Dialect::Sqlite,
            Tx::MySql(_) => Dialect::MySql,
            Tx::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::MySql(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// The database's clock, in Unix milliseconds.
    pub(crate) async fn now(&mut self) -> Result<i64, sqlx::Error> {
        sql(format!("SELECT {} AS now", self.dialect().now()))
            .one(self)
            .await?
            .get("now")
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

/// How many names one statement asks for, and how many rows it adds: far below every database's
/// bound on the values of a statement (SQLite's is 32,766), and enough for a round trip to weigh
/// nothing.
pub(crate) const CHUNK: usize = 500;
/// How many bytes of values one INSERT has, unless a single row is longer: below the shortest
/// packet that MySQL takes by default.
const INSERT_BYTES: usize = 2 << 20;
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
        let text = AssertSqlSafe(tx.dialect().placeholders(&self.text));
        let kept = self.values.len() <= KEPT_VALUES;
        Ok(match tx {
            Tx::Sqlite(tx) => {
                let query = sqlx::query_with(text, sqlite(self.values)?).persistent(kept);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Tx::MySql(tx) => {
                let query = sqlx::query_with(text, mysql(self.values)?).persistent(kept);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query_with(text, postgres(self.values)?).persistent(kept);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// Every row.
    pub(crate) async fn all(self, tx: &mut Tx) -> Result<Vec<Record>, sqlx::Error> {
        let text = AssertSqlSafe(tx.dialect().placeholders(&self.text));
        let kept = self.values.len() <= KEPT_VALUES;
        Ok(match tx {
            Tx::Sqlite(tx) => {
                let rows = sqlx::query_with(text, sqlite(self.values)?)
                    .persistent(kept)
                    .fetch_all(&mut **tx)
                    .await?;
                rows.into_iter().map(Record::Sqlite).collect()
            }
            Tx::MySql(tx) => {
                let rows = sqlx::query_with(text, mysql(self.values)?)
                    .persistent(kept)
                    .fetch_all(&mut **tx)
                    .await?;
                rows.into_iter().map(Record::MySql).collect()
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query_with(text, postgres(self.values)?).persistent(kept);
                query
                    .fetch_all(&mut **tx)
                    .await?
                    .into_iter()
                    .map(Record::Postgres)
                    .collect()
            }
        })
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
