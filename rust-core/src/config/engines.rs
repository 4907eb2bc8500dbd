//! Where references to secrets lead: `secrets.vault.*` as Spinnaker has it, and our own keys. Called by
//! [`super::Config::read`]; asks nobody.

use super::Values;
use crate::secret::{Engines, POD_TOKEN, VaultLogin, VaultSettings};
use secrecy::SecretString;
use std::path::PathBuf;

pub(super) fn read(values: &mut Values) -> Engines {
    let text = |values: &Values, name: &str| values.text(name).map(str::to_owned);
    let kubeconfig = text(values, "kubesvc.secrets.kubernetes.kubeconfigFile").map(PathBuf::from);
    if !values.flag("secrets.vault.enabled") {
        return Engines {
            kubeconfig,
            vault: None,
        };
    }
    let url = text(values, "secrets.vault.url").unwrap_or_default();
    if !url.starts_with("https://") && !url.starts_with("http://") {
        values.refuse("secrets.vault.url", "is not https://host:port");
    }
    let login = login(values);
    let authority = text(values, "secrets.vault.caFile").map(PathBuf::from);
    Engines {
        kubeconfig,
        vault: Some(VaultSettings {
            url,
            login,
            authority,
        }),
    }
}

fn login(values: &mut Values) -> VaultLogin {
    let text = |values: &Values, name: &str| values.text(name).map(str::to_owned);
    let method = text(values, "secrets.vault.authMethod").unwrap_or_default();
    if method.eq_ignore_ascii_case("KUBERNETES") {
        let role = text(values, "secrets.vault.role").unwrap_or_default();
        if role.is_empty() {
            let reason = "is needed by secrets.vault.authMethod KUBERNETES";
            values.refuse("secrets.vault.role", reason);
        }
        let path = text(values, "secrets.vault.path").unwrap_or_default();
        return VaultLogin::Kubernetes {
            role,
            path,
            token_file: PathBuf::from(POD_TOKEN),
        };
    }
    let variable = || std::env::var("VAULT_TOKEN").ok();
    let token = text(values, "secrets.vault.token").or_else(variable);
    if token.is_none() {
        let reason = "is not set, and neither is the variable VAULT_TOKEN";
        values.refuse("secrets.vault.token", reason);
    }
    VaultLogin::Token(SecretString::from(token.unwrap_or_default()))
}
