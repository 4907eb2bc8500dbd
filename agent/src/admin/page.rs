//! Which accounts GET /accounts shows: the filters and the page that its query asks for.
//!
//! Used by `admin`. Names as Armory's agent has them: `Config.Name`, `Config.Dynamic`, `State.Name`
//! (`Healthy`, `DiscoveryError`, `ConfigLoaded`), `limit` and `offset`. Anything else is an error.

use ferry_wire::v1::account_report::State;
use serde_json::Value;

use crate::accounts::Shown;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    name: Option<String>,
    dynamic: Option<bool>,
    state: Option<&'static str>,
    limit: Option<usize>,
    offset: usize,
}

const STATES: [&str; 3] = ["Healthy", "DiscoveryError", "ConfigLoaded"];

impl Page {
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut page = Self::default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let wrong = |expected: &str| Err(format!("{key} must be {expected}"));
            let number = value.parse::<usize>();
            match key {
                "Config.Name" => page.name = Some(value.to_owned()),
                "Config.Dynamic" => match value.parse() {
                    Ok(dynamic) => page.dynamic = Some(dynamic),
                    Err(_) => return wrong("true or false"),
                },
                "State.Name" => match STATES.into_iter().find(|state| *state == value) {
                    Some(state) => page.state = Some(state),
                    None => return wrong("Healthy, DiscoveryError or ConfigLoaded"),
                },
                "limit" | "offset" | "offtset" => match number {
                    Ok(limit) if key == "limit" => page.limit = Some(limit),
                    Ok(offset) => page.offset = offset,
                    Err(_) => return wrong("a whole number"),
                },
                _ => {
                    let known =
                        "there are Config.Name, Config.Dynamic, State.Name, limit and offset";
                    return Err(format!("{key} is no filter; {known}"));
                }
            }
        }
        Ok(page)
    }

    pub(super) fn of(&self, accounts: Vec<Shown>) -> Value {
        let fits = |shown: &&Shown| {
            let named = |name: &String| shown.report.account == *name;
            let state = match shown.report.state {
                Some(State::Ready(_)) => "Healthy",
                Some(State::Failed(_) | State::Lost(_)) => "DiscoveryError",
                _ => "ConfigLoaded",
            };
            self.name.as_ref().is_none_or(named)
                && self.dynamic.is_none_or(|dynamic| dynamic != shown.fixed)
                && self.state.is_none_or(|wanted| wanted == state)
        };
        let shown = accounts.iter().filter(fits).skip(self.offset);
        let limit = self.limit.unwrap_or(usize::MAX);
        shown.take(limit).map(super::account).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_filters_and_a_page_or_an_error() {
        let page = Page::parse("Config.Dynamic=true&State.Name=Healthy&limit=5&offset=10");
        let expected = Page {
            name: None,
            dynamic: Some(true),
            state: Some("Healthy"),
            limit: Some(5),
            offset: 10,
        };
        assert_eq!(page, Ok(expected));
        assert_eq!(Page::parse(""), Ok(Page::default()));
        for (query, words) in [
            ("limit=x", "limit must be a whole number"),
            ("Config.Dynamic=1", "true or false"),
            ("State.Name=Sick", "Healthy, DiscoveryError or ConfigLoaded"),
            ("name=a", "name is no filter"),
        ] {
            let error = Page::parse(query).unwrap_err();
            assert!(error.contains(words), "{query}: {error}");
        }
    }
}
