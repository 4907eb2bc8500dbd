//! Writing, in batches: what is right is always processed, what is wrong is named. 400 wins over
//! 409, and an answer of either says which accounts it is about.

use super::answer::Failure;
use super::body::{body, item};
use super::report::Report;
use super::{Api, Call, dry_run};
use crate::account::bound;
use crate::account::definition::Definition;
use crate::lifecycle::{Ask, Asked, Refusal, Verb};
use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many accounts are sealed before others have their turn on the thread.
const TURN: usize = 100;

/// The contract's AddAgentAccountRequest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<String>,
    #[serde(alias = "kubeConfigFile", skip_serializing_if = "Option::is_none")]
    kubeconfig_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

impl Entry {
    fn asked(&self) -> Asked {
        // A new account, of which no state is asked, has none to take back.
        let taken_back = self.zone_id.clone().filter(|_| self.state.is_some());
        Asked {
            zone_id: given(&self.zone_id).or(taken_back),
            kubeconfig_file: given(&self.kubeconfig_file),
        }
    }

    fn asks_the_same_as(&self, other: &Entry) -> bool {
        (&self.name, &self.state, self.asked()) == (&other.name, &other.state, other.asked())
    }

    /// What the tables cannot keep of it: one such entry must not hold up the others.
    fn unfit(&self) -> Option<String> {
        let zone = self.zone_id.as_deref().unwrap_or_default();
        let file = self.kubeconfig_file.as_deref().unwrap_or_default();
        let checks = [
            ("name", bound::name(&self.name)),
            ("zoneId", bound::optional(zone)),
            ("kubeconfigFile", bound::kubeconfig_file(file)),
        ];
        let mut wrong = checks.into_iter().filter_map(|(field, check)| {
            let reason = check.err()?;
            Some(format!("`{field}` {reason}"))
        });
        wrong.next()
    }
}

/// An empty text asks for nothing.
fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

impl Api {
    /// POST /armory/accounts: Clouddriver's accounts become INACTIVE here.
    pub(super) async fn migrate(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let (mut report, dry) = (Report::of(call)?, dry_run::is_asked(call)?);
        let mut entries = entries(call, &mut report)?;
        for entry in entries.extract_if(.., |entry| entry.state.is_some()) {
            let reason = "`state` belongs to PATCH; POST makes an account INACTIVE";
            report.wrong(&entry.name, reason);
        }
        let earlier = report.made_already(call);
        entries.retain(|entry| !earlier.contains(&entry.name));
        let known = self.store.known(&names(entries.iter())).await?;
        let is_new = |entry: &&Entry| !known.contains(&entry.name);
        let new: Vec<&Entry> = entries.iter().filter(is_new).collect();
        let (mut rows, mut rehearsed) = (Vec::with_capacity(new.len()), Vec::new());
        let asked = names(new.iter().copied());
        let seen = self.lifecycle.seen_at_clouddriver(&asked, call.user());
        let mut found = seen.await?;
        let configured = self.lifecycle.configured(&asked, call.user()).await?;
        for entry in new {
            let name = &entry.name;
            let Some(account) = found.remove(name) else {
                report.wrong(name, "Clouddriver has no kubernetes account of this name");
                continue;
            };
            if let Some(Some(unfit)) = configured.get(name)
                && !(unfit.mended_by_kubeconfig && entry.asked().kubeconfig_file.is_some())
            {
                report.wrong(name, unfit.why.as_str());
                continue;
            }
            let definition = Definition::part(account);
            if dry {
                report.created(name);
                rehearsed.push((entry.asked().of_a_new(name), Some(definition)));
                continue;
            }
            let row = self.lifecycle.new_row(name, &definition, entry.asked());
            rows.push(row.map_err(Refusal::from)?);
            if rows.len().is_multiple_of(TURN) {
                tokio::task::yield_now().await;
            }
        }
        let rowed: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let (user, actor) = (call.user(), call.actor());
        let made = self.lifecycle.create(&rows, &actor).await?;
        self.lifecycle.follow_made(&made, user, &actor).await;
        let is_present = |entry: &&Entry| {
            known.contains(&entry.name)
                || rowed.contains(entry.name.as_str()) && !made.contains(&entry.name)
        };
        made.iter().for_each(|name| report.created(name));
        let present = entries.iter().filter(is_present);
        let present = present.map(|entry| (entry.name.as_str(), json!(entry)));
        self.note_present(&mut report, present.collect()).await?;
        if dry {
            return Ok(self.rehearsed(report, rehearsed).await);
        }
        report.posted()
    }

    /// PATCH /armory/accounts: to ACTIVE or INACTIVE.
    pub(super) async fn patch(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let mut report = Report::of(call)?;
        let mut asks = Vec::new();
        for entry in entries(call, &mut report)? {
            let verb = match entry.state.as_deref().unwrap_or_default() {
                "ACTIVE" => Verb::Activate(entry.asked()),
                "INACTIVE" => Verb::Deactivate,
                "" => {
                    report.wrong(&entry.name, "`state` is missing: ACTIVE or INACTIVE");
                    continue;
                }
                other => {
                    let reason = format!("`state` is `{other}`: ACTIVE or INACTIVE");
                    report.wrong(&entry.name, reason);
                    continue;
                }
            };
            let name = entry.name;
            asks.push(Ask { name, verb });
        }
        self.ask(&asks, report, call).await
    }

    /// DELETE /armory/accounts with names in the body.
    pub(super) async fn delete(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let mut report = Report::of(call)?;
        let mut names = BTreeSet::new();
        let items: Vec<Box<RawValue>> = array(call, "an array of account names")?;
        for (index, raw) in items.iter().enumerate() {
            match item::<String>(raw, index) {
                Ok(name) => drop(names.insert(name)),
                Err(reason) => report.wrong(&format!("entry {index}"), reason),
            }
        }
        self.delete_all(names, report, call).await
    }

    /// DELETE /armory/accounts/{name}.
    pub(super) async fn delete_one(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let names = BTreeSet::from([name.to_owned()]);
        self.delete_all(names, Report::of(call)?, call).await
    }

    async fn delete_all(
        &self,
        names: BTreeSet<String>,
        mut report: Report,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        let mut asks = Vec::with_capacity(names.len());
        for name in names {
            // Not every database can be asked for such a name.
            if name.contains('\0') {
                report.wrong(&name, Refusal::Unknown.to_string());
                continue;
            }
            let verb = Verb::Delete;
            asks.push(Ask { name, verb });
        }
        self.ask(&asks, report, call).await
    }

    async fn ask(
        &self,
        asks: &[Ask],
        mut report: Report,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        let (mut rowless, mut rehearsed) = (Vec::new(), Vec::new());
        let dry = dry_run::is_asked(call)?;
        let outcomes = match dry {
            true => self.would(asks, &mut rehearsed).await?,
            false => self.lifecycle.ask_all(asks, &call.actor()).await?,
        };
        for (ask, outcome) in asks.iter().zip(outcomes) {
            match outcome {
                Ok(moved) => report.moved(&ask.name, &moved),
                Err(Refusal::Unknown) => rowless.push(ask),
                Err(refusal) => report.refused(&ask.name, ask.verb.asks_for(), refusal)?,
            }
        }
        if !rowless.is_empty() {
            self.explain(rowless, &mut report, call.user()).await?;
        }
        match dry {
            true => Ok(self.rehearsed(report, rehearsed).await),
            false => report.accepted(),
        }
    }

    /// Says of names without a row what they are instead, once all others are done.
    async fn explain(
        &self,
        rowless: Vec<&Ask>,
        report: &mut Report,
        user: Option<&str>,
    ) -> Result<(), Failure> {
        let named =
            |asks: &[&Ask]| -> Vec<String> { asks.iter().map(|ask| ask.name.clone()).collect() };
        let names = named(&rowless);
        let brought = self.store.known(&names).await;
        let brought = brought.map_err(|error| report.cut_short(names, error.into()))?;
        let (own, others): (Vec<&Ask>, Vec<&Ask>) = rowless
            .into_iter()
            .partition(|ask| brought.contains(&ask.name));
        for ask in own {
            report.refused(&ask.name, ask.verb.asks_for(), Refusal::Static)?;
        }
        let names = named(&others);
        let accounts = self.lifecycle.seen_at_clouddriver(&names, user).await;
        let accounts = accounts.map_err(|error| report.cut_short(names, error.into()))?;
        for ask in others {
            match accounts.contains_key(&ask.name) {
                true => {
                    let asked = ask.verb.asks_for();
                    report.refused(&ask.name, asked, Refusal::Unmigrated)?;
                }
                false => report.wrong(&ask.name, Refusal::Unknown.to_string()),
            }
        }
        Ok(())
    }
}

fn names<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<&'a str> {
    entries.map(|entry| entry.name.as_str()).collect()
}

/// The entries of a batch: identical ones once; malformed and contradicting ones are refused by name.
fn entries(call: &Call<'_>, report: &mut Report) -> Result<Vec<Entry>, Failure> {
    let expected = "an array of {name, state, zoneId, kubeconfigFile}";
    let mut entries: Vec<Entry> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    let items: Vec<Box<RawValue>> = array(call, expected)?;
    for (index, raw) in items.iter().enumerate() {
        let entry: Entry = match item(raw, index) {
            // An array of the fields' values would do, too.
            Ok(entry) if raw.get().starts_with('{') => entry,
            other => {
                let reason = other.err();
                let reason = reason.unwrap_or_else(|| format!("[{index}]: it is no object"));
                let name = name_in(raw).unwrap_or_else(|| format!("entry {index}"));
                refused.insert(name, reason);
                continue;
            }
        };
        match at.get(&entry.name) {
            Some(earlier) if entries[*earlier].asks_the_same_as(&entry) => {}
            Some(_) => {
                let reason = "the batch has it more than once, with contradicting values";
                refused.insert(entry.name, reason.to_owned());
            }
            None => {
                at.insert(entry.name.clone(), entries.len());
                entries.push(entry);
            }
        }
    }
    for entry in &entries {
        if let Some(reason) = entry.unfit() {
            refused.entry(entry.name.clone()).or_insert(reason);
        }
    }
    entries.retain(|entry| !refused.contains_key(&entry.name));
    for (name, reason) in refused {
        report.wrong(&name, reason);
    }
    Ok(entries)
}

/// Whom a malformed entry is about.
fn name_in(raw: &RawValue) -> Option<String> {
    let entry: Value = serde_json::from_str(raw.get()).ok()?;
    Some(entry.get("name")?.as_str()?.to_owned())
}

/// The body as an array that is not empty.
pub(super) fn array<T: serde::de::DeserializeOwned>(
    call: &Call<'_>,
    expected: &str,
) -> Result<Vec<T>, Failure> {
    let items: Vec<T> = body(call, expected)?;
    if items.is_empty() {
        return Err(Failure::bad(format!(
            "the array is empty; the body is to be {expected}"
        )));
    }
    Ok(items)
}
