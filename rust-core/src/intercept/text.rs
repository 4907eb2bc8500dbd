//! A request's JSON as the text that Clouddriver reads: Spring goes by the charset that is named, and
//! Jackson tells the UTFs apart by their first bytes, whichever of them is named.
//!
//! Called by `write`. What is no text becomes U+FFFD: who reads it decides whether that matters.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use std::borrow::Cow;

/// The text of `body`; `None`: it is in a charset that is not known here.
pub(super) fn of<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Cow<'a, str>> {
    let charset = charset(headers).unwrap_or_default();
    let charset = charset.to_ascii_lowercase();
    match charset.as_str() {
        "" | "utf8" | "us-ascii" => Some(unicode(body)),
        utf if utf.starts_with("utf-") => Some(unicode(body)),
        "iso-8859-1" | "latin1" => Some(body.iter().copied().map(char::from).collect()),
        _ if body.is_ascii() => Some(String::from_utf8_lossy(body)),
        _ => None,
    }
}

fn charset(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    kind.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let named = name.trim().eq_ignore_ascii_case("charset");
        named.then(|| value.trim().trim_matches('"'))
    })
}

fn unicode(body: &[u8]) -> Cow<'_, str> {
    match body {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0, 0, 0xFE, 0xFF, rest @ ..] => utf32(rest, u32::from_be_bytes),
        [0xFF, 0xFE, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0, 0, 0, _, ..] => utf32(body, u32::from_be_bytes),
        [_, 0, 0, 0, ..] => utf32(body, u32::from_le_bytes),
        [0, _, ..] => utf16(body, u16::from_be_bytes),
        [_, 0, ..] => utf16(body, u16::from_le_bytes),
        _ => String::from_utf8_lossy(body),
    }
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, str> {
    let (units, _) = body.as_chunks();
    let letters = char::decode_utf16(units.iter().copied().map(unit));
    letters
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn utf32(body: &[u8], letter: fn([u8; 4]) -> u32) -> Cow<'static, str> {
    let (letters, _) = body.as_chunks();
    let letters = letters.iter().copied().map(letter);
    letters
        .map(|letter| char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content_type: &str, body: &[u8]) -> Option<String> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        of(&headers, body).map(Cow::into_owned)
    }

    #[test]
    fn the_first_bytes_tell_the_utfs_apart() {
        let said = "{\"ü\": \"😀\"}";
        let units = |marked: bool| {
            let mark = marked.then_some('\u{feff}');
            mark.into_iter().chain(said.chars()).collect::<String>()
        };
        for marked in [false, true] {
            let all = units(marked);
            let utf16 = |bytes: fn(u16) -> [u8; 2]| all.encode_utf16().flat_map(bytes).collect();
            let utf32 = |bytes: fn(u32) -> [u8; 4]| {
                all.chars()
                    .flat_map(|letter| bytes(letter.into()))
                    .collect()
            };
            let bodies: [Vec<u8>; 5] = [
                all.clone().into_bytes(),
                utf16(u16::to_be_bytes),
                utf16(u16::to_le_bytes),
                utf32(u32::to_be_bytes),
                utf32(u32::to_le_bytes),
            ];
            for body in bodies {
                for kind in ["application/json", "application/json; Charset=\"UTF-16\""] {
                    assert_eq!(text(kind, &body).unwrap(), said, "{kind} {body:?}");
                }
            }
        }
    }

    #[test]
    fn another_charset_counts() {
        let latin = "application/json;charset=ISO-8859-1";
        assert_eq!(text(latin, b"\"\xe9\"").unwrap(), "\"é\"");
        assert_eq!(
            text("application/json", b"\"\xe9\"").unwrap(),
            "\"\u{fffd}\""
        );
        let other = "application/json;charset=windows-1250";
        assert_eq!(text(other, b"\"\xe9\""), None);
        assert_eq!(text(other, b"\"e\"").unwrap(), "\"e\"");
        for short in [&b""[..], b"{", b"\0", b"\xfe\xff", b"\xff\xfe\0"] {
            assert!(text("", short).unwrap().len() <= 3);
        }
    }
}
