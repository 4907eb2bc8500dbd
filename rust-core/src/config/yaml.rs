//! A YAML file as properties: dotted paths with list indices, each with its line.
//!
//! As Spring flattens one: `a: {b: [x, y]}` gives `a.b[0]` and `a.b[1]`, and an empty list gives
//! its own path with an empty value; a name in brackets, `'[a.b]'`, follows without a dot. Several documents overlay one another in their order; one
//! that is bound to a Spring profile is left out, for Ferry has no profiles. Knows no key.

use super::error::{ConfigError, Origin};
use super::values::Property;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::collections::HashSet;
use std::fmt;
use std::path::Path;

/// Reads `file`.
pub(super) fn read(file: &Path) -> Result<Vec<Property>, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|reason| ConfigError::Unreadable {
        path: file.to_owned(),
        reason,
    })?;
    parse(&text, file)
}

pub(super) fn parse(text: &str, file: &Path) -> Result<Vec<Property>, ConfigError> {
    // Without snippets: the lines around a mistake may hold somebody's password.
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Spanned<Node>> = serde_saphyr::from_str_multiple_with_options(text, options)
        .map_err(|error| ConfigError::NotYaml {
            path: file.to_owned(),
            reason: error.to_string(),
        })?;
    let mut properties = Vec::new();
    for document in documents {
        let mut own = Vec::new();
        flatten(String::new(), document, file, &mut own);
        if !own.iter().any(|property| is_profile(&property.path)) {
            let lists: HashSet<&str> = (own.iter()).map(|own| list_of(&own.path)).collect();
            properties.retain(|earlier: &Property| {
                !earlier.path.contains('[') || !lists.contains(list_of(&earlier.path))
            });
            properties.append(&mut own);
        }
    }
    Ok(properties)
}

/// The list that this belongs to, or the path itself: a later document's stands in the place of an
/// earlier list.
fn list_of(path: &str) -> &str {
    path.split_once('[').map_or(path, |(list, _)| list)
}

fn is_profile(path: &str) -> bool {
    path == "spring.profiles"
        || path.starts_with("spring.profiles[")
        || path.starts_with("spring.config.activate.on-profile")
}

fn flatten(path: String, node: Spanned<Node>, file: &Path, into: &mut Vec<Property>) {
    let value = match node.value {
        Node::Null => return,
        Node::Scalar(value) => value,
        Node::List(entries) if entries.is_empty() => String::new(),
        Node::List(entries) => {
            for (index, entry) in entries.into_iter().enumerate() {
                flatten(format!("{path}[{index}]"), entry, file, into);
            }
            return;
        }
        Node::Map(entries) => {
            for (name, entry) in entries {
                let bare = path.is_empty() || name.starts_with('[');
                let dot = if bare { "" } else { "." };
                flatten(format!("{path}{dot}{name}"), entry, file, into);
            }
            return;
        }
    };
    into.push(Property {
        path,
        value,
        origin: Origin::File {
            path: file.to_owned(),
            line: node.referenced.line(),
        },
    });
}

enum Node {
    Null,
    Scalar(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Node, E> {
        Ok(Node::Scalar(String::from_utf8_lossy(value).into_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element()? {
            entries.push(entry);
        }
        Ok(Node::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<(String, String, u64)> {
        parse(text, Path::new("ferry.yml"))
            .unwrap()
            .into_iter()
            .map(|property| match property.origin {
                Origin::File { line, .. } => (property.path, property.value, line),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn entry(path: &str, value: &str, line: u64) -> (String, String, u64) {
        (path.into(), value.into(), line)
    }

    #[test]
    fn flattens_maps_and_lists_with_lines() {
        let text = "a:\n  b: 1\n  c: [x, 'y']\nd.e: on\nf:\ng: []\nh: {'[i.j]': {k: 1}}\n1: one\n";
        assert_eq!(
            flat(text),
            [
                entry("a.b", "1", 2),
                entry("a.c[0]", "x", 3),
                entry("a.c[1]", "y", 3),
                entry("d.e", "true", 4),
                entry("g", "", 6),
                entry("h[i.j].k", "1", 7),
                entry("1", "one", 8),
            ]
        );
    }

    #[test]
    fn a_list_at_the_top_has_indices_first() {
        assert_eq!(
            flat("- a:\n  - b: 1\n  - c: 2\n"),
            [entry("[0].a[0].b", "1", 2), entry("[0].a[1].c", "2", 3)]
        );
    }

    #[test]
    fn documents_follow_one_another_without_those_of_profiles() {
        let text = "a: 1\n---\nspring:\n  profiles: test\na: 2\n---\n\
                    spring.config.activate.on-profile: x\na: 3\n---\na: 4\n";
        assert_eq!(flat(text), [entry("a", "1", 1), entry("a", "4", 10)]);
    }

    #[test]
    fn what_real_clouddriver_files_hold_is_read() {
        let text = "redis: {connection: '${services.redis.baseUrl}'}\n\
                    big: 123456789012345678901234567890\nf: 1.5\nt: 2026-01-01\n\
                    base: &base {x: 1}\nuse: {<<: *base, y: 2}\n";
        let flat = flat(text);
        assert_eq!(flat[0].1, "${services.redis.baseUrl}");
        assert!(flat.iter().any(|entry| entry.0 == "use.x"));
    }

    #[test]
    fn mistakes_name_the_line_and_show_no_text() {
        let text = "a: 1\npassword: 'hunter2\nb: [\n";
        let error = parse(text, Path::new("ferry.yml")).unwrap_err().to_string();
        assert!(error.starts_with("ferry.yml: is not valid YAML"), "{error}");
        assert!(error.contains("line"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_empty_file_is_no_properties() {
        assert_eq!(flat(""), []);
        assert_eq!(flat("# nothing\n"), []);
    }
}
