//! The names in a file, held against the table of keys: spelled as documented in any letter case.
//!
//! `config` calls [`check`] before it reads a value. An unknown key is an error with the nearest
//! known one; what is known but not used is told with the reason.

use serde_json::{Map, Value};

use super::keys::{KEYS, Key};

/// What is wrong with a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadKey {
    /// Nobody documents it.
    Unknown { key: String, nearest: &'static str },
    /// A value where there should be keys.
    Value { key: String, below: &'static str },
    /// It is there twice, and which counts cannot be told.
    Twice { key: String },
}

/// Brings every key of a file to its documented spelling. The result are those that are known but
/// not used, each with the reason.
pub(super) fn check(document: &mut Value) -> Result<Vec<String>, BadKey> {
    let mut unused = Vec::new();
    walk(document, "", "", &mut unused)?;
    unused.dedup();
    Ok(unused)
}

/// `path` is for people (`accounts[1].name`), `pattern` for the table (`accounts[].name`).
fn walk(
    value: &mut Value,
    path: &str,
    pattern: &str,
    unused: &mut Vec<String>,
) -> Result<(), BadKey> {
    match value {
        // A value of the wrong shape is the reader's business, unless no reader would see it; an empty
        // section is none.
        _ if KEYS.iter().any(|key| key.name == pattern) => Ok(()),
        Value::Object(entries) => {
            let mut spelled = Map::new();
            for (name, mut value) in std::mem::take(entries) {
                let path = below(path, &name);
                let name = spelling(pattern, &name).ok_or_else(|| BadKey::Unknown {
                    nearest: nearest(&below(pattern, &name)),
                    key: path.clone(),
                })?;
                entry(&mut value, &path, &below(pattern, &name), unused)?;
                match spelled.get(&name) {
                    Some(known) if *known != value => return Err(BadKey::Twice { key: path }),
                    _ => spelled.insert(name, value),
                };
            }
            *entries = spelled;
            Ok(())
        }
        Value::Array(items) if continued(pattern, ".").is_none() => {
            for (at, item) in items.iter_mut().enumerate() {
                walk(
                    item,
                    &format!("{path}[{at}]"),
                    &format!("{pattern}[]"),
                    unused,
                )?;
            }
            Ok(())
        }
        Value::Null => Ok(()),
        _ => match continued(pattern, ".").or_else(|| continued(pattern, "[].")) {
            Some(below) => Err(BadKey::Value {
                key: path.to_owned(),
                below,
            }),
            None => Ok(()),
        },
    }
}

/// A key that goes on like this after `pattern`.
fn continued(pattern: &str, how: &str) -> Option<&'static str> {
    let on = |name: &&str| {
        name.strip_prefix(pattern)
            .is_some_and(|on| on.starts_with(how))
    };
    KEYS.iter().map(|key| key.name).find(on)
}

fn entry(
    value: &mut Value,
    path: &str,
    pattern: &str,
    unused: &mut Vec<String>,
) -> Result<(), BadKey> {
    match KEYS
        .iter()
        .find(|key| key.name.trim_end_matches(".*") == pattern)
    {
        Some(key) if !key.used => unused.push(format!("{path}: {}", key.doc)),
        Some(_) => {}
        None => walk(value, path, pattern, unused)?,
    }
    Ok(())
}

fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// How the table spells `name` below `pattern`, if it has it there.
fn spelling(pattern: &str, name: &str) -> Option<String> {
    let known = KEYS.iter().filter_map(|key| {
        let rest = match pattern {
            "" => key.name,
            pattern => key.name.strip_prefix(pattern)?.strip_prefix('.')?,
        };
        rest.split(['.', '[']).next()
    });
    let mut same = known.filter(|known| known.eq_ignore_ascii_case(name));
    same.next().map(str::to_owned)
}

/// The documented key that takes the fewest changes, preferring those that are used.
fn nearest(pattern: &str) -> &'static str {
    let shown = |key: &Key| key.name.trim_end_matches(".*").trim_end_matches("[]");
    let likeness = |key: &&Key| (changes(shown(key), pattern), !key.used);
    KEYS.iter().min_by_key(likeness).map_or("", shown)
}

/// How many characters must be changed, added or taken to make one text of the other.
fn changes(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let same = corner + usize::from(!from.eq_ignore_ascii_case(to));
            corner = row[j + 1];
            row[j + 1] = same.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn known_keys_are_told_once_each_with_the_reason() {
        let unused = check(&mut json!({
            "clouddriver": {"grpc": "a:1", "responseRetries": {"enabled": true, "maxRetries": 1}},
            "kubernetes": {"accounts": [{"name": "a", "permissions": [{"READ": ["x"]}], "oAuthScopes": ["x"]}]},
            "pprof": {"enabled": true},
            "logging": null,
        }));
        let unused = unused.unwrap();
        let names: Vec<_> = unused
            .iter()
            .map(|text| text.split_once(": ").unwrap().0)
            .collect();
        assert_eq!(names, ["kubernetes.accounts[0].oAuthScopes", "pprof"]);
        assert!(unused[0].contains("auth-provider gcp"), "{unused:?}");
    }

    #[test]
    fn letter_case_does_not_count() {
        let mut document = json!({
            "CloudDriver": {"GRPC": "a:1"},
            "kubernetes": {"accounts": [{"Name": "a", "kubeConfigFile": "/x", "kubeconfigfile": "/x"}]},
        });
        check(&mut document).unwrap();
        let expected = json!({
            "clouddriver": {"grpc": "a:1"},
            "kubernetes": {"accounts": [{"name": "a", "kubeconfigFile": "/x"}]},
        });
        assert_eq!(document, expected);
        let twice = check(&mut json!({"zoneId": "a", "zoneID": "b"})).unwrap_err();
        assert!(matches!(twice, BadKey::Twice { .. }), "{twice:?}");
    }

    #[test]
    fn an_unknown_key_is_told_with_its_path_and_the_nearest_one() {
        for (mut document, expected, like) in [
            (
                json!({"clouddriver": {"grcp": "x"}}),
                "clouddriver.grcp",
                "clouddriver.grpc",
            ),
            (
                json!({"kubernetes": {"accounts": [{"name": "a"}, {"nmae": "b"}]}}),
                "kubernetes.accounts[1].nmae",
                "kubernetes.accounts[].name",
            ),
            (json!({"zoneID2": 1}), "zoneID2", "zoneId"),
            (
                json!({"kubernetes": {"kubeconfigFolder": ["/a"]}}),
                "kubernetes.kubeconfigFolder",
                "kubernetes.kubeconfigFolders",
            ),
        ] {
            let bad = check(&mut document).unwrap_err();
            let BadKey::Unknown { key, nearest } = bad else {
                panic!("{bad:?}")
            };
            assert_eq!((key.as_str(), nearest), (expected, like));
        }
    }

    #[test]
    fn a_value_in_the_place_of_a_section_is_refused() {
        for (mut document, expected) in [
            (json!({"clouddriver": "a:1"}), "clouddriver"),
            (
                json!({"clouddriver": {"auth": "s3cret"}}),
                "clouddriver.auth",
            ),
            (json!({"clouddriver": {"tls": true}}), "clouddriver.tls"),
            (json!({"clouddriver": []}), "clouddriver"),
            (json!({"clouddriver": [{"grpc": "a:1"}]}), "clouddriver"),
            (json!({"server": {"ssl": 1}}), "server.ssl"),
            (json!({"prometheus": true}), "prometheus"),
            (
                json!({"kubernetes": {"accounts": "a"}}),
                "kubernetes.accounts",
            ),
            (
                json!({"kubernetes": {"accounts": ["a"]}}),
                "kubernetes.accounts[0]",
            ),
            (
                json!({"kubernetes": {"accounts": [{"customResourceDefinitions": "A.b"}]}}),
                "kubernetes.accounts[0].customResourceDefinitions",
            ),
        ] {
            match check(&mut document).unwrap_err() {
                BadKey::Value { key, .. } => assert_eq!(key, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
        let mut empty = json!({"clouddriver": null, "server": {}, "kubernetes": {"accounts": []}});
        assert_eq!(check(&mut empty), Ok(Vec::new()));
    }

    #[test]
    fn every_key_is_there_once() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(!key.doc.is_empty());
            assert!(KEYS[at + 1..].iter().all(|other| other.name != key.name));
        }
    }
}
