//! The query of a request: parsed once, every parameter used or refused.

use super::answer::Failure;
use super::parameters::Parameter;
use crate::encoding::decode_query;
use std::collections::BTreeMap;

/// Parameters by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Result<Query, Failure> {
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode_query(name);
            let value = decode_query(value);
            // Not every database can be asked for such a text.
            if value.contains('\0') {
                let message = format!("query parameter {name} has a NUL character");
                return Err(Failure::bad(message));
            }
            if parameters.insert(name.clone(), value).is_some() {
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
    pub(super) fn only(&self, known: &[Parameter]) -> Result<(), Failure> {
        let known: Vec<&str> = known.iter().map(|parameter| parameter.name).collect();
        let Some(name) = self.0.keys().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let known = match known.is_empty() {
            true => "none is known here".to_owned(),
            false => format!("known here: {}", known.join(", ")),
        };
        let message = format!("unknown query parameter `{name}`; {known}");
        Err(Failure::bad(message))
    }
}
