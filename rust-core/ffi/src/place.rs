//! Where the core lives, out of Clouddriver's configuration: in Clouddriver's own database.
//!
//! Called by `config`. Opens nothing.

use ferry_core::config::Place;
use ferry_core::config::jdbc::{JdbcError, databases};
use std::collections::BTreeMap;

/// The core's database, which is also where accounts are read from.
pub(crate) fn place(properties: &BTreeMap<String, String>) -> Result<Place, JdbcError> {
    let databases = databases(properties)?;
    Ok(Place {
        database: databases.service,
        migration: Some(databases.migration),
        clouddriver_url: None,
        source_user: None,
    })
}
