//! Where the core lives, out of Clouddriver's configuration.
//!
//! Called by `config`. Opens nothing.

use ferry_core::config::{Place, Values};
use std::path::PathBuf;

/// The core's database, its key file, and Clouddriver itself.
pub(crate) fn place(values: &Values) -> Place {
    let text = |name| values.text(name).unwrap_or_default().to_owned();
    Place {
        database: text("ferry.database").into(),
        key_file: values.text("ferry.keyFile").map(PathBuf::from),
        clouddriver_url: Some(text("ferry.clouddriverUrl")),
    }
}
