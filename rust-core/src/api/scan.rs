//! GET /armory/accounts/{name}/scan: why automatic migration takes an account, or does not.

use super::answer::{self, Failure};
use super::{Api, Call};
use crate::account::Status;
use crate::account::scan::Origin;
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
        let configured = self.lifecycle.configured(&[name], call.user()).await?;
        let (of, unfit) = match configured.get(name) {
            None => (Origin::Stored, None),
            Some(unfit) => (Origin::Configured, unfit.as_ref()),
        };
        let matching = rules.matching(name, of);
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
            _ if !rules.has_any(of) => (
                false,
                format!(
                    "the scan is on, but kubesvc.dynamicAccounts.{} is empty{}",
                    of.list(),
                    why_of(of)
                ),
            ),
            _ => match (matching, unfit) {
                (Some(_), Some(unfit)) => (false, unfit.why.clone()),
                (Some(pattern), None) => (
                    true,
                    format!(
                        "it matches `{}` of {}: one of the next scans takes it",
                        pattern.text,
                        of.list()
                    ),
                ),
                (None, _) => (
                    false,
                    format!(
                        "no pattern matches the whole name; `.*` at an end lets it go on{}",
                        why_of(of)
                    ),
                ),
            },
        };
        let body = json!({
            "name": name,
            "scan": if rules.enabled { "on" } else { "off" },
            "matches": matching.is_some(),
            "list": matching.map(|_| of.list()),
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
            || "it was left to Clouddriver".to_owned(),
            |buried| {
                format!(
                    "{} left it to Clouddriver at {}; POST it to /armory/accounts to have it again",
                    buried.who,
                    answer::instant(buried.at)
                )
            },
        ))
    }
}

fn why_of(of: Origin) -> &'static str {
    match of {
        Origin::Stored => "",
        Origin::Configured => {
            "; it stands in Clouddriver's configuration alone, and credentialScanNamePatterns is for such"
        }
    }
}

fn already(status: Status, inline: bool) -> String {
    let follows = match inline {
        true => "its definition came with a request, and changes at Clouddriver are not followed",
        false => "the scan follows its changes alone",
    };
    format!("it is migrated already and {status}: {follows}")
}
