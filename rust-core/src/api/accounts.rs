//! Reading: the list of all accounts there are, one account in two shapes, and the agents.

use super::answer::{self, Failure};
use super::{Api, Call, show};
use crate::account::Status;
use crate::store::{Filter, Listed, Source};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

impl Api {
    /// GET /armory/accounts: what agents bring, what is migrated, and what Clouddriver has and
    /// nobody migrated.
    pub(super) async fn list(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
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
        let filter = filter(call)?;
        let mut listed = self.store.names(&filter).await?;
        let mut warnings = Vec::new();
        let mut unmigrated = std::collections::BTreeMap::new();
        if wants_unmigrated(&filter) {
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
        let total = listed.len();
        let mut items = Vec::new();
        for entry in listed
            .into_iter()
            .skip((page - 1).saturating_mul(limit))
            .take(limit)
        {
            if let Some(account) = unmigrated.remove(&entry.name) {
                items.push(show::unmigrated(&entry.name, account));
            } else if let Some(detail) = self.store.detail(&entry.name).await? {
                items.push(show::usage(&entry.name, &detail));
            }
        }
        let mut body = json!({"items": items, "page": page, "limit": limit, "total": total});
        if !warnings.is_empty() {
            body["warnings"] = Value::from(warnings);
        }
        Ok(answer::json(StatusCode::OK, &body))
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
    pub(super) async fn kubesvc_account(&self, name: &str) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
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
    pub(super) async fn agents(&self) -> Result<Response<Bytes>, Failure> {
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
