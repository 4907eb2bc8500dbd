//! Secrets at rest: what must not lie in a table in plain text is sealed (AES-256-GCM) with the
//! core's key, bound to the account's name. `lifecycle` seals and opens; nothing here is ever logged
//! or shown.

use crate::encoding::hex;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const KEY_BYTES: usize = 32;

/// Before the digest of a secret that is not kept here but read from the source.
const AT_SOURCE: &str = "source:";

/// A sealed secret: nonce, ciphertext and tag, and which key opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key's id: the first 16 hex digits of its SHA-256. For a secret that stays at the source:
    /// `source:` and the SHA-256 of account and secret.
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
    /// Others than its owner may read the key file.
    #[error("the key file {path} has mode {mode:o}; make it 0600 (chmod 600 {path})")]
    KeyFileMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
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
             key file that was used then back in its place"
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
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// The key that seals the secrets of one database, if there is one: without, no secret is kept.
pub struct Keyring(Option<Key>);

struct Key {
    key: RandomizedNonceKey,
    id: String,
}

impl Keyring {
    /// Reads the key file, or makes it with mode 0600 when it is not there.
    pub fn open(path: &Path) -> Result<Keyring, SecretError> {
        let io = |source| SecretError::KeyFile {
            path: path.to_owned(),
            source,
        };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(io(error)),
        };
        let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::KeyFileMode {
                path: path.to_owned(),
                mode,
            });
        }
        if bytes.len() != KEY_BYTES {
            let found = bytes.len();
            return Err(SecretError::KeyFileLength {
                path: path.to_owned(),
                found,
            });
        }
        let bytes = SecretSlice::from(bytes);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes.expose_secret());
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes.expose_secret())
            .expect("the length was checked");
        let id = hex(&digest.as_ref()[..8]);
        Ok(Keyring(Some(Key { key, id })))
    }

    /// No key: secrets stay at the source.
    pub fn none() -> Keyring {
        Keyring(None)
    }

    /// Whether there is a key: without, a secret that is sealed is at its source alone.
    pub fn has_key(&self) -> bool {
        self.0.is_some()
    }

    /// Whether `sealed` is this very secret of this account.
    pub fn holds(&self, account: &str, sealed: &Sealed, secret: &SecretString) -> bool {
        match self.open_sealed(account, sealed) {
            Ok(opened) => opened.expose_secret() == secret.expose_secret(),
            Err(SecretError::AtSource) => sealed.key_id == at_source(account, secret),
            Err(_) => false,
        }
    }

    /// Seals `secret` for `account`.
    pub fn seal(&self, account: &str, secret: &SecretString) -> Result<Sealed, SecretError> {
        let Some(Key { key, id }) = &self.0 else {
            return Ok(Sealed {
                key_id: at_source(account, secret),
                bytes: Vec::new(),
            });
        };
        let mut bytes = secret.expose_secret().as_bytes().to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(account), &mut bytes)
            .map_err(|_| SecretError::NoRandomness)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.extend(bytes);
        Ok(Sealed {
            key_id: id.clone(),
            bytes: sealed,
        })
    }

    /// Opens what was sealed for `account`.
    pub fn open_sealed(&self, account: &str, sealed: &Sealed) -> Result<SecretString, SecretError> {
        if sealed.key_id.starts_with(AT_SOURCE) {
            return Err(SecretError::AtSource);
        }
        let other = |at_hand: &str| SecretError::OtherKey {
            sealed: sealed.key_id.clone(),
            at_hand: at_hand.to_owned(),
        };
        let Key { key, id } = self.0.as_ref().ok_or_else(|| other("none"))?;
        if sealed.key_id != *id {
            return Err(other(id));
        }
        let (nonce, rest) = sealed
            .bytes
            .split_at_checked(NONCE_LEN)
            .ok_or(SecretError::Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretError::Broken)?;
        let mut bytes = rest.to_vec();
        let plain = key
            .open_in_place(nonce, Aad::from(account), &mut bytes)
            .map_err(|_| SecretError::Broken)?;
        let text = std::str::from_utf8(plain).map_err(|_| SecretError::Broken)?;
        Ok(SecretString::from(text))
    }
}

/// Writes a new key beside its place and links it there: two that start at once agree on one.
fn make(path: &Path) -> Result<Vec<u8>, SecretError> {
    let io = |source| SecretError::KeyFile {
        path: path.to_owned(),
        source,
    };
    let mut key = vec![0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| SecretError::NoRandomness)?;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(io)?;
    file.write_all(&key)
        .and_then(|()| file.sync_all())
        .map_err(io)?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh).map_err(io)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read(path).map_err(io),
        Err(error) => Err(io(error)),
    }
}

/// How a secret that stays at the source is known again.
fn at_source(account: &str, secret: &SecretString) -> String {
    let text = format!("{account}\n{}", secret.expose_secret());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    format!("{AT_SOURCE}{}", hex(digest.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_account_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ferry.key");
        let keyring = Keyring::open(&path).unwrap();
        let sealed = keyring.seal("a", &SecretString::from("s3cret")).unwrap();
        assert!(!sealed.bytes.windows(6).any(|window| window == b"s3cret"));
        let again = Keyring::open(&path).unwrap();
        assert_eq!(
            again.open_sealed("a", &sealed).unwrap().expose_secret(),
            "s3cret"
        );
        assert!(matches!(
            again.open_sealed("b", &sealed),
            Err(SecretError::Broken)
        ));
        let other = Keyring::open(&folder.path().join("other.key")).unwrap();
        assert!(matches!(
            other.open_sealed("a", &sealed),
            Err(SecretError::OtherKey { .. })
        ));
    }

    #[test]
    fn without_a_key_no_secret_is_kept() {
        let none = Keyring::none();
        let secret = SecretString::from("s3cret");
        let sealed = none.seal("a", &secret).unwrap();
        assert!(sealed.bytes.is_empty() && !sealed.key_id.contains("s3cret"));
        assert!(matches!(
            none.open_sealed("a", &sealed),
            Err(SecretError::AtSource)
        ));
        assert!(none.holds("a", &sealed, &secret));
        assert!(!none.holds("b", &sealed, &secret));
        assert!(!none.holds("a", &sealed, &SecretString::from("other")));
    }

    #[test]
    fn the_key_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ferry.key");
        Keyring::open(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Keyring::open(&path).err().unwrap().to_string();
        assert!(error.contains("0600"), "{error}");
    }
}
