//! Certificates and private keys out of PEM files, encrypted ones too.
//!
//! Errors name the file and what to do; they never quote what is in it. Reads whole files and
//! waits for them.

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::SecretDocument;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::path::{Path, PathBuf};

/// Why a file does not serve.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the sentences say it
pub enum FileError {
    // The text is not shown: it may be a key that was pasted.
    #[error("is no file of this host, or the content of one: give a path, or file:/path")]
    NotAFile,
    #[error("{} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("{} has no certificate in PEM in it", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} has no private key in PEM in it", .0.display())]
    NoKey(PathBuf),
    #[error("the private key in {} is encrypted: give its password", .0.display())]
    PasswordMissing(PathBuf),
    #[error(
        "the private key in {} cannot be decrypted: the password is another one, or the key is not \
         encrypted by PBES2 (`openssl pkcs8 -topk8 -v2 aes-256-cbc` does that)",
        .0.display()
    )]
    WrongPassword(PathBuf),
    #[error(
        "the private key in {} is encrypted in a way that only OpenSSL has: convert it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc`",
        .0.display()
    )]
    OldEncryption(PathBuf),
    #[error("{} has a certificate that no authority can be", .0.display())]
    BadAuthority(PathBuf),
}

/// The file that a configuration names as Spring does (`file:/path`, `file:///path`), or by its path.
pub fn path(reference: &str) -> Result<PathBuf, FileError> {
    if reference.contains(['\n', '\r']) || reference.contains("-----BEGIN") {
        return Err(FileError::NotAFile);
    }
    let path = match reference.split_once(':') {
        None => reference,
        Some(("file", path)) => match path.strip_prefix("//") {
            // Whatever stands between the slashes would be another host.
            Some(path) if !path.starts_with('/') => return Err(FileError::NotAFile),
            Some(path) => path,
            None => path,
        },
        Some((scheme, _)) if scheme.contains('/') => reference,
        Some(_) => return Err(FileError::NotAFile),
    };
    if path.trim().is_empty() {
        return Err(FileError::NotAFile);
    }
    Ok(PathBuf::from(path))
}

fn read(file: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(file).map_err(|error| FileError::Unreadable(file.to_owned(), error))
}

/// All certificates of a file, in their order; at least one.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let none = || FileError::NoCertificate(file.to_owned());
    let pem = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(none)
}

/// The authorities of a file.
pub fn authorities(file: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .map_err(|_| FileError::BadAuthority(file.to_owned()))?;
    }
    Ok(roots)
}

/// The private key of a file: PKCS#8, PKCS#1 or SEC1, or PKCS#8 encrypted by PBES2.
pub fn private_key(
    file: &Path,
    password: Option<&SecretString>,
) -> Result<PrivateKeyDer<'static>, FileError> {
    let pem = read(file)?;
    let text = String::from_utf8_lossy(&pem);
    if let Some(encrypted) = section(&text, "ENCRYPTED PRIVATE KEY") {
        let password = password.ok_or_else(|| FileError::PasswordMissing(file.to_owned()))?;
        let key = decrypt(encrypted, password);
        return key.ok_or_else(|| FileError::WrongPassword(file.to_owned()));
    }
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(FileError::OldEncryption(file.to_owned()));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| FileError::NoKey(file.to_owned()))
}

fn decrypt(pem: &str, password: &SecretString) -> Option<PrivateKeyDer<'static>> {
    let (_, document) = SecretDocument::from_pem(pem).ok()?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).ok()?;
    let key = encrypted.decrypt(password.expose_secret()).ok()?;
    Some(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// One section of a PEM file with its borders.
fn section<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let from = text.find(&begin)?;
    let length = text[from..].find(&end)? + end.len();
    Some(&text[from..from + length])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_spring_does_or_by_path() {
        for (reference, file) in [
            ("file:/etc/tls.crt", "/etc/tls.crt"),
            ("file:///etc/tls.crt", "/etc/tls.crt"),
            ("file:tls.crt", "tls.crt"),
            ("/etc/tls.crt", "/etc/tls.crt"),
            ("tls.crt", "tls.crt"),
            ("/etc/a:b", "/etc/a:b"),
        ] {
            assert_eq!(path(reference).unwrap(), PathBuf::from(file));
        }
        for refused in [
            "",
            "file:",
            "classpath:tls.crt",
            "https://x/y",
            "file://host/x",
            "-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMII/x:y\n-----END PRIVATE KEY-----\n",
            "file:-----BEGIN PRIVATE KEY----- MII",
            "kind: Config\nusers: []",
        ] {
            let error = path(refused).unwrap_err().to_string();
            assert!(error.starts_with("is no file of this host"), "{error}");
        }
    }

    /// What `openssl pkcs8 -topk8 -v2 aes-256-cbc` and the old `openssl rsa -aes256` give.
    #[test]
    fn keys_are_read_plain_and_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let key = rcgen::KeyPair::generate().unwrap();
        let plain = write("plain", &key.serialize_pem());
        let expected = private_key(&plain, None).unwrap();

        let info = pkcs8::PrivateKeyInfoRef::try_from(expected.secret_der()).unwrap();
        let locked = {
            let parameters = pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(
                1000,
                b"saltsalt",
                [7; 16],
            )
            .unwrap();
            let document = info.encrypt_with_params(parameters, "open sesame").unwrap();
            let label = "ENCRYPTED PRIVATE KEY";
            document
                .to_pem(label, Default::default())
                .unwrap()
                .to_string()
        };
        let locked = write("locked", &format!("Bag Attributes\n{locked}"));
        let open = private_key(&locked, Some(&"open sesame".into())).unwrap();
        assert_eq!(open.secret_der(), expected.secret_der());
        assert!(matches!(
            private_key(&locked, Some(&"wrong".into())),
            Err(FileError::WrongPassword(_))
        ));
        assert!(matches!(
            private_key(&locked, None),
            Err(FileError::PasswordMissing(_))
        ));
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert!(matches!(
            private_key(&write("old", old), None),
            Err(FileError::OldEncryption(_))
        ));
        assert!(matches!(
            private_key(&write("none", "hello"), None),
            Err(FileError::NoKey(_))
        ));
        assert!(matches!(
            certificates(&plain),
            Err(FileError::NoCertificate(_))
        ));
        let missing = certificates(&folder.path().join("missing")).unwrap_err();
        assert!(missing.to_string().ends_with("missing cannot be read"));
    }
}
