//! Reading and making rows of `kubesvc_accounts`.

use super::adopt::OURS;
use super::outcomes::{self, Outcome};
use super::steps::{self, Actor, Entry};
use super::{Store, StoreError, failpoint, next, origins, statics, tombstones, transaction, word};
use crate::account::transition::{self, Event};
use crate::account::{Account, Cluster, Holding, Limits, Status, View};
use crate::secret::Sealed;
use crate::sql::{CHUNK, Record, Tx, Value, insert, sql};
use std::collections::{BTreeMap, BTreeSet};

const ACCOUNTS: &str = "kubesvc_accounts";
const HOLDINGS: &str = "kubesvc_ferry_holdings";

/// A definition as it is kept: its public part, and its secrets sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// A JSON object, secret values replaced.
    pub definition: String,
    /// The secrets; none: it has none.
    pub secret: Option<Sealed>,
    /// It came with a request of ours; otherwise Clouddriver's accounts are its source.
    pub inline: bool,
}

/// A row that is to be made.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// The account.
    pub name: String,
    /// The zone a request asked for.
    pub requested_zone: Option<String>,
    /// A path at the agent, from a request.
    pub kubeconfig_file: Option<String>,
    /// Its definition.
    pub content: Content,
    /// With these limits it is on its way to ACTIVE at once; none: it is INACTIVE.
    pub activate: Option<Limits>,
}

impl Store {
    /// All that a decision about `name` looks at; `None`: there is no such row.
    pub async fn view(&self, name: &str) -> Result<Option<View>, StoreError> {
        Ok(self.views(&[name]).await?.remove(name))
    }

    /// All that decisions about these names look at, of those that have a row.
    pub async fn views(&self, names: &[&str]) -> Result<BTreeMap<String, View>, StoreError> {
        let mut tx = self.pool.read().await?;
        let mut found = BTreeMap::new();
        for names in names.chunks(CHUNK) {
            views(&mut tx, names, &mut found).await?;
        }
        tx.commit().await?;
        Ok(found)
    }

    /// The definition of `name`; `None`: there is no such row.
    pub async fn content(&self, name: &str) -> Result<Option<Content>, StoreError> {
        Ok(self.contents(&[name]).await?.remove(name))
    }

    /// Makes the rows of new accounts, in one transaction; answers the names of those that were
    /// made. The others have a row already, which is left as it is.
    pub async fn create(
        &self,
        rows: &[NewRow],
        actor: &Actor,
    ) -> Result<BTreeSet<String>, StoreError> {
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        transaction!(
            self,
            failpoint::CREATE_BEFORE,
            failpoint::CREATE_AFTER,
            |tx| {
                let now = tx.now().await?;
                outcomes::hold(&mut tx, actor, now).await?;
                let taken = taken(&mut tx, &names).await?;
                let mut made = BTreeMap::new();
                for row in rows.iter().filter(|row| !taken.contains(&row.name)) {
                    let adopted = Account {
                        kubeconfig_file: row.kubeconfig_file.clone(),
                        ..Account::adopted(&row.name, row.requested_zone.clone(), now)
                    };
                    let account = match &row.activate {
                        Some(limits) => transition::activated(&adopted, limits, now),
                        None => adopted,
                    };
                    made.insert(row.name.as_str(), (account, &row.content));
                }
                let new = made
                    .values()
                    .map(|(account, content)| new_row(account, content));
                insert(&mut tx, ACCOUNTS, NEW_COLUMNS, new.collect()).await?;
                let names: Vec<&str> = made.keys().copied().collect();
                tombstones::clear(&mut tx, &names).await?;
                let inline = made.iter().filter(|(_, (_, content))| content.inline);
                origins::write_inline(&mut tx, inline.map(|(name, _)| *name).collect()).await?;
                let mut entries = Vec::with_capacity(made.len());
                for (account, _) in made.values() {
                    entries.extend(begun(account));
                }
                let ends = names.iter().map(|name| (*name, Outcome::Made));
                outcomes::keep(&mut tx, actor, ends, now).await?;
                steps::audit(&mut tx, entries, actor).await?;
                made.into_keys().map(str::to_owned).collect()
            }
        )
    }
}

/// Those of these names that have a row, also one that is not ours yet: it keeps what Armory's plugin wrote.
pub(super) async fn taken(tx: &mut Tx, names: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let mut taken = BTreeSet::new();
    for names in names.chunks(CHUNK) {
        let query = sql("SELECT name FROM kubesvc_accounts WHERE name IN");
        taken.extend(query.list(names).column(tx).await?);
    }
    Ok(taken)
}

/// What the audit says of a row that begins.
fn begun(account: &Account) -> impl Iterator<Item = Entry<'_>> {
    let inactive = Some(Status::Inactive);
    let on = (account.status != Status::Inactive).then_some((
        inactive,
        Some(account.status),
        Event::Activate,
    ));
    let story = std::iter::once((None, inactive, Event::Adopt)).chain(on);
    story.map(|(from, to, event)| Entry {
        name: &account.name,
        from,
        to,
        event,
        message: None,
    })
}

const NEW_COLUMNS: [&str; 13] = [
    "name",
    "last_updated",
    "status",
    "definition",
    "wanted",
    "version",
    "generation",
    "requested_zone",
    "kubeconfig_file",
    "due_at",
    "toured",
    "secret",
    "secret_key_id",
];

fn new_row(account: &Account, content: &Content) -> [Value; 13] {
    let secret = content.secret.as_ref();
    [
        Value::text(account.name.as_str()),
        Value::number(account.last_updated),
        Value::text(account.status.as_str()),
        Value::text(content.definition.as_str()),
        Value::text(account.wanted.as_str()),
        Value::number(account.version),
        Value::number(account.generation),
        Value::text(account.requested_zone.as_deref()),
        Value::text(account.kubeconfig_file.as_deref()),
        Value::number(account.due_at),
        Value::text("[]"),
        Value::Bytes(secret.map(|sealed| sealed.bytes.clone())),
        Value::text(secret.map(|sealed| sealed.key_id.as_str())),
    ]
}

pub(super) fn read_content(row: &Record) -> Result<Content, StoreError> {
    let bytes: Option<Vec<u8>> = row.get("secret")?;
    let key_id: Option<String> = row.get("secret_key_id")?;
    let secret = bytes
        .zip(key_id)
        .map(|(bytes, key_id)| Sealed { key_id, bytes });
    let definition: Option<String> = row.get("definition")?;
    Ok(Content {
        definition: definition.unwrap_or_else(|| "{}".to_owned()),
        secret,
        inline: origins::is_inline(row)?,
    })
}

/// The columns of a decision: all but the definition.
const DECISION: &str = "name, status, wanted, version, generation, requested_zone, target_zone,
    zone_id, kubeconfig_file, failed_count, failure, error_message, toured, due_at, kube_host,
    kube_version, cert_fingerprint, last_updated";

async fn views(
    tx: &mut Tx,
    names: &[&str],
    found: &mut BTreeMap<String, View>,
) -> Result<(), StoreError> {
    let query = format!("SELECT {DECISION} FROM kubesvc_accounts WHERE {OURS} AND name IN");
    let rows = sql(query).list(names).all(tx).await?;
    let claimed = statics::claimed(tx, names).await?;
    let mut held = holdings(tx, names).await?;
    let now = tx.now().await?;
    for row in &rows {
        let mut account = read_account(row)?;
        if account.status.is_deleting() {
            account.next = next::kept(tx, &account.name).await?;
        }
        let view = View {
            holdings: held.remove(&account.name).unwrap_or_default(),
            claimed: claimed.contains(&account.name),
            account,
            now,
        };
        found.insert(view.account.name.clone(), view);
    }
    Ok(())
}

/// The holdings of at most [`CHUNK`] accounts, sorted by agent.
pub(super) async fn holdings(
    tx: &mut Tx,
    accounts: &[impl AsRef<str>],
) -> Result<BTreeMap<String, Vec<Holding>>, StoreError> {
    let query = sql("SELECT * FROM kubesvc_ferry_holdings WHERE account IN").list(accounts);
    let mut held: BTreeMap<String, Vec<Holding>> = BTreeMap::new();
    for row in query.all(tx).await? {
        let of = held.entry(row.get("account")?).or_default();
        of.push(read_holding(&row)?);
    }
    for holdings in held.values_mut() {
        holdings.sort_by(|one, other| one.agent_id.cmp(&other.agent_id));
    }
    Ok(held)
}

pub(super) fn read_account(row: &Record) -> Result<Account, StoreError> {
    let name: String = row.get("name")?;
    let failure: Option<String> = row.get("failure")?;
    let failure = match failure {
        Some(_) => Some(word(row, ACCOUNTS, &name, "failure")?),
        None => None,
    };
    let toured: String = row.get("toured")?;
    let toured = serde_json::from_str(&toured).map_err(|error| StoreError::Corrupt {
        table: ACCOUNTS,
        row: name.clone(),
        column: "toured",
        reason: error.to_string(),
    })?;
    Ok(Account {
        status: word(row, ACCOUNTS, &name, "status")?,
        wanted: word(row, ACCOUNTS, &name, "wanted")?,
        version: row.get("version")?,
        generation: row.get("generation")?,
        requested_zone: row.get("requested_zone")?,
        target_zone: row.get("target_zone")?,
        zone_id: row.get("zone_id")?,
        kubeconfig_file: row.get("kubeconfig_file")?,
        failed_count: count(row, "failed_count")?,
        failure,
        message: row.get("error_message")?,
        toured,
        due_at: row.get("due_at")?,
        cluster: read_cluster(row)?,
        next: None,
        last_updated: row.get("last_updated")?,
        name,
    })
}

pub(super) fn read_holding(row: &Record) -> Result<Holding, StoreError> {
    let account: String = row.get("account")?;
    Ok(Holding {
        agent_id: row.get("agent_id")?,
        zone_id: row.get("zone_id")?,
        generation: row.get("generation")?,
        state: word(row, HOLDINGS, &account, "state")?,
        cause: row.get("cause")?,
        cluster: read_cluster(row)?,
    })
}

pub(super) fn read_cluster(row: &Record) -> Result<Cluster, StoreError> {
    Ok(Cluster {
        kube_host: row.get("kube_host")?,
        kube_version: row.get("kube_version")?,
        cert_fingerprint: row.get("cert_fingerprint")?,
    })
}

fn count(row: &Record, column: &str) -> Result<u32, StoreError> {
    let count: i64 = row.get(column)?;
    Ok(u32::try_from(count).unwrap_or_default())
}
