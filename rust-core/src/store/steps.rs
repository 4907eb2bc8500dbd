//! Writing a step: row, holdings and audit in one transaction, a compare-and-swap on the version.

use super::rows::Content;
use super::{Store, StoreError, now};
use crate::account::step::Step;
use crate::account::transition::Event;
use crate::account::{Account, Holding, View};
use crate::failpoint;
use sqlx::{Sqlite, Transaction};

/// Who is behind a change, for the audit.
#[derive(Debug, Clone)]
pub struct Actor {
    /// X-SPINNAKER-USER of the request, or `ferry` for what it does by itself.
    pub who: String,
    /// The request's X-SPINNAKER-REQUEST-ID, when it had one.
    pub request_id: Option<String>,
}

impl Actor {
    /// Ferry itself.
    pub fn ferry() -> Actor {
        Actor {
            who: "ferry".to_owned(),
            request_id: None,
        }
    }
}

impl Store {
    /// Writes `step`, made from `view`, and the new `content` if the definition changed.
    /// `false`: somebody else changed the account since `view` was read, and nothing was written.
    pub async fn write(
        &self,
        view: &View,
        step: &Step,
        content: Option<&Content>,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        failpoint::hit(failpoint::STEP_BEFORE);
        let name = &view.account.name;
        let mut tx = self.begin().await?;
        let now = now(&mut tx).await?;
        let swapped = match &step.account {
            Some(account) => update(&mut tx, &view.account, account, now).await?,
            None => remove(&mut tx, &view.account).await?,
        };
        if !swapped {
            return Ok(false);
        }
        if let Some(content) = content {
            sqlx::query(
                "UPDATE kubesvc_accounts SET definition = ?, secret = ?, secret_key_id = ?
                 WHERE name = ?",
            )
            .bind(&content.definition)
            .bind(content.secret.as_ref().map(|sealed| sealed.bytes.clone()))
            .bind(content.secret.as_ref().map(|sealed| sealed.key_id.clone()))
            .bind(name)
            .execute(&mut *tx)
            .await?;
        }
        let holdings = if step.account.is_some() {
            &step.holdings[..]
        } else {
            &[]
        };
        write_holdings(&mut tx, name, &view.holdings, holdings, now).await?;
        if let Some(event) = step.event {
            let after = step.account.as_ref();
            audit(&mut tx, name, Some(&view.account), after, event, actor, now).await?;
        }
        tx.commit().await?;
        failpoint::hit(failpoint::STEP_AFTER);
        Ok(true)
    }
}

async fn update(
    tx: &mut Transaction<'static, Sqlite>,
    before: &Account,
    after: &Account,
    now: i64,
) -> Result<bool, StoreError> {
    let toured = serde_json::to_string(&after.toured).expect("strings serialize");
    let done = sqlx::query(
        "UPDATE kubesvc_accounts SET version = version + 1, last_updated = ?, status = ?,
         wanted = ?, generation = ?, requested_zone = ?, target_zone = ?, zone_id = ?,
         kubeconfig_file = ?, failed_count = ?, failure = ?, error_message = ?, toured = ?,
         due_at = ?, kube_host = ?, kube_version = ?, cert_fingerprint = ?
         WHERE name = ? AND version = ? AND status = ?",
    )
    .bind(now)
    .bind(after.status.as_str())
    .bind(after.wanted.as_str())
    .bind(after.generation)
    .bind(&after.requested_zone)
    .bind(&after.target_zone)
    .bind(&after.zone_id)
    .bind(&after.kubeconfig_file)
    .bind(after.failed_count)
    .bind(after.failure.map(|failure| failure.as_str()))
    .bind(&after.message)
    .bind(toured)
    .bind(after.due_at)
    .bind(&after.cluster.kube_host)
    .bind(&after.cluster.kube_version)
    .bind(&after.cluster.cert_fingerprint)
    .bind(&before.name)
    .bind(before.version)
    .bind(before.status.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn remove(
    tx: &mut Transaction<'static, Sqlite>,
    before: &Account,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("DELETE FROM kubesvc_accounts WHERE name = ? AND version = ? AND status = ?")
            .bind(&before.name)
            .bind(before.version)
            .bind(before.status.as_str())
            .execute(&mut **tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

async fn write_holdings(
    tx: &mut Transaction<'static, Sqlite>,
    account: &str,
    before: &[Holding],
    after: &[Holding],
    now: i64,
) -> Result<(), StoreError> {
    for gone in before
        .iter()
        .filter(|old| !after.iter().any(|new| new.agent_id == old.agent_id))
    {
        sqlx::query("DELETE FROM kubesvc_ferry_holdings WHERE account = ? AND agent_id = ?")
            .bind(account)
            .bind(&gone.agent_id)
            .execute(&mut **tx)
            .await?;
    }
    for holding in after.iter().filter(|new| !before.contains(new)) {
        write_holding(tx, account, holding, now).await?;
    }
    Ok(())
}

pub(super) async fn write_holding(
    tx: &mut Transaction<'static, Sqlite>,
    account: &str,
    holding: &Holding,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO kubesvc_ferry_holdings (account, agent_id, zone_id, generation, state, cause,
         kube_version, kube_host, cert_fingerprint, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (account, agent_id) DO UPDATE SET zone_id = excluded.zone_id,
         generation = excluded.generation, state = excluded.state, cause = excluded.cause,
         kube_version = excluded.kube_version, kube_host = excluded.kube_host,
         cert_fingerprint = excluded.cert_fingerprint",
    )
    .bind(account)
    .bind(&holding.agent_id)
    .bind(&holding.zone_id)
    .bind(holding.generation)
    .bind(holding.state.as_str())
    .bind(&holding.cause)
    .bind(&holding.cluster.kube_version)
    .bind(&holding.cluster.kube_host)
    .bind(&holding.cluster.cert_fingerprint)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) async fn audit(
    tx: &mut Transaction<'static, Sqlite>,
    name: &str,
    before: Option<&Account>,
    after: Option<&Account>,
    event: Event,
    actor: &Actor,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO kubesvc_ferry_audit (account, from_status, to_status, event, who, request_id,
         message, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(name)
    .bind(before.map(|account| account.status.as_str()))
    .bind(after.map(|account| account.status.as_str()))
    .bind(format!("{event:?}"))
    .bind(&actor.who)
    .bind(&actor.request_id)
    .bind(after.and_then(|account| account.message.as_deref()))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
