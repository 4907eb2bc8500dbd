//! POST /armory/accounts/rollback: brings accounts back to Clouddriver's care, by name or all of a
//! zone. It asks of each what a DELETE here asks, of those alone that Clouddriver has: agents drop
//! them, then their rows go; docs/rollback.md follows one. Once it is answered, `wanted` says so in
//! SQL, and the sweeps see to the end.

use super::answer::Failure;
use super::report::Report;
use super::{Api, Call};
use crate::lifecycle::{Ask, Refusal, Verb};
use crate::store::{Filter, Source};
use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use std::collections::BTreeSet;

const ASKED: &str = "ROLLED_BACK";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    names: Option<Vec<String>>,
    zone_id: Option<String>,
}

impl Api {
    pub(super) async fn rollback(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let expected = "{\"names\": [...]} or {\"zoneId\": ...}";
        let body: Body = super::body::body(call, expected)?;
        let mut report = Report::itemised();
        let names = match (body.names, body.zone_id) {
            (Some(names), None) if !names.is_empty() => known_letters(names, &mut report),
            (None, Some(zone_id)) if !zone_id.is_empty() => self.of_zone(zone_id, call).await?,
            _ => return Err(Failure::bad(format!("the body is to be {expected}"))),
        };
        let inline = self.store.inline(&names).await?;
        let inline_rows: Vec<&str> = inline.iter().map(String::as_str).collect();
        let inline_rows = self.store.views(&inline_rows).await?;
        let mut at_source = self.lifecycle.at_clouddriver(&names, call.user()).await?;
        let mut asks = Vec::with_capacity(names.len());
        let mut nowhere = Vec::new();
        for name in names {
            // Also one whose definition a request replaced here: Clouddriver has kept its own.
            if at_source.remove(&name).is_some() || call.came_already(&name) {
                let verb = Verb::Delete;
                asks.push(Ask { name, verb });
            } else if inline.contains(&name) {
                let status = inline_rows.get(&name).map(|view| view.account.status);
                report.conflict(
                    &name,
                    ASKED,
                    status,
                    "its definition came with a request and is kept here alone: Clouddriver has \
                     nothing to go back to; POST it to /credentials, then DELETE it here",
                );
            } else {
                nowhere.push(name);
            }
        }
        let outcomes = self.lifecycle.ask_all(&asks, &call.actor()).await?;
        let mut rowless = Vec::new();
        for (ask, outcome) in asks.iter().zip(outcomes) {
            match outcome {
                Ok(moved) => report.moved(&ask.name, &moved),
                Err(Refusal::Unknown) => rowless.push(ask.name.as_str()),
                Err(refusal) => report.refused(&ask.name, ASKED, refusal)?,
            }
        }
        self.without_row(rowless, &mut report, call).await?;
        self.without_source(nowhere, &mut report).await?;
        report.accepted()
    }

    /// Of a request that is gone on with, those that it found at first.
    async fn of_zone(&self, zone_id: String, call: &Call<'_>) -> Result<Vec<String>, Failure> {
        let claim = call.claim.as_deref();
        let meant: Vec<String> = (claim.iter())
            .flat_map(|claim| claim.meant().map(str::to_owned))
            .collect();
        if !meant.is_empty() {
            return Ok(meant);
        }
        let nobody = format!("no migrated account is in the zone `{zone_id}`; nothing was done");
        let filter = Filter {
            zone_id: Some(zone_id),
            source: Some(Source::Clouddriver),
            ..Filter::default()
        };
        let listed = self.store.names(&filter).await?;
        if listed.is_empty() {
            return Err(Failure::bad(nobody));
        }
        let names: Vec<String> = listed.into_iter().map(|listed| listed.name).collect();
        if claim.is_some() {
            self.store.mean(&names, &call.actor()).await?;
        }
        Ok(names)
    }

    /// Clouddriver has them, and there is no row: it has never ceased to care for them, and is to go on; or
    /// an agent brings them by its own configuration.
    async fn without_row(
        &self,
        names: Vec<&str>,
        report: &mut Report,
        call: &Call<'_>,
    ) -> Result<(), Failure> {
        let brought = self.store.known(&names).await?;
        let (brought, absent): (Vec<&str>, Vec<&str>) =
            names.into_iter().partition(|name| brought.contains(*name));
        for name in brought {
            report.refused(name, ASKED, Refusal::Static)?;
        }
        if absent.is_empty() {
            return Ok(());
        }
        let made = self.store.bury(&absent, &call.actor()).await?;
        for name in absent {
            match made.contains(name) {
                true => {
                    let reason = "it was migrated meanwhile; ask again";
                    report.conflict(name, ASKED, None, reason);
                }
                false => report.absent(name),
            }
        }
        Ok(())
    }

    /// Clouddriver does not have them.
    async fn without_source(&self, names: Vec<String>, report: &mut Report) -> Result<(), Failure> {
        let known = self.store.known(&names).await?;
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = self.store.views(&named).await?;
        for name in &names {
            let status = rows.get(name).map(|view| view.account.status);
            match (known.contains(name), status) {
                (false, _) => report.wrong(name, "neither Clouddriver nor Ferry has this account"),
                (true, None) => report.refused(name, ASKED, Refusal::Static)?,
                (true, status) => report.conflict(
                    name,
                    ASKED,
                    status,
                    "Clouddriver has no account of this name any longer, or does not show it to who asks; \
                     POST it to /credentials, or DELETE it here",
                ),
            }
        }
        Ok(())
    }
}

/// Each once, and none that no table can have.
fn known_letters(names: Vec<String>, report: &mut Report) -> Vec<String> {
    let names: BTreeSet<String> = names.into_iter().collect();
    let (wrong, names): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.contains('\0'));
    for name in wrong {
        report.wrong(&name, Refusal::Unknown.to_string());
    }
    names
}
