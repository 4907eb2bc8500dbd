//! Reading many accounts: for the API's lists, the sweep and the metrics.

use super::rows::{Content, holdings, read_account, read_cluster, read_content};
use super::{Store, StoreError, word};
use crate::account::{Account, Cluster, Holding, HoldingState, Status};
use crate::sql::{CHUNK, Statement, Tx, sql};
use std::collections::BTreeSet;

/// Where an account comes from, spelled as in the contract's `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Brought by an agent's own configuration.
    StaticAgentConfig,
    /// From Clouddriver.
    Clouddriver,
}

impl Source {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::StaticAgentConfig => "static-agent-config",
            Source::Clouddriver => "clouddriver",
        }
    }
}

/// What a list is narrowed to; all conditions hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only accounts of this status; static accounts and unmigrated ones have none.
    pub status: Option<Status>,
    /// Only accounts of this zone.
    pub zone_id: Option<String>,
    /// Only accounts of this source.
    pub source: Option<Source>,
    /// Only accounts this agent may have.
    pub agent_id: Option<String>,
    /// Only accounts whose name begins so.
    pub name: Option<String>,
}

/// A name in a list. One that is both static and dynamic is listed as static.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The account.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
}

/// All that is shown of an account.
#[derive(Debug, Clone)]
pub enum AccountDetail {
    /// A row of `kubesvc_accounts`.
    Dynamic {
        /// The row.
        account: Box<Account>,
        /// Its definition.
        content: Content,
        /// Its holdings, sorted by agent.
        holdings: Vec<Holding>,
    },
    /// An account of agents' own configuration.
    Static {
        /// The first agent's definition, a JSON object.
        definition: String,
        /// The zone.
        zone_id: String,
        /// What the first ready agent found out.
        cluster: Cluster,
        /// Who brings it: id, state and cause, sorted by agent.
        agents: Vec<(String, HoldingState, Option<String>)>,
    },
}

impl Store {
    /// The names that are in our tables, filtered, each once, in byte order.
    pub async fn names(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        let mut tx = self.pool.read().await?;
        let mut listed = Vec::new();
        if filter.status.is_none() && filter.source != Some(Source::Clouddriver) {
            let mut query =
                sql("SELECT DISTINCT name FROM kubesvc_ferry_static_accounts s WHERE 1 = 1");
            narrow(&mut query, filter, "s.zone_id", "s.agent_id = ");
            for name in query.column(&mut tx).await? {
                listed.push(Listed {
                    name,
                    source: Source::StaticAgentConfig,
                });
            }
        }
        if filter.source != Some(Source::StaticAgentConfig) {
            let mut query = sql("SELECT name FROM kubesvc_accounts a WHERE NOT EXISTS
                 (SELECT 1 FROM kubesvc_ferry_static_accounts s WHERE s.name = a.name)");
            if let Some(status) = filter.status {
                query.push(" AND status = ");
                query.push_text(status.as_str());
            }
            let holds =
                "a.name IN (SELECT account FROM kubesvc_ferry_holdings h WHERE h.agent_id = ";
            narrow(
                &mut query,
                filter,
                "COALESCE(a.zone_id, a.requested_zone)",
                holds,
            );
            for name in query.column(&mut tx).await? {
                listed.push(Listed {
                    name,
                    source: Source::Clouddriver,
                });
            }
        }
        tx.commit().await?;
        if let Some(prefix) = &filter.name {
            listed.retain(|listed| listed.name.starts_with(prefix.as_str()));
        }
        listed.sort();
        Ok(listed)
    }

    /// Those of these names that are in our tables, dynamic or static.
    pub async fn known(&self, names: &[impl AsRef<str>]) -> Result<BTreeSet<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let mut known = BTreeSet::new();
        for names in names.chunks(CHUNK) {
            for table in ["kubesvc_accounts", "kubesvc_ferry_static_accounts"] {
                let query = sql(format!("SELECT name FROM {table} WHERE name IN"));
                known.extend(query.list(names).column(&mut tx).await?);
            }
        }
        tx.commit().await?;
        Ok(known)
    }

    /// What is shown of `name`: the static account before the dynamic one; `None`: neither is.
    pub async fn detail(&self, name: &str) -> Result<Option<AccountDetail>, StoreError> {
        let mut tx = self.pool.read().await?;
        let detail = match static_detail(&mut tx, name).await? {
            Some(detail) => Some(detail),
            None => dynamic_detail(&mut tx, name).await?,
        };
        tx.commit().await?;
        Ok(detail)
    }

    /// Accounts whose next step may be due: their deadline or retry is over, they wait for a message
    /// to be sent, or they are ORPHANED and an agent of their zone is there. At most `limit`, those
    /// first whose time is over.
    pub async fn due(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let names = sql(format!(
            "SELECT name FROM kubesvc_accounts WHERE due_at <= {}
             OR status IN ('TO_MIGRATE', 'TO_DEACTIVATE', 'DELETING')
             OR (status = 'ORPHANED' AND due_at IS NULL AND zone_id IN
             (SELECT zone_id FROM kubesvc_ferry_agents WHERE left_at IS NULL))
             ORDER BY due_at LIMIT {limit}",
            tx.dialect().now()
        ));
        let names = names.column(&mut tx).await?;
        tx.commit().await?;
        Ok(names)
    }

    /// Every account that may have a next step: for the start, when what an earlier core had seen
    /// and not acted upon is known to SQL alone.
    pub async fn unsettled(&self) -> Result<Vec<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let names = sql(
            "SELECT name FROM kubesvc_accounts WHERE status <> 'INACTIVE'
             UNION SELECT account FROM kubesvc_ferry_holdings",
        );
        let names = names.column(&mut tx).await?;
        tx.commit().await?;
        Ok(names)
    }

    /// How many accounts stand where.
    pub async fn count_by_status(&self) -> Result<Vec<(Status, i64)>, StoreError> {
        let mut tx = self.pool.read().await?;
        let rows = sql("SELECT status, COUNT(*) AS n FROM kubesvc_accounts GROUP BY status");
        let rows = rows.all(&mut tx).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| Ok((word(row, "kubesvc_accounts", "*", "status")?, row.get("n")?)))
            .collect()
    }
}

async fn static_detail(tx: &mut Tx, name: &str) -> Result<Option<AccountDetail>, StoreError> {
    let query = "SELECT * FROM kubesvc_ferry_static_accounts WHERE name = ? ORDER BY agent_id";
    let rows = sql(query).text(name).all(tx).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut agents = Vec::new();
    for row in &rows {
        let state = word(row, "kubesvc_ferry_static_accounts", name, "state")?;
        agents.push((row.get("agent_id")?, state, row.get("cause")?));
    }
    let ready = agents
        .iter()
        .position(|(_, state, _)| *state == HoldingState::Ready);
    Ok(Some(AccountDetail::Static {
        definition: first.get("definition")?,
        zone_id: first.get("zone_id")?,
        cluster: read_cluster(&rows[ready.unwrap_or(0)])?,
        agents,
    }))
}

async fn dynamic_detail(tx: &mut Tx, name: &str) -> Result<Option<AccountDetail>, StoreError> {
    let query = "SELECT a.*, o.inline_definition FROM kubesvc_accounts a
         LEFT JOIN kubesvc_ferry_origins o ON o.name = a.name WHERE a.name = ?";
    let row = sql(query).text(name).optional(tx).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(AccountDetail::Dynamic {
        account: Box::new(read_account(&row)?),
        content: read_content(&row)?,
        holdings: holdings(tx, &[name])
            .await?
            .remove(name)
            .unwrap_or_default(),
    }))
}

/// Adds the conditions that both tables have. `agent` is what stands before the agent's id; an
/// opened parenthesis in it is closed.
fn narrow(query: &mut Statement, filter: &Filter, zone: &str, agent: &str) {
    if let Some(zone_id) = &filter.zone_id {
        query.push(&format!(" AND {zone} = "));
        query.push_text(zone_id);
    }
    if let Some(agent_id) = &filter.agent_id {
        query.push(&format!(" AND {agent}"));
        query.push_text(agent_id);
        if agent.contains('(') {
            query.push(")");
        }
    }
}
