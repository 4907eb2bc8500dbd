//! Who sent a request, as its headers say: for the audit, and for reading the source as that person.
//! `api` and `intercept` ask, so that both doors' writes are told of alike. Nothing here is proof of
//! anything.

use crate::account::bound;
use http::HeaderMap;

/// A header's text; an empty one says nothing.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok();
    value.filter(|value| !value.is_empty())
}

/// X-SPINNAKER-USER, for reading the source as the person who asks.
pub(crate) fn user(headers: &HeaderMap) -> Option<&str> {
    header(headers, "X-SPINNAKER-USER")
}

/// The same for the audit, as much as it keeps; `unknown` when it is not said.
pub(crate) fn who(headers: &HeaderMap) -> String {
    bound::cut(user(headers).unwrap_or("unknown"))
}

/// X-SPINNAKER-REQUEST-ID for the audit, as much as it keeps.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    header(headers, "X-SPINNAKER-REQUEST-ID").map(bound::cut)
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
        assert_eq!(user(&headers), Some(long.as_str()));
        assert_eq!(who(&headers), long[..255]);
        assert_eq!(request_id(&headers).unwrap(), long[..255]);
    }
}
