//! The history of what agents were told about accounts, and what came of it: an operation begins in
//! the transaction of the step that tells an agent, and ends in that of the report that answers it.
//!
//! `steps` and `agents` write it, `api` reads it, `purge` purges it. Nothing is decided by it.

use super::steps::next_id;
use super::{Store, StoreError};
use crate::account::HoldingState;
use crate::sql::{CHUNK, Record, Tx, Value, insert, sql};
use crate::store::Held;
use std::collections::{BTreeMap, BTreeSet};

/// An agent is told to have an account.
pub(super) const SAVE: &str = "SaveAccounts";
/// An agent is told to drop an account.
pub(super) const DELETE: &str = "DeleteAccounts";

/// The agent did what it was told.
const COMPLETED: &str = "completed";
/// The agent could not.
const FAILED: &str = "failed";
/// The agent was told something else about the account before it answered.
const SUPERSEDED: &str = "superseded";
/// The agent came back without the account, or not at all.
const LOST: &str = "lost";

/// One thing that one agent was told about one account.
#[derive(Debug, Clone)]
pub struct OperationRow {
    /// A ULID.
    pub id: String,
    /// The account.
    pub account: String,
    /// The agent.
    pub agent_id: String,
    /// `SaveAccounts` or `DeleteAccounts`.
    pub operation: String,
    /// The core whose step it is part of, and when. All times are Unix milliseconds by the
    /// database's clock.
    pub received: Moment,
    /// The core that sent it to the agent, and when.
    pub sent: Option<Moment>,
    /// When it was over.
    pub ended_at: Option<i64>,
    /// The core that the agent answered to; none when it ended without an answer.
    pub reported_to: Option<String>,
    /// `completed`, `failed`, `superseded` or `lost`; none: it is under way.
    pub outcome: Option<String>,
}

/// When a core did something.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The core.
    pub core_id: String,
    /// Unix milliseconds.
    pub at: i64,
}

/// An operation that has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub outcome: &'static str,
    /// Milliseconds since it began.
    pub took: i64,
}

impl Store {
    /// The operations of all accounts, the latest first: those of a page.
    pub async fn operations(
        &self,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<OperationRow>, StoreError> {
        let mut tx = self.pool.read().await?;
        let rows = sql(format!(
            "SELECT * FROM kubesvc_ferry_operations ORDER BY id DESC LIMIT {limit} OFFSET {offset}"
        ));
        let rows = rows.all(&mut tx).await?;
        tx.commit().await?;
        rows.iter().map(read).collect()
    }

    /// The operation of this id.
    pub async fn operation(&self, id: &str) -> Result<Option<OperationRow>, StoreError> {
        let mut tx = self.pool.read().await?;
        let row = sql("SELECT * FROM kubesvc_ferry_operations WHERE id = ?");
        let row = row.text(id).optional(&mut tx).await?;
        tx.commit().await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &Record) -> Result<OperationRow, StoreError> {
    let sent_by: Option<String> = row.get("sent_by")?;
    let sent = sent_by.zip(row.get("sent_at")?);
    Ok(OperationRow {
        id: row.get("id")?,
        account: row.get("account")?,
        agent_id: row.get("agent_id")?,
        operation: row.get("operation")?,
        received: Moment {
            core_id: row.get("received_by")?,
            at: row.get("received_at")?,
        },
        sent: sent.map(|(core_id, at)| Moment { core_id, at }),
        ended_at: row.get("ended_at")?,
        reported_to: row.get("reported_to")?,
        outcome: row.get("outcome")?,
    })
}

/// What an agent is told about an account.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) account: &'a str,
    pub(super) agent_id: &'a str,
    pub(super) operation: &'static str,
    pub(super) generation: i64,
    /// By this core, at once; otherwise by the one that the agent is connected to.
    pub(super) here: bool,
}

impl<'a> Told<'a> {
    /// An account that nobody knows is dropped where it is.
    pub(super) fn stray(agent_id: &'a str, account: &'a str) -> Told<'a> {
        Told {
            account,
            agent_id,
            operation: DELETE,
            generation: 0,
            here: true,
        }
    }
}

const COLUMNS: [&str; 9] = [
    "id",
    "account",
    "agent_id",
    "operation",
    "generation",
    "received_by",
    "received_at",
    "sent_by",
    "sent_at",
];

/// Begins an operation for each; what the same agent was told about the same account is superseded.
pub(super) async fn begin(
    tx: &mut Tx,
    told: &[Told<'_>],
    core_id: &str,
    now: i64,
) -> Result<(), StoreError> {
    // Of two to one agent about one account the last.
    let told: BTreeMap<(&str, &str), &Told<'_>> = told
        .iter()
        .map(|told| ((told.agent_id, told.account), told))
        .collect();
    let open = open_about(tx, told.keys().copied()).await?;
    let open: Vec<&str> = open.iter().map(|open| open.id.as_str()).collect();
    end(tx, &open, SUPERSEDED, None, now).await?;
    let rows = told.values().map(|told| {
        [
            Value::text(next_id(now).as_str()),
            Value::text(told.account),
            Value::text(told.agent_id),
            Value::text(told.operation),
            Value::number(told.generation),
            Value::text(core_id),
            Value::number(now),
            Value::text(told.here.then_some(core_id)),
            Value::number(told.here.then_some(now)),
        ]
    });
    Ok(insert(tx, "kubesvc_ferry_operations", COLUMNS, rows.collect()).await?)
}

/// Records that this core sent an agent what another one had begun about these accounts, at least
/// one and at most [`CHUNK`].
pub(super) async fn sent(
    tx: &mut Tx,
    agent_id: &str,
    accounts: &[&str],
    core_id: &str,
    now: i64,
) -> Result<(), StoreError> {
    let sent = sql(
        "UPDATE kubesvc_ferry_operations SET sent_by = ?, sent_at = ?
         WHERE sent_at IS NULL AND ended_at IS NULL AND agent_id = ? AND account IN",
    );
    let sent = sent.text(core_id).number(now).text(agent_id);
    sent.list(accounts).run(tx).await?;
    Ok(())
}

/// Ends what these reports are the answers to, each by whom and what it says; `None` says nothing.
/// Answers what each has ended.
pub(super) async fn reported(
    tx: &mut Tx,
    said: &[Option<(&str, &Held)>],
    core_id: &str,
    now: i64,
) -> Result<Vec<Option<Ended>>, StoreError> {
    let about = said.iter().flatten();
    let about: BTreeSet<(&str, &str)> = about
        .map(|(agent_id, held)| (*agent_id, held.account.as_str()))
        .collect();
    let mut open = open_about(tx, about.into_iter()).await?;
    let (mut answered, mut ended) = (Vec::new(), Vec::with_capacity(said.len()));
    for said in said {
        let answered_now = said.and_then(|(agent_id, held)| {
            let about = |open: &Open| open.agent_id == agent_id && open.account == held.account;
            let at = open.iter().position(about)?;
            let outcome = answer(&open[at], held)?;
            Some((open.swap_remove(at), outcome))
        });
        ended.push(
            answered_now
                .as_ref()
                .map(|(open, outcome)| open.ended(outcome, now)),
        );
        answered.extend(answered_now);
    }
    end_each(tx, &answered, Some(core_id), now).await?;
    Ok(ended)
}

/// Ends what an agent has answered by all that it brings.
pub(super) async fn registered(
    tx: &mut Tx,
    agent_id: &str,
    brought: &[Held],
    core_id: &str,
    now: i64,
) -> Result<Vec<Ended>, StoreError> {
    let brought: BTreeMap<&str, &Held> = brought
        .iter()
        .filter(|held| held.state.is_some())
        .map(|held| (held.account.as_str(), held))
        .collect();
    let says = |open: &Open| match brought.get(open.account.as_str()) {
        Some(held) => answer(open, held),
        None if open.operation == DELETE => Some(COMPLETED),
        None => Some(LOST),
    };
    let open = open_at(tx, agent_id).await?.into_iter();
    let answered = open.filter_map(|open| says(&open).map(|outcome| (open, outcome)));
    let answered: Vec<(Open, &str)> = answered.collect();
    end_each(tx, &answered, Some(core_id), now).await?;
    let ended = answered
        .iter()
        .map(|(open, outcome)| open.ended(outcome, now));
    Ok(ended.collect())
}

/// Ends what an agent that is gone for good was told.
pub(super) async fn forgotten(
    tx: &mut Tx,
    agent_id: &str,
    now: i64,
) -> Result<Vec<Ended>, StoreError> {
    let open = open_at(tx, agent_id).await?.into_iter();
    let lost: Vec<(Open, &str)> = open.map(|open| (open, LOST)).collect();
    end_each(tx, &lost, None, now).await?;
    Ok(lost
        .iter()
        .map(|(open, lost)| open.ended(lost, now))
        .collect())
}

/// An operation under way.
struct Open {
    id: String,
    agent_id: String,
    account: String,
    operation: String,
    generation: i64,
    received_at: i64,
}

impl Open {
    fn ended(&self, outcome: &'static str, now: i64) -> Ended {
        let took = (now - self.received_at).max(0);
        Ended { outcome, took }
    }
}

const OPEN: &str = "SELECT id, agent_id, account, operation, generation, received_at
     FROM kubesvc_ferry_operations WHERE ended_at IS NULL AND agent_id = ?";

/// What is under way at an agent.
async fn open_at(tx: &mut Tx, agent_id: &str) -> Result<Vec<Open>, StoreError> {
    let rows = sql(OPEN).text(agent_id).all(tx).await?;
    rows.iter().map(read_open).collect()
}

/// What is under way at these agents about these accounts.
async fn open_about<'a>(
    tx: &mut Tx,
    about: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Open>, StoreError> {
    let mut accounts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (agent_id, account) in about {
        accounts.entry(agent_id).or_default().push(account);
    }
    let mut open = Vec::new();
    for (agent_id, accounts) in accounts {
        for accounts in accounts.chunks(CHUNK) {
            let query = sql(format!("{OPEN} AND account IN"));
            for row in query.text(agent_id).list(accounts).all(tx).await? {
                open.push(read_open(&row)?);
            }
        }
    }
    Ok(open)
}

fn read_open(row: &Record) -> Result<Open, StoreError> {
    Ok(Open {
        id: row.get("id")?,
        agent_id: row.get("agent_id")?,
        account: row.get("account")?,
        operation: row.get("operation")?,
        generation: row.get("generation")?,
        received_at: row.get("received_at")?,
    })
}

/// How a report ends an operation, if it does: one of an older generation is about an earlier one.
fn answer(open: &Open, held: &Held) -> Option<&'static str> {
    if held.generation < open.generation {
        return None;
    }
    match (open.operation.as_str(), held.state) {
        (SAVE, Some(HoldingState::Ready)) | (DELETE, None) => Some(COMPLETED),
        (SAVE, Some(HoldingState::Failed | HoldingState::Lost))
        | (DELETE, Some(HoldingState::Refused)) => Some(FAILED),
        _ => None,
    }
}

/// Ends each as it ended.
async fn end_each(
    tx: &mut Tx,
    answered: &[(Open, &'static str)],
    reported_to: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    let mut ids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (open, outcome) in answered {
        ids.entry(outcome).or_default().push(&open.id);
    }
    for (outcome, ids) in ids {
        // Who came back without it said nothing of it.
        let reported_to = reported_to.filter(|_| outcome != LOST);
        end(tx, &ids, outcome, reported_to, now).await?;
    }
    Ok(())
}

async fn end(
    tx: &mut Tx,
    ids: &[&str],
    outcome: &str,
    reported_to: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    for ids in ids.chunks(CHUNK) {
        let end = sql(
            "UPDATE kubesvc_ferry_operations SET ended_at = ?, outcome = ?, reported_to = ?
             WHERE ended_at IS NULL AND id IN",
        );
        let end = end.number(now).text(outcome).text(reported_to).list(ids);
        end.run(tx).await?;
    }
    Ok(())
}
