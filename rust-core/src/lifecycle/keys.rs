//! Keys are changed while the cores serve: each secret that another key seals is opened and sealed
//! with ours, batch by batch. `api` asks for it; whatever dies in between, asking again does the rest.
//! No row's version or generation changes: agents do not notice.

use super::Lifecycle;
use crate::secret::{Sealed, SecretError};
use crate::store::{KeyUse, Place, Resealed, StoreError};

/// Secrets of one transaction.
const BATCH: usize = 100;
/// Secrets that are changed while we look are looked at again, so often at most.
const PASSES: usize = 10;
/// How many secrets that do not open are named.
const NAMED: usize = 100;

/// Which keys there are, and what they seal.
#[derive(Debug)]
pub struct Keys {
    /// The one that seals.
    pub key_id: Option<String>,
    /// Those that only open.
    pub others: Vec<String>,
    /// What is sealed with which, at hand or not.
    pub uses: Vec<KeyUse>,
}

/// What became of a change of keys.
#[derive(Debug, Default)]
pub struct Rotated {
    /// How many secrets were sealed anew.
    pub resealed: u64,
    /// How many could not be opened.
    pub closed: usize,
    /// Some of them: the account, and why.
    pub named: Vec<(String, String)>,
}

/// Why keys are not changed.
#[derive(Debug, thiserror::Error)]
pub enum NotRotated {
    /// No key seals.
    #[error(
        "there is no key that seals: make one (head -c 32 /dev/urandom > FILE; chmod 600 FILE), \
         name it in kubesvc.secrets.keyFile and restart"
    )]
    NoKey,
    /// A core would not be able to open what is sealed anew.
    #[error(
        "not every core has the key {key_id}; name its file in kubesvc.secrets.otherKeyFiles of \
         these and restart them: {}", cores.join(", ")
    )]
    Elsewhere {
        /// The key that seals here.
        key_id: String,
        /// Who lacks it.
        cores: Vec<String>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Lifecycle {
    /// The keys of this core, and what is sealed with which.
    pub async fn keys(&self) -> Result<Keys, StoreError> {
        let key_id = self.keyring.key_id().map(str::to_owned);
        let others = self.keyring.key_ids().map(str::to_owned);
        Ok(Keys {
            others: others.filter(|id| Some(id) != key_id.as_ref()).collect(),
            uses: self.store.key_uses().await?,
            key_id,
        })
    }

    /// Seals what another key seals with ours.
    pub async fn rotate_keys(&self) -> Result<Rotated, NotRotated> {
        let key_id = self.keyring.key_id().ok_or(NotRotated::NoKey)?;
        let cores = self.store.cores_without_key(key_id).await?;
        if !cores.is_empty() {
            let key_id = key_id.to_owned();
            return Err(NotRotated::Elsewhere { key_id, cores });
        }
        let mut resealed = 0;
        for pass in 1.. {
            let (mut rotated, mut lost) = (Rotated::default(), 0);
            for place in self.store.sealed_places().await? {
                lost += self.rotate_at(place, key_id, &mut rotated).await?;
            }
            resealed += rotated.resealed;
            if lost == 0 || pass == PASSES {
                rotated.resealed = resealed;
                return Ok(rotated);
            }
        }
        unreachable!("the last pass answers")
    }

    /// Says which keys this core has.
    pub(crate) async fn announce_keys(&self) -> Result<(), StoreError> {
        let key_ids: Vec<&str> = self.keyring.key_ids().collect();
        self.store.announce_keys(&self.core_id, &key_ids).await
    }

    /// Answers how many were changed by somebody while we looked.
    async fn rotate_at(
        &self,
        place: Place,
        key_id: &str,
        rotated: &mut Rotated,
    ) -> Result<u64, StoreError> {
        let (mut last, mut lost) = (String::new(), 0);
        loop {
            let found = self.store.sealed_otherwise(place, key_id, &last, BATCH);
            let found = found.await?;
            let Some((name, _)) = found.last() else {
                return Ok(lost);
            };
            last.clone_from(name);
            let mut secrets = Vec::with_capacity(found.len());
            for (name, before) in found {
                match self.reseal(&name, &before) {
                    Ok(after) => secrets.push(Resealed {
                        name,
                        before,
                        after,
                    }),
                    Err(error) => rotated.stays_closed(name, &error),
                }
            }
            if !secrets.is_empty() {
                let done = self.store.reseal(place, &secrets).await?;
                rotated.resealed += done;
                lost += secrets.len() as u64 - done;
            }
        }
    }

    fn reseal(&self, name: &str, sealed: &Sealed) -> Result<Sealed, SecretError> {
        let secret = self.keyring.open_sealed(name, sealed)?;
        self.keyring.seal(name, &secret)
    }
}

impl Rotated {
    fn stays_closed(&mut self, name: String, error: &SecretError) {
        self.closed += 1;
        if self.named.len() < NAMED {
            self.named.push((name, error.to_string()));
        }
    }
}
