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

/// Whether a text names a secret as some version of Spinnaker writes it, also in ways that are not resolved here.
pub fn names_secret(text: &str) -> bool {
    let others = ["secret://", "secretFile://"];
    is_reference(text) || others.iter().any(|prefix| text.starts_with(prefix))
}

/// Whether a reference holds the secret itself, as those of Spinnaker's engine for tests, `noop`, do.
pub fn is_open(text: &str) -> bool {
    let text = text.trim_start();
    let engine = text.split([':', '!']).nth(1).unwrap_or_default();
    is_reference(text) && engine.eq_ignore_ascii_case("noop")
}

/// Whether what should name a file is the content of one. It may be secret: it must not be shown.
pub fn is_content(text: &str) -> bool {
    let text = text.trim();
    text.contains(['\n', '\r']) || text.starts_with('{') || text.starts_with("-----BEGIN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_a_file_is_no_path() {
        for content in [
            "-----BEGIN PRIVATE KEY----- MIIE",
            " -----BEGIN CERTIFICATE-----",
            "apiVersion: v1\nkind: Config",
            "a\rb",
            r#" {"apiVersion": "v1"}"#,
        ] {
            assert!(is_content(content), "{content}");
        }
        for path in ["/a b/{c}", "relative", "/with-a-line-end\n"] {
            assert!(!is_content(path), "{path}");
        }
    }

    #[test]
    fn a_reference_for_the_engine_of_tests_is_open() {
        for open in [
            "encrypted:noop!v:a",
            " encryptedFile:NoOp!a",
            "encrypted:noop",
        ] {
            assert!(is_open(open), "{open}");
        }
        for other in ["noop!v:a", "encrypted:k8s!n:noop", "/noop", ""] {
            assert!(!is_open(other), "{other}");
        }
    }
}
