//! Who sent a request, as its headers say: for the audit, and for reading the source as that person.
//! `api` and `intercept` ask, so that both doors' writes are told of alike. Nothing here is proof of
//! anything.

use crate::account::bound;
use http::HeaderMap;
use std::borrow::Cow;

/// A header's text in UTF-8; an empty one says nothing. What is in another charset is somebody all the
/// same, if not spelled as they do.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let value = String::from_utf8_lossy(headers.get(name)?.as_bytes());
    (!value.is_empty()).then_some(value)
}

/// X-SPINNAKER-USER, for reading the source as the person who asks.
pub(crate) fn user(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    header(headers, "X-SPINNAKER-USER")
}

/// The same for the audit, as much as it keeps; `unknown` when it is not said.
pub(crate) fn who(headers: &HeaderMap) -> String {
    bound::cut(user(headers).as_deref().unwrap_or("unknown"))
}

/// X-SPINNAKER-REQUEST-ID for the audit, as much as it keeps.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    header(headers, "X-SPINNAKER-REQUEST-ID").map(|id| bound::cut(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_header_says_nothing_and_a_long_one_what_fits() {
        let mut headers = HeaderMap::new();
        let mut says = |name, value: &str| headers.insert(name, value.parse().unwrap());
        says("x-spinnaker-user", "");
        says("x-spinnaker-request-id", "");
        assert_eq!((user(&headers), request_id(&headers)), (None, None));
        assert_eq!(who(&headers), "unknown");
        let mut says = |name, value: &str| headers.insert(name, value.parse().unwrap());
        let long = "u".repeat(300);
        says("x-spinnaker-user", &long);
        says("x-spinnaker-request-id", &long);
        assert_eq!(user(&headers).as_deref(), Some(long.as_str()));
        assert_eq!(who(&headers), long[..255]);
        assert_eq!(request_id(&headers).unwrap(), long[..255]);
    }

    #[test]
    fn a_name_is_read_as_utf_8_and_another_charset_is_not_nobody() {
        for (bytes, name) in [
            ("jürgen".as_bytes(), "jürgen"),
            (&b"j\xfcrgen"[..], "j\u{fffd}rgen"),
        ] {
            let value = http::HeaderValue::from_bytes(bytes).unwrap();
            let name_of = http::HeaderName::from_static("x-spinnaker-user");
            let headers = HeaderMap::from_iter([(name_of, value)]);
            assert_eq!(who(&headers), name);
        }
    }
}
