//! What a proxy must change in the headers of a message, and nothing else.
//!
//! Hop-by-hop headers go (RFC 9110, 7.6.1), forwarding headers come, framing stays unambiguous.
//! Maps are built anew because removing a header from one changes the others' order. Called by
//! `forward`; reads no body.

use http::header::{
    CONNECTION, CONTENT_LENGTH, Entry, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Authority;
use http::{StatusCode, Version, request, response};
use std::net::IpAddr;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A transfer coding other than `chunked`: hyper undoes no other, so the body cannot pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownCoding;

/// Makes the headers of a client's request those of the request to Clouddriver. `upgrade`: the
/// connection is offered for another protocol.
pub(crate) fn for_upstream(
    parts: &mut request::Parts,
    peer: IpAddr,
    upstream: &Authority,
    upgrade: bool,
) -> Result<(), UnknownCoding> {
    let own = std::mem::take(&mut parts.headers);
    let chunked = own.contains_key(TRANSFER_ENCODING);
    let codings = own.get_all(TRANSFER_ENCODING);
    if codings
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(UnknownCoding);
    }
    let mut headers = end_to_end(&own);
    if let Some(authority) = parts.uri.authority() {
        // Of a target that names a host, the Host header must be made (RFC 9112, 3.2.2).
        headers.insert(HOST, value(authority.as_str()));
    } else if parts.version == Version::HTTP_10 && !headers.contains_key(HOST) {
        headers.insert(HOST, value(upstream.as_str()));
    }
    if chunked {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let mut connection = Vec::new();
    if tokens(&own, &TE).any(|token| token.eq_ignore_ascii_case("trailers")) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        connection.push("TE");
    }
    if upgrade {
        connection.push("Upgrade");
        for protocol in own.get_all(UPGRADE) {
            headers.append(UPGRADE, protocol.clone());
        }
    }
    if !connection.is_empty() {
        headers.insert(CONNECTION, value(&connection.join(", ")));
    }
    forwarded(&mut headers, peer);
    parts.headers = headers;
    Ok(())
}

/// Makes the headers of Clouddriver's answer those of the answer to the client.
pub(crate) fn for_client(parts: &mut response::Parts) {
    let own = std::mem::take(&mut parts.headers);
    let mut headers = end_to_end(&own);
    if own.contains_key(TRANSFER_ENCODING) {
        // It overrides the length (RFC 9112, 6.3), and must not come back once it is gone.
        headers.remove(CONTENT_LENGTH);
    }
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        for protocol in own.get_all(UPGRADE) {
            headers.append(UPGRADE, protocol.clone());
        }
    }
    parts.headers = headers;
    // Whatever Clouddriver speaks, we speak this.
    parts.version = Version::HTTP_11;
}

/// `headers` without `name`, in their order.
pub(crate) fn without(headers: &HeaderMap, name: &HeaderName) -> HeaderMap {
    let kept = headers.iter().filter(|(own, _)| *own != name);
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a request offers its connection for a protocol that we can pass on. HTTP/2 is none:
/// later requests would go through it unseen.
pub(crate) fn offers_upgrade(headers: &HeaderMap) -> bool {
    tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
        && headers.contains_key(UPGRADE)
        && !tokens(headers, &UPGRADE).any(|protocol| {
            protocol.eq_ignore_ascii_case("h2c") || protocol.eq_ignore_ascii_case("h2")
        })
}

fn forwarded(headers: &mut HeaderMap, peer: IpAddr) {
    let peer = peer.to_canonical().to_string();
    match headers.entry(FORWARDED_FOR) {
        Entry::Vacant(entry) => {
            entry.insert(value(&peer));
        }
        Entry::Occupied(mut entry) => {
            let last = entry.iter_mut().next_back();
            let last = last.expect("an occupied entry has a value");
            let joined = [last.as_bytes(), b", ", peer.as_bytes()].concat();
            *last = HeaderValue::from_bytes(&joined).expect("made of valid values");
        }
    }
    // What a proxy before us said of the client's own connection stays true.
    if let Entry::Vacant(entry) = headers.entry(FORWARDED_PROTO) {
        entry.insert(HeaderValue::from_static("http"));
    }
    if let Some(host) = headers.get(HOST).cloned()
        && let Entry::Vacant(entry) = headers.entry(FORWARDED_HOST)
    {
        entry.insert(host);
    }
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<&str> = tokens(headers, &CONNECTION).collect();
    let goes = |name: &HeaderName| {
        let hop_by_hop = [
            CONNECTION,
            KEEP_ALIVE,
            PROXY_AUTHENTICATE,
            PROXY_AUTHORIZATION,
            PROXY_CONNECTION,
            TE,
            TRANSFER_ENCODING,
            UPGRADE,
        ];
        // A client must not be able to take away what frames or routes its message.
        let needed = [HOST, CONTENT_LENGTH].contains(name);
        let is_named = named
            .iter()
            .any(|token| name.as_str().eq_ignore_ascii_case(token));
        hop_by_hop.contains(name) || is_named && !needed
    };
    let mut kept = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        if !goes(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}

fn tokens<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("addresses, hosts and tokens are valid values")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::{Request, Response};

    fn sent(lines: &[(&str, &str)]) -> Result<Vec<(String, String)>, UnknownCoding> {
        let mut request = Request::builder().uri("/x");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        let upgrade = offers_upgrade(&parts.headers);
        let upstream = Authority::from_static("clouddriver:7002");
        for_upstream(&mut parts, "10.1.1.1".parse().unwrap(), &upstream, upgrade)?;
        Ok(flat(&parts.headers))
    }

    fn flat(headers: &HeaderMap) -> Vec<(String, String)> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        headers.iter().map(line).collect()
    }

    fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        lines.iter().map(own).collect()
    }

    #[test]
    fn hop_by_hop_headers_go_and_the_order_stays() {
        let sent = sent(&[
            ("host", "h"),
            ("connection", "keep-alive, X-Secret"),
            ("a", "1"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "s"),
            ("b", "2"),
            ("proxy-authorization", "p"),
            ("te", "gzip"),
            ("a", "3"),
            ("upgrade", "websocket"),
            ("c", "4"),
        ]);
        let expected = [
            ("host", "h"),
            ("a", "1"),
            ("a", "3"),
            ("b", "2"),
            ("c", "4"),
            ("x-forwarded-for", "10.1.1.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "h"),
        ];
        assert_eq!(sent.unwrap(), lines(&expected));
    }

    #[test]
    fn framing_and_host_cannot_be_named_away() {
        let sent = sent(&[
            ("host", "h"),
            ("content-length", "3"),
            ("connection", "host, content-length, close"),
        ]);
        assert_eq!(
            sent.unwrap()[..2],
            lines(&[("host", "h"), ("content-length", "3")])
        );
    }

    #[test]
    fn earlier_forwarding_is_kept() {
        let sent = sent(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "outside"),
            ("host", "h"),
        ]);
        let expected = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2, 10.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "outside"),
            ("host", "h"),
        ];
        assert_eq!(sent.unwrap(), lines(&expected));
    }

    #[test]
    fn trailers_and_upgrades_are_offered_on() {
        let sent = sent(&[
            ("te", "trailers, deflate"),
            ("connection", "Upgrade, TE"),
            ("upgrade", "websocket"),
        ]);
        assert_eq!(
            sent.unwrap()[..3],
            lines(&[
                ("te", "trailers"),
                ("upgrade", "websocket"),
                ("connection", "TE, Upgrade")
            ])
        );
    }

    #[test]
    fn http2_is_not_offered_on() {
        let offered = [
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
        ];
        let sent = sent(&offered).unwrap();
        assert!(
            sent.iter().all(|(name, _)| name.starts_with("x-forwarded")),
            "{sent:?}"
        );
    }

    #[test]
    fn only_chunked_can_pass() {
        assert_eq!(
            sent(&[("transfer-encoding", "gzip, chunked")]),
            Err(UnknownCoding)
        );
        let chunked = sent(&[("transfer-encoding", "Chunked")]).unwrap();
        assert_eq!(chunked[0], ("transfer-encoding".into(), "chunked".into()));
    }

    #[test]
    fn an_answer_with_two_framings_keeps_none() {
        let response = Response::builder()
            .header("transfer-encoding", "chunked")
            .header("content-length", "7")
            .header("connection", "close")
            .header("date", "today");
        let mut parts = response.body(()).unwrap().into_parts().0;
        for_client(&mut parts);
        assert_eq!(flat(&parts.headers), lines(&[("date", "today")]));
    }
}
