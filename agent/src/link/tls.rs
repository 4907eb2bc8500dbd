//! `clouddriver.tls`: how the core proves itself to the agent, and the agent to the core.
//!
//! Read from the files anew for every connection.

use std::path::PathBuf;
use std::sync::Arc;

use ferry_tls::FileError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use secrecy::SecretString;
use tokio_rustls::TlsConnector;

use super::fault::Fault;

/// `clouddriver.tls.*`
#[derive(Debug, Clone, Default)]
pub struct CoreTls {
    /// `serverName`: the name that the core's certificate must bear; otherwise the host's.
    pub server_name: Option<String>,
    /// `insecureSkipVerify`: any certificate will do.
    pub skip_verify: bool,
    /// `clientCertFile` and `clientKeyFile`
    pub client: Option<(PathBuf, PathBuf)>,
    /// `clientKeyFilePassword`
    pub key_password: Option<SecretString>,
    /// `cacertFile`; otherwise the system's authorities.
    pub authorities: Option<PathBuf>,
}

/// Why nothing can be made of the files.
#[derive(Debug)]
pub(super) enum TlsError {
    Key(&'static str, FileError),
    Pair(rustls::Error),
    NoAuthorities,
    Unusable(rustls::Error),
}

impl TlsError {
    pub(super) fn of(self, core: &str) -> Fault {
        match self {
            TlsError::Key(key, error) => {
                let cause = match std::error::Error::source(&error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                Fault::File { key, cause }
            }
            TlsError::Pair(error) => Fault::Pair(error.to_string()),
            TlsError::NoAuthorities => Fault::NoAuthorities,
            TlsError::Unusable(error) => Fault::Connection {
                core: core.to_owned(),
                what: error.to_string(),
            },
        }
    }
}

impl CoreTls {
    pub(super) fn connector(&self) -> Result<TlsConnector, TlsError> {
        let provider = ferry_tls::provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?;
        let builder = match self.skip_verify {
            true => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
            false => builder.with_root_certificates(self.roots()?),
        };
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => {
                let of = |key| move |error| TlsError::Key(key, error);
                let chain = ferry_tls::certificates(certificates)
                    .map_err(of("clouddriver.tls.clientCertFile"))?;
                let key = ferry_tls::private_key(key, self.key_password.as_ref())
                    .map_err(of("clouddriver.tls.clientKeyFile"))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(TlsError::Pair)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        if let Some(file) = &self.authorities {
            let of = |error| TlsError::Key("clouddriver.tls.cacertFile", error);
            return ferry_tls::authorities(file).map_err(of);
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        match roots.is_empty() {
            true => Err(TlsError::NoAuthorities),
            false => Ok(roots),
        }
    }
}

/// Takes any certificate; the handshake still proves that the core has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
