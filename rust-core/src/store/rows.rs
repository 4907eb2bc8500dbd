//! Reading and making rows of `kubesvc_accounts`.

use super::steps::{self, Actor};
use super::{Store, StoreError, failpoint, transaction, word};
use crate::account::transition::Event;
use crate::account::{Account, Cluster, Holding, View};
use crate::secret::Sealed;
use crate::sql::{Record, Tx, sql};

const ACCOUNTS: &str = "kubesvc_accounts";
const HOLDINGS: &str = "kubesvc_ferry_holdings";

/// A definition as it is kept: its public part, and its secrets sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// A JSON object, secret values replaced.
    pub definition: String,
    /// The secrets; none: it has none.
    pub secret: Option<Sealed>,
}

impl Store {
    /// All that a decision about `name` looks at; `None`: there is no such row.
    pub async fn view(&self, name: &str) -> Result<Option<View>, StoreError> {
        let mut tx = self.pool.read().await?;
        let view = view(&mut tx, name).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// The definition of `name`; `None`: there is no such row.
    pub async fn content(&self, name: &str) -> Result<Option<Content>, StoreError> {
        let mut tx = self.pool.read().await?;
        let query = "SELECT definition, secret, secret_key_id FROM kubesvc_accounts WHERE name = ?";
        let row = sql(query).text(name).optional(&mut tx).await?;
        tx.commit().await?;
        row.as_ref().map(read_content).transpose()
    }

    /// Makes the row of a new account; `false`: there is one already, and nothing was changed.
    pub async fn create(
        &self,
        name: &str,
        requested_zone: Option<String>,
        kubeconfig_file: Option<String>,
        content: &Content,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        transaction!(
            self,
            failpoint::CREATE_BEFORE,
            failpoint::CREATE_AFTER,
            |tx| {
                let now = tx.now().await?;
                let account = Account {
                    kubeconfig_file: kubeconfig_file.clone(),
                    ..Account::adopted(name, requested_zone.clone(), now)
                };
                let insert = "INSERT INTO kubesvc_accounts (name, last_updated, status, definition,
                 wanted, version, generation, requested_zone, kubeconfig_file, toured, secret,
                 secret_key_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, ?)";
                let made = sql(insert)
                    .text(name)
                    .number(now)
                    .texts([
                        account.status.as_str(),
                        &content.definition,
                        account.wanted.as_str(),
                    ])
                    .number(account.version)
                    .number(account.generation)
                    .text(account.requested_zone.as_deref())
                    .text(account.kubeconfig_file.as_deref())
                    .bytes(content.secret.as_ref().map(|sealed| sealed.bytes.clone()))
                    .text(content.secret.as_ref().map(|sealed| sealed.key_id.as_str()))
                    .run(&mut tx)
                    .await;
                match made {
                    Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                        return Ok(false);
                    }
                    made => made?,
                };
                steps::audit(
                    &mut tx,
                    name,
                    None,
                    Some(&account),
                    Event::Adopt,
                    actor,
                    now,
                )
                .await?;
                true
            }
        )
    }
}

pub(super) fn read_content(row: &Record) -> Result<Content, StoreError> {
    let bytes: Option<Vec<u8>> = row.get("secret")?;
    let key_id: Option<String> = row.get("secret_key_id")?;
    let secret = bytes
        .zip(key_id)
        .map(|(bytes, key_id)| Sealed { key_id, bytes });
    Ok(Content {
        definition: row.get("definition")?,
        secret,
    })
}

pub(super) async fn view(tx: &mut Tx, name: &str) -> Result<Option<View>, StoreError> {
    let row = sql("SELECT * FROM kubesvc_accounts WHERE name = ?")
        .text(name)
        .optional(tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let account = read_account(&row)?;
    let claims = sql("SELECT COUNT(*) FROM kubesvc_ferry_static_accounts WHERE name = ?");
    let claimed = claims.text(name).count(tx).await? > 0;
    let holdings = holdings(tx, name).await?;
    Ok(Some(View {
        account,
        holdings,
        claimed,
        now: tx.now().await?,
    }))
}

/// The holdings of an account, sorted by agent.
pub(super) async fn holdings(tx: &mut Tx, name: &str) -> Result<Vec<Holding>, StoreError> {
    let query = "SELECT * FROM kubesvc_ferry_holdings WHERE account = ? ORDER BY agent_id";
    sql(query)
        .text(name)
        .all(tx)
        .await?
        .iter()
        .map(read_holding)
        .collect()
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
