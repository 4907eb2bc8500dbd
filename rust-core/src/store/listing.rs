//! Reading many accounts: what the API shows of them, what the sweep and the metrics look for.

use super::adopt::{OURS, ours};
use super::rows::{Content, holdings, read_account, read_cluster, read_content};
use super::{Store, StoreError, statics, word};
use crate::account::{Account, Cluster, Holding, HoldingState, Status};
use crate::sql::{CHUNK, Record, Statement, Tx, sql};
use std::collections::{BTreeMap, BTreeSet};

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
        /// The agent that is to cache it: the first that is connected and ready.
        caching: Option<String>,
        /// Why one that an agent brings by its own configuration is ignored.
        ignored: Option<String>,
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
        /// The agent that is to cache it: the first that is connected and ready.
        caching: Option<String>,
        /// Why another that an agent brings is ignored.
        ignored: Option<String>,
    },
}

impl Store {
    /// Those of these names that are in our tables, dynamic or static.
    pub async fn known(&self, names: &[impl AsRef<str>]) -> Result<BTreeSet<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let mut known = BTreeSet::new();
        for names in names.chunks(CHUNK) {
            let rows = format!("SELECT name FROM kubesvc_accounts WHERE {OURS} AND name IN");
            let brought = "SELECT name FROM kubesvc_ferry_static_accounts WHERE name IN".to_owned();
            for query in [rows, brought] {
                known.extend(sql(query).list(names).column(&mut tx).await?);
            }
        }
        tx.commit().await?;
        Ok(known)
    }

    /// What is shown of `name`: the static account, if it counts, before the dynamic one; `None`:
    /// neither is.
    pub async fn detail(&self, name: &str) -> Result<Option<AccountDetail>, StoreError> {
        Ok(self.details(&[name]).await?.remove(name))
    }

    /// What is shown of those of these names that are in our tables.
    pub async fn details(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, AccountDetail>, StoreError> {
        let mut tx = self.pool.read().await?;
        let mut details = BTreeMap::new();
        let here = sql("SELECT agent_id FROM kubesvc_ferry_agents WHERE left_at IS NULL");
        let here = here.column(&mut tx).await?.into_iter().collect();
        for names in names.chunks(CHUNK) {
            dynamic_details(&mut tx, names, &here, &mut details).await?;
            // One that is both is shown as static.
            static_details(&mut tx, names, &here, &mut details).await?;
        }
        tx.commit().await?;
        Ok(details)
    }

    /// Accounts whose next step may be due: their deadline or retry is over, they wait for a message
    /// to be sent, or they are ORPHANED and an agent of their zone is there. At most `limit`, those
    /// first whose time is over.
    pub async fn due(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let now = tx.now().await?;
        let mut names = over(now, limit).column(&mut tx).await?;
        names.extend(sending(limit).column(&mut tx).await?);
        let zones = sql("SELECT DISTINCT zone_id FROM kubesvc_ferry_agents
             WHERE left_at IS NULL
               AND agent_id NOT IN (SELECT agent_id FROM kubesvc_ferry_static_agents)");
        for zones in zones.column(&mut tx).await?.chunks(CHUNK) {
            names.extend(awaited(zones, limit).column(&mut tx).await?);
        }
        tx.commit().await?;
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(names)
    }

    /// Every account that may have a next step: for the start, when what an earlier core had seen
    /// and not acted upon is known to SQL alone.
    pub async fn unsettled(&self) -> Result<Vec<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let ours = ours(&mut tx).await?;
        let names = sql(format!(
            "SELECT a.name FROM kubesvc_accounts a WHERE a.status <> 'INACTIVE' AND {ours}
             UNION SELECT account FROM kubesvc_ferry_holdings"
        ));
        let names = names.column(&mut tx).await?;
        tx.commit().await?;
        Ok(names)
    }

    /// How many accounts stand where.
    pub async fn count_by_status(&self) -> Result<Vec<(Status, i64)>, StoreError> {
        let mut tx = self.pool.read().await?;
        let ours = ours(&mut tx).await?;
        let rows = sql(format!(
            "SELECT a.status, COUNT(*) AS n FROM kubesvc_accounts a WHERE {ours} GROUP BY a.status"
        ));
        let rows = rows.all(&mut tx).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| Ok((word(row, "kubesvc_accounts", "*", "status")?, row.get("n")?)))
            .collect()
    }
}

/// Accounts whose time is over, those first whose time is over longest. Their time is compared with
/// a value: some database takes no index for one that its clock gives.
pub(super) fn over(now: i64, limit: u32) -> Statement {
    sql(format!(
        "SELECT name FROM kubesvc_accounts WHERE due_at <= ? AND {OURS}
         ORDER BY due_at LIMIT {limit}"
    ))
    .number(now)
}

/// Accounts that wait for a message to be sent.
pub(super) fn sending(limit: u32) -> Statement {
    sql(format!(
        "SELECT name FROM kubesvc_accounts
         WHERE status IN ('TO_MIGRATE', 'TO_DEACTIVATE', 'DELETING') AND {OURS}
         ORDER BY due_at LIMIT {limit}"
    ))
}

/// Accounts without an agent, of zones that have one.
pub(super) fn awaited(zones: &[String], limit: u32) -> Statement {
    let mut names = sql(format!(
        "SELECT name FROM kubesvc_accounts
         WHERE status = 'ORPHANED' AND due_at IS NULL AND {OURS} AND zone_id IN"
    ))
    .list(zones);
    names.push(&format!(" LIMIT {limit}"));
    names
}

/// The first that is connected and ready.
fn caching<'a>(
    mut agents: impl Iterator<Item = (&'a String, HoldingState)>,
    here: &BTreeSet<String>,
) -> Option<String> {
    let serves =
        |(id, state): &(&String, HoldingState)| *state == HoldingState::Ready && here.contains(*id);
    agents.find(serves).map(|(id, _)| id.clone())
}

async fn static_details(
    tx: &mut Tx,
    names: &[impl AsRef<str>],
    here: &BTreeSet<String>,
    details: &mut BTreeMap<String, AccountDetail>,
) -> Result<(), StoreError> {
    let mut brought: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    let mut ignored: BTreeMap<String, String> = BTreeMap::new();
    for of_agent in statics::brought(tx, names).await? {
        match of_agent.ignored {
            None => brought.entry(of_agent.name).or_default().push(of_agent.row),
            Some(why) => drop(ignored.entry(of_agent.name).or_insert(why)),
        }
    }
    for (name, rows) in brought {
        let mut agents = Vec::new();
        for row in &rows {
            let state = word(row, "kubesvc_ferry_static_accounts", &name, "state")?;
            agents.push((row.get("agent_id")?, state, row.get("cause")?));
        }
        let is_ready = |(_, state, _): &_| *state == HoldingState::Ready;
        let ready = agents.iter().position(is_ready);
        let detail = AccountDetail::Static {
            definition: rows[0].get("definition")?,
            zone_id: rows[0].get("zone_id")?,
            cluster: read_cluster(&rows[ready.unwrap_or(0)])?,
            caching: caching(agents.iter().map(|(id, state, _)| (id, *state)), here),
            agents,
            ignored: None,
        };
        details.insert(name, detail);
    }
    for (name, why) in ignored {
        let detail = details.get_mut(&name).map(|detail| match detail {
            AccountDetail::Dynamic { ignored, .. } | AccountDetail::Static { ignored, .. } => {
                ignored
            }
        });
        if let Some(of) = detail {
            *of = Some(why);
        }
    }
    Ok(())
}

async fn dynamic_details(
    tx: &mut Tx,
    names: &[impl AsRef<str>],
    here: &BTreeSet<String>,
    details: &mut BTreeMap<String, AccountDetail>,
) -> Result<(), StoreError> {
    let rows = sql(format!(
        "SELECT a.*, o.inline_definition FROM kubesvc_accounts a
         LEFT JOIN kubesvc_ferry_origins o ON o.name = a.name WHERE a.{OURS} AND a.name IN"
    ));
    let rows = rows.list(names).all(tx).await?;
    let mut held = holdings(tx, names).await?;
    for row in &rows {
        let account = read_account(row)?;
        let name = account.name.clone();
        let holdings = held.remove(&name).unwrap_or_default();
        let detail = AccountDetail::Dynamic {
            content: read_content(row)?,
            caching: caching(
                holdings.iter().map(|held| (&held.agent_id, held.state)),
                here,
            ),
            ignored: None,
            holdings,
            account: Box::new(account),
        };
        details.insert(name, detail);
    }
    Ok(())
}
