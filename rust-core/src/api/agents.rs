//! Agents and cores: who is connected to whom, and what an operator may ask of them.

use super::answer::{self, Failure};
use super::batch::array;
use super::body::body;
use super::{Api, Call};
use crate::store::{AgentRow, CoreRow};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// The contract's DisconnectRequest. None of it changes what happens.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "read to be checked, not used")]
struct Disconnect {
    cluster_driven: Option<bool>,
    origin: Option<String>,
    timestamp: Option<i64>,
}

impl Api {
    /// GET /armory/agents.
    pub(super) async fn agents(&self) -> Result<Response<Bytes>, Failure> {
        let agents = self.store.agents().await?;
        let agents: Value = agents.iter().map(agent).collect();
        Ok(answer::json(StatusCode::OK, &agents))
    }

    /// GET /armory/agents/{agentId}.
    pub(super) async fn agent(&self, agent_id: &str) -> Result<Response<Bytes>, Failure> {
        let found = self.store.agent(agent_id).await?;
        let found = found.ok_or_else(|| Failure::unknown_agent(agent_id))?;
        Ok(answer::json(StatusCode::OK, &agent(&found)))
    }

    /// POST /armory/agent/{agentId}/disconnect.
    pub(super) async fn disconnect(
        &self,
        agent_id: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        if !call.body.is_empty() {
            let _: Disconnect = body(call, "{clusterDriven, origin, timestamp}")?;
        }
        if self.lifecycle.disconnect(agent_id).await? {
            tracing::info!(agent_id, who = call.user(), "disconnected by request");
            return Ok(answer::empty(StatusCode::ACCEPTED));
        }
        Err(Failure::unknown_agent(agent_id))
    }

    /// POST /armory/agent/assignments: accounts are looked at now, which gives each to an agent
    /// that may have it. One agent of those that have it caches, so an ACTIVE account needs no more.
    pub(super) async fn assign(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let names: Vec<String> = array(call, "an array of account names")?;
        // Not every database can be asked for a name with a NUL.
        let askable: Vec<&String> = names.iter().filter(|name| !name.contains('\0')).collect();
        let known = self.store.known(&askable).await?;
        let (known, unknown): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| known.contains(name));
        self.lifecycle.look_at(known);
        if unknown.is_empty() {
            return Ok(answer::empty(StatusCode::ACCEPTED));
        }
        let reason = "there is no migrated account of this name, and no agent brings one";
        let accounts = unknown
            .iter()
            .map(|name| json!({"name": name, "reason": reason}));
        let message = format!("{reason}: {}", unknown.join(", "));
        Err(Failure::batch(
            StatusCode::BAD_REQUEST,
            message,
            accounts.collect(),
        ))
    }

    /// GET /armory/clouddrivers.
    pub(super) async fn clouddrivers(&self) -> Result<Response<Bytes>, Failure> {
        let cores = self.store.cores().await?;
        let cores: Value = cores.iter().map(core).collect();
        Ok(answer::json(StatusCode::OK, &cores))
    }

    /// GET /armory/clouddrivers/{clouddriverId}.
    pub(super) async fn clouddriver(&self, id: &str) -> Result<Response<Bytes>, Failure> {
        let cores = self.store.cores().await?;
        let found = cores.iter().find(|core| core.core_id == id);
        let found = found.ok_or_else(|| Failure::unknown_core(id))?;
        Ok(answer::json(StatusCode::OK, &core(found)))
    }

    /// GET /armory/clouddrivers/sql/pool/settings.
    pub(super) fn pool_settings(&self) -> Result<Response<Bytes>, Failure> {
        let pools = self.store.pool_settings();
        let pools = pools.iter().map(|pool| {
            json!({
                "name": pool.name,
                "database": pool.database,
                "maxConnections": pool.max,
                "acquireTimeoutMs": pool.acquire_timeout_ms,
                "connections": pool.connections,
                "idle": pool.idle,
            })
        });
        Ok(answer::json(StatusCode::OK, &pools.collect()))
    }
}

fn agent(agent: &AgentRow) -> Value {
    let mut shown = json!({
        "accounts": agent.accounts,
        "agentId": agent.agent_id,
        "agentVersion": agent.agent_version,
        "caching": agent.caching,
        "clouddriverId": agent.core_id,
        "lastConnection": answer::instant(agent.last_connection),
        "type": "kubernetes",
        "zoneId": agent.zone_id,
    });
    if !agent.ignored.is_empty() {
        let ignored = agent.ignored.iter();
        let ignored = ignored.map(|(name, reason)| json!({"name": name, "reason": reason}));
        shown["ignoredAccounts"] = ignored.collect();
    }
    shown
}

/// Its address is nobody's business here: no core asks another by HTTP.
fn core(core: &CoreRow) -> Value {
    json!({
        "baseUrl": "",
        "id": core.core_id,
        "lastUpdated": answer::instant(core.last_seen),
        "ready": core.ready,
    })
}
