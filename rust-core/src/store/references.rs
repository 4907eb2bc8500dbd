//! By which fingerprint a kubeconfig is known again that an account refers to, as it was first sent in
//! a generation, and when it was last looked at. `lifecycle::references` alone asks.

use super::cores::millis;
use super::{Store, StoreError, failpoint, transaction};
use crate::sql::{Tx, sql};
use std::time::Duration;

/// What is known of the secret that was sent with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The account.
    pub account: String,
    /// The account's generation that it was first sent in.
    pub generation: i64,
    /// Empty: it could not be read.
    pub fingerprint: String,
}

impl Store {
    /// Remembers what is sent of an account's secret. Of one generation the first stays: when a later
    /// agent of it got another one, all have to get that.
    pub async fn remember_reference(&self, sent: &Sent) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::REFERENCE_BEFORE,
            failpoint::REFERENCE_AFTER,
            |tx| {
                let now = tx.now().await?;
                remember(&mut tx, sent, now).await?;
            }
        )
    }

    /// Another fingerprint of the same secret, unless another was sent since.
    pub async fn renew_reference(&self, sent: &Sent, fingerprint: &str) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::REFERENCE_BEFORE,
            failpoint::REFERENCE_AFTER,
            |tx| {
                let renew = sql("UPDATE kubesvc_ferry_references SET fingerprint = ?
                     WHERE account = ? AND generation = ? AND fingerprint = ?");
                let renew = renew.texts([fingerprint, &sent.account]);
                let renew = renew
                    .number(sent.generation)
                    .text(sent.fingerprint.as_str());
                renew.run(&mut tx).await?;
            }
        )
    }

    /// Forgets the secret of an account that refers to none any longer; one that was sent since stays.
    pub async fn forget_reference(&self, sent: &Sent) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::FORGET_BEFORE,
            failpoint::FORGET_AFTER,
            |tx| {
                let forget = sql("DELETE FROM kubesvc_ferry_references
                     WHERE account = ? AND generation = ?");
                let forget = forget.text(sent.account.as_str()).number(sent.generation);
                forget.run(&mut tx).await?;
            }
        )
    }

    /// What is known of accounts that are served, or are to be and failed, and that nobody looked at
    /// for so long, at most `limit`, those first that wait longest. They count as looked at now.
    pub async fn due_references(
        &self,
        every: Duration,
        limit: u32,
    ) -> Result<Vec<Sent>, StoreError> {
        transaction!(self, failpoint::LOOK_BEFORE, failpoint::LOOK_AFTER, |tx| {
            let now = tx.now().await?;
            let due = sql(format!(
                "SELECT r.account AS account, r.generation AS generation,
                 r.fingerprint AS fingerprint, r.looked_at AS looked_at
                 FROM kubesvc_ferry_references r JOIN kubesvc_accounts a ON a.name = r.account
                 WHERE (a.status = 'ACTIVE' OR a.status = 'FAILED' AND a.wanted = 'ACTIVE')
                   AND r.looked_at <= ?
                 ORDER BY r.looked_at, r.account LIMIT {limit}"
            ));
            let half = millis(every) / 2;
            let due = due.number(now - half).all(&mut tx).await?;
            let mut taken = Vec::new();
            for row in due {
                let (account, before): (String, i64) = (row.get("account")?, row.get("looked_at")?);
                let take = sql("UPDATE kubesvc_ferry_references SET looked_at = ?
                         WHERE account = ? AND looked_at = ?");
                let take = take.number(now).text(account.as_str()).number(before);
                if take.run(&mut tx).await? == 1 {
                    taken.push(Sent {
                        account,
                        generation: row.get("generation")?,
                        fingerprint: row.get("fingerprint")?,
                    });
                }
            }
            taken
        })
    }
}

async fn remember(tx: &mut Tx, sent: &Sent, now: i64) -> Result<(), StoreError> {
    let earlier = sql(
        "SELECT COUNT(*) FROM kubesvc_ferry_references WHERE account = ?
         AND (generation > ? OR generation = ? AND fingerprint <> '')",
    );
    let earlier = earlier.text(sent.account.as_str());
    let earlier = earlier.number(sent.generation).number(sent.generation);
    if earlier.count(tx).await? > 0 {
        return Ok(());
    }
    let columns = ["generation", "fingerprint", "looked_at"];
    let write = tx.dialect().or_update("account", &columns);
    sql(format!(
        "INSERT INTO kubesvc_ferry_references (account, generation, fingerprint, looked_at)
         VALUES (?, ?, ?, ?) {write}"
    ))
    .text(sent.account.as_str())
    .number(sent.generation)
    .text(sent.fingerprint.as_str())
    .number(now)
    .run(tx)
    .await?;
    Ok(())
}

/// With the row that is removed goes what is known of its secret.
pub(super) async fn forget(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    let forget = sql("DELETE FROM kubesvc_ferry_references WHERE account = ?");
    forget.text(name).run(tx).await?;
    Ok(())
}
