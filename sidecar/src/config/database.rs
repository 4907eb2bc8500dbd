//! The database's URLs from the keys that name them: user and password may stand beside the URL, the
//! password in a file, and another user may make the tables.

use super::text;
use ferry_core::config::{self, Values};
use secrecy::SecretString;

/// The database's URLs, for the service user and for the one who makes tables.
pub(super) fn databases(values: &mut Values) -> (SecretString, Option<SecretString>) {
    let url = text(values, "sidecar.database");
    let own = login(values, "sidecar.databaseUser", "sidecar.databasePassword");
    let service = with_login(values, "sidecar.database", &url, own.clone());
    let other = optional(values, "sidecar.migration.database");
    let migrating = login(
        values,
        "sidecar.migration.user",
        "sidecar.migration.password",
    );
    let migration = match (other, migrating) {
        (None, (None, None)) => None,
        (None, migrating) => Some(with_login(
            values,
            "sidecar.migration.user",
            &url,
            migrating,
        )),
        (Some(url), migrating) => Some(with_login(
            values,
            "sidecar.migration.database",
            &url,
            migrating,
        )),
    };
    if let Some(migration) = &migration
        && !config::same_kind(&service, migration)
    {
        values.refuse(
            "sidecar.migration.database",
            "is not of the same kind as sidecar.database",
        );
    }
    (service, migration)
}

type Login = (Option<String>, Option<SecretString>);

/// User and password that stand beside a URL, the password perhaps in a file.
fn login(values: &mut Values, user: &str, password: &'static str) -> Login {
    let file_key = match password {
        "sidecar.databasePassword" => "sidecar.databasePasswordFile",
        _ => "sidecar.migration.passwordFile",
    };
    let written = optional(values, password).map(SecretString::from);
    let file = values.file(file_key);
    let password = match (written, file) {
        (Some(_), Some(_)) => {
            values.refuse(
                file_key,
                format!("is set beside {password}; set one of them"),
            );
            None
        }
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => Some(SecretString::from(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                let shown = path.display();
                values.refuse(file_key, format!("{shown} cannot be read: {error}"));
                None
            }
        },
        (written, None) => written,
    };
    (optional(values, user), password)
}

fn with_login(values: &mut Values, key: &'static str, url: &str, login: Login) -> SecretString {
    config::with_login(url, login.0.as_deref(), login.1.as_ref()).unwrap_or_else(|reason| {
        values.refuse(key, reason);
        SecretString::default()
    })
}

fn optional(values: &mut Values, name: &str) -> Option<String> {
    values.text(name).map(str::to_owned)
}
