//! What the tests of both doors share: a database of Clouddriver's, and commands whose output is
//! told when they fail.

mod database;

pub use database::clouddriver_database;

use std::path::Path;
use std::process::{Command, Output};

/// The repository.
pub fn repository() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().and_then(Path::parent).unwrap()
}

/// The JSON that starts a core on Clouddriver's `database`, with `more` properties.
pub fn config(database: &Path, more: &[(&str, &str)]) -> String {
    let mut properties = serde_json::json!({
        "sql.connectionPools.default.jdbcUrl": format!("jdbc:sqlite:{}", database.display()),
        "kubesvc.grpc.server.address": "127.0.0.1",
        "kubesvc.grpc.server.port": "0",
        "sql.connectionPools.default.password": "not ours",
    });
    for (name, value) in more {
        properties[name] = (*value).into();
    }
    serde_json::json!({ "properties": properties }).to_string()
}

/// Runs `command`, which must succeed: its output.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
