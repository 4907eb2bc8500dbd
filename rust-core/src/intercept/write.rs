//! Reads a write to `/credentials`: which account, and a hash by which it is known again.

use crate::encoding::{decode_segment, hex};
use http::Method;
use serde_json::{Map, Value};

/// A write as the journal keeps it; no secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) account: String,
    /// The body's top-level fields, sorted, joined by commas.
    pub(super) fields: String,
    /// SHA-256 over these fields in canonical form.
    pub(super) sha256: String,
}

/// What the request writes; `None`: Clouddriver will not make an account of it.
pub(super) fn read(method: &Method, path: &str, body: &[u8]) -> Option<Write> {
    let named = match segments(path).as_slice() {
        [credentials] if credentials == "credentials" => None,
        [credentials, name] if credentials == "credentials" => Some(name.clone()),
        _ => return None,
    };
    match (method, named) {
        (&Method::DELETE, Some(account)) => Some(Write {
            account,
            fields: String::new(),
            sha256: digest(&Map::new(), ""),
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
    let mut fields: Vec<&str> = body.keys().map(String::as_str).collect();
    fields.sort_unstable();
    let fields = fields.join(",");
    let sha256 = digest(&body, &fields);
    Some(Write {
        account,
        fields,
        sha256,
    })
}

/// SHA-256 over the `fields` of `definition`, those that are null left out.
pub(super) fn digest(definition: &Map<String, Value>, fields: &str) -> String {
    let mut text = String::new();
    for field in fields.split(',').filter(|field| !field.is_empty()) {
        if let Some(value) = definition.get(field).filter(|value| !value.is_null()) {
            // Objects keep their keys sorted: serde_json's map is a tree.
            text.push_str(&format!("{field}={value}\n"));
        }
    }
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
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
    fn the_hash_knows_the_written_fields_among_others() {
        let sent = br#"{"name":"a","x":{"c":1,"b":2},"n":null}"#;
        let write = read(&Method::POST, "/credentials", sent).unwrap();
        let stored = serde_json::json!({"type":"kubernetes","name":"a","x":{"b":2,"c":1}});
        assert_eq!(
            digest(stored.as_object().unwrap(), &write.fields),
            write.sha256
        );
        let other = serde_json::json!({"name":"a","x":{"b":3,"c":1}});
        assert_ne!(
            digest(other.as_object().unwrap(), &write.fields),
            write.sha256
        );
    }
}
