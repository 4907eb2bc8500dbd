//! Reading and making rows of `kubesvc_accounts`.

use super::steps::{self, Actor};
use super::{Store, StoreError, now, word};
use crate::account::transition::Event;
use crate::account::{Account, Cluster, Holding, View};
use crate::failpoint;
use crate::secret::Sealed;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

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
        let mut tx = self.reader.begin().await?;
        view(&mut tx, name).await
    }

    /// The definition of `name`; `None`: there is no such row.
    pub async fn content(&self, name: &str) -> Result<Option<Content>, StoreError> {
        let row = sqlx::query(
            "SELECT definition, secret, secret_key_id FROM kubesvc_accounts WHERE name = ?",
        )
        .bind(name)
        .fetch_optional(&self.reader)
        .await?;
        row.map(|row| read_content(&row)).transpose()
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
        failpoint::hit(failpoint::CREATE_BEFORE);
        let mut tx = self.begin().await?;
        let now = now(&mut tx).await?;
        let mut account = Account::adopted(name, requested_zone, now);
        account.kubeconfig_file = kubeconfig_file;
        let made = sqlx::query(
            "INSERT INTO kubesvc_accounts (name, last_updated, status, definition, wanted, version,
             generation, requested_zone, kubeconfig_file, secret, secret_key_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        )
        .bind(&account.name)
        .bind(now)
        .bind(account.status.as_str())
        .bind(&content.definition)
        .bind(account.wanted.as_str())
        .bind(account.version)
        .bind(account.generation)
        .bind(&account.requested_zone)
        .bind(&account.kubeconfig_file)
        .bind(content.secret.as_ref().map(|sealed| sealed.bytes.clone()))
        .bind(content.secret.as_ref().map(|sealed| sealed.key_id.clone()))
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
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
        tx.commit().await?;
        failpoint::hit(failpoint::CREATE_AFTER);
        Ok(true)
    }
}

pub(super) fn read_content(row: &SqliteRow) -> Result<Content, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get("secret")?;
    let key_id: Option<String> = row.try_get("secret_key_id")?;
    let secret = bytes
        .zip(key_id)
        .map(|(bytes, key_id)| Sealed { key_id, bytes });
    Ok(Content {
        definition: row.try_get("definition")?,
        secret,
    })
}

pub(super) async fn view(
    tx: &mut Transaction<'static, Sqlite>,
    name: &str,
) -> Result<Option<View>, StoreError> {
    let row = sqlx::query("SELECT * FROM kubesvc_accounts WHERE name = ?")
        .bind(name)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let account = read_account(&row)?;
    let holdings =
        sqlx::query("SELECT * FROM kubesvc_ferry_holdings WHERE account = ? ORDER BY agent_id")
            .bind(name)
            .fetch_all(&mut **tx)
            .await?;
    let holdings = holdings
        .iter()
        .map(read_holding)
        .collect::<Result<_, _>>()?;
    let claimed: i64 =
        sqlx::query("SELECT EXISTS (SELECT 1 FROM kubesvc_ferry_static_accounts WHERE name = ?)")
            .bind(name)
            .fetch_one(&mut **tx)
            .await?
            .try_get(0)?;
    Ok(Some(View {
        account,
        holdings,
        claimed: claimed != 0,
        now: now(tx).await?,
    }))
}

pub(super) fn read_account(row: &SqliteRow) -> Result<Account, StoreError> {
    let name: String = row.try_get("name")?;
    let failure: Option<String> = row.try_get("failure")?;
    let failure = match failure {
        Some(_) => Some(word(row, ACCOUNTS, &name, "failure")?),
        None => None,
    };
    let toured: String = row.try_get("toured")?;
    let toured = serde_json::from_str(&toured).map_err(|error| StoreError::Corrupt {
        table: ACCOUNTS,
        row: name.clone(),
        column: "toured",
        reason: error.to_string(),
    })?;
    Ok(Account {
        status: word(row, ACCOUNTS, &name, "status")?,
        wanted: word(row, ACCOUNTS, &name, "wanted")?,
        version: row.try_get("version")?,
        generation: row.try_get("generation")?,
        requested_zone: row.try_get("requested_zone")?,
        target_zone: row.try_get("target_zone")?,
        zone_id: row.try_get("zone_id")?,
        kubeconfig_file: row.try_get("kubeconfig_file")?,
        failed_count: row.try_get("failed_count")?,
        failure,
        message: row.try_get("error_message")?,
        toured,
        due_at: row.try_get("due_at")?,
        cluster: read_cluster(row)?,
        last_updated: row.try_get("last_updated")?,
        name,
    })
}

pub(super) fn read_holding(row: &SqliteRow) -> Result<Holding, StoreError> {
    let account: String = row.try_get("account")?;
    Ok(Holding {
        agent_id: row.try_get("agent_id")?,
        zone_id: row.try_get("zone_id")?,
        generation: row.try_get("generation")?,
        state: word(row, HOLDINGS, &account, "state")?,
        cause: row.try_get("cause")?,
        cluster: read_cluster(row)?,
    })
}

pub(super) fn read_cluster(row: &SqliteRow) -> Result<Cluster, StoreError> {
    Ok(Cluster {
        kube_host: row.try_get("kube_host")?,
        kube_version: row.try_get("kube_version")?,
        cert_fingerprint: row.try_get("cert_fingerprint")?,
    })
}
