//! Who may know whom in the core: the `use` lines are held to ARCHITECTURE.md.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each module and the modules it may name. What is missing here may name nobody.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("account", &[]),
    ("asker", &["account"]),
    ("secret", &["encoding"]),
    ("sql", &["encoding"]),
    ("encoding", &[]),
    ("error", &[]),
    ("config", &["secret"]),
    ("failpoint", &[]),
    ("metrics", &["account"]),
    ("store", &["account", "secret", "sql", "failpoint"]),
    ("source", &["account", "encoding", "error", "sql"]),
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
            "asker",
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
            "asker",
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

/// Where SQL is written or agents are sent something: each place passes failpoints, so that the crash
/// tests die there. A new one belongs behind one of these.
const CHANGES: &[(&str, &[&str])] = &[
    // The macro `transaction!`, which asks for a pair.
    ("pool.write()", &["store/mod.rs"]),
    // Behind it, and what begins and ends it; the migrations; a session variable.
    (
        ".execute(",
        &[
            "sql/statement.rs",
            "sql/transaction.rs",
            "store/migrate.rs",
            "store/open.rs",
            "store/reshape.rs",
        ],
    ),
    (".raw_sql(", &[]),
    // To an agent; it passes the pair of its message.
    (
        "outbox",
        &["hub/mod.rs", "hub/registry.rs", "hub/session.rs"],
    ),
];

#[test]
fn what_changes_something_passes_a_failpoint() {
    let sources = sources();
    for (change, places) in CHANGES {
        let found = sources.iter().filter(|(_, text)| text.contains(change));
        let found: BTreeSet<&str> = found.map(|(path, _)| path.as_str()).collect();
        assert_eq!(found, places.iter().copied().collect(), "{change}");
    }
    let points = std::fs::read_to_string("src/failpoint.rs").unwrap();
    let constants = points
        .lines()
        .filter_map(|line| line.split_once(" = \"core."));
    for (constant, _) in constants {
        let constant = constant.trim();
        let (what, side) = constant.rsplit_once('_').unwrap();
        let other = if side == "BEFORE" { "AFTER" } else { "BEFORE" };
        let passed = |name: &str| {
            let name = format!("failpoint::{name}");
            sources
                .iter()
                .map(|(_, text)| text.matches(&name).count())
                .sum::<usize>()
        };
        let both = (passed(constant), passed(&format!("{what}_{other}")));
        assert!(both.0 > 0 && both.0 == both.1, "{constant}: {both:?}");
    }
}

#[test]
fn clouddrivers_table_is_only_read() {
    let mut texts = sources();
    for database in std::fs::read_dir("migrations").unwrap() {
        for file in std::fs::read_dir(database.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            texts.push((path.display().to_string(), text));
        }
    }
    // Every place that names the table in SQL; ours are all named `kubesvc_`.
    let verbs = ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "EXISTS", "ON"];
    let mut readers = BTreeSet::new();
    for (path, text) in &texts {
        let words: Vec<&str> = text
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            let table = ["accounts", "accounts_history"].contains(&pair[1]);
            if table && verbs.contains(&pair[0].to_uppercase().as_str()) {
                let reads = pair[0] == "FROM" && path == "source/table.rs";
                let said = pair[0] != pair[0].to_uppercase();
                assert!(reads || said, "{path}: {} {}", pair[0], pair[1]);
                if reads {
                    readers.insert(path.as_str());
                }
            }
        }
        assert!(!text.contains("DELETE FROM accounts"), "{path}");
    }
    assert_eq!(readers.into_iter().collect::<Vec<_>>(), ["source/table.rs"]);
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
