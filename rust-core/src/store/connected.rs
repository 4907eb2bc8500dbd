//! Which agents are connected, to any core, and what each has.

use super::{Store, StoreError};
use crate::account::Agent;
use crate::sql::sql;
use std::collections::BTreeSet;

/// A row of the agents' table, with its accounts.
#[derive(Debug, Clone)]
pub struct AgentRow {
    /// Its id.
    pub agent_id: String,
    /// Its zone.
    pub zone_id: String,
    /// The core it is connected to.
    pub core_id: String,
    /// When it connected, Unix milliseconds.
    pub last_connection: i64,
    /// Its accounts, sorted by name.
    pub accounts: Vec<String>,
    /// It is the one to cache at least one of them.
    pub caching: bool,
}

impl Store {
    /// The agents that are connected to any core, sorted by id.
    pub async fn connected(&self) -> Result<Vec<Agent>, StoreError> {
        let mut tx = self.pool.read().await?;
        let rows = sql(
            "SELECT agent_id, zone_id FROM kubesvc_ferry_agents WHERE left_at IS NULL
             ORDER BY agent_id",
        );
        let rows = rows.all(&mut tx).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                Ok(Agent {
                    id: row.get("agent_id")?,
                    zone_id: row.get("zone_id")?,
                })
            })
            .collect()
    }

    /// The agents that are connected to this core, with their sessions.
    pub async fn sessions(&self, core_id: &str) -> Result<BTreeSet<(String, String)>, StoreError> {
        let mut tx = self.pool.read().await?;
        let rows = sql("SELECT agent_id, session_id FROM kubesvc_ferry_agents
             WHERE core_id = ? AND left_at IS NULL");
        let rows = rows.text(core_id).all(&mut tx).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| Ok((row.get("agent_id")?, row.get("session_id")?)))
            .collect()
    }

    /// The connected agents, sorted by id, with their accounts.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        let mut tx = self.pool.read().await?;
        let rows =
            sql("SELECT * FROM kubesvc_ferry_agents WHERE left_at IS NULL ORDER BY agent_id");
        let mut agents = Vec::new();
        for row in rows.all(&mut tx).await? {
            let agent_id: String = row.get("agent_id")?;
            let id = agent_id.as_str();
            let accounts = sql(
                "SELECT account FROM kubesvc_ferry_holdings WHERE agent_id = ?
                 UNION SELECT name FROM kubesvc_ferry_static_accounts WHERE agent_id = ?",
            );
            let mut accounts = accounts.texts([id, id]).column(&mut tx).await?;
            accounts.sort();
            let first = sql(
                "SELECT COUNT(*) FROM kubesvc_ferry_holdings mine WHERE agent_id = ?
                 AND state = 'READY' AND NOT EXISTS (SELECT 1 FROM kubesvc_ferry_holdings other
                 WHERE other.account = mine.account AND other.state = 'READY'
                 AND other.agent_id < mine.agent_id)",
            );
            let own = sql("SELECT COUNT(*) FROM kubesvc_ferry_static_accounts
                 WHERE agent_id = ? AND state = 'READY'");
            let caching =
                first.text(id).count(&mut tx).await? > 0 || own.text(id).count(&mut tx).await? > 0;
            agents.push(AgentRow {
                zone_id: row.get("zone_id")?,
                core_id: row.get("core_id")?,
                last_connection: row.get("last_connection")?,
                accounts,
                caching,
                agent_id,
            });
        }
        tx.commit().await?;
        Ok(agents)
    }
}
