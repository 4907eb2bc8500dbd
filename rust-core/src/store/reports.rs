//! What agents report of single accounts. However many reports wait, they are one transaction: what
//! they are about is read at once, each is judged in the order it was said, and what has changed is
//! written at once. `lifecycle` hands them over; what follows from them is decided there.

use super::agents::{ask_others, lock, remove_holding};
use super::namespaces::{self, Namespaces, Seen};
use super::operations::{self, Told};
use super::rows::read_holding;
use super::statics;
use super::steps::write_holdings;
use super::{Gone, Held, Store, StoreError, failpoint, transaction};
use crate::account::{Holding, HoldingState};
use crate::sql::{CHUNK, Tx, sql};
use std::collections::{BTreeMap, BTreeSet};

/// What one agent says of one account.
#[derive(Debug, Clone)]
pub struct Report {
    /// The agent.
    pub agent_id: String,
    /// Its connection.
    pub session_id: String,
    /// What it says.
    pub held: Held,
}

impl Store {
    /// Records what agents report, in the order they do, in one transaction; answers what has changed
    /// by each. A report of an ended connection, or of an older generation, changes nothing, and
    /// neither does one that says what is known.
    pub async fn report(&self, reports: &[Report]) -> Result<Vec<Gone>, StoreError> {
        transaction!(
            self,
            failpoint::REPORT_BEFORE,
            failpoint::REPORT_AFTER,
            |tx| {
                let now = tx.now().await?;
                let mut heard = Heard::about(&mut tx, reports).await?;
                let mut gone = Vec::with_capacity(reports.len());
                let mut seen = Seen::new();
                for report in reports {
                    seen.extend(heard.seen(report));
                    gone.push(heard.hear(&mut tx, report).await?);
                }
                namespaces::write(&mut tx, &seen).await?;
                let said: Vec<_> = reports.iter().map(|report| heard.said(report)).collect();
                heard.write(&mut tx, now).await?;
                let core = &self.core_id;
                let ended = operations::reported(&mut tx, &said, core, now).await?;
                for (gone, ended) in gone.iter_mut().zip(ended) {
                    gone.ended.extend(ended);
                }
                let strays = reports.iter().zip(&gone).flat_map(|(report, gone)| {
                    let strays = gone.strays.iter();
                    strays.map(|account| Told::stray(&report.agent_id, account))
                });
                let strays: Vec<Told<'_>> = strays.collect();
                operations::begin(&mut tx, &strays, core, now).await?;
                gone
            }
        )
    }
}

/// An account and an agent.
type Key = (String, String);

/// What reports are about, as it was and as they change it.
struct Heard {
    /// The accounts that have a row, which is locked.
    rows: BTreeSet<String>,
    /// The agents' connections and zones.
    sessions: BTreeMap<String, (String, String)>,
    holdings: BTreeMap<Key, Holding>,
    /// Holdings with a message that is still to be sent.
    unsent: BTreeSet<Key>,
    /// Holdings that are to be written, or that were removed meanwhile.
    changed: BTreeSet<Key>,
    removed: BTreeSet<Key>,
}

impl Heard {
    async fn about(tx: &mut Tx, reports: &[Report]) -> Result<Heard, StoreError> {
        let dynamic = reports.iter().filter(|report| !is_static(&report.held));
        let names: BTreeSet<&str> = dynamic.map(|report| report.held.account.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let agents: BTreeSet<&str> = reports
            .iter()
            .map(|report| report.agent_id.as_str())
            .collect();
        let agents: Vec<&str> = agents.into_iter().collect();
        let mut heard = Heard {
            // First, so that nothing that is read afterwards changes any longer.
            rows: lock(tx, &names).await?,
            sessions: BTreeMap::new(),
            holdings: BTreeMap::new(),
            unsent: BTreeSet::new(),
            changed: BTreeSet::new(),
            removed: BTreeSet::new(),
        };
        for agents in agents.chunks(CHUNK) {
            let query = sql(
                "SELECT agent_id, session_id, zone_id FROM kubesvc_ferry_agents
                 WHERE agent_id IN",
            );
            for row in query.list(agents).all(tx).await? {
                let session = (row.get("session_id")?, row.get("zone_id")?);
                heard.sessions.insert(row.get("agent_id")?, session);
            }
        }
        for names in names.chunks(CHUNK) {
            let query = sql("SELECT * FROM kubesvc_ferry_holdings WHERE account IN");
            for row in query.list(names).all(tx).await? {
                let holding = read_holding(&row)?;
                let key: Key = (row.get("account")?, holding.agent_id.clone());
                if row.get::<i64>("unsent")? != 0 {
                    heard.unsent.insert(key.clone());
                }
                heard.holdings.insert(key, holding);
            }
        }
        Ok(heard)
    }

    /// What a report says for the history of operations, if it counts: by whom, of what.
    fn said<'a>(&self, report: &'a Report) -> Option<(&'a str, &'a Held)> {
        let counts = self.is_connected(report) && !is_static(&report.held);
        counts.then_some((&report.agent_id, &report.held))
    }

    /// The namespaces that a report tells, if it counts: of an agent's own account, or of one that it
    /// holds in this generation.
    fn seen<'a>(&self, report: &'a Report) -> Option<((&'a str, &'a str), &'a Namespaces)> {
        let Report { agent_id, held, .. } = report;
        let namespaces = held.namespaces.as_ref()?;
        if !self.is_connected(report) {
            return None;
        }
        if is_static(held) {
            return Some(((&held.account, agent_id), namespaces));
        }
        let known = self
            .holdings
            .get(&(held.account.clone(), agent_id.clone()))?;
        let counts = matches!(says(held, Some(known)), Says::State(HoldingState::Ready));
        counts.then_some(((&held.account, ""), namespaces))
    }

    /// Whether it is of an agent's present connection.
    fn is_connected(&self, report: &Report) -> bool {
        let session = self.sessions.get(&report.agent_id);
        session.is_some_and(|(session, _)| *session == report.session_id)
    }

    async fn hear(&mut self, tx: &mut Tx, report: &Report) -> Result<Gone, StoreError> {
        let Report {
            agent_id,
            session_id,
            held,
        } = report;
        let zone = match self.sessions.get(agent_id) {
            Some((session, zone)) if session == session_id => zone,
            _ => return Ok(Gone::default()),
        };
        let affected = Gone {
            affected: vec![held.account.clone()],
            ..Gone::default()
        };
        if is_static(held) {
            return Ok(Gone {
                ignored: statics::update(tx, agent_id, held).await?,
                ..affected
            });
        }
        let key = (held.account.clone(), agent_id.clone());
        let known = self.holdings.get(&key);
        match says(held, known) {
            Says::Nothing => return Ok(Gone::default()),
            Says::Gone => {
                self.holdings.remove(&key);
                self.changed.remove(&key);
                self.removed.insert(key);
            }
            Says::State(_) if known.is_none() && !self.rows.contains(&held.account) => {
                return Ok(Gone {
                    strays: vec![held.account.clone()],
                    ..Gone::default()
                });
            }
            Says::State(state) => {
                let holding = holding(held, state, agent_id, zone);
                if known == Some(&holding) && !self.unsent.contains(&key) {
                    return Ok(Gone::default());
                }
                self.holdings.insert(key.clone(), holding);
                self.changed.insert(key);
            }
        }
        Ok(affected)
    }

    /// A decision that was made before a holding changed is to fail its compare-and-swap.
    async fn write(self, tx: &mut Tx, now: i64) -> Result<(), StoreError> {
        for (account, agent_id) in &self.removed {
            remove_holding(tx, account, agent_id).await?;
        }
        let changed = self.changed.iter();
        let changed = changed.map(|key| (key.0.as_str(), &self.holdings[key], false));
        write_holdings(tx, changed, now).await?;
        let ended: BTreeSet<&str> = self.removed.iter().map(|key| key.0.as_str()).collect();
        ask_others(tx, &ended.into_iter().collect::<Vec<_>>()).await?;
        let keys = self.changed.iter().chain(&self.removed);
        let names: BTreeSet<&str> = keys.map(|(account, _)| account.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        super::agents::outdate(tx, &names).await
    }
}

/// Whether it is about an account of the agent's own configuration.
fn is_static(held: &Held) -> bool {
    let answers_delete = matches!(held.state, None | Some(HoldingState::Refused));
    held.generation == 0 && !answers_delete
}

/// What a report means for the holding it is about.
enum Says {
    Nothing,
    Gone,
    State(HoldingState),
}

fn says(held: &Held, known: Option<&Holding>) -> Says {
    let dropping = known.is_some_and(|known| known.state == HoldingState::Dropping);
    match (held.state, known) {
        (None, Some(known)) => {
            let about_this = held.generation >= known.generation;
            match (about_this, dropping) {
                // It is about an earlier life of a holding that was saved anew since.
                (false, _) => Says::Nothing,
                (true, true) => Says::Gone,
                // As when the agent's grace time ended on its way back. Or it was saved anew since: to be
                // sent what it has does an agent no harm.
                (true, false) => Says::State(HoldingState::Away),
            }
        }
        // Where nothing was asked to be dropped.
        (None | Some(HoldingState::Refused), None) => Says::Nothing,
        (Some(state), Some(known)) => {
            let answers_delete = state == HoldingState::Refused;
            // A newer one than it was asked to drop, which it has kept.
            let kept = dropping && !answers_delete && held.generation > known.generation;
            let counts = held.generation >= known.generation && dropping == answers_delete;
            match counts || kept {
                true => Says::State(state),
                false => Says::Nothing,
            }
        }
        (Some(state), None) => Says::State(state),
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
