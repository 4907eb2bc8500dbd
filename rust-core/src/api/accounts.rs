//! Reading: the list of all accounts there are, one account in two shapes, and the agents.

use super::answer::{self, Failure};
use super::{Api, Call, batch, show};
use crate::account::Status;
use crate::store::{Filter, Listed, Source};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

impl Api {
    /// GET /armory/accounts: what agents bring, what is migrated, and what Clouddriver has and
    /// nobody migrated.
    pub(super) async fn list(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let Asked {
            page,
            limit,
            filter,
        } = asked(call)?;
        let mut found = self.find(&filter, call).await?;
        let mut items = Vec::new();
        for entry in found
            .listed
            .iter()
            .skip((page - 1).saturating_mul(limit))
            .take(limit)
        {
            if let Some(account) = found.unmigrated.remove(&entry.name) {
                items.push(show::unmigrated(&entry.name, account));
            } else if let Some(detail) = self.store.detail(&entry.name).await? {
                items.push(show::usage(&entry.name, &detail));
            }
        }
        let total = found.listed.len();
        let mut body = json!({"items": items, "page": page, "limit": limit, "total": total});
        if !found.warnings.is_empty() {
            body["warnings"] = Value::from(found.warnings);
        }
        Ok(answer::json(StatusCode::OK, &body))
    }

    /// GET /ferry/accounts/names, for the plugin: every name that the list of this query has, on
    /// whatever page.
    pub(super) async fn names(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let Asked {
            page,
            limit,
            filter,
        } = asked(call)?;
        let found = self.find(&filter, call).await?;
        let names = found.listed.into_iter().map(|entry| entry.name);
        let names: Vec<String> = names.collect();
        let mut body = json!({"names": names, "page": page, "limit": limit});
        if !found.warnings.is_empty() {
            body["warnings"] = Value::from(found.warnings);
        }
        Ok(answer::json(StatusCode::OK, &body))
    }

    /// POST /ferry/accounts/items, for the plugin: the list's items of the names in the body; names
    /// that are gone are left out.
    pub(super) async fn items(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let names: Vec<String> = batch::array(call, "an array of account names")?;
        let mut items = Vec::new();
        for name in names {
            if let Some(detail) = self.store.detail(&name).await? {
                items.push(show::usage(&name, &detail));
            } else if let Ok(Some(account)) = self.source.find(&name, call.user()).await {
                items.push(show::unmigrated(&name, account));
            }
        }
        Ok(answer::json(StatusCode::OK, &Value::from(items)))
    }

    async fn find(&self, filter: &Filter, call: &Call<'_>) -> Result<Found, Failure> {
        let mut listed = self.store.names(filter).await?;
        let mut warnings = Vec::new();
        let mut unmigrated = BTreeMap::new();
        if wants_unmigrated(filter) {
            match self.source.all(call.user()).await {
                Ok(accounts) => unmigrated = accounts,
                Err(error) => warnings.push(Value::from(format!(
                    "{error}; accounts that nobody migrated are not listed"
                ))),
            }
            let ours = self.store.names(&Filter::default()).await?;
            let prefix = filter.name.as_deref().unwrap_or_default();
            unmigrated.retain(|name, _| {
                let taken = ours
                    .binary_search_by(|ours| ours.name.as_str().cmp(name))
                    .is_ok();
                name.starts_with(prefix) && !taken
            });
            let source = Source::Clouddriver;
            listed.extend(unmigrated.keys().map(|name| Listed {
                name: name.clone(),
                source,
            }));
            listed.sort();
        }
        Ok(Found {
            listed,
            unmigrated,
            warnings,
        })
    }

    /// GET /armory/accounts/{name}.
    pub(super) async fn account(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        call.query.only(&[])?;
        if let Some(detail) = self.store.detail(name).await? {
            return Ok(answer::json(StatusCode::OK, &show::usage(name, &detail)));
        }
        match self.source.find(name, call.user()).await? {
            Some(account) => Ok(answer::json(
                StatusCode::OK,
                &show::unmigrated(name, account),
            )),
            None => self.unknown(name),
        }
    }

    /// GET /agents/kubernetes/accounts/{name}.
    pub(super) async fn kubesvc_account(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        call.query.only(&[])?;
        match self.store.detail(name).await? {
            Some(detail) => Ok(answer::json(
                StatusCode::OK,
                &show::kubesvc_account(name, &detail),
            )),
            None => self.unknown(name),
        }
    }

    fn unknown(&self, name: &str) -> Result<Response<Bytes>, Failure> {
        match self.empty_object_for_unknown {
            true => Ok(answer::json(StatusCode::OK, &json!({}))),
            false => Err(Failure::unknown_account(name)),
        }
    }

    /// GET /armory/agents.
    pub(super) async fn agents(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        call.query.only(&[])?;
        let agents = self.store.agents().await?.into_iter().map(|agent| {
            json!({
                "accounts": agent.accounts,
                "agentId": agent.agent_id,
                "caching": agent.caching,
                "clouddriverId": agent.core_id,
                "lastConnection": answer::instant(agent.last_connection),
                "type": "kubernetes",
                "zoneId": agent.zone_id,
            })
        });
        Ok(answer::json(StatusCode::OK, &Value::from_iter(agents)))
    }
}

const LIMIT: &str = "a whole number from 1 to 1000";

/// What a list is asked for.
struct Asked {
    page: usize,
    limit: usize,
    filter: Filter,
}

/// What a list is made of.
struct Found {
    listed: Vec<Listed>,
    unmigrated: BTreeMap<String, Map<String, Value>>,
    warnings: Vec<Value>,
}

fn asked(call: &Call<'_>) -> Result<Asked, Failure> {
    let query = &call.query;
    query.only(&[
        "page", "limit", "status", "zoneId", "source", "agentId", "name",
    ])?;
    let page: usize = query.parsed("page", "a whole number from 1")?.unwrap_or(1);
    let limit: usize = query.parsed("limit", LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    if page == 0 {
        return Err(Failure::bad(
            "query parameter page=`0`: expected a whole number from 1",
        ));
    }
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Failure::bad(format!(
            "query parameter limit=`{limit}`: expected {LIMIT}"
        )));
    }
    Ok(Asked {
        page,
        limit,
        filter: filter(call)?,
    })
}

fn filter(call: &Call<'_>) -> Result<Filter, Failure> {
    let source = match call.query.text("source") {
        None => None,
        Some("clouddriver") => Some(Source::Clouddriver),
        Some("static-agent-config") => Some(Source::StaticAgentConfig),
        Some(other) => {
            return Err(Failure::bad(format!(
                "query parameter source=`{other}`: expected clouddriver or static-agent-config"
            )));
        }
    };
    let statuses: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    let expected = format!("one of {}", statuses.join(", "));
    Ok(Filter {
        status: call.query.parsed("status", &expected)?,
        zone_id: call.query.text("zoneId").map(str::to_owned),
        source,
        agent_id: call.query.text("agentId").map(str::to_owned),
        name: call.query.text("name").map(str::to_owned),
    })
}

/// Accounts that nobody migrated have no status, zone or agent.
fn wants_unmigrated(filter: &Filter) -> bool {
    filter.status.is_none()
        && filter.zone_id.is_none()
        && filter.agent_id.is_none()
        && filter.source != Some(Source::StaticAgentConfig)
}
