//! Values that stand for others: placeholders, which Spring alone fills in, and references to secrets, which are
//! resolved in definitions of accounts. Taken as written, either would be a token that anybody can guess.
//!
//! `values.rs` asks of each value that is to count. What Clouddriver hands over, Spring has filled in.

use super::error::Origin;
use super::key::{Key, Kind};
use super::name;
use super::values::Property;
use ferry_reference::names_secret;

/// Why a value must not be taken as written, and what to do: the end of a sentence that begins with its
/// key. It may be a secret, or have a part of one, and is not shown.
pub(super) fn refusal(key: &Key, property: &Property) -> Option<String> {
    let Property { value, origin, .. } = property;
    let what = match () {
        () if matches!(origin, Origin::File { .. }) && has_placeholder(key.kind, value) => {
            "has a placeholder, ${…}, and those are filled in by Spring alone"
        }
        () if key.kind != Kind::Patterns && names_secret(value) => {
            "is a reference to a secret, and those are resolved in definitions of accounts alone"
        }
        () => return None,
    };
    let variable = name::variable(key.name);
    Some(match origin {
        Origin::Environment { .. } => format!("{what}: give the value itself"),
        _ => format!("{what}: write it out, or set the environment variable {variable}"),
    })
}

/// A pattern may have `${` within; none begins with the end of a name.
fn has_placeholder(kind: Kind, value: &str) -> bool {
    match kind {
        Kind::Patterns => value.trim_start().starts_with("${"),
        _ => value.contains("${"),
    }
}
