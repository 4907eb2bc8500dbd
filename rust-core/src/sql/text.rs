//! A statement for MySQL and MariaDB with its values in its text, as their drivers for Java send it,
//! too: one packet to the server, nothing prepared there. sqlx takes Nagle's delay on its
//! connections, so that a statement it prepares and closes again costs the next one 40 ms. A value
//! is written so that no text can end it: in hexadecimal digits, whatever the server's SQL mode.
//!
//! `statement` calls it. Nothing here is logged: a statement's text has what an account is made of.

use super::Value;
use crate::encoding::push_hex;

/// The statement, each `?` replaced by a value.
pub(super) fn with_values(sql: &str, values: &[Value]) -> String {
    let sizes = values.iter().map(|value| 2 * value.size() + 16);
    let mut text = String::with_capacity(sql.len() + sizes.sum::<usize>());
    let mut values = values.iter();
    for letter in sql.chars() {
        match (letter, values.as_slice()) {
            ('?', [value, ..]) => {
                push_literal(&mut text, value);
                values.next();
            }
            _ => text.push(letter),
        }
    }
    text
}

fn push_literal(text: &mut String, value: &Value) {
    let (before, bytes) = match value {
        Value::Text(Some(value)) => ("_utf8mb4 x'", value.as_bytes()),
        Value::Bytes(Some(bytes)) => ("x'", bytes.as_slice()),
        Value::Number(Some(number)) => return text.push_str(&number.to_string()),
        Value::Text(None) | Value::Bytes(None) | Value::Number(None) => {
            return text.push_str("NULL");
        }
    };
    text.push_str(before);
    push_hex(text, bytes);
    text.push('\'');
}

#[cfg(test)]
mod tests {
    use super::{Value, with_values};

    #[test]
    fn no_value_ends_its_literal() {
        let values = [
            Value::text("it's ? \\"),
            Value::number(-7),
            Value::Bytes(Some(vec![0, 39, 255])),
            Value::text(None),
        ];
        let text = with_values("UPDATE t SET a = ?, b = ?, c = ? WHERE d = ?", &values);
        assert_eq!(
            text,
            "UPDATE t SET a = _utf8mb4 x'69742773203f205c', b = -7, c = x'0027ff' WHERE d = NULL"
        );
    }
}
