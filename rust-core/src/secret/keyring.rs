//! The keys of one database: one seals, and any of them opens. Also fingerprints, by which a text is
//! known again that is not kept.

use super::key::Key;
use super::{Sealed, SecretError};
use crate::encoding::hex;
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};

/// Before the fingerprint of a secret that is not kept here but read from the source.
const AT_SOURCE: &str = "source:";
/// In the place of a key's id in a fingerprint that no key made.
const KEYLESS: &str = "none";
const SALT_BYTES: usize = 16;

/// The keys of one database. Without one that seals, no secret is kept.
pub struct Keyring {
    sealing: Option<Key>,
    /// These open what was sealed with them, and nothing else.
    others: Vec<Key>,
}

impl Sealed {
    /// It is not kept here, but read from the source.
    pub fn is_at_source(&self) -> bool {
        self.key_id.starts_with(AT_SOURCE)
    }
}

impl Keyring {
    /// The key file that was named; it must be there.
    pub fn named(path: &Path) -> Result<Keyring, SecretError> {
        Ok(Keyring::of(Some(Key::read(path)?)))
    }

    /// The key file beside a database, which is made when it is not there.
    pub fn beside(path: &Path) -> Result<Keyring, SecretError> {
        Ok(Keyring::of(Some(Key::read_or_make(path)?)))
    }

    /// No key: secrets stay at the source.
    pub fn none() -> Keyring {
        Keyring::of(None)
    }

    fn of(sealing: Option<Key>) -> Keyring {
        Keyring {
            sealing,
            others: Vec::new(),
        }
    }

    /// With keys that open what was sealed with them.
    pub fn with_others(mut self, paths: &[PathBuf]) -> Result<Keyring, SecretError> {
        for path in paths {
            let key = Key::read(path)?;
            if self.key_ids().all(|id| id != key.id) {
                self.others.push(key);
            }
        }
        Ok(self)
    }

    /// Whether there is a key that seals: without, a secret is at its source alone.
    pub fn has_key(&self) -> bool {
        self.sealing.is_some()
    }

    /// The id of the key that seals.
    pub fn key_id(&self) -> Option<&str> {
        self.sealing.as_ref().map(|key| key.id.as_str())
    }

    /// The ids of all keys, that of the one that seals first.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(|key| key.id.as_str())
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.sealing.iter().chain(&self.others)
    }

    /// Whether `sealed` is this very secret of this account.
    pub fn holds(&self, account: &str, sealed: &Sealed, secret: &SecretString) -> bool {
        match self.open_sealed(account, sealed) {
            Ok(opened) => opened.expose_secret() == secret.expose_secret(),
            Err(SecretError::AtSource) => sealed
                .key_id
                .strip_prefix(AT_SOURCE)
                .is_some_and(|fingerprint| self.is_of(fingerprint, &of_account(account, secret))),
            Err(_) => false,
        }
    }

    /// Seals `secret` for `account`.
    pub fn seal(&self, account: &str, secret: &SecretString) -> Result<Sealed, SecretError> {
        match &self.sealing {
            Some(key) => Ok(Sealed {
                key_id: key.id.clone(),
                bytes: key.seal(account, secret)?,
            }),
            None => {
                let fingerprint = self.fingerprint(&of_account(account, secret))?;
                Ok(Sealed {
                    key_id: format!("{AT_SOURCE}{fingerprint}"),
                    bytes: Vec::new(),
                })
            }
        }
    }

    /// Opens what was sealed for `account`.
    pub fn open_sealed(&self, account: &str, sealed: &Sealed) -> Result<SecretString, SecretError> {
        if sealed.is_at_source() {
            return Err(SecretError::AtSource);
        }
        match self.keys().find(|key| key.id == sealed.key_id) {
            Some(key) => key.open(account, &sealed.bytes),
            None => Err(SecretError::OtherKey {
                sealed: sealed.key_id.clone(),
                at_hand: self.key_id().unwrap_or("none").to_owned(),
            }),
        }
    }

    /// By which `text` is known again: the key's id, a salt of its own and an HMAC with the key, so
    /// that nobody without the key finds the text by trying. Without a key the salt alone is in the
    /// way of tables made beforehand.
    pub fn fingerprint(&self, text: &SecretString) -> Result<String, SecretError> {
        let mut salt = [0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| SecretError::NoRandomness)?;
        let salt = hex(&salt);
        let (id, tag) = match &self.sealing {
            Some(key) => (key.id.as_str(), tag(&key.fingerprint, &salt, text)),
            None => (KEYLESS, tag(&keyless(), &salt, text)),
        };
        Ok(format!("{id}:{salt}:{tag}"))
    }

    /// Whether this is a fingerprint by the key that [`Keyring::fingerprint`] makes them with now.
    pub fn is_current(&self, fingerprint: &str) -> bool {
        let id = fingerprint.split(':').next();
        id == Some(self.key_id().unwrap_or(KEYLESS))
    }

    /// Whether this is a fingerprint of `text`; `None`: it is by a key that is not at hand.
    pub fn knows(&self, fingerprint: &str, text: &SecretString) -> Option<bool> {
        let mut parts = fingerprint.splitn(3, ':');
        let (Some(id), Some(salt), Some(found)) = (parts.next(), parts.next(), parts.next()) else {
            return Some(false);
        };
        let tag = match id {
            KEYLESS => tag(&keyless(), salt, text),
            id => tag(
                &self.keys().find(|key| key.id == id)?.fingerprint,
                salt,
                text,
            ),
        };
        Some(tag == found)
    }

    /// Whether this is known to be a fingerprint of `text`.
    pub fn is_of(&self, fingerprint: &str, text: &SecretString) -> bool {
        self.knows(fingerprint, text) == Some(true)
    }
}

fn keyless() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"")
}

fn tag(key: &hmac::Key, salt: &str, text: &SecretString) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(salt.as_bytes());
    context.update(text.expose_secret().as_bytes());
    hex(context.sign().as_ref())
}

fn of_account(account: &str, secret: &SecretString) -> SecretString {
    SecretString::from(format!("{account}\n{}", secret.expose_secret()))
}
