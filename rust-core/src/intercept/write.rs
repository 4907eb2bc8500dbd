//! Reads a write to `/credentials`: which account, and a text by which it is known again.

use crate::account::bound;
use crate::encoding::decode_segment;
use http::Method;
use secrecy::SecretString;
use serde_json::{Map, Value};

/// A write as it concerns us.
pub(super) struct Write {
    pub(super) account: String,
    /// The body's top-level fields, sorted, joined by commas.
    pub(super) fields: String,
    /// These fields in canonical form; the journal keeps a fingerprint of it.
    pub(super) canonical: SecretString,
}

/// What the request writes; `None`: Clouddriver will not make an account of it.
pub(super) fn read(method: &Method, path: &str, body: &[u8]) -> Option<Write> {
    read_any(method, path, body).filter(|write| bound::name(&write.account).is_ok())
}

fn read_any(method: &Method, path: &str, body: &[u8]) -> Option<Write> {
    let named = match segments(path).as_slice() {
        [credentials] if credentials == "credentials" => None,
        [credentials, name] if credentials == "credentials" => Some(name.clone()),
        _ => return None,
    };
    match (method, named) {
        (&Method::DELETE, Some(account)) => Some(Write {
            account,
            fields: String::new(),
            canonical: canonical(&Map::new(), ""),
        }),
        (&Method::POST, None) => of_body(body, None),
        (&Method::PUT, named) => of_body(body, named),
        _ => None,
    }
}

fn of_body(body: &[u8], named: Option<String>) -> Option<Write> {
    let body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let of_kubernetes = |kind: &Value| kind.as_str() == Some("kubernetes");
    if !body.get("type").is_none_or(of_kubernetes) {
        return None;
    }
    let account = named.or_else(|| Some(body.get("name")?.as_str()?.to_owned()))?;
    // Those of other names are no account's, and could not be told apart or kept.
    let plain = |field: &&str| !field.contains([',', '\0']);
    let mut fields: Vec<&str> = body.keys().map(String::as_str).filter(plain).collect();
    fields.sort_unstable();
    let fields = fields.join(",");
    let canonical = canonical(&body, &fields);
    Some(Write {
        account,
        fields,
        canonical,
    })
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
        read(&method, path, body.as_bytes()).map(|write| write.account)
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
        let write = read(&Method::POST, "/credentials", sent).unwrap();
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
    fn a_name_that_cannot_be_kept_is_no_accounts() {
        for name in ["x".repeat(256), "a\\u0000b".to_owned()] {
            let body = format!(r#"{{"name":"{name}"}}"#);
            assert!(read(&Method::POST, "/credentials", body.as_bytes()).is_none());
        }
    }
}
