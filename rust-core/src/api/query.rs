//! The query of a request: parsed once, every parameter used or refused.

use super::answer::Failure;
use std::collections::BTreeMap;

/// Parameters by name.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Result<Query, Failure> {
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode(name, true);
            if parameters
                .insert(name.clone(), percent_decode(value, true))
                .is_some()
            {
                return Err(Failure::bad(format!("the query has `{name}` twice")));
            }
        }
        Ok(Query(parameters))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parsed value; `expected` says what it should have been.
    pub(super) fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let bad = |_| {
            Failure::bad(format!(
                "query parameter {name}=`{text}`: expected {expected}"
            ))
        };
        text.parse().map(Some).map_err(bad)
    }

    /// Refuses every parameter but these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Failure::bad(format!(
                "unknown query parameter `{name}`; known here: {}",
                known.join(", ")
            ))),
        }
    }
}

/// Percent-decodes; in a query `+` is a space. What is not valid UTF-8 gets replacement characters.
pub(super) fn percent_decode(text: &str, plus_is_space: bool) -> String {
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
