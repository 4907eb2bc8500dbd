//! Writing, in batches: what is right is always processed, what is wrong is named. 400 wins over
//! 409, and an answer of either says which accounts it is about.

use super::answer::{self, Failure};
use super::{Api, Call};
use crate::account::definition::Definition;
use crate::lifecycle::{Asked, Refusal};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// From this many names on, all accounts of the source are read at once.
const READ_ALL_FROM: usize = 20;

/// The contract's AddAgentAccountRequest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        Asked {
            zone_id: given(&self.zone_id),
            kubeconfig_file: given(&self.kubeconfig_file),
        }
    }
}

/// An empty text asks for nothing.
fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

/// What a batch could not do.
#[derive(Default)]
struct Trouble {
    wrong: Vec<Value>,
    conflicts: Vec<Value>,
    /// Names without a row, and what was asked of each.
    rowless: Vec<(String, String)>,
}

impl Trouble {
    fn wrong(&mut self, name: &str, reason: impl Into<String>) {
        self.wrong
            .push(json!({"name": name, "reason": reason.into()}));
    }

    /// Keeps what concerns this account alone; the rest ends the request.
    fn take(&mut self, name: &str, asked: &str, refusal: Refusal) -> Result<(), Failure> {
        match refusal {
            Refusal::Unknown => self.rowless.push((name.to_owned(), asked.to_owned())),
            Refusal::Illegal { status, reason } => self.conflicts.push(json!({
                "name": name, "state": status.as_str(), "asked": asked, "reason": reason,
            })),
            Refusal::Static | Refusal::Unmigrated => self.conflicts.push(json!({
                "name": name, "asked": asked, "reason": refusal.to_string(),
            })),
            other => return Err(other.into()),
        }
        Ok(())
    }

    fn failure(self) -> Option<Failure> {
        let (status, accounts) = match (self.wrong.is_empty(), self.conflicts.is_empty()) {
            (true, true) => return None,
            (true, false) => (StatusCode::CONFLICT, self.conflicts),
            (false, _) => (
                StatusCode::BAD_REQUEST,
                [self.wrong, self.conflicts].concat(),
            ),
        };
        let names: Vec<String> = (accounts.iter().take(5))
            .map(|account| format!("{}: {}", text(&account["name"]), text(&account["reason"])))
            .collect();
        let more = accounts.len().saturating_sub(5);
        let more = if more > 0 {
            format!(" (and {more} more)")
        } else {
            String::new()
        };
        let message = format!(
            "not done for {}{more}; everything else was",
            names.join("; ")
        );
        Some(Failure::batch(status, message, accounts))
    }

    fn accepted(self) -> Result<Response<Bytes>, Failure> {
        self.failure()
            .map_or_else(|| Ok(answer::empty(StatusCode::ACCEPTED)), Err)
    }
}

impl Api {
    /// POST /armory/accounts: Clouddriver's accounts become INACTIVE here.
    pub(super) async fn migrate(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        call.query.only(&[])?;
        let mut trouble = Trouble::default();
        let entries = entries(call, &mut trouble)?;
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let mut source = self.read(&names, call.user()).await?;
        let mut present = Vec::new();
        for entry in entries {
            let name = &entry.name;
            if entry.state.is_some() {
                trouble.wrong(
                    name,
                    "`state` belongs to PATCH; POST makes an account INACTIVE",
                );
                continue;
            }
            if self.store.detail(name).await?.is_some() {
                present.push(json!(entry));
                continue;
            }
            let Some(account) = source.remove(name) else {
                trouble.wrong(name, "Clouddriver has no kubernetes account of this name");
                continue;
            };
            let definition = Definition::part(account);
            let made = self
                .lifecycle
                .adopt(name, &definition, entry.asked(), &call.actor())
                .await;
            if !made? {
                present.push(json!(entry));
            }
        }
        match (trouble.failure(), present.is_empty()) {
            (Some(failure), _) => Err(failure),
            (None, true) => Ok(answer::json(StatusCode::ACCEPTED, &json!([]))),
            (None, false) => Ok(answer::json(StatusCode::CONFLICT, &Value::from(present))),
        }
    }

    /// PATCH /armory/accounts: to ACTIVE or INACTIVE.
    pub(super) async fn patch(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        call.query.only(&[])?;
        let mut trouble = Trouble::default();
        for entry in entries(call, &mut trouble)? {
            let name = &entry.name;
            let asked = entry.state.as_deref().unwrap_or_default();
            let outcome = match asked {
                "ACTIVE" => {
                    self.lifecycle
                        .activate(name, &entry.asked(), &call.actor())
                        .await
                }
                "INACTIVE" => self.lifecycle.deactivate(name, &call.actor()).await,
                "" => {
                    trouble.wrong(name, "`state` is missing: ACTIVE or INACTIVE");
                    continue;
                }
                other => {
                    trouble.wrong(name, format!("`state` is `{other}`: ACTIVE or INACTIVE"));
                    continue;
                }
            };
            if let Err(refusal) = outcome {
                trouble.take(name, asked, refusal)?;
            }
        }
        self.explain(&mut trouble, call.user()).await?;
        trouble.accepted()
    }

    /// DELETE /armory/accounts with names in the body.
    pub(super) async fn delete(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        call.query.only(&[])?;
        let names: Vec<String> = array(call, "an array of account names")?;
        self.delete_all(names.into_iter().collect(), call).await
    }

    /// DELETE /armory/accounts/{name}.
    pub(super) async fn delete_one(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        call.query.only(&[])?;
        self.delete_all(BTreeSet::from([name.to_owned()]), call)
            .await
    }

    async fn delete_all(
        &self,
        names: BTreeSet<String>,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        let mut trouble = Trouble::default();
        for name in names {
            if let Err(refusal) = self.lifecycle.delete(&name, &call.actor()).await {
                trouble.take(&name, "DELETED", refusal)?;
            }
        }
        self.explain(&mut trouble, call.user()).await?;
        trouble.accepted()
    }

    /// Says of names without a row what they are instead, once all others are done.
    async fn explain(&self, trouble: &mut Trouble, user: Option<&str>) -> Result<(), Failure> {
        let mut unknown = Vec::new();
        for (name, asked) in std::mem::take(&mut trouble.rowless) {
            match self.store.detail(&name).await? {
                Some(_) => trouble.take(&name, &asked, Refusal::Static)?,
                None => unknown.push((name, asked)),
            }
        }
        let names: Vec<&str> = unknown.iter().map(|(name, _)| name.as_str()).collect();
        let accounts = self.read(&names, user).await?;
        for (name, asked) in &unknown {
            match accounts.contains_key(name) {
                true => trouble.take(name, asked, Refusal::Unmigrated)?,
                false => trouble.wrong(name, Refusal::Unknown.to_string()),
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        names: &[&str],
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Map<String, Value>>, Failure> {
        if names.len() >= READ_ALL_FROM {
            return Ok(self.source.all(user).await?);
        }
        let mut accounts = BTreeMap::new();
        for name in names {
            if let Some(account) = self.source.find(name, user).await? {
                accounts.insert((*name).to_owned(), account);
            }
        }
        Ok(accounts)
    }
}

/// The entries of a batch: identical ones once, contradicting ones refused by name.
fn entries(call: &Call<'_>, trouble: &mut Trouble) -> Result<Vec<Entry>, Failure> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut contradicting = BTreeSet::new();
    for entry in array::<Entry>(call, "an array of {name, state, zoneId, kubeconfigFile}")? {
        match at.get(&entry.name) {
            Some(earlier) if entries[*earlier] == entry => {}
            Some(_) => {
                contradicting.insert(entry.name);
            }
            None => {
                at.insert(entry.name.clone(), entries.len());
                entries.push(entry);
            }
        }
    }
    for name in &contradicting {
        trouble.wrong(
            name,
            "the batch has it more than once, with contradicting values",
        );
    }
    entries.retain(|entry| !contradicting.contains(&entry.name));
    for entry in entries.extract_if(.., |entry| entry.name.is_empty() || entry.name.len() > 255) {
        trouble.wrong(&entry.name, "`name` must have 1 to 255 bytes");
    }
    Ok(entries)
}

/// What is wrong with a body, without the value that is: it may be a secret in the wrong place.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    if !said.starts_with("invalid") {
        return said;
    }
    let (line, column) = (error.line(), error.column());
    format!("a value of another type at line {line} column {column}")
}

/// The body as an array that is not empty.
pub(super) fn array<T: serde::de::DeserializeOwned>(
    call: &Call<'_>,
    expected: &str,
) -> Result<Vec<T>, Failure> {
    let items: Vec<T> = serde_json::from_slice(call.body)
        .map_err(|error| Failure::bad(format!("the body is not {expected}: {}", reason(&error))))?;
    if items.is_empty() {
        return Err(Failure::bad(format!(
            "the array is empty; the body is to be {expected}"
        )));
    }
    Ok(items)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
