//! The keys as text for `--help`: every key, its kind, default, environment variable and meaning.
//!
//! Called by the programs that read a configuration. Reads no value.

use super::key::{Key, Table};
use super::name;
use std::fmt::Write;

/// A paragraph for each key of `tables`; of a key that two tables have, the earlier one's.
pub fn help(tables: &[Table]) -> String {
    let mut text = String::new();
    let mut seen = Vec::new();
    for key in tables.iter().flat_map(|table| table.keys) {
        if !seen.contains(&key.name) {
            seen.push(key.name);
            describe(key, &mut text);
        }
    }
    text.push_str("Known, without effect here, and why:\n\n");
    for key in tables.iter().flat_map(|table| table.unused) {
        describe(key, &mut text);
    }
    text
}

fn describe(key: &Key, text: &mut String) {
    let default = if key.default.is_empty() {
        "unset"
    } else {
        key.default
    };
    let (kind, variable) = (key.kind.title(), name::variable(key.name));
    writeln!(
        text,
        "{}\n    {kind}; default: {default}; env: {variable}\n    {}\n",
        key.name, key.doc
    )
    .expect("a String takes everything");
}
