//! A server's side of TLS, made of files, and made anew when these change.
//!
//! The hub and the agent's admin server ask [`Acceptor::current`] for every connection. Files that
//! are renewed are taken without a restart; as long as what lies there cannot be used, the former
//! settings stay.

use crate::files::{self, FileError};
use crate::{Stamps, provider};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether clients show certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nobody is asked.
    None,
    /// Who shows one must show a good one.
    Optional,
    /// Without one nobody gets in.
    Require,
}

/// What a server is made of.
#[derive(Debug, Clone)]
pub struct Server {
    /// The certificate, then those between it and its authority.
    pub certificates: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The key's password, if it is encrypted.
    pub key_password: Option<SecretString>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Whose certificates are good; needed for [`ClientAuth::Optional`] and `Require`.
    pub client_authorities: Option<PathBuf>,
    /// The versions of TLS; empty: 1.2 and 1.3.
    pub protocols: Vec<&'static SupportedProtocolVersion>,
    /// The cipher suites; empty: all that are good.
    pub cipher_suites: Vec<SupportedCipherSuite>,
    /// What is spoken inside, as ALPN names it.
    pub alpn: &'static [&'static [u8]],
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the sentences say it
pub enum ServerError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("clients are to show certificates, but no file of authorities is given for them")]
    NoAuthorities,
    #[error("the certificate in {} and the key in {} do not belong together or cannot be used: {reason}", certificates.display(), key.display())]
    Pair {
        certificates: PathBuf,
        key: PathBuf,
        reason: rustls::Error,
    },
    #[error("none of the cipher suites belongs to one of the protocols")]
    NothingInCommon,
    #[error("the authorities in {} cannot be used", .0.display())]
    Authorities(PathBuf),
}

impl Server {
    fn files(&self) -> impl Iterator<Item = &Path> {
        let authorities = self.client_authorities.as_deref();
        [self.certificates.as_path(), self.key.as_path()]
            .into_iter()
            .chain(authorities)
    }

    fn config(&self) -> Result<ServerConfig, ServerError> {
        let mut provider = provider();
        if !self.cipher_suites.is_empty() {
            Arc::make_mut(&mut provider)
                .cipher_suites
                .clone_from(&self.cipher_suites);
        }
        let versions = match self.protocols.is_empty() {
            true => rustls::DEFAULT_VERSIONS,
            false => &self.protocols[..],
        };
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(|_| ServerError::NothingInCommon)?;
        let builder = match (self.client_auth, &self.client_authorities) {
            (ClientAuth::None, _) => builder.with_no_client_auth(),
            (_, None) => return Err(ServerError::NoAuthorities),
            (auth, Some(file)) => {
                let roots = Arc::new(files::authorities(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match auth {
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                let verifier = verifier
                    .build()
                    .map_err(|_| ServerError::Authorities(file.clone()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = files::certificates(&self.certificates)?;
        let key = files::private_key(&self.key, self.key_password.as_ref())?;
        let pair = |reason| ServerError::Pair {
            certificates: self.certificates.clone(),
            key: self.key.clone(),
            reason,
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }
}

/// A server's settings, always those of the files as they are.
#[derive(Debug)]
pub struct Acceptor {
    server: Server,
    state: Mutex<(Stamps, Arc<ServerConfig>)>,
}

impl Acceptor {
    /// Reads the files.
    pub fn new(server: Server) -> Result<Acceptor, ServerError> {
        let stamps = Stamps::of(server.files());
        let config = Arc::new(server.config()?);
        Ok(Acceptor {
            server,
            state: Mutex::new((stamps, config)),
        })
    }

    /// The settings for a new connection. Looks at the files' times, and reads them when they
    /// have changed.
    pub fn current(&self) -> Arc<ServerConfig> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = Stamps::of(self.server.files());
        if stamps != state.0 {
            state.0 = stamps;
            let file = self.server.certificates.display();
            match self.server.config() {
                Ok(config) => {
                    tracing::info!(%file, "the certificate was renewed");
                    state.1 = Arc::new(config);
                }
                Err(error) => {
                    tracing::error!(%file, %error, "the renewed files cannot be used: the former certificate stays");
                }
            }
        }
        state.1.clone()
    }
}

/// The versions that `names` say, as Java or OpenSSL spell them. An error names what is wrong.
pub fn protocols(names: &[String]) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let version = |name: &String| match name.to_ascii_uppercase().as_str() {
        "TLSV1.3" => Ok(&rustls::version::TLS13),
        "TLSV1.2" => Ok(&rustls::version::TLS12),
        _ => Err(format!(
            "{name:?} is no protocol that is spoken here; there are TLSv1.2 and TLSv1.3"
        )),
    };
    names.iter().map(version).collect()
}

/// The cipher suites that `names` say, as IANA spells them. An error names what is wrong.
pub fn cipher_suites(names: &[String]) -> Result<Vec<SupportedCipherSuite>, String> {
    let all = provider().cipher_suites.clone();
    let spelled = |suite: &SupportedCipherSuite| {
        let name = suite.suite().as_str().unwrap_or_default();
        name.replace("TLS13_", "TLS_")
    };
    let find = |name: &String| {
        let found = all.iter().find(|suite| spelled(suite) == *name);
        found.copied().ok_or_else(|| {
            let known: Vec<String> = all.iter().map(spelled).collect();
            format!(
                "{name:?} is no cipher suite that is used here; there are {}",
                known.join(", ")
            )
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn server(folder: &Path) -> Server {
        Server {
            certificates: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            key_password: None,
            client_auth: ClientAuth::None,
            client_authorities: None,
            protocols: Vec::new(),
            cipher_suites: Vec::new(),
            alpn: &[b"h2"],
        }
    }

    fn issue(folder: &Path) {
        let issued = rcgen::generate_simple_self_signed(vec!["core".to_owned()]).unwrap();
        std::fs::write(folder.join("tls.crt"), issued.cert.pem()).unwrap();
        std::fs::write(folder.join("tls.key"), issued.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn renewed_files_are_taken_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        issue(folder.path());
        let acceptor = Acceptor::new(server(folder.path())).unwrap();
        let first = acceptor.current();
        assert!(Arc::ptr_eq(&first, &acceptor.current()));
        std::fs::write(folder.path().join("tls.key"), "half writt").unwrap();
        assert!(Arc::ptr_eq(&first, &acceptor.current()));
        issue(folder.path());
        assert!(!Arc::ptr_eq(&first, &acceptor.current()));
    }

    #[test]
    fn what_cannot_be_a_server_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let said = |server: Server| Acceptor::new(server).unwrap_err().to_string();
        let missing = said(server(folder.path()));
        assert!(missing.ends_with("tls.crt cannot be read"), "{missing}");
        issue(folder.path());
        let mut alone = server(folder.path());
        alone.client_auth = ClientAuth::Require;
        assert!(said(alone).contains("no file of authorities"));
        let mut apart = server(folder.path());
        apart.protocols = protocols(&["TLSv1.3".into()]).unwrap();
        apart.cipher_suites =
            cipher_suites(&["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".into()]).unwrap();
        assert!(said(apart).contains("none of the cipher suites"));
        let other = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("tls.key"), other.serialize_pem()).unwrap();
        assert!(said(server(folder.path())).contains("do not belong together"));
    }

    #[test]
    fn names_of_protocols_and_suites_are_those_of_java() {
        assert_eq!(
            protocols(&["TLSv1.2".into(), "TLSv1.3".into()])
                .unwrap()
                .len(),
            2
        );
        assert!(
            protocols(&["SSLv3".into()])
                .unwrap_err()
                .contains("TLSv1.2")
        );
        assert_eq!(
            cipher_suites(&["TLS_AES_256_GCM_SHA384".into()])
                .unwrap()
                .len(),
            1
        );
        assert!(
            cipher_suites(&["RC4".into()])
                .unwrap_err()
                .contains("TLS_AES_128_GCM_SHA256")
        );
    }
}
