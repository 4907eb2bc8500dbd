//! Agents that connect and leave: what each brings by its own configuration, and which accounts it
//! holds in which state. The lifecycle derives its next steps from it; `reports` has what they say
//! in between.

use super::adopt::OURS;
use super::cores::millis;
use super::namespaces::{self, Namespaces, Seen};
use super::operations::{self, Ended, Told};
use super::statics;
use super::{Store, StoreError, failpoint, transaction};
use crate::account::{Cluster, HoldingState};
use crate::sql::{CHUNK, Tx, Value, insert, sql};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Its namespaces, when the agent tells them.
    pub namespaces: Option<Namespaces>,
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
    /// Whether it may be given dynamic accounts.
    pub takes_dynamic: bool,
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
    /// Accounts of the agent's own configuration that do not count: each with the reason.
    pub ignored: Vec<(String, String)>,
    /// Operations that have ended by it.
    pub ended: Vec<Ended>,
}

impl Store {
    /// Records that an agent connected with all it brings. What it held and no longer brings is
    /// no longer held.
    pub async fn register(&self, registration: &Registration) -> Result<Gone, StoreError> {
        let agent = registration.agent_id.as_str();
        let zone = registration.zone_id.as_str();
        transaction!(
            self,
            failpoint::REGISTER_BEFORE,
            failpoint::REGISTER_AFTER,
            |tx| {
                let now = tx.now().await?;
                write_agent(&mut tx, registration, now).await?;
                let mut affected = statics::replace(&mut tx, registration, now).await?;
                let ignored = statics::ignored_of(&mut tx, agent).await?;
                let before = since_when(&mut tx, agent).await?;
                affected.extend(before.keys().cloned());
                let held = registration.held.iter();
                let held: Vec<&Held> = held.filter(|held| held.state.is_some()).collect();
                affected.extend(held.iter().map(|held| held.account.clone()));
                // First the accounts, as a step does, so that neither waits for the other.
                let known = touch(&mut tx, &affected).await?;
                let (held, strays): (Vec<&Held>, Vec<&Held>) = held
                    .into_iter()
                    .partition(|held| known.contains(&held.account));
                let strays: BTreeSet<String> =
                    strays.iter().map(|held| held.account.clone()).collect();
                affected.retain(|name| !strays.contains(name));
                let core = registration.core_id.as_str();
                let brought = &registration.held;
                let ended = operations::registered(&mut tx, agent, brought, core, now).await?;
                let told: Vec<Told<'_>> = (strays.iter())
                    .map(|account| Told::stray(agent, account))
                    .collect();
                operations::begin(&mut tx, &told, core, now).await?;
                replace_holdings(&mut tx, registration, &held, &before, now).await?;
                let still: BTreeSet<&str> = held.iter().map(|held| &*held.account).collect();
                let over = before.keys().map(String::as_str);
                let over: Vec<&str> = over.filter(|name| !still.contains(name)).collect();
                ask_others(&mut tx, &over).await?;
                let seen = seen(registration, &held);
                namespaces::write(&mut tx, &seen).await?;
                let served = sql(format!(
                    "SELECT name FROM kubesvc_accounts WHERE {OURS} AND (status = 'TO_MIGRATE'
                 OR (status = 'FAILED' AND failure = 'NO_AGENT')
                 OR (status IN ('ACTIVE', 'ORPHANED') AND zone_id = ?)
                 OR (status = 'ACTIVATING' AND target_zone = ?))"
                ));
                affected.extend(served.texts([zone, zone]).column(&mut tx).await?);
                Gone {
                    affected: affected.into_iter().collect(),
                    strays: strays.into_iter().collect(),
                    ignored,
                    ended,
                }
            }
        )
    }

    /// Records that a connection ended. Its holdings stay until their lease is over.
    pub async fn leave(&self, agent_id: &str, session_id: &str) -> Result<Gone, StoreError> {
        transaction!(
            self,
            failpoint::LEAVE_BEFORE,
            failpoint::LEAVE_AFTER,
            |tx| {
                let now = tx.now().await?;
                let left = sql("UPDATE kubesvc_ferry_agents SET left_at = ?
                 WHERE agent_id = ? AND session_id = ? AND left_at IS NULL");
                if left
                    .number(now)
                    .texts([agent_id, session_id])
                    .run(&mut tx)
                    .await?
                    == 0
                {
                    return Ok(Gone::default());
                }
                let affected = away(&mut tx, agent_id).await?;
                Gone {
                    affected: affected.into_iter().collect(),
                    ..Gone::default()
                }
            }
        )
    }

    /// Ends the holdings of agents that have been away for `grace` and the margin after it: such
    /// an agent has stopped its accounts by itself.
    pub async fn expire(&self, grace: Duration) -> Result<Gone, StoreError> {
        let mut tx = self.pool.read().await?;
        let gone = sql(format!(
            "SELECT agent_id FROM kubesvc_ferry_agents WHERE left_at <= {} - ?",
            tx.dialect().now()
        ));
        let over = millis(grace + LEASE_MARGIN);
        let gone = gone.number(over).column(&mut tx).await?;
        tx.commit().await?;
        let (mut affected, mut ended) = (BTreeSet::new(), Vec::new());
        for agent_id in gone {
            let (of_agent, ended_there) = self.forget(&agent_id, over).await?;
            affected.extend(of_agent);
            ended.extend(ended_there);
        }
        Ok(Gone {
            affected: affected.into_iter().collect(),
            ended,
            ..Gone::default()
        })
    }

    /// Forgets an agent that has been away for `over` milliseconds.
    pub(super) async fn forget(
        &self,
        agent_id: &str,
        over: i64,
    ) -> Result<(BTreeSet<String>, Vec<Ended>), StoreError> {
        transaction!(
            self,
            failpoint::EXPIRE_BEFORE,
            failpoint::EXPIRE_AFTER,
            |tx| {
                // It may have come back since it was selected, and left again.
                let still = sql(format!(
                    "DELETE FROM kubesvc_ferry_agents WHERE agent_id = ? AND left_at <= {} - ?",
                    tx.dialect().now()
                ));
                if still.text(agent_id).number(over).run(&mut tx).await? == 0 {
                    return Ok(Default::default());
                }
                let now = tx.now().await?;
                let mut affected = holdings_of(&mut tx, agent_id).await?;
                let own: BTreeSet<String> =
                    statics::of(&mut tx, agent_id).await?.into_iter().collect();
                affected.extend(own.iter().cloned());
                touch(&mut tx, &affected).await?;
                let held = sql("DELETE FROM kubesvc_ferry_holdings WHERE agent_id = ?");
                held.text(agent_id).run(&mut tx).await?;
                let left: Vec<&str> = affected.iter().map(String::as_str).collect();
                ask_others(&mut tx, &left).await?;
                namespaces::forget_of(&mut tx, agent_id, &own).await?;
                statics::forget(&mut tx, agent_id).await?;
                let without = sql("DELETE FROM kubesvc_ferry_static_agents WHERE agent_id = ?");
                without.text(agent_id).run(&mut tx).await?;
                let ended = operations::forgotten(&mut tx, agent_id, now).await?;
                (affected, ended)
            }
        )
    }
}

async fn holdings_of(tx: &mut Tx, agent_id: &str) -> Result<BTreeSet<String>, StoreError> {
    let names = sql("SELECT account FROM kubesvc_ferry_holdings WHERE agent_id = ?");
    Ok(names.text(agent_id).column(tx).await?.into_iter().collect())
}

/// What an agent holds, and since when.
async fn since_when(tx: &mut Tx, agent_id: &str) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sql("SELECT account, since FROM kubesvc_ferry_holdings WHERE agent_id = ?");
    let rows = rows.text(agent_id).all(tx).await?;
    rows.iter()
        .map(|row| Ok((row.get("account")?, row.get("since")?)))
        .collect()
}

/// The agent holds what it brings, and no more.
async fn replace_holdings(
    tx: &mut Tx,
    registration: &Registration,
    held: &[&Held],
    before: &BTreeMap<String, i64>,
    now: i64,
) -> Result<(), StoreError> {
    let agent = registration.agent_id.as_str();
    // Not one that a step has added since.
    let names: Vec<&str> = before.keys().map(String::as_str).collect();
    for names in names.chunks(CHUNK) {
        let remove = sql("DELETE FROM kubesvc_ferry_holdings WHERE agent_id = ? AND account IN");
        remove.text(agent).list(names).run(tx).await?;
    }
    let rows = held.iter().map(|held| {
        let since = before.get(&held.account).copied().unwrap_or(now);
        [
            Value::text(held.account.as_str()),
            Value::text(agent),
            Value::text(registration.zone_id.as_str()),
            Value::number(held.generation),
            Value::text(held.state.unwrap_or(HoldingState::Pending).as_str()),
            Value::text(held.cause.as_deref()),
            Value::text(held.cluster.kube_version.as_deref()),
            Value::text(held.cluster.kube_host.as_deref()),
            Value::text(held.cluster.cert_fingerprint.as_deref()),
            Value::number(since),
        ]
    });
    let columns = [
        "account",
        "agent_id",
        "zone_id",
        "generation",
        "state",
        "cause",
        "kube_version",
        "kube_host",
        "cert_fingerprint",
        "since",
    ];
    Ok(insert(tx, "kubesvc_ferry_holdings", columns, rows.collect()).await?)
}

/// The namespaces that an agent brings: of its own accounts, and of those that it holds.
fn seen<'a>(registration: &'a Registration, held: &[&'a Held]) -> Seen<'a> {
    let own = registration.static_accounts.iter();
    let own = own.map(|account| (&account.held, registration.agent_id.as_str()));
    let all = own.chain(held.iter().map(|held| (*held, "")));
    let told = |(held, of): (&'a Held, &'a str)| {
        let namespaces = held.namespaces.as_ref()?;
        Some(((held.account.as_str(), of), namespaces))
    };
    all.filter_map(told).collect()
}

pub(super) async fn remove_holding(
    tx: &mut Tx,
    account: &str,
    agent_id: &str,
) -> Result<(), StoreError> {
    let remove = sql("DELETE FROM kubesvc_ferry_holdings WHERE account = ? AND agent_id = ?");
    remove.texts([account, agent_id]).run(tx).await?;
    Ok(())
}

/// Holdings of these accounts, which are locked, have ended: where one could not be deleted, the other
/// holders count as not asked yet, so that it is tried again.
pub(super) async fn ask_others(tx: &mut Tx, names: &[&str]) -> Result<(), StoreError> {
    for names in names.chunks(CHUNK) {
        let failed = sql(format!(
            "SELECT name FROM kubesvc_accounts WHERE status = 'DELETE_FAILED' AND {OURS}
             AND name IN"
        ));
        let failed = failed.list(names).column(tx).await?;
        if failed.is_empty() {
            continue;
        }
        let ask = sql(
            "UPDATE kubesvc_ferry_holdings SET state = 'PENDING', unsent = 0
             WHERE state IN ('DROPPING', 'REFUSED') AND account IN",
        );
        ask.list(&failed).run(tx).await?;
    }
    Ok(())
}

/// A decision that was made before a holding changed is to fail its compare-and-swap. Answers which
/// of these accounts there are.
async fn touch(tx: &mut Tx, names: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let known = lock(tx, &names).await?;
    outdate(tx, &names).await?;
    Ok(known)
}

/// Locks the rows of these accounts, which come sorted: always in the order of names, so that two
/// transactions do not wait for each other. Answers which there are.
pub(super) async fn lock(tx: &mut Tx, names: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let mut known = BTreeSet::new();
    for names in names.chunks(CHUNK) {
        let lock = format!("SELECT name FROM kubesvc_accounts WHERE {OURS} AND name IN");
        let mut lock = sql(lock).list(names);
        lock.push(" ORDER BY name");
        lock.push(tx.dialect().for_update());
        known.extend(lock.column(tx).await?);
    }
    Ok(known)
}

/// What was decided about these accounts, which are locked, is decided anew.
pub(super) async fn outdate(tx: &mut Tx, names: &[&str]) -> Result<(), StoreError> {
    for names in names.chunks(CHUNK) {
        let outdate = sql(format!(
            "UPDATE kubesvc_accounts SET version = version + 1 WHERE {OURS} AND name IN"
        ));
        outdate.list(names).run(tx).await?;
    }
    Ok(())
}

/// What was sent to an agent that left and not answered is not on its way any longer.
async fn away(tx: &mut Tx, agent_id: &str) -> Result<BTreeSet<String>, StoreError> {
    sql(
        "UPDATE kubesvc_ferry_holdings SET state = 'AWAY', unsent = 0
         WHERE agent_id = ? AND state = 'PENDING'",
    )
    .text(agent_id)
    .run(tx)
    .await?;
    let affected = holdings_of(tx, agent_id).await?;
    touch(tx, &affected).await?;
    Ok(affected)
}

/// Every connection to a core has ended, since the core has.
pub(super) async fn end_connections(
    tx: &mut Tx,
    core_id: &str,
    now: i64,
) -> Result<(), StoreError> {
    let agents = sql("SELECT agent_id FROM kubesvc_ferry_agents WHERE core_id = ?
         AND left_at IS NULL");
    for agent_id in agents.text(core_id).column(tx).await? {
        let left = sql("UPDATE kubesvc_ferry_agents SET left_at = ? WHERE agent_id = ?");
        left.number(now).text(agent_id.as_str()).run(tx).await?;
        away(tx, &agent_id).await?;
    }
    Ok(())
}

async fn write_agent(tx: &mut Tx, registration: &Registration, now: i64) -> Result<(), StoreError> {
    let write = tx.dialect().or_update(
        "agent_id",
        &[
            "zone_id",
            "agent_version",
            "core_id",
            "session_id",
            "last_connection",
            "left_at",
        ],
    );
    sql(format!(
        "INSERT INTO kubesvc_ferry_agents (agent_id, zone_id, agent_version, core_id, session_id,
         last_connection, left_at) VALUES (?, ?, ?, ?, ?, ?, NULL) {write}"
    ))
    .texts([
        registration.agent_id.as_str(),
        &registration.zone_id,
        &registration.agent_version,
    ])
    .texts([registration.core_id.as_str(), &registration.session_id])
    .number(now)
    .run(tx)
    .await?;
    let agent = registration.agent_id.as_str();
    let without = match registration.takes_dynamic {
        true => "DELETE FROM kubesvc_ferry_static_agents WHERE agent_id = ?".to_owned(),
        false => {
            let write = tx.dialect().or_update("agent_id", &["agent_id"]);
            format!("INSERT INTO kubesvc_ferry_static_agents (agent_id) VALUES (?) {write}")
        }
    };
    sql(without).text(agent).run(tx).await?;
    Ok(())
}
