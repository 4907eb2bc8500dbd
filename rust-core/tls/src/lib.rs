//! What Ferry's doors need of TLS: certificates and keys from files, a server's settings that
//! renew themselves, and a certificate's subject as text.
//!
//! The hub and the agent use it. One provider, aws-lc-rs, always named; nothing here opens a
//! connection, and no message bears a key or a password.

mod files;
mod server;
mod stamp;
mod subject;

pub use files::{FileError, authorities, certificates, path, private_key};
pub use server::{Acceptor, ClientAuth, Server, ServerError, cipher_suites, protocols};
pub use stamp::Stamps;
pub use subject::spellings;

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The one provider of cryptography.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
