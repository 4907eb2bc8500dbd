//! Where the core lives, out of Clouddriver's configuration: in Clouddriver's own database.
//!
//! Called by `config`. Opens nothing.

use ferry_core::config::jdbc::{JdbcError, databases};
use ferry_core::config::{Place, Values};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The core's database, its key file, and where accounts are read from.
pub(crate) fn place(
    values: &Values,
    properties: &BTreeMap<String, String>,
) -> Result<Place, JdbcError> {
    let text = |name| values.text(name).unwrap_or_default().to_owned();
    let key_file = values.text("ferry.keyFile").map(PathBuf::from);
    if !properties.contains_key("sql.connectionPools.default.jdbcUrl") {
        return Ok(Place {
            database: text("ferry.database").into(),
            migration: None,
            key_file,
            clouddriver_url: Some(text("ferry.clouddriverUrl")),
        });
    }
    let databases = databases(properties)?;
    Ok(Place {
        database: databases.service,
        migration: Some(databases.migration),
        key_file,
        clouddriver_url: None,
    })
}
