//! Accounts that agents bring by their own configuration: what is kept of them, and which of them
//! count. Of two zones that bring one name the first stays; one that is not known to be of the
//! cluster that the row of its name is in is ignored for as long as that one is wanted ACTIVE.
//! `agents` and `reports` write here; whoever reads static accounts asks here which count.

use super::agents::{Held, Registration, StaticAccount};
use super::{StoreError, namespaces};
use crate::account::HoldingState;
use crate::sql::{CHUNK, Record, Tx, Value, insert, sql};
use std::collections::{BTreeMap, BTreeSet};

/// The zone that brought the name of a static account first. What is called `last_updated` here is
/// since when its zone has brought it.
fn first_zone(of: &str) -> String {
    format!(
        "(SELECT e.zone_id FROM kubesvc_ferry_static_accounts e WHERE e.name = {of}.name
         ORDER BY e.last_updated, e.agent_id LIMIT 1)"
    )
}

/// Whether the row `d` of the same name is in another cluster than a static account, for all that is
/// known. Only URL and certificate together tell: private networks have URLs in common, gateways
/// certificates.
fn another_cluster(of: &str) -> String {
    format!(
        "d.name = {of}.name AND d.wanted = 'ACTIVE' AND d.kube_host IS NOT NULL
         AND NOT (COALESCE({of}.kube_host, '') = d.kube_host
         AND COALESCE({of}.cert_fingerprint, '') = COALESCE(d.cert_fingerprint, ''))"
    )
}

/// Enough of a certificate's fingerprint for people to tell two apart.
const SHORT: usize = 16;

/// That the static account of this alias counts, as a condition.
pub(super) fn counts(of: &str) -> String {
    format!(
        "{of}.zone_id = {} AND NOT EXISTS (SELECT 1 FROM kubesvc_accounts d WHERE {})",
        first_zone(of),
        another_cluster(of)
    )
}

/// A static account as an agent brings it.
pub(super) struct Brought {
    pub(super) name: String,
    /// Why it does not count, a sentence; `None`: it does.
    pub(super) ignored: Option<String>,
    /// Its row.
    pub(super) row: Record,
}

/// What agents bring of these names, at most [`crate::sql::CHUNK`], sorted by agent.
pub(super) async fn brought(
    tx: &mut Tx,
    names: &[impl AsRef<str>],
) -> Result<Vec<Brought>, StoreError> {
    let mut select = sql(format!("{} WHERE s.name IN", select())).list(names);
    select.push(" ORDER BY s.agent_id");
    let rows = select.all(tx).await?;
    rows.into_iter().map(read).collect()
}

/// Those of these names, at most [`crate::sql::CHUNK`], that an agent brings an account of that counts.
pub(super) async fn claimed(tx: &mut Tx, names: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let claimed = "SELECT DISTINCT name FROM kubesvc_ferry_static_accounts s WHERE name IN";
    let mut claimed = sql(claimed).list(names);
    claimed.push(&format!(" AND {}", counts("s")));
    Ok(claimed.column(tx).await?.into_iter().collect())
}

/// The accounts of an agent's own that do not count, each with the reason.
pub(super) async fn ignored_of(
    tx: &mut Tx,
    agent_id: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    let own = sql(format!("{} WHERE s.agent_id = ? ORDER BY s.name", select()));
    ignored(own.text(agent_id).all(tx).await?)
}

/// The names that an agent brings.
pub(super) async fn of(tx: &mut Tx, agent_id: &str) -> Result<Vec<String>, StoreError> {
    let names = sql("SELECT name FROM kubesvc_ferry_static_accounts WHERE agent_id = ?");
    Ok(names.text(agent_id).column(tx).await?)
}

/// Replaces the agent's static accounts; answers the names that are new or gone.
pub(super) async fn replace(
    tx: &mut Tx,
    registration: &Registration,
    now: i64,
) -> Result<BTreeSet<String>, StoreError> {
    let agent = registration.agent_id.as_str();
    let brought = registration.static_accounts.iter();
    let mut names: BTreeSet<String> = (brought.clone())
        .map(|account| account.held.account.clone())
        .collect();
    let since = since_when(tx, &names, &registration.zone_id).await?;
    let mut gone: BTreeSet<String> = of(tx, agent).await?.into_iter().collect();
    gone.retain(|name| !names.contains(name));
    forget(tx, agent).await?;
    namespaces::forget_of(tx, agent, &gone).await?;
    names.append(&mut gone);
    let rows = brought.map(|StaticAccount { definition, held }| {
        [
            Value::text(held.account.as_str()),
            Value::text(agent),
            Value::text(registration.zone_id.as_str()),
            Value::text(definition.as_str()),
            Value::text(held.state.unwrap_or(HoldingState::Pending).as_str()),
            Value::text(held.cause.as_deref()),
            Value::text(held.cluster.kube_version.as_deref()),
            Value::text(held.cluster.kube_host.as_deref()),
            Value::text(held.cluster.cert_fingerprint.as_deref()),
            Value::number(since.get(&held.account).copied().unwrap_or(now)),
        ]
    });
    let columns = [
        "name",
        "agent_id",
        "zone_id",
        "definition",
        "state",
        "cause",
        "kube_version",
        "kube_host",
        "cert_fingerprint",
        "last_updated",
    ];
    insert(tx, "kubesvc_ferry_static_accounts", columns, rows.collect()).await?;
    Ok(names)
}

/// What an agent says of an account of its own; answers whether it is ignored, as [`ignored_of`].
pub(super) async fn update(
    tx: &mut Tx,
    agent_id: &str,
    held: &Held,
) -> Result<Vec<(String, String)>, StoreError> {
    let key = [held.account.as_str(), agent_id];
    sql(
        "UPDATE kubesvc_ferry_static_accounts SET state = ?, cause = ?, kube_version = ?,
         kube_host = ?, cert_fingerprint = ? WHERE name = ? AND agent_id = ?",
    )
    .text(held.state.unwrap_or(HoldingState::Pending).as_str())
    .text(held.cause.as_deref())
    .text(held.cluster.kube_version.as_deref())
    .text(held.cluster.kube_host.as_deref())
    .text(held.cluster.cert_fingerprint.as_deref())
    .texts(key)
    .run(tx)
    .await?;
    let own = sql(format!("{} WHERE s.name = ? AND s.agent_id = ?", select()));
    ignored(own.texts(key).all(tx).await?)
}

/// An agent brings nothing any longer.
pub(super) async fn forget(tx: &mut Tx, agent_id: &str) -> Result<(), StoreError> {
    let brought = sql("DELETE FROM kubesvc_ferry_static_accounts WHERE agent_id = ?");
    brought.text(agent_id).run(tx).await?;
    Ok(())
}

/// Since when a zone brings these names, by whatever agents.
async fn since_when(
    tx: &mut Tx,
    names: &BTreeSet<String>,
    zone_id: &str,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut since = BTreeMap::new();
    for names in names.chunks(CHUNK) {
        let first = "SELECT name, MIN(last_updated) AS since FROM kubesvc_ferry_static_accounts
             WHERE zone_id = ? AND name IN";
        let mut first = sql(first).text(zone_id).list(names);
        first.push(" GROUP BY name");
        for row in first.all(tx).await? {
            since.insert(row.get("name")?, row.get("since")?);
        }
    }
    Ok(since)
}

/// Static accounts with what they may be ignored for.
fn select() -> String {
    format!(
        "SELECT s.*, {} AS first_zone, d.kube_host AS row_host,
         d.cert_fingerprint AS row_certificate FROM kubesvc_ferry_static_accounts s
         LEFT JOIN kubesvc_accounts d ON {}",
        first_zone("s"),
        another_cluster("s")
    )
}

fn ignored(rows: Vec<Record>) -> Result<Vec<(String, String)>, StoreError> {
    let brought = rows.into_iter().map(read);
    let ignored = brought.filter_map(|brought| match brought {
        Ok(Brought {
            name,
            ignored: Some(why),
            ..
        }) => Some(Ok((name, why))),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    ignored.collect()
}

fn read(row: Record) -> Result<Brought, StoreError> {
    let (agent_id, zone_id): (String, String) = (row.get("agent_id")?, row.get("zone_id")?);
    let first_zone: String = row.get("first_zone")?;
    let row_host: Option<String> = row.get("row_host")?;
    let why = match row_host {
        _ if first_zone != zone_id => Some(format!(
            "zone `{first_zone}` brought one before; rename one of them"
        )),
        Some(host) => Some(of_another(&row, &host)?),
        None => None,
    };
    let ignored = why.map(|why| {
        format!(
            "agent `{agent_id}` of zone `{zone_id}` brings an account of this name by its own \
             configuration, which is ignored: {why}"
        )
    });
    Ok(Brought {
        name: row.get("name")?,
        ignored,
        row,
    })
}

fn of_another(row: &Record, host: &str) -> Result<String, StoreError> {
    let either = "rename it there, or PATCH the one here to INACTIVE for it to count";
    let its_host: Option<String> = row.get("kube_host")?;
    let Some(its_host) = its_host else {
        return Ok(format!(
            "it does not reach its cluster, so that nobody knows whether that is the one here; {either}"
        ));
    };
    let certificate = |column| -> Result<String, StoreError> {
        let fingerprint: Option<String> = row.get(column)?;
        let fingerprint = fingerprint.unwrap_or_else(|| "none".to_owned());
        Ok(fingerprint.chars().take(SHORT).collect())
    };
    Ok(format!(
        "it is of another cluster ({its_host}, certificate {}) than the one here ({host}, \
         certificate {}); {either}",
        certificate("cert_fingerprint")?,
        certificate("row_certificate")?
    ))
}
