//! Bytes as text: hexadecimal, and the percent-encoding of URLs. `api`, `intercept`, `secret`,
//! `source` and `sql` spell with it. Knows nobody.

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

/// Adds lower-case hex to a text.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// A segment of a path. What is not valid UTF-8 is read with replacement characters: it names
/// nothing that exists.
pub(crate) fn decode_segment(segment: &str) -> String {
    decode(segment, false)
}

/// A name or value of a query, where `+` is a space.
pub(crate) fn decode_query(text: &str) -> String {
    decode(text, true)
}

/// A value of a query, percent-encoded.
pub(crate) fn encode_query(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn decode(text: &str, plus_is_space: bool) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .filter(|hex| !hex.starts_with('+'))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (byte, width) = match (escaped, bytes[at]) {
            (Some(byte), _) => (byte, 3),
            (None, b'+') if plus_is_space => (b' ', 1),
            (None, byte) => (byte, 1),
        };
        decoded.push(byte);
        at += width;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
