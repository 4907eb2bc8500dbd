//! Writing a step: row, holdings and audit in one transaction, a compare-and-swap on the version.

use super::agents::{lock, remove_holding};
use super::operations::{self, Told};
use super::outcomes::{self, Claim, Outcome};
use super::rows::{Content, read_holding};
use super::{
    Store, StoreError, failpoint, namespaces, next, origins, references, tombstones, transaction,
};
use crate::account::step::{Message, Step};
use crate::account::transition::Event;
use crate::account::{Account, Holding, Status, View};
use crate::sql::{CHUNK, Record, Statement, Tx, Value, insert, insert_or, sql};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

/// Who is behind a change, for the audit.
#[derive(Debug, Clone)]
pub struct Actor {
    /// X-SPINNAKER-USER of the request, or `ferry` for what it does by itself.
    pub who: String,
    /// The request's X-SPINNAKER-REQUEST-ID, when it had one.
    pub request_id: Option<String>,
    /// Of a request with an Idempotency-Key: what comes of its accounts is kept with each change.
    pub claim: Option<Arc<Claim>>,
}

impl Actor {
    /// Ferry itself.
    pub fn ferry() -> Actor {
        Actor {
            who: "ferry".to_owned(),
            request_id: None,
            claim: None,
        }
    }
}

/// A message that waits in SQL for the core that the agent is connected to.
#[derive(Debug)]
pub struct Unsent {
    /// The account.
    pub account: String,
    /// What the message is about: DeleteAccounts when it is DROPPING, else SaveAccounts.
    pub holding: Holding,
    /// When it was left there, which tells it from a later one.
    left_at: i64,
}

/// A step of one account, to be written.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// What it was decided on.
    pub view: View,
    /// The step.
    pub step: Step,
    /// The new definition, if it changed.
    pub content: Option<&'a Content>,
}

impl Store {
    /// Writes steps of several accounts, and the new content where a definition changed, in one
    /// transaction; answers which were written: the others were changed by somebody else since their
    /// view was read, and nothing of them is. Messages to agents whose sessions are not `here` are
    /// marked to be sent by the core that has them. The steps are to come in the order of names, so that two
    /// transactions do not wait for each other.
    pub async fn write_all(
        &self,
        changes: &[Change<'_>],
        here: &BTreeSet<(String, String)>,
        actor: &Actor,
    ) -> Result<Vec<bool>, StoreError> {
        self.write_asked(changes, &[], here, actor).await
    }

    /// The same, of a request that comes to these ends at other accounts without a change: with a
    /// key, both are kept.
    pub async fn write_asked(
        &self,
        changes: &[Change<'_>],
        settled: &[(&str, Outcome)],
        here: &BTreeSet<(String, String)>,
        actor: &Actor,
    ) -> Result<Vec<bool>, StoreError> {
        transaction!(self, failpoint::STEP_BEFORE, failpoint::STEP_AFTER, |tx| {
            let now = tx.now().await?;
            let here = &still(&mut tx, changes, here).await?;
            outcomes::hold(&mut tx, actor, now).await?;
            let mut written = Vec::with_capacity(changes.len());
            for change in changes {
                written.push(write_one(&mut tx, change, actor, now).await?);
            }
            if !written.contains(&true) && settled.is_empty() {
                return Ok(written);
            }
            let done = changes.iter().zip(&written).filter(|(_, done)| **done);
            let ends = done.clone().map(|(change, _)| Outcome::of(change));
            let ends = settled.iter().cloned().chain(ends);
            outcomes::keep(&mut tx, actor, ends, now).await?;
            let (mut entries, mut holdings) = (Vec::new(), Vec::new());
            let mut messages = Vec::new();
            for (change, _) in done {
                entries.extend(said(change));
                messages.extend(told(change, here));
                holdings.extend(end_holdings(&mut tx, change, here).await?);
            }
            write_holdings(&mut tx, holdings.into_iter(), now).await?;
            operations::begin(&mut tx, &messages, &self.core_id, now).await?;
            audit(&mut tx, entries, actor).await?;
            written
        })
    }

    /// Holdings with a message that another core left to be sent to an agent of this one, sorted by
    /// account. One that cannot be read waits, and is logged.
    pub async fn unsent(&self, core_id: &str) -> Result<Vec<Unsent>, StoreError> {
        let here = self.sessions(core_id).await?;
        let here: Vec<&str> = here.iter().map(|(agent_id, _)| agent_id.as_str()).collect();
        let mut tx = self.pool.read().await?;
        let mut unsent = Vec::new();
        for agents in here.chunks(CHUNK) {
            for row in left(agents).all(&mut tx).await? {
                match read_unsent(&row) {
                    Ok(one) => unsent.push(one),
                    Err(error) => tracing::error!(%error, "a message that was left waits"),
                }
            }
        }
        tx.commit().await?;
        unsent.sort_by(|one, other| one.account.cmp(&other.account));
        Ok(unsent)
    }

    /// Records that such messages are sent, which they may be then, in one transaction; answers which:
    /// the others are not what is to be sent any longer. Another that was left meanwhile stays to be
    /// sent.
    pub async fn sent(&self, unsent: &[&Unsent]) -> Result<Vec<bool>, StoreError> {
        transaction!(self, failpoint::SENT_BEFORE, failpoint::SENT_AFTER, |tx| {
            let still = still_left(&mut tx, unsent).await?;
            if !still.contains(&true) {
                return Ok(still);
            }
            let mut accounts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (unsent, _) in unsent.iter().zip(&still).filter(|(_, still)| **still) {
                let of_agent = accounts.entry(&unsent.holding.agent_id).or_default();
                of_agent.push(&unsent.account);
            }
            let now = tx.now().await?;
            for (agent_id, accounts) in &accounts {
                for accounts in accounts.chunks(CHUNK) {
                    let sent = sql("UPDATE kubesvc_ferry_holdings SET unsent = 0
                         WHERE agent_id = ? AND account IN");
                    sent.text(*agent_id).list(accounts).run(&mut tx).await?;
                    operations::sent(&mut tx, agent_id, accounts, &self.core_id, now).await?;
                }
            }
            still
        })
    }
}

/// Holdings with a message that waits for one of these agents.
pub(super) fn left(agents: &[&str]) -> Statement {
    sql("SELECT * FROM kubesvc_ferry_holdings WHERE unsent > 0 AND agent_id IN").list(agents)
}

fn read_unsent(row: &Record) -> Result<Unsent, StoreError> {
    Ok(Unsent {
        account: row.get("account")?,
        holding: read_holding(row)?,
        left_at: row.get("unsent")?,
    })
}

/// Which of these messages are still what is to be sent. First the accounts are locked, as by a step,
/// so that neither waits for the other.
async fn still_left(tx: &mut Tx, unsent: &[&Unsent]) -> Result<Vec<bool>, StoreError> {
    let names: BTreeSet<&str> = unsent.iter().map(|unsent| &*unsent.account).collect();
    let names: Vec<&str> = names.into_iter().collect();
    lock(tx, &names).await?;
    let mut left = BTreeSet::new();
    for names in names.chunks(CHUNK) {
        let query = "SELECT account, agent_id, state, generation, unsent
             FROM kubesvc_ferry_holdings WHERE account IN";
        let mut query = sql(query).list(names);
        query.push(tx.dialect().for_update());
        for row in query.all(tx).await? {
            let about: (String, String) = (row.get("account")?, row.get("agent_id")?);
            let is: (String, i64, i64) = (
                row.get("state")?,
                row.get("generation")?,
                row.get("unsent")?,
            );
            left.insert((about, is));
        }
    }
    let still = unsent.iter().map(|unsent| {
        let holding = &unsent.holding;
        let about = (unsent.account.clone(), holding.agent_id.clone());
        let state = holding.state.as_str().to_owned();
        left.contains(&(about, (state, holding.generation, unsent.left_at)))
    });
    Ok(still.collect())
}

/// Those of the agents that these steps tell something which are still connected by their sessions
/// `here`: one may have gone to another core, or come anew. First of all locks, as of an agent that
/// registers: it does so before this transaction, or after it.
async fn still(
    tx: &mut Tx,
    changes: &[Change<'_>],
    here: &BTreeSet<(String, String)>,
) -> Result<BTreeSet<String>, StoreError> {
    let messages = changes.iter().flat_map(|change| &change.step.messages);
    let told: BTreeSet<&str> = messages.map(Message::agent_id).collect();
    let told: Vec<&str> = told.into_iter().collect();
    let mut still = BTreeSet::new();
    for agents in told.chunks(CHUNK) {
        let mut sessions = sql("SELECT agent_id, session_id FROM kubesvc_ferry_agents
             WHERE left_at IS NULL AND agent_id IN")
        .list(agents);
        sessions.push(" ORDER BY agent_id");
        sessions.push(tx.dialect().for_share());
        for row in sessions.all(tx).await? {
            let session: (String, String) = (row.get("agent_id")?, row.get("session_id")?);
            if here.contains(&session) {
                still.insert(session.0);
            }
        }
    }
    Ok(still)
}

async fn write_one(
    tx: &mut Tx,
    change: &Change<'_>,
    actor: &Actor,
    now: i64,
) -> Result<bool, StoreError> {
    let Change {
        view,
        step,
        content,
    } = change;
    let swapped = match &step.account {
        Some(account) => update(tx, &view.account, account, now).await?,
        None => remove(tx, &view.account).await?,
    };
    if !swapped {
        return Ok(false);
    }
    let name = view.account.name.as_str();
    next::write(tx, view, step, *content).await?;
    tombstones::write(tx, name, step.tombstone, &actor.who, now).await?;
    if step.account.is_none() || step.begins(view) {
        origins::write(tx, name, false).await?;
        references::forget(tx, name).await?;
        namespaces::forget(tx, name).await?;
    }
    // While it is being deleted a definition is the next row's.
    let own = content.filter(|_| !view.account.status.is_deleting());
    if let Some(content) = own {
        origins::write(tx, name, content.inline).await?;
        let change = sql(
            "UPDATE kubesvc_accounts SET definition = ?, secret = ?, secret_key_id = ?
             WHERE name = ?",
        );
        change
            .text(content.definition.as_str())
            .bytes(content.secret.as_ref().map(|sealed| sealed.bytes.clone()))
            .text(content.secret.as_ref().map(|sealed| sealed.key_id.as_str()))
            .text(name)
            .run(tx)
            .await?;
    }
    Ok(true)
}

/// The generation is compared, too: a row that was removed and made anew counts its versions from
/// the start, but no generation twice.
async fn update(
    tx: &mut Tx,
    before: &Account,
    after: &Account,
    now: i64,
) -> Result<bool, StoreError> {
    let toured = serde_json::to_string(&after.toured).expect("strings serialize");
    let done = sql(
        "UPDATE kubesvc_accounts SET version = version + 1, last_updated = ?,
         status = ?, wanted = ?, generation = ?, requested_zone = ?, target_zone = ?, zone_id = ?,
         kubeconfig_file = ?, failed_count = ?, failure = ?, error_message = ?, toured = ?,
         due_at = ?, kube_host = ?, kube_version = ?, cert_fingerprint = ?
         WHERE name = ? AND version = ? AND status = ? AND generation = ?",
    )
    .number(now)
    .texts([after.status.as_str(), after.wanted.as_str()])
    .number(after.generation)
    .text(after.requested_zone.as_deref())
    .text(after.target_zone.as_deref())
    .text(after.zone_id.as_deref())
    .text(after.kubeconfig_file.as_deref())
    .number(i64::from(after.failed_count))
    .text(after.failure.map(|failure| failure.as_str()))
    .text(after.message.as_deref())
    .text(toured.as_str())
    .number(after.due_at)
    .text(after.cluster.kube_host.as_deref())
    .text(after.cluster.kube_version.as_deref())
    .text(after.cluster.cert_fingerprint.as_deref())
    .text(before.name.as_str())
    .number(before.version)
    .text(before.status.as_str())
    .number(before.generation)
    .run(tx)
    .await?;
    Ok(done == 1)
}

async fn remove(tx: &mut Tx, before: &Account) -> Result<bool, StoreError> {
    let done = sql(
        "DELETE FROM kubesvc_accounts WHERE name = ? AND version = ? AND status = ?
         AND generation = ?",
    )
    .text(before.name.as_str())
    .number(before.version)
    .text(before.status.as_str())
    .number(before.generation)
    .run(tx)
    .await?;
    Ok(done == 1)
}

/// Removes the holdings that a step ends; answers those that it writes, and whether the message
/// that goes with each is left to the core that has the agent.
async fn end_holdings<'a>(
    tx: &mut Tx,
    change: &'a Change<'_>,
    here: &BTreeSet<String>,
) -> Result<Vec<(&'a str, &'a Holding, bool)>, StoreError> {
    let Change { view, step, .. } = change;
    let account = view.account.name.as_str();
    let after = if step.account.is_some() {
        &step.holdings[..]
    } else {
        &[]
    };
    let kept = |old: &&Holding| after.iter().any(|new| new.agent_id == old.agent_id);
    for gone in view.holdings.iter().filter(|old| !kept(old)) {
        remove_holding(tx, account, &gone.agent_id).await?;
    }
    let written = after.iter().filter_map(|holding| {
        let to = |agent_id: &str| holding.agent_id == agent_id;
        let messaged = (step.messages.iter()).any(|message| to(message.agent_id()));
        let unsent = messaged && !here.contains(&holding.agent_id);
        (messaged || !view.holdings.contains(holding)).then_some((account, holding, unsent))
    });
    Ok(written.collect())
}

/// Writes holdings, each with its account and whether its message is left to another core; no
/// holding comes twice.
pub(super) async fn write_holdings<'a>(
    tx: &mut Tx,
    holdings: impl Iterator<Item = (&'a str, &'a Holding, bool)>,
    now: i64,
) -> Result<(), StoreError> {
    let kept = tx.dialect().or_update("account, agent_id", &HOLDING[3..]);
    let rows = holdings.map(|(account, holding, unsent)| {
        [
            Value::text(account),
            Value::text(holding.agent_id.as_str()),
            Value::number(now),
            Value::text(holding.zone_id.as_str()),
            Value::number(holding.generation),
            Value::text(holding.state.as_str()),
            Value::text(holding.cause.as_deref()),
            Value::text(holding.cluster.kube_version.as_deref()),
            Value::text(holding.cluster.kube_host.as_deref()),
            Value::text(holding.cluster.cert_fingerprint.as_deref()),
            Value::number(if unsent { now } else { 0 }),
        ]
    });
    let rows = rows.collect();
    Ok(insert_or(tx, "kubesvc_ferry_holdings", HOLDING, rows, &kept).await?)
}

/// The columns of a holding: its key, when it began, and what changes.
const HOLDING: [&str; 11] = [
    "account",
    "agent_id",
    "since",
    "zone_id",
    "generation",
    "state",
    "cause",
    "kube_version",
    "kube_host",
    "cert_fingerprint",
    "unsent",
];

/// What agents are told by a change.
fn told<'a>(change: &'a Change<'_>, here: &'a BTreeSet<String>) -> impl Iterator<Item = Told<'a>> {
    let Change { view, step, .. } = change;
    step.messages.iter().map(move |message| {
        let agent_id = message.agent_id();
        let held = step.holdings.iter().find(|held| held.agent_id == agent_id);
        Told {
            account: &view.account.name,
            agent_id,
            operation: match message {
                Message::Save { .. } => operations::SAVE,
                Message::Delete { .. } => operations::DELETE,
            },
            generation: held.map_or(0, |held| held.generation),
            here: here.contains(agent_id),
        }
    })
}

/// What the audit says of a change.
fn said<'a>(change: &'a Change<'_>) -> impl Iterator<Item = Entry<'a>> {
    let after = change.step.account.as_ref();
    let message = after.and_then(|account| account.message.as_deref());
    let transitions = change.step.transitions(&change.view).into_iter();
    transitions.map(move |(from, to, event)| Entry {
        name: &change.view.account.name,
        from,
        to,
        event,
        message,
    })
}

/// A row of the audit.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) from: Option<Status>,
    pub(super) to: Option<Status>,
    pub(super) event: Event,
    pub(super) message: Option<&'a str>,
}

const AUDIT: [&str; 9] = [
    "id",
    "account",
    "from_status",
    "to_status",
    "event",
    "who",
    "request_id",
    "message",
    "at",
];

/// Last of what a transaction writes, and by the clock of then: nothing waits for a lock between the
/// time that rows bear and their commit, or who reads the audit on and on would miss them.
pub(super) async fn audit(
    tx: &mut Tx,
    entries: Vec<Entry<'_>>,
    actor: &Actor,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let now = tx.now().await?;
    let status = |status: Option<Status>| Value::text(status.map(Status::as_str));
    let rows = entries.into_iter().map(|entry| {
        [
            Value::text(next_id(now).as_str()),
            Value::text(entry.name),
            status(entry.from),
            status(entry.to),
            Value::text(format!("{:?}", entry.event).as_str()),
            Value::text(actor.who.as_str()),
            Value::text(actor.request_id.as_deref()),
            Value::text(entry.message),
            Value::number(now),
        ]
    });
    Ok(insert(tx, "kubesvc_ferry_audit", AUDIT, rows.collect()).await?)
}

/// An id of this time, by the database's clock: those of several cores sort by it. Sorts after every
/// id that this core gave before, also within one millisecond.
pub(super) fn next_id(now: i64) -> String {
    static IDS: Mutex<ulid::Generator> = Mutex::new(ulid::Generator::new());
    let mut ids = IDS
        .lock()
        .expect("nothing panics while it holds the generator");
    // Overflow of the random part within a millisecond: order is lost, uniqueness is not.
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now).unwrap_or_default());
    ids.generate_from_datetime(now)
        .unwrap_or_else(|_| ulid::Ulid::from_datetime(now))
        .to_string()
}
