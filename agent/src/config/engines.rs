//! `secrets.*`: where the references of the agent's own accounts lead. As Spinnaker has its keys for Vault,
//! and one of our own.
//!
//! Used by `config`; asks nobody.

use std::path::PathBuf;

use ferry_reference::{Engines, POD_TOKEN, VaultLogin, VaultSettings};
use secrecy::SecretString;

use super::ConfigError;
use super::read::Document;

pub(super) fn read(document: &Document) -> Result<Engines, ConfigError> {
    let kubeconfig = document.file("secrets.kubernetes.kubeconfigFile")?;
    let vault = match document.flag("secrets.vault.enabled")? {
        Some(true) => Some(vault(document)?),
        _ => None,
    };
    Ok(Engines {
        kubeconfig,
        vault,
        allow_plaintext: false,
    })
}

fn vault(document: &Document) -> Result<VaultSettings, ConfigError> {
    let url = document.text("secrets.vault.url")?.unwrap_or_default();
    let url = VaultSettings::address(&url, false).ok_or_else(|| {
        let expected = "https://host:port; http:// reaches this host alone";
        document.wrong("secrets.vault.url", expected)
    })?;
    Ok(VaultSettings {
        url,
        login: login(document)?,
        authority: document.file("secrets.vault.caFile")?,
    })
}

fn login(document: &Document) -> Result<VaultLogin, ConfigError> {
    let method = document.text("secrets.vault.authMethod")?;
    let method = method.unwrap_or_else(|| "TOKEN".into());
    if method.eq_ignore_ascii_case("KUBERNETES") {
        let key = "secrets.vault.role";
        let role = document.text(key)?;
        return Ok(VaultLogin::Kubernetes {
            role: role.ok_or_else(|| document.wrong(key, "the role to log in as"))?,
            path: document
                .text("secrets.vault.path")?
                .unwrap_or_else(|| "kubernetes".into()),
            token_file: PathBuf::from(POD_TOKEN),
        });
    }
    if !method.eq_ignore_ascii_case("TOKEN") {
        return Err(document.wrong("secrets.vault.authMethod", "TOKEN or KUBERNETES"));
    }
    let key = "secrets.vault.token";
    let variable = || std::env::var("VAULT_TOKEN").ok().map(SecretString::from);
    let token = document.secret(key)?.or_else(variable);
    let token = token.ok_or_else(|| document.wrong(key, "a token, here or in VAULT_TOKEN"))?;
    Ok(VaultLogin::Token(token))
}
