//! Makes the table that Armory's plugin made of its accounts one that ours can lie in: columns are
//! added and widened, none is removed. `open` calls it before the migrations, with the user who may
//! alter tables; the rows are `adopt`'s. What an earlier start left half done is found again: each
//! statement follows from the columns that are there.

use super::{StoreError, failpoint};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use std::collections::BTreeMap;

/// Static accounts that Armory's plugin knew: not ours to move, and kept beside.
pub(super) const STATIC: &str = "kubesvc_ferry_armory_static";
/// A column of ours alone.
const OURS: &str = "version";

/// What a column of ours holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The key.
    Name,
    /// A word of at least 255 letters.
    Word,
    Text,
    Number,
    Bytes,
}

/// Our columns, with the default of those that the service user's INSERT may leave out. Armory's
/// plugin, should it come back, leaves out all but its own: none is without a value.
const COLUMNS: &[(&str, Kind, Option<&str>)] = &[
    ("name", Kind::Name, None),
    ("last_updated", Kind::Number, None),
    ("kube_version", Kind::Word, None),
    ("kube_host", Kind::Text, None),
    ("cert_fingerprint", Kind::Word, None),
    ("zone_id", Kind::Word, None),
    ("status", Kind::Word, Some("'INACTIVE'")),
    ("definition", Kind::Text, None),
    ("error_message", Kind::Text, None),
    ("failed_count", Kind::Number, Some("0")),
    ("wanted", Kind::Word, Some("'INACTIVE'")),
    ("generation", Kind::Number, Some("0")),
    ("requested_zone", Kind::Word, None),
    ("target_zone", Kind::Word, None),
    ("kubeconfig_file", Kind::Text, None),
    ("failure", Kind::Word, None),
    ("toured", Kind::Text, None),
    ("due_at", Kind::Number, None),
    ("secret", Kind::Bytes, None),
    ("secret_key_id", Kind::Word, None),
    (OURS, Kind::Number, Some("0")),
];

/// A column as it is.
struct Column {
    /// Its type in full, as the database spells it.
    full_type: String,
    /// Its type without length.
    data_type: String,
    length: Option<i64>,
    charset: Option<String>,
    collation: Option<String>,
    /// An INSERT that leaves it out fails.
    demanded: bool,
}

type Columns = BTreeMap<String, Column>;

/// Whether there is something to do: the table is theirs, and not made ours as a whole yet.
fn is_theirs(columns: &Columns, set_apart: bool) -> bool {
    let reshaped = columns.contains_key(OURS);
    let theirs = columns.keys().any(|name| !is_ours(name));
    !columns.is_empty() && (!reshaped || (theirs && !set_apart))
}

fn is_ours(column: &str) -> bool {
    column == "dynamic" || COLUMNS.iter().any(|(name, _, _)| *name == column)
}

/// MySQL and MariaDB; the caller holds the lock that lets one core alone alter tables.
pub(super) async fn mysql(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    let columns = "SELECT LOWER(column_name) AS name, CAST(column_type AS CHAR) AS full_type,
        LOWER(CAST(data_type AS CHAR)) AS data_type,
        CAST(character_maximum_length AS SIGNED) AS length,
        CAST(character_set_name AS CHAR) AS charset, CAST(collation_name AS CHAR) AS collation,
        CAST(is_nullable = 'NO' AND column_default IS NULL AS SIGNED) AS demanded
        FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = 'kubesvc_accounts'";
    let mut found = Columns::new();
    for row in sqlx::query(columns).fetch_all(&mut *connection).await? {
        let demanded: i64 = row.try_get("demanded")?;
        let column = Column {
            full_type: row.try_get("full_type")?,
            data_type: row.try_get("data_type")?,
            length: row.try_get("length")?,
            charset: row.try_get("charset")?,
            collation: row.try_get("collation")?,
            demanded: demanded != 0,
        };
        found.insert(row.try_get("name")?, column);
    }
    let apart = format!(
        "SELECT COUNT(*) FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name = '{STATIC}'"
    );
    let apart: i64 = sqlx::query_scalar(AssertSqlSafe(apart))
        .fetch_one(&mut *connection)
        .await?;
    if !is_theirs(&found, apart > 0) {
        return Ok(());
    }
    let unique = "SELECT COUNT(*) FROM (SELECT index_name FROM information_schema.statistics
        WHERE table_schema = DATABASE() AND table_name = 'kubesvc_accounts' AND non_unique = 0
        GROUP BY index_name HAVING COUNT(*) = 1 AND MAX(LOWER(column_name)) = 'name') AS by_name";
    let unique: i64 = sqlx::query_scalar(unique)
        .fetch_one(&mut *connection)
        .await?;
    let alter = |clauses: &str| format!("ALTER TABLE kubesvc_accounts {clauses}");
    let mut statements = Vec::new();
    if !found.contains_key("dynamic") {
        // Before they had dynamic accounts, all were static.
        statements.push(alter("ADD COLUMN dynamic BIGINT NOT NULL DEFAULT 0"));
    }
    statements.push(alter(&mysql_columns(&found, unique > 0).join(", ")));
    statements.push(format!(
        "CREATE TABLE IF NOT EXISTS {STATIC} LIKE kubesvc_accounts"
    ));
    for statement in statements {
        failpoint::hit(failpoint::RESHAPE_BEFORE);
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
        failpoint::hit(failpoint::RESHAPE_AFTER);
    }
    Ok(())
}

fn mysql_columns(found: &Columns, unique: bool) -> Vec<String> {
    const BINARY: &str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
    let mut clauses = vec!["ALTER COLUMN dynamic SET DEFAULT 1".to_owned()];
    for (name, kind, default) in COLUMNS {
        let is = found.get(*name);
        let length = is.and_then(|column| column.length).unwrap_or(0).max(255);
        let long = is.is_some_and(|column| column.data_type.ends_with("text"));
        let shape = match kind {
            Kind::Name => format!("VARCHAR({length}) {BINARY} NOT NULL"),
            Kind::Word if !long => format!("VARCHAR({length}) {BINARY}"),
            Kind::Word | Kind::Text => format!("LONGTEXT {BINARY}"),
            Kind::Number => "BIGINT".to_owned(),
            Kind::Bytes => "LONGBLOB".to_owned(),
        };
        let default = default.map_or(String::new(), |value| format!(" DEFAULT {value}"));
        let verb = if is.is_some() { "MODIFY" } else { "ADD COLUMN" };
        clauses.push(format!("{verb} {name} {shape}{default}"));
    }
    for (name, column) in others(found) {
        let mut clause = format!("MODIFY `{name}` {}", column.full_type);
        if let (Some(charset), Some(collation)) = (&column.charset, &column.collation) {
            clause.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
        }
        clauses.push(format!("{clause} NULL"));
    }
    if !unique {
        clauses.push("ADD UNIQUE INDEX kubesvc_accounts_name (name)".to_owned());
    }
    if !found.contains_key("due_at") {
        clauses.push("ADD INDEX kubesvc_accounts_due (due_at)".to_owned());
        clauses.push("ADD INDEX kubesvc_accounts_status (status(100))".to_owned());
    }
    clauses
}

/// Columns of theirs that our INSERT does not know, and that ask for a value.
fn others(found: &Columns) -> impl Iterator<Item = (&String, &Column)> {
    found
        .iter()
        .filter(|(name, column)| column.demanded && !is_ours(name))
}

/// PostgreSQL; all of it is one transaction, and one core at a time is in it.
pub(super) async fn postgres(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut tx = connection.begin().await?;
    let there = "SELECT COUNT(*) FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name = $1";
    let is_there = sqlx::query_scalar::<_, i64>(there).bind("kubesvc_accounts");
    if is_there.fetch_one(&mut *tx).await? == 0 {
        return Ok(());
    }
    sqlx::query("LOCK TABLE kubesvc_accounts IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await?;
    let columns = "SELECT CAST(column_name AS TEXT) AS name, CAST(data_type AS TEXT) AS data_type,
        CAST(character_maximum_length AS BIGINT) AS length,
        is_nullable = 'NO' AND column_default IS NULL AS demanded
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'kubesvc_accounts'";
    let mut found = Columns::new();
    for row in sqlx::query(columns).fetch_all(&mut *tx).await? {
        let data_type: String = row.try_get("data_type")?;
        let column = Column {
            full_type: data_type.clone(),
            data_type,
            length: row.try_get("length")?,
            charset: None,
            collation: None,
            demanded: row.try_get("demanded")?,
        };
        found.insert(row.try_get("name")?, column);
    }
    let apart = sqlx::query_scalar::<_, i64>(there).bind(STATIC);
    if !is_theirs(&found, apart.fetch_one(&mut *tx).await? > 0) {
        return Ok(());
    }
    let unique = "SELECT COUNT(*) FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = CAST('kubesvc_accounts' AS REGCLASS) AND i.indisunique
        AND i.indnatts = 1 AND a.attname = 'name'";
    let unique: i64 = sqlx::query_scalar(unique).fetch_one(&mut *tx).await?;
    failpoint::hit(failpoint::RESHAPE_BEFORE);
    for clause in postgres_columns(&found) {
        let alter = format!("ALTER TABLE kubesvc_accounts {clause}");
        sqlx::query(AssertSqlSafe(alter)).execute(&mut *tx).await?;
    }
    if unique == 0 {
        sqlx::query("CREATE UNIQUE INDEX kubesvc_accounts_name ON kubesvc_accounts (name)")
            .execute(&mut *tx)
            .await?;
    }
    let apart = format!("CREATE TABLE {STATIC} (LIKE kubesvc_accounts INCLUDING ALL)");
    sqlx::query(AssertSqlSafe(apart)).execute(&mut *tx).await?;
    tx.commit().await?;
    failpoint::hit(failpoint::RESHAPE_AFTER);
    Ok(())
}

fn postgres_columns(found: &Columns) -> Vec<String> {
    let mut clauses = Vec::new();
    match found.get("dynamic").map(|column| column.data_type.as_str()) {
        // Before they had dynamic accounts, all were static.
        None => {
            clauses.push("ADD COLUMN dynamic BIGINT NOT NULL DEFAULT 0".to_owned());
            clauses.push("ALTER COLUMN dynamic SET DEFAULT 1".to_owned());
        }
        Some("boolean") => clauses.push("ALTER COLUMN dynamic SET DEFAULT TRUE".to_owned()),
        Some(_) => clauses.push("ALTER COLUMN dynamic SET DEFAULT 1".to_owned()),
    }
    for (name, kind, default) in COLUMNS {
        let is = found.get(*name);
        let length = is.and_then(|column| column.length).unwrap_or(0).max(255);
        let long = is.is_some_and(|column| column.data_type == "text");
        let shape = match kind {
            Kind::Name if long => "TEXT COLLATE \"C\"".to_owned(),
            Kind::Name => format!("VARCHAR({length}) COLLATE \"C\""),
            Kind::Word if !long => format!("VARCHAR({length})"),
            Kind::Word | Kind::Text => "TEXT".to_owned(),
            Kind::Number => "BIGINT".to_owned(),
            Kind::Bytes => "BYTEA".to_owned(),
        };
        match is {
            Some(column) => {
                let base = shape.split(" COLLATE").next().unwrap_or_default();
                clauses.push(format!(
                    "ALTER COLUMN {name} TYPE {shape} USING CAST({name} AS {base})"
                ));
                if column.demanded && *kind != Kind::Name {
                    clauses.push(format!("ALTER COLUMN {name} DROP NOT NULL"));
                }
            }
            // With its default at once: the rows that are there get it, too.
            None => {
                let default = default.map_or(String::new(), |value| format!(" DEFAULT {value}"));
                clauses.push(format!("ADD COLUMN {name} {shape}{default}"));
            }
        }
        if let (Some(_), Some(value)) = (is, default) {
            clauses.push(format!("ALTER COLUMN {name} SET DEFAULT {value}"));
        }
    }
    for (name, _) in others(found) {
        clauses.push(format!("ALTER COLUMN \"{name}\" DROP NOT NULL"));
    }
    clauses
}
