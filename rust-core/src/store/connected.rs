//! Which agents are connected, to any core, and what each has.

use super::{Store, StoreError, failpoint, statics, transaction};
use crate::account::Agent;
use crate::sql::{Record, Tx, sql};
use std::collections::BTreeSet;

/// A row of the agents' table, with its accounts.
#[derive(Debug, Clone)]
pub struct AgentRow {
    /// Its id.
    pub agent_id: String,
    /// Its zone.
    pub zone_id: String,
    /// Its version.
    pub agent_version: String,
    /// The core it is connected to.
    pub core_id: String,
    /// When it connected, Unix milliseconds.
    pub last_connection: i64,
    /// Its accounts, sorted by name.
    pub accounts: Vec<String>,
    /// Those of its own configuration that do not count, each with the reason.
    pub ignored: Vec<(String, String)>,
    /// It is the one to cache at least one of them.
    pub caching: bool,
}

impl Store {
    /// The agents that are connected to any core and may be given accounts, sorted by id.
    pub async fn connected(&self) -> Result<Vec<Agent>, StoreError> {
        let mut tx = self.pool.read().await?;
        let rows = sql("SELECT agent_id, zone_id FROM kubesvc_ferry_agents
             WHERE left_at IS NULL
               AND agent_id NOT IN (SELECT agent_id FROM kubesvc_ferry_static_agents)
             ORDER BY agent_id");
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
            agents.push(read_agent(&mut tx, &row).await?);
        }
        tx.commit().await?;
        Ok(agents)
    }

    /// The agent of this id, if it is connected.
    pub async fn agent(&self, agent_id: &str) -> Result<Option<AgentRow>, StoreError> {
        let mut tx = self.pool.read().await?;
        let row = sql("SELECT * FROM kubesvc_ferry_agents WHERE agent_id = ? AND left_at IS NULL");
        let agent = match row.text(agent_id).optional(&mut tx).await? {
            Some(row) => Some(read_agent(&mut tx, &row).await?),
            None => None,
        };
        tx.commit().await?;
        Ok(agent)
    }

    /// Asks the core that an agent is connected to to end the connection. Answers which it is;
    /// `None`: the agent is not connected.
    pub async fn evict(&self, agent_id: &str) -> Result<Option<String>, StoreError> {
        transaction!(
            self,
            failpoint::EVICT_BEFORE,
            failpoint::EVICT_AFTER,
            |tx| {
                let session = sql("SELECT session_id FROM kubesvc_ferry_agents
                 WHERE agent_id = ? AND left_at IS NULL");
                let session = session.text(agent_id).column(&mut tx).await?.pop();
                if let Some(session_id) = &session {
                    let write = tx.dialect().or_update("agent_id", &["session_id"]);
                    let evict = format!(
                        "INSERT INTO kubesvc_ferry_evictions (agent_id, session_id) VALUES (?, ?) {write}"
                    );
                    sql(evict)
                        .texts([agent_id, session_id])
                        .run(&mut tx)
                        .await?;
                }
                session
            }
        )
    }

    /// The connections that were asked to be ended and still are: agent and session.
    pub async fn evictions(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut tx = self.pool.read().await?;
        let rows = sql("SELECT agent_id, session_id FROM kubesvc_ferry_evictions");
        let rows = rows.all(&mut tx).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| Ok((row.get("agent_id")?, row.get("session_id")?)))
            .collect()
    }

    /// Forgets those of them that have ended.
    pub async fn forget_evictions(&self) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::EVICTED_BEFORE,
            failpoint::EVICTED_AFTER,
            |tx| {
                let forget = sql("DELETE FROM kubesvc_ferry_evictions WHERE NOT EXISTS
                     (SELECT 1 FROM kubesvc_ferry_agents agent WHERE agent.left_at IS NULL
                     AND agent.agent_id = kubesvc_ferry_evictions.agent_id
                     AND agent.session_id = kubesvc_ferry_evictions.session_id)");
                forget.run(&mut tx).await?;
            }
        )
    }
}

async fn read_agent(tx: &mut Tx, row: &Record) -> Result<AgentRow, StoreError> {
    let agent_id: String = row.get("agent_id")?;
    let id = agent_id.as_str();
    let counts = statics::counts("s");
    let accounts = sql(format!(
        "SELECT account FROM kubesvc_ferry_holdings WHERE agent_id = ?
         UNION SELECT s.name FROM kubesvc_ferry_static_accounts s WHERE s.agent_id = ? AND {counts}",
    ));
    let mut accounts = accounts.texts([id, id]).column(tx).await?;
    accounts.sort();
    let first = sql(
        "SELECT COUNT(*) FROM kubesvc_ferry_holdings mine WHERE agent_id = ?
         AND state = 'READY' AND NOT EXISTS (SELECT 1 FROM kubesvc_ferry_holdings other
         JOIN kubesvc_ferry_agents agent ON agent.agent_id = other.agent_id
         WHERE other.account = mine.account AND other.state = 'READY'
         AND agent.left_at IS NULL AND other.agent_id < mine.agent_id)",
    );
    let own = sql(format!(
        "SELECT COUNT(*) FROM kubesvc_ferry_static_accounts s
         WHERE s.agent_id = ? AND s.state = 'READY' AND {counts}
         AND NOT EXISTS (SELECT 1 FROM kubesvc_ferry_static_accounts other
         JOIN kubesvc_ferry_agents agent ON agent.agent_id = other.agent_id
         WHERE other.name = s.name AND other.state = 'READY' AND {}
         AND agent.left_at IS NULL AND other.agent_id < s.agent_id)",
        statics::counts("other")
    ));
    let caching = first.text(id).count(tx).await? > 0 || own.text(id).count(tx).await? > 0;
    Ok(AgentRow {
        zone_id: row.get("zone_id")?,
        agent_version: row.get("agent_version")?,
        core_id: row.get("core_id")?,
        last_connection: row.get("last_connection")?,
        accounts,
        ignored: statics::ignored_of(tx, id).await?,
        caching,
        agent_id,
    })
}
