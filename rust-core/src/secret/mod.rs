//! Secrets at rest: what must not lie in a table in plain text is sealed (AES-256-GCM) with the
//! core's key, bound to the account's name; `lifecycle` seals and opens; nothing here is ever
//! logged or shown. Secrets elsewhere, which a reference names, are the crate ferry-reference's.

mod key;
mod keyring;

pub use ferry_reference::{Engines, POD_TOKEN, Resolver, VaultLogin, VaultSettings};
pub use keyring::Keyring;

use key::KEY_BYTES;
use std::path::PathBuf;

/// A sealed secret: nonce, ciphertext and tag, and which key opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key's id: the first 16 hex digits of its SHA-256. For a secret that stays at the source:
    /// `source:` and a fingerprint of account and secret.
    pub key_id: String,
    /// 12 bytes of nonce, then ciphertext and tag. Empty for a secret that stays at the source.
    pub bytes: Vec<u8>,
}

/// What can go wrong with keys and sealed secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key file cannot be read or made.
    #[error("the key file {path} cannot be used")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was named, and is not there.
    #[error(
        "the key file {path} does not exist; put the one there that the database was used with, or \
         make the first one: head -c 32 /dev/urandom > {path}; chmod 600 {path}"
    )]
    NoKeyFile {
        /// The file.
        path: PathBuf,
    },
    /// Others can get at the key file.
    #[error(
        "the key file {path} has mode {mode:o}, which lets {who} get at it; make it 0600 (chmod 600 \
         {path}), or, from a Secret of Kubernetes, mount it with defaultMode: 0440 and set the pod's \
         fsGroup"
    )]
    KeyFileMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Who could read or change it.
        who: &'static str,
    },
    /// The key file has another length.
    #[error("the key file {path} holds {found} bytes instead of {KEY_BYTES}")]
    KeyFileLength {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: usize,
    },
    /// The secret was sealed with another key.
    #[error(
        "the secret was sealed with key {sealed}, but the key at hand is {at_hand}; put the \
             key file that was used then back in its place, or name it in \
             kubesvc.secrets.otherKeyFiles"
    )]
    OtherKey {
        /// The key that sealed it.
        sealed: String,
        /// The key of this core.
        at_hand: String,
    },
    /// There was no key to seal it with: the source has it.
    #[error("the secret is kept by the source alone")]
    AtSource,
    /// It does not open: it was changed, or belongs to another account.
    #[error("the sealed secret does not open: it was changed, or belongs to another account")]
    Broken,
    /// Vault's certificates.
    #[error("secrets.vault: {0}")]
    Vault(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

#[cfg(test)]
mod tests;
