//! The keys as text for `--help` and docs/configuration.md: every key, its kind, default, environment variable and meaning.
//!
//! Called by the programs that read a configuration. Reads no value.

use super::key::{Key, Table};
use super::name;
use std::fmt::Write;

/// A paragraph for each key of `tables`.
pub fn help(tables: &[Table]) -> String {
    let mut text = String::new();
    for key in tables.iter().flat_map(|table| table.keys) {
        describe(key, &mut text);
    }
    text.push_str("Known, without effect here, and why:\n\n");
    for key in tables.iter().flat_map(|table| table.unused) {
        describe(key, &mut text);
    }
    text
}

/// The keys of `table` as tables of Markdown: those that are used, then those that are not.
pub fn markdown(table: &Table) -> String {
    let mut text = rows(table.keys, "meaning");
    if !table.unused.is_empty() {
        text.push_str("\nKnown, and without effect here:\n\n");
        text.push_str(&rows(table.unused, "why"));
    }
    text
}

fn rows(keys: &[Key], last: &str) -> String {
    let mut text =
        format!("| key | value | default | environment | {last} |\n|---|---|---|---|---|\n");
    let cell = |text: &str| text.replace('|', "\\|");
    for key in keys {
        let (kind, variable) = (cell(&key.kind.title()), name::variable(key.name));
        let (default, doc) = (cell(key.default), cell(key.doc));
        writeln!(
            text,
            "| `{}` | {kind} | {default} | `{variable}` | {doc} |",
            key.name
        )
        .expect("a String takes everything");
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
