//! Which key seals what, which core opens it, and sealing anew under another key: each row by a
//! compare-and-swap on its very ciphertext, whose nonce no other has. `lifecycle::keys` calls it; no
//! secret is opened here.

use super::adopt::was_armorys;
use super::cores::live_since;
use super::{Store, StoreError, failpoint, reshape, transaction};
use crate::secret::Sealed;
use crate::sql::{Tx, Value, insert, sql};

/// Where sealed secrets lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Of accounts.
    Accounts,
    /// Of definitions that wait for a row of their name to be gone.
    Next,
    /// Of accounts that agents of Armory's brought by themselves, where there were such.
    Apart,
}

impl Place {
    fn table(self) -> &'static str {
        match self {
            Place::Accounts => "kubesvc_accounts",
            Place::Next => "kubesvc_ferry_next",
            Place::Apart => reshape::STATIC,
        }
    }
}

/// Those that there are.
async fn places(tx: &mut Tx) -> Result<Vec<Place>, StoreError> {
    let mut places = vec![Place::Accounts, Place::Next];
    if was_armorys(tx).await? {
        places.push(Place::Apart);
    }
    Ok(places)
}

/// How much is sealed with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub key_id: String,
    /// Secrets that it alone opens.
    pub secrets: i64,
}

/// A secret that is sealed anew.
#[derive(Debug, Clone)]
pub struct Resealed {
    /// The account.
    pub name: String,
    /// As it was read.
    pub before: Sealed,
    /// The same secret under another key.
    pub after: Sealed,
}

/// What is kept by the source alone is sealed with no key.
const SEALED: &str = "secret_key_id IS NOT NULL AND secret_key_id NOT LIKE 'source:%'";

impl Store {
    /// Says which keys a core has; what ended cores said is forgotten.
    pub async fn announce_keys(&self, core_id: &str, key_ids: &[&str]) -> Result<(), StoreError> {
        transaction!(self, failpoint::KEYS_BEFORE, failpoint::KEYS_AFTER, |tx| {
            let forget = sql("DELETE FROM kubesvc_ferry_keys WHERE core_id = ?
                 OR core_id NOT IN (SELECT core_id FROM kubesvc_ferry_cores)");
            forget.text(core_id).run(&mut tx).await?;
            let rows = key_ids.iter();
            let rows = rows.map(|key_id| [Value::text(core_id), Value::text(*key_id)]);
            let columns = ["core_id", "key_id"];
            insert(&mut tx, "kubesvc_ferry_keys", columns, rows.collect()).await?;
        })
    }

    /// Cores that are up and do not have this key, sorted.
    pub async fn cores_without_key(&self, key_id: &str) -> Result<Vec<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let since = live_since(tx.now().await?);
        let without = sql(
            "SELECT core_id FROM kubesvc_ferry_cores c WHERE last_seen > ? AND NOT EXISTS
             (SELECT 1 FROM kubesvc_ferry_keys k WHERE k.core_id = c.core_id AND k.key_id = ?)
             ORDER BY core_id",
        );
        let without = without.number(since).text(key_id).column(&mut tx).await?;
        tx.commit().await?;
        Ok(without)
    }

    /// Where sealed secrets may lie in this database.
    pub async fn sealed_places(&self) -> Result<Vec<Place>, StoreError> {
        let mut tx = self.pool.read().await?;
        let places = places(&mut tx).await?;
        tx.commit().await?;
        Ok(places)
    }

    /// By which keys secrets are sealed, sorted by key.
    pub async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        let mut tx = self.pool.read().await?;
        let places = places(&mut tx).await?;
        let each = places.into_iter().map(|place| {
            let table = place.table();
            format!("SELECT secret_key_id FROM {table} WHERE {SEALED}")
        });
        let all = each.collect::<Vec<_>>().join(" UNION ALL ");
        let uses = sql(format!(
            "SELECT secret_key_id, COUNT(*) AS secrets FROM ({all}) s
             GROUP BY secret_key_id ORDER BY secret_key_id"
        ));
        let rows = uses.all(&mut tx).await?;
        tx.commit().await?;
        let uses = rows.iter().map(|row| {
            Ok(KeyUse {
                key_id: row.get("secret_key_id")?,
                secrets: row.get("secrets")?,
            })
        });
        uses.collect()
    }

    /// The next secrets after `last`, in the order of names, that another key than this one seals.
    pub async fn sealed_otherwise(
        &self,
        place: Place,
        key_id: &str,
        last: &str,
        limit: usize,
    ) -> Result<Vec<(String, Sealed)>, StoreError> {
        let mut tx = self.pool.read().await?;
        let table = place.table();
        let sealed = sql(format!(
            "SELECT name, secret, secret_key_id FROM {table}
             WHERE {SEALED} AND secret IS NOT NULL AND secret_key_id <> ? AND name > ?
             ORDER BY name LIMIT {limit}"
        ));
        let rows = sealed.texts([key_id, last]).all(&mut tx).await?;
        tx.commit().await?;
        let sealed = rows.iter().map(|row| {
            let sealed = Sealed {
                key_id: row.get("secret_key_id")?,
                bytes: row.get("secret")?,
            };
            Ok((row.get("name")?, sealed))
        });
        sealed.collect()
    }

    /// Puts these in the place of what they were made from, in one transaction, and answers how many
    /// were: of the others somebody changed the secret, and it stays as that left it.
    pub async fn reseal(&self, place: Place, secrets: &[Resealed]) -> Result<u64, StoreError> {
        transaction!(
            self,
            failpoint::RESEAL_BEFORE,
            failpoint::RESEAL_AFTER,
            |tx| {
                let mut done = 0;
                for Resealed {
                    name,
                    before,
                    after,
                } in secrets
                {
                    let swap = sql(format!(
                        "UPDATE {} SET secret = ?, secret_key_id = ?
                         WHERE name = ? AND secret_key_id = ? AND secret = ?",
                        place.table()
                    ));
                    let swap = swap.bytes(Some(after.bytes.clone()));
                    let swap = swap.texts([after.key_id.as_str(), name, &before.key_id]);
                    done += swap.bytes(Some(before.bytes.clone())).run(&mut tx).await?;
                }
                done
            }
        )
    }
}
