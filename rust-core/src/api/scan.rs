//! GET /armory/accounts/{name}/scan: why automatic migration takes an account, or does not.

use super::answer::{self, Failure};
use super::{Api, Call};
use crate::account::Status;
use crate::store::Known;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

impl Api {
    pub(super) async fn scan(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        let known = self.store.facts(&[name]).await?.remove(name);
        let of_type = match known {
            Some(Known::Row { .. } | Known::Static) => None,
            _ => self.type_of(name, call).await?,
        };
        if known.is_none() && of_type.is_none() {
            return Err(Failure::unknown_account(name));
        }
        let rules = self.lifecycle.rules();
        let matching = rules.matching(name);
        let (takes, reason) = match (known, of_type.as_deref()) {
            (Some(Known::Row { status, inline, .. }), _) => (false, already(status, inline)),
            (Some(Known::Static), _) => (
                false,
                "an agent brings an account of this name by its own configuration".to_owned(),
            ),
            (Some(Known::Buried), _) => (false, self.buried(name).await?),
            (None, Some(other)) if other != "kubernetes" => (
                false,
                format!("it is an account of type {other}; kubernetes accounts alone are migrated"),
            ),
            _ if !self.enabled => (
                false,
                "dynamic accounts are switched off: set kubesvc.dynamicAccounts.enabled: true"
                    .to_owned(),
            ),
            _ if !rules.enabled => (
                false,
                "the scan is off: set kubesvc.dynamicAccounts.scan: true, or namePatterns"
                    .to_owned(),
            ),
            _ if rules.patterns.is_empty() => (
                false,
                "the scan is on, but kubesvc.dynamicAccounts.namePatterns is empty".to_owned(),
            ),
            _ => match matching {
                Some(pattern) => (
                    true,
                    format!(
                        "it matches `{}` of {}: one of the next scans takes it",
                        pattern.text, pattern.list
                    ),
                ),
                None => (
                    false,
                    "no pattern matches the whole name; `.*` at an end lets it go on".to_owned(),
                ),
            },
        };
        let body = json!({
            "name": name,
            "scan": if rules.enabled { "on" } else { "off" },
            "matches": matching.is_some(),
            "list": matching.map(|pattern| pattern.list),
            "pattern": matching.map(|pattern| pattern.text.as_str()),
            "takes": takes,
            "reason": reason,
        });
        Ok(answer::json(StatusCode::OK, &body))
    }

    async fn type_of(&self, name: &str, call: &Call<'_>) -> Result<Option<String>, Failure> {
        if self.seen_at_clouddriver(name, call).await?.is_some() {
            return Ok(Some("kubernetes".to_owned()));
        }
        Ok(self.source.type_of(name, call.user()).await?)
    }

    async fn buried(&self, name: &str) -> Result<String, Failure> {
        let buried = self.store.buried(name).await?;
        Ok(buried.map_or_else(
            || "it was deleted here".to_owned(),
            |buried| {
                format!(
                    "{} deleted it here at {}; POST it to /armory/accounts to have it again",
                    buried.who,
                    answer::instant(buried.at)
                )
            },
        ))
    }
}

fn already(status: Status, inline: bool) -> String {
    let follows = match inline {
        true => "its definition came with a request, and changes at Clouddriver are not followed",
        false => "the scan follows its changes alone",
    };
    format!("it is migrated already and {status}: {follows}")
}
