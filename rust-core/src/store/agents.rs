//! What agents said: who is connected, what each brings by its own configuration, and which
//! accounts each holds in which state. The lifecycle derives its next steps from it.

use super::rows::read_holding;
use super::steps::write_holding;
use super::{Store, StoreError, now};
use crate::account::{Cluster, Holding, HoldingState};
use crate::failpoint;
use sqlx::{Row, Sqlite, Transaction};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long after an agent stopped its dynamic accounts by itself the core counts on it.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// One account as its agent reports it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The account.
    pub account: String,
    /// The generation the report is about; 0 when the agent never had it.
    pub generation: i64,
    /// `None`: it is not held any longer.
    pub state: Option<HoldingState>,
    /// The agent's cause.
    pub cause: Option<String>,
    /// What the agent found out, when it is ready.
    pub cluster: Cluster,
}

/// An account that an agent's own configuration brings.
#[derive(Debug, Clone)]
pub struct StaticAccount {
    /// The definition, a JSON object without secrets.
    pub definition: String,
    /// Its state at the agent.
    pub held: Held,
}

/// An agent that connected, and all it brings.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its id.
    pub agent_id: String,
    /// Its zone.
    pub zone_id: String,
    /// Its version.
    pub agent_version: String,
    /// The core it is connected to.
    pub core_id: String,
    /// This connection.
    pub session_id: String,
    /// Its own accounts.
    pub static_accounts: Vec<StaticAccount>,
    /// Every dynamic account it holds.
    pub held: Vec<Held>,
}

/// What has changed for whom.
#[derive(Debug, Default)]
pub struct Gone {
    /// Accounts whose next step may be another now.
    pub affected: Vec<String>,
    /// Accounts the agent holds that nobody knows: it is to drop them.
    pub strays: Vec<String>,
}

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
    /// Records that an agent connected with all it brings. What it held and no longer brings is
    /// no longer held.
    pub async fn register(&self, registration: &Registration) -> Result<Gone, StoreError> {
        failpoint::hit(failpoint::REGISTER_BEFORE);
        let mut tx = self.begin().await?;
        let now = now(&mut tx).await?;
        let agent = &registration.agent_id;
        sqlx::query(
            "INSERT INTO kubesvc_ferry_agents (agent_id, zone_id, agent_version, core_id,
             session_id, last_connection, left_at) VALUES (?, ?, ?, ?, ?, ?, NULL)
             ON CONFLICT (agent_id) DO UPDATE SET zone_id = excluded.zone_id,
             agent_version = excluded.agent_version, core_id = excluded.core_id,
             session_id = excluded.session_id, last_connection = excluded.last_connection,
             left_at = NULL",
        )
        .bind(agent)
        .bind(&registration.zone_id)
        .bind(&registration.agent_version)
        .bind(&registration.core_id)
        .bind(&registration.session_id)
        .bind(now)
        .execute(&mut *tx)
        .await?;

        let mut affected = BTreeSet::new();
        affected.extend(write_static(&mut tx, registration, now).await?);
        for name in holdings_of(&mut tx, agent).await? {
            affected.insert(name.clone());
            if !registration.held.iter().any(|held| held.account == name) {
                remove_holding(&mut tx, &name, agent).await?;
            }
        }
        let mut strays = Vec::new();
        for held in &registration.held {
            let Some(state) = held.state else { continue };
            if !exists(&mut tx, &held.account).await? {
                strays.push(held.account.clone());
                continue;
            }
            let holding = holding(held, state, agent, &registration.zone_id);
            write_holding(&mut tx, &held.account, &holding, now).await?;
            affected.insert(held.account.clone());
        }
        for name in &affected {
            touch(&mut tx, name).await?;
        }
        let served = sqlx::query(
            "SELECT name FROM kubesvc_accounts WHERE status = 'TO_MIGRATE'
             OR (status = 'FAILED' AND failure = 'NO_AGENT')
             OR (status IN ('ACTIVE', 'ORPHANED') AND zone_id = ?1)
             OR (status = 'ACTIVATING' AND target_zone = ?1)",
        )
        .bind(&registration.zone_id)
        .fetch_all(&mut *tx)
        .await?;
        for row in served {
            affected.insert(row.try_get(0)?);
        }
        tx.commit().await?;
        failpoint::hit(failpoint::REGISTER_AFTER);
        Ok(Gone {
            affected: affected.into_iter().collect(),
            strays,
        })
    }

    /// Records what an agent reports of one account. A report of an ended connection, or of an
    /// older generation, changes nothing.
    pub async fn report(
        &self,
        agent_id: &str,
        session_id: &str,
        held: &Held,
    ) -> Result<Gone, StoreError> {
        failpoint::hit(failpoint::REPORT_BEFORE);
        let mut tx = self.begin().await?;
        let now = now(&mut tx).await?;
        let agent = sqlx::query(
            "SELECT zone_id FROM kubesvc_ferry_agents WHERE agent_id = ? AND session_id = ?",
        )
        .bind(agent_id)
        .bind(session_id)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(agent) = agent else {
            return Ok(Gone::default());
        };
        if held.generation == 0 && held.state.is_some() {
            update_static(&mut tx, agent_id, held, now).await?;
            tx.commit().await?;
            return Ok(Gone::default());
        }
        let name = &held.account;
        let row =
            sqlx::query("SELECT * FROM kubesvc_ferry_holdings WHERE account = ? AND agent_id = ?")
                .bind(name)
                .bind(agent_id)
                .fetch_optional(&mut *tx)
                .await?;
        let known = row.as_ref().map(read_holding).transpose()?;
        let zone: String = agent.try_get("zone_id")?;
        let dropping = known
            .as_ref()
            .is_some_and(|known| known.state == HoldingState::Dropping);
        match (held.state, known) {
            (None, Some(known)) => {
                // Otherwise it is about an earlier life of a holding that was saved anew since.
                let about_this = held.generation == 0 || held.generation >= known.generation;
                if !dropping || !about_this {
                    return Ok(Gone::default());
                }
                remove_holding(&mut tx, name, agent_id).await?;
            }
            (None, None) => return Ok(Gone::default()),
            (Some(state), Some(known)) => {
                let answers_delete = state == HoldingState::Refused;
                if held.generation < known.generation || dropping != answers_delete {
                    return Ok(Gone::default());
                }
                write_holding(&mut tx, name, &holding(held, state, agent_id, &zone), now).await?;
            }
            (Some(state), None) => {
                if !exists(&mut tx, name).await? {
                    return Ok(Gone {
                        affected: Vec::new(),
                        strays: vec![name.clone()],
                    });
                }
                write_holding(&mut tx, name, &holding(held, state, agent_id, &zone), now).await?;
            }
        }
        touch(&mut tx, name).await?;
        tx.commit().await?;
        failpoint::hit(failpoint::REPORT_AFTER);
        Ok(Gone {
            affected: vec![name.clone()],
            strays: Vec::new(),
        })
    }

    /// Records that a connection ended. Its holdings stay until their lease is over.
    pub async fn leave(&self, agent_id: &str, session_id: &str) -> Result<Gone, StoreError> {
        failpoint::hit(failpoint::LEAVE_BEFORE);
        let mut tx = self.begin().await?;
        let now = now(&mut tx).await?;
        let left = sqlx::query(
            "UPDATE kubesvc_ferry_agents SET left_at = ?
             WHERE agent_id = ? AND session_id = ? AND left_at IS NULL",
        )
        .bind(now)
        .bind(agent_id)
        .bind(session_id)
        .execute(&mut *tx)
        .await?;
        if left.rows_affected() == 0 {
            return Ok(Gone::default());
        }
        sqlx::query(
            "UPDATE kubesvc_ferry_holdings SET state = 'AWAY'
             WHERE agent_id = ? AND state = 'PENDING'",
        )
        .bind(agent_id)
        .execute(&mut *tx)
        .await?;
        let affected = holdings_of(&mut tx, agent_id).await?;
        for name in &affected {
            touch(&mut tx, name).await?;
        }
        tx.commit().await?;
        failpoint::hit(failpoint::LEAVE_AFTER);
        Ok(Gone {
            affected,
            strays: Vec::new(),
        })
    }

    /// Ends the holdings of agents that have been away for `grace` and the margin after it: such
    /// an agent has stopped its accounts by itself.
    pub async fn expire(&self, grace: Duration) -> Result<Gone, StoreError> {
        let over = i64::try_from((grace + LEASE_MARGIN).as_millis()).unwrap_or(i64::MAX / 2);
        let gone: Vec<String> = sqlx::query(
            "SELECT agent_id FROM kubesvc_ferry_agents WHERE left_at IS NOT NULL
             AND left_at + ? <= CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        )
        .bind(over)
        .fetch_all(&self.reader)
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
        let mut affected = BTreeSet::new();
        for agent_id in gone {
            failpoint::hit(failpoint::EXPIRE_BEFORE);
            affected.extend(self.forget(&agent_id).await?);
            failpoint::hit(failpoint::EXPIRE_AFTER);
        }
        Ok(Gone {
            affected: affected.into_iter().collect(),
            strays: Vec::new(),
        })
    }

    async fn forget(&self, agent_id: &str) -> Result<Vec<String>, StoreError> {
        let mut tx = self.begin().await?;
        // It may have come back since it was selected.
        let still = sqlx::query(
            "DELETE FROM kubesvc_ferry_agents WHERE agent_id = ? AND left_at IS NOT NULL",
        )
        .bind(agent_id)
        .execute(&mut *tx)
        .await?;
        if still.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        let affected = holdings_of(&mut tx, agent_id).await?;
        for name in &affected {
            remove_holding(&mut tx, name, agent_id).await?;
            touch(&mut tx, name).await?;
        }
        sqlx::query("DELETE FROM kubesvc_ferry_static_accounts WHERE agent_id = ?")
            .bind(agent_id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(affected)
    }

    /// The connected agents, sorted by id, with their accounts.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        let mut tx = self.reader.begin().await?;
        let rows = sqlx::query(
            "SELECT * FROM kubesvc_ferry_agents WHERE left_at IS NULL ORDER BY agent_id",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut agents = Vec::with_capacity(rows.len());
        for row in rows {
            let agent_id: String = row.try_get("agent_id")?;
            let accounts = sqlx::query(
                "SELECT account FROM kubesvc_ferry_holdings WHERE agent_id = ?1
                 UNION SELECT name FROM kubesvc_ferry_static_accounts WHERE agent_id = ?1
                 ORDER BY 1",
            )
            .bind(&agent_id)
            .fetch_all(&mut *tx)
            .await?;
            let accounts = accounts
                .iter()
                .map(|row| row.try_get(0))
                .collect::<Result<_, sqlx::Error>>()?;
            let caching: i64 = sqlx::query(
                "SELECT EXISTS (SELECT 1 FROM kubesvc_ferry_holdings mine WHERE agent_id = ?1
                 AND state = 'READY' AND NOT EXISTS (SELECT 1 FROM kubesvc_ferry_holdings other
                 WHERE other.account = mine.account AND other.state = 'READY'
                 AND other.agent_id < mine.agent_id))
                 OR EXISTS (SELECT 1 FROM kubesvc_ferry_static_accounts
                 WHERE agent_id = ?1 AND state = 'READY')",
            )
            .bind(&agent_id)
            .fetch_one(&mut *tx)
            .await?
            .try_get(0)?;
            agents.push(AgentRow {
                zone_id: row.try_get("zone_id")?,
                core_id: row.try_get("core_id")?,
                last_connection: row.try_get("last_connection")?,
                accounts,
                caching: caching != 0,
                agent_id,
            });
        }
        Ok(agents)
    }
}

fn holding(held: &Held, state: HoldingState, agent_id: &str, zone_id: &str) -> Holding {
    Holding {
        agent_id: agent_id.to_owned(),
        zone_id: zone_id.to_owned(),
        generation: held.generation,
        state,
        cause: held.cause.clone(),
        cluster: held.cluster.clone(),
    }
}

async fn holdings_of(
    tx: &mut Transaction<'static, Sqlite>,
    agent_id: &str,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT account FROM kubesvc_ferry_holdings WHERE agent_id = ?")
        .bind(agent_id)
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?)
}

async fn remove_holding(
    tx: &mut Transaction<'static, Sqlite>,
    account: &str,
    agent_id: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM kubesvc_ferry_holdings WHERE account = ? AND agent_id = ?")
        .bind(account)
        .bind(agent_id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn exists(tx: &mut Transaction<'static, Sqlite>, name: &str) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM kubesvc_accounts WHERE name = ?");
    Ok(row.bind(name).fetch_optional(&mut **tx).await?.is_some())
}

/// A decision that was made before a holding changed is to fail its compare-and-swap.
async fn touch(tx: &mut Transaction<'static, Sqlite>, name: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE kubesvc_accounts SET version = version + 1 WHERE name = ?")
        .bind(name)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Replaces the agent's static accounts; answers the names that are new or gone.
async fn write_static(
    tx: &mut Transaction<'static, Sqlite>,
    registration: &Registration,
    now: i64,
) -> Result<BTreeSet<String>, StoreError> {
    let before = sqlx::query("SELECT name FROM kubesvc_ferry_static_accounts WHERE agent_id = ?")
        .bind(&registration.agent_id)
        .fetch_all(&mut **tx)
        .await?;
    let mut names = BTreeSet::new();
    for row in before {
        names.insert(row.try_get(0)?);
    }
    sqlx::query("DELETE FROM kubesvc_ferry_static_accounts WHERE agent_id = ?")
        .bind(&registration.agent_id)
        .execute(&mut **tx)
        .await?;
    for account in &registration.static_accounts {
        names.insert(account.held.account.clone());
        sqlx::query(
            "INSERT INTO kubesvc_ferry_static_accounts (name, agent_id, zone_id, definition, state,
             cause, kube_version, kube_host, cert_fingerprint, last_updated)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&account.held.account)
        .bind(&registration.agent_id)
        .bind(&registration.zone_id)
        .bind(&account.definition)
        .bind(account.held.state.unwrap_or(HoldingState::Pending).as_str())
        .bind(&account.held.cause)
        .bind(&account.held.cluster.kube_version)
        .bind(&account.held.cluster.kube_host)
        .bind(&account.held.cluster.cert_fingerprint)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    }
    Ok(names)
}

async fn update_static(
    tx: &mut Transaction<'static, Sqlite>,
    agent_id: &str,
    held: &Held,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE kubesvc_ferry_static_accounts SET state = ?, cause = ?, kube_version = ?,
         kube_host = ?, cert_fingerprint = ?, last_updated = ? WHERE name = ? AND agent_id = ?",
    )
    .bind(held.state.unwrap_or(HoldingState::Pending).as_str())
    .bind(&held.cause)
    .bind(&held.cluster.kube_version)
    .bind(&held.cluster.kube_host)
    .bind(&held.cluster.cert_fingerprint)
    .bind(now)
    .bind(&held.account)
    .bind(agent_id)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
