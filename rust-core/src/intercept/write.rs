//! Reads a write to `/credentials`: which account, and a text by which it is known again.
//!
//! As lenient as Clouddriver, whose Jackson reads the first JSON value of a body in any UTF, however
//! deep, and minds only the fields it knows. What it would refuse is no write.

use super::text;
use crate::account::bound;
use crate::account::definition::Definition;
use crate::encoding::decode_segment;
use http::{HeaderMap, Method};
use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A write as it concerns us.
pub(super) struct Write {
    pub(super) account: String,
    /// The body's top-level fields, sorted, joined by commas.
    pub(super) fields: String,
    /// These fields in canonical form; the journal keeps a fingerprint of it.
    pub(super) canonical: SecretString,
    /// The account as it is written; none: it is deleted.
    pub(super) definition: Option<Definition>,
}

/// Why a write that Clouddriver may take cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unrecordable {
    #[error("the account's name {0}")]
    Name(&'static str),
    #[error("its body is in a charset that Ferry does not read: send it in UTF-8")]
    Charset,
}

/// What the request writes; `None`: Clouddriver will not make an account of it.
pub(super) fn read(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Write>, Unrecordable> {
    let named = match segments(path).as_slice() {
        [credentials] if credentials == "credentials" => None,
        [credentials, name] if credentials == "credentials" => Some(name.clone()),
        _ => return Ok(None),
    };
    let write = match (method, named) {
        // One of a name that cannot be kept was never recorded.
        (&Method::DELETE, Some(account)) => {
            return Ok(bound::name(&account).is_ok().then(|| Write {
                account,
                fields: String::new(),
                canonical: canonical(&Map::new(), ""),
                definition: None,
            }));
        }
        (&Method::POST, None) => of_body(headers, body, None)?,
        (&Method::PUT, named) => of_body(headers, body, named)?,
        _ => None,
    };
    if let Some(write) = &write {
        bound::name(&write.account).map_err(Unrecordable::Name)?;
    }
    Ok(write)
}

fn of_body(
    headers: &HeaderMap,
    body: &[u8],
    named: Option<String>,
) -> Result<Option<Write>, Unrecordable> {
    let text = text::of(headers, body).ok_or(Unrecordable::Charset)?;
    let Some(Body { kind, fields }) = Body::first(&text) else {
        return Ok(None);
    };
    if kind.is_some_and(|kind| kind != "kubernetes") {
        return Ok(None);
    }
    let account = match (named, fields.iter().rfind(|(field, _)| field == "name")) {
        (Some(named), _) => named,
        (None, Some((_, value))) => match scalar(value)? {
            Some(name) => name,
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    // What only Jackson reads is nothing to know the write again by.
    let read = |(field, value): (String, &RawValue)| Some((field, parsed(value)?));
    let mut body: Map<String, Value> = fields.into_iter().filter_map(read).collect();
    // Those of other names are no account's, and could not be told apart or kept.
    let plain = |field: &&str| !field.contains([',', '\0']);
    let mut fields: Vec<&str> = body.keys().map(String::as_str).filter(plain).collect();
    fields.sort_unstable();
    let fields = fields.join(",");
    let canonical = canonical(&body, &fields);
    body.retain(|_, value| !value.is_null());
    body.insert("type".to_owned(), Value::from("kubernetes"));
    body.insert("name".to_owned(), Value::from(account.as_str()));
    Ok(Some(Write {
        account,
        fields,
        canonical,
        definition: Some(Definition::part(body)),
    }))
}

/// A definition as it was sent: values are not looked into.
struct Body<'a> {
    kind: Option<String>,
    fields: Fields<'a>,
}

type Fields<'a> = Vec<(String, &'a RawValue)>;

impl<'a> Body<'a> {
    /// The definition that `text` begins with: an object, or a type and an object. Of several types
    /// the first counts.
    fn first(text: &'a str) -> Option<Body<'a>> {
        let mut json = serde_json::Deserializer::from_str(text);
        if text.trim_start().starts_with('[') {
            let (kind, Object(fields)) = Deserialize::deserialize(&mut json).ok()?;
            return Some(Body {
                kind: Some(kind),
                fields,
            });
        }
        let Object(fields) = Deserialize::deserialize(&mut json).ok()?;
        let kind = fields.iter().find(|(field, _)| field == "type");
        let kind = kind.map(|(_, kind)| match parsed(kind) {
            Some(Value::String(kind)) => kind,
            _ => String::new(),
        });
        Some(Body { kind, fields })
    }
}

/// An object's fields in their order, those left out whose names are no text.
struct Object<'a>(Fields<'a>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if let Ok(name) = serde_json::from_str(name.get()) {
                fields.push((name, value));
            }
        }
        Ok(Object(fields))
    }
}

fn parsed(value: &RawValue) -> Option<Value> {
    serde_json::from_str(value.get()).ok()
}

/// A text as Jackson reads one: numbers and booleans as they are written. `None`: it is none.
fn scalar(value: &RawValue) -> Result<Option<String>, Unrecordable> {
    let no_text = Unrecordable::Name("is no text in Unicode");
    match value.get() {
        text if text.starts_with('"') => match serde_json::from_str::<String>(text) {
            Ok(text) if text.contains(char::REPLACEMENT_CHARACTER) => Err(no_text),
            text => text.map(Some).map_err(|_| no_text),
        },
        other if other == "null" || other.starts_with(['{', '[']) => Ok(None),
        other => Ok(Some(other.to_owned())),
    }
}

/// The `fields` of `definition` as one text, those that are null left out.
pub(super) fn canonical(definition: &Map<String, Value>, fields: &str) -> SecretString {
    let mut text = String::new();
    for field in fields.split(',').filter(|field| !field.is_empty()) {
        if let Some(value) = definition.get(field).filter(|value| !value.is_null()) {
            // Objects keep their keys sorted: serde_json's map is a tree.
            text.push_str(&format!("{field}={value}\n"));
        }
    }
    SecretString::from(text)
}

/// The path as Spring routes it: matrix parameters cut, decoded, a trailing slash ignored.
fn segments(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/')
        .map(|segment| {
            let plain = segment.split(';').next().unwrap_or_default();
            decode_segment(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn account(method: Method, path: &str, body: &str) -> Option<String> {
        let write = read(&method, path, &HeaderMap::new(), body.as_bytes());
        write.unwrap().map(|write| write.account)
    }

    fn posted(body: &[u8]) -> Write {
        let write = read(&Method::POST, "/credentials", &HeaderMap::new(), body);
        write.unwrap().unwrap()
    }

    fn why_not(body: &str) -> String {
        let write = read(
            &Method::POST,
            "/credentials",
            &HeaderMap::new(),
            body.as_bytes(),
        );
        write.err().unwrap().to_string()
    }

    #[test]
    fn the_account_is_named_by_path_or_body() {
        let body = r#"{"type":"kubernetes","name":"acc1"}"#;
        assert_eq!(account(Method::POST, "/credentials", body).unwrap(), "acc1");
        assert_eq!(account(Method::POST, "/credentials/;v=1", body), None);
        assert_eq!(
            account(Method::POST, "/credentials;v=1/", body).unwrap(),
            "acc1"
        );
        assert_eq!(account(Method::PUT, "/credentials/", body).unwrap(), "acc1");
        assert_eq!(
            account(Method::PUT, "/credentials/a%20b", body).unwrap(),
            "a b"
        );
        assert_eq!(
            account(Method::DELETE, "/credentials/acc1", "").unwrap(),
            "acc1"
        );
        assert_eq!(account(Method::DELETE, "/credentials", ""), None);
        assert_eq!(account(Method::POST, "/credentials/acc1", body), None);
        assert_eq!(
            account(Method::POST, "/credentials/type/kubernetes", body),
            None
        );
        assert_eq!(account(Method::POST, "/credentials", "{"), None);
        assert_eq!(account(Method::POST, "/credentials", "{}"), None);
        let other = r#"{"type":"dockerRegistry","name":"acc1"}"#;
        assert_eq!(account(Method::POST, "/credentials", other), None);
    }

    #[test]
    fn a_write_is_known_by_its_fields_among_others() {
        let sent = br#"{"name":"a","x":{"c":1,"b":2},"n":null,"odd,name":1}"#;
        let write = posted(sent);
        let text = |definition: Value| {
            let text = canonical(definition.as_object().unwrap(), &write.fields);
            text.expose_secret().to_owned()
        };
        let written = write.canonical.expose_secret();
        let stored = serde_json::json!({"type":"kubernetes","name":"a","x":{"b":2,"c":1}});
        assert_eq!(text(stored), written);
        let other = serde_json::json!({"name":"a","x":{"b":3,"c":1}});
        assert_ne!(text(other), written);
    }

    #[test]
    fn what_jackson_reads_is_read() {
        let of = |more: &str| format!(r#"{{"type":"kubernetes","name":"a","more":{more}}}"#);
        let deep = of(&("[".repeat(100_000) + &"]".repeat(100_000)));
        let plain = of("1");
        for body in [
            plain.clone() + " xyz",
            plain.clone() + &plain,
            plain.clone() + "\0",
            format!("\u{feff}{plain}"),
            deep,
            of("1e999"),
            of(r#""\ud800""#),
            of(r#"{"\udc00": [1]}"#),
            r#"{"\ud800":1,"type":"kubernetes","name":"a"}"#.to_owned(),
            r#"{"type":"kubernetes","type":"dockerRegistry","name":"b","name":"a"}"#.to_owned(),
            r#" ["kubernetes", {"name": "a"}]"#.to_owned(),
        ] {
            let shown = &body[..body.len().min(80)];
            assert_eq!(posted(body.as_bytes()).account, "a", "{shown}");
        }
        for (name, read) in [("5", "5"), ("true", "true"), ("1.50", "1.50")] {
            let body = format!(r#"{{"type":"kubernetes","name":{name}}}"#);
            assert_eq!(posted(body.as_bytes()).account, read);
        }
    }

    #[test]
    fn what_jackson_refuses_is_no_write() {
        for body in [
            "",
            r#"{"type":"kubernetes","name":"a""#,
            r#"{"type":"kubernetes","name":"a",}"#,
            r#"{"type":"kubernetes","name":null}"#,
            r#"{"type":"kubernetes","name":["a"]}"#,
            r#"{"type":"kubernetes"}"#,
            r#"{"type":1,"name":"a"}"#,
            r#"{"type":"dockerRegistry","type":"kubernetes","name":"a"}"#,
            r#"[{"type":"kubernetes","name":"a"}]"#,
            r#"["dockerRegistry",{"type":"kubernetes","name":"a"}]"#,
            "\"a\"",
        ] {
            assert_eq!(account(Method::POST, "/credentials", body), None, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_alone_is_not_what_it_is_known_by() {
        let write = posted(br#"{"name":"a","deep":1e999,"context":"\ud800","x":1}"#);
        assert_eq!(write.fields, "name,x");
    }

    #[test]
    fn a_name_that_cannot_be_kept_is_told() {
        for name in [
            "x".repeat(256),
            "a\\u0000b".to_owned(),
            "a ".to_owned(),
            String::new(),
        ] {
            let why = why_not(&format!(r#"{{"type":"kubernetes","name":"{name}"}}"#));
            assert!(why.starts_with("the account's name "), "{why}");
        }
        assert!(why_not(r#"{"name":"a\ud800"}"#).ends_with("is no text in Unicode"));
        assert_eq!(account(Method::DELETE, "/credentials/a%20", ""), None);
        let headers = HeaderMap::from_iter([(
            http::header::CONTENT_TYPE,
            "application/json; charset=IBM1047".parse().unwrap(),
        )]);
        let write = read(&Method::PUT, "/credentials/a", &headers, b"\xc0\xd0");
        assert!(write.err().unwrap().to_string().contains("charset"));
    }
}
