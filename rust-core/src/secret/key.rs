//! A key and its file. One that is named is read; only the one beside a new SQLite database is made.

use super::SecretError;
use crate::encoding::hex;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, ExposeSecretMut, SecretSlice, SecretString};
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(super) const KEY_BYTES: usize = 32;

/// A key for sealing, and one made of it for fingerprints.
pub(super) struct Key {
    seal: RandomizedNonceKey,
    pub(super) fingerprint: hmac::Key,
    pub(super) id: String,
}

impl Key {
    /// The key in this file.
    pub(super) fn read(path: &Path) -> Result<Key, SecretError> {
        let unusable = unusable(path);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(SecretError::NoKeyFile {
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(unusable(error)),
        };
        guard(path, &file)?;
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        let bytes = SecretSlice::from(bytes);
        read.map_err(unusable)?;
        Key::of(path, &bytes)
    }

    /// The key in this file, which is made with mode 0600 when it is not there.
    pub(super) fn read_or_make(path: &Path) -> Result<Key, SecretError> {
        match Key::read(path) {
            Err(SecretError::NoKeyFile { .. }) => {
                make(path)?;
                Key::read(path)
            }
            read => read,
        }
    }

    fn of(path: &Path, bytes: &SecretSlice<u8>) -> Result<Key, SecretError> {
        let bytes = bytes.expose_secret();
        if bytes.len() != KEY_BYTES {
            return Err(SecretError::KeyFileLength {
                path: path.to_owned(),
                found: bytes.len(),
            });
        }
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let whole = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let fingerprint = hmac::sign(&whole, b"ferry fingerprint");
        Ok(Key {
            seal: RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("the length was checked"),
            fingerprint: hmac::Key::new(hmac::HMAC_SHA256, fingerprint.as_ref()),
            id: hex(&digest.as_ref()[..8]),
        })
    }

    /// Nonce, ciphertext and tag of `secret`, bound to `account`.
    pub(super) fn seal(
        &self,
        account: &str,
        secret: &SecretString,
    ) -> Result<Vec<u8>, SecretError> {
        let mut bytes = secret.expose_secret().as_bytes().to_vec();
        let nonce = self
            .seal
            .seal_in_place_append_tag(Aad::from(account), &mut bytes)
            .map_err(|_| SecretError::NoRandomness)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.extend(bytes);
        Ok(sealed)
    }

    pub(super) fn open(&self, account: &str, sealed: &[u8]) -> Result<SecretString, SecretError> {
        let (nonce, rest) = sealed
            .split_at_checked(NONCE_LEN)
            .ok_or(SecretError::Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretError::Broken)?;
        let mut bytes = rest.to_vec();
        let plain = self
            .seal
            .open_in_place(nonce, Aad::from(account), &mut bytes)
            .map_err(|_| SecretError::Broken)?;
        let text = std::str::from_utf8(plain).map_err(|_| SecretError::Broken)?;
        Ok(SecretString::from(text))
    }
}

/// Refuses a key file that others can get at. A Secret's file is root's and read by the pod's group
/// (fsGroup); a volume's is ours, and is opened to that group whenever it is mounted.
fn guard(path: &Path, file: &File) -> Result<(), SecretError> {
    let about = file.metadata().map_err(unusable(path))?;
    let mode = about.permissions().mode() & 0o777;
    let refused = |who| SecretError::KeyFileMode {
        path: path.to_owned(),
        mode,
        who,
    };
    if mode & 0o007 != 0 {
        return Err(refused("others"));
    }
    let user = fs::metadata("/proc/self").map_err(unusable(path))?.uid();
    let is_open = about.uid() == user && mode & 0o070 != 0;
    if is_open && file.set_permissions(Permissions::from_mode(0o600)).is_ok() {
        let (path, was) = (path.display(), format!("{mode:o}"));
        tracing::info!(%path, was, "the key file was open to its group; its mode is 0600 again");
        return Ok(());
    }
    match mode & 0o020 {
        0 => Ok(()),
        _ => Err(refused("its group")),
    }
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> SecretError {
    move |source| SecretError::KeyFile {
        path: path.to_owned(),
        source,
    }
}

/// Writes a new key beside its place and links it there: two that start at once agree on one.
fn make(path: &Path) -> Result<(), SecretError> {
    let io = unusable(path);
    let mut key = SecretSlice::from(vec![0; KEY_BYTES]);
    aws_lc_rs::rand::fill(key.expose_secret_mut()).map_err(|_| SecretError::NoRandomness)?;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(&io)?;
    file.write_all(key.expose_secret())
        .and_then(|()| file.sync_all())
        .map_err(&io)?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh).map_err(&io)?;
    // What is sealed with it must not outlive it.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(&io)?;
    folder.sync_all().map_err(&io)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(io(error)),
        _ => Ok(()),
    }
}
