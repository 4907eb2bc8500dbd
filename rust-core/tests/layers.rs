//! Who may know whom in the core: the `use` lines are held to ARCHITECTURE.md.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each module and the modules it may name. What is missing here may name nobody.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("account", &[]),
    ("secret", &["encoding"]),
    ("sql", &[]),
    ("encoding", &[]),
    ("error", &[]),
    ("config", &[]),
    ("failpoint", &[]),
    ("metrics", &["account"]),
    ("store", &["account", "secret", "sql", "failpoint"]),
    ("source", &["encoding", "error", "sql"]),
    ("hub", &["account", "store", "failpoint"]),
    (
        "lifecycle",
        &[
            "account", "error", "hub", "metrics", "secret", "source", "store",
        ],
    ),
    (
        "intercept",
        &[
            "account",
            "encoding",
            "error",
            "lifecycle",
            "metrics",
            "source",
            "store",
        ],
    ),
    (
        "api",
        &[
            "account",
            "encoding",
            "error",
            "lifecycle",
            "source",
            "store",
        ],
    ),
    (
        "core",
        &[
            "account",
            "api",
            "config",
            "error",
            "hub",
            "intercept",
            "lifecycle",
            "metrics",
            "secret",
            "source",
            "store",
        ],
    ),
];

/// Crates that the pure lifecycle must not know.
const IMPURE: &[&str] = &["tokio", "sqlx", "http", "hyper", "tonic", "tracing"];

#[test]
fn modules_know_only_those_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_KNOW.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for (path, text) in sources() {
        let module = path.split(['/', '.']).next().unwrap().to_owned();
        let allowed = allowed.get(module.as_str()).copied().unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            for named in named(line) {
                let may = named == module || allowed.contains(&named.as_str());
                assert!(
                    may,
                    "src/{path}:{}: {module} must not know {named}",
                    number + 1
                );
                seen.insert((module.clone(), named));
            }
            let outside = IMPURE
                .iter()
                .find(|krate| line.contains(&format!("{krate}::")));
            let pure = module != "account" || outside.is_none();
            assert!(
                pure,
                "src/{path}:{}: the lifecycle must not know {outside:?}",
                number + 1
            );
        }
    }
    // The reading works: what everybody knows to be there is found.
    assert!(seen.contains(&("lifecycle".to_owned(), "store".to_owned())));
}

/// Sources that are no tests, by their path below `src`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if below.contains("test") || below.ends_with("world.rs") || below.ends_with("scene.rs")
            {
                continue;
            }
            match path.is_dir() {
                true => folders.push(path),
                false => sources.push((below, std::fs::read_to_string(&path).unwrap())),
            }
        }
    }
    sources.retain(|(path, _)| path != "lib.rs");
    sources
}

/// The modules of this crate that a line names.
fn named(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap();
    code.match_indices("crate::")
        .map(|(at, path)| {
            let rest = &code[at + path.len()..];
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            rest[..end.unwrap_or(rest.len())].to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}
