//! References to secrets as Spinnaker writes them, and the engines that know what they name: a Secret of
//! Kubernetes, a key in Vault's KV version 2. The core resolves those of the accounts that it sends, an agent
//! those of its own. What a reference names is kept nowhere, and is in no error.

mod https;
mod kubernetes;
mod reference;
mod resolve;
mod vault;

pub use resolve::{Engines, Resolver};
pub use vault::{POD_TOKEN, VaultLogin, VaultSettings};

/// Whether a text of a definition or configuration is a reference.
pub fn is_reference(text: &str) -> bool {
    reference::PREFIXES
        .iter()
        .any(|prefix| text.starts_with(prefix))
}
