//! Where references to secrets lead: `secrets.vault.*` as Spinnaker has it, and our own keys. Called by
//! [`super::Config::read`]; asks nobody.

use super::Values;
use crate::secret::{Engines, POD_TOKEN, VaultLogin, VaultSettings};
use secrecy::SecretString;
use std::path::PathBuf;

pub(super) fn read(values: &mut Values) -> Engines {
    let allow_plaintext = values.flag("kubesvc.grpc.allowPlaintext");
    let is_on = values.flag("secrets.vault.enabled");
    Engines {
        kubeconfig: values.file("kubesvc.secrets.kubernetes.kubeconfigFile"),
        vault: is_on.then(|| vault(values, allow_plaintext)),
        allow_plaintext,
    }
}

fn vault(values: &mut Values, allow_plaintext: bool) -> VaultSettings {
    let url = values.text("secrets.vault.url").unwrap_or_default();
    let url = VaultSettings::address(url, allow_plaintext);
    if url.is_none() {
        values.refuse(
            "secrets.vault.url",
            "is not https://host:port; http from another host is taken with \
             kubesvc.grpc.allowPlaintext: true alone: secrets then cross the network in plaintext",
        );
    }
    VaultSettings {
        url: url.unwrap_or_default(),
        login: login(values),
        authority: values.file("secrets.vault.caFile"),
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
    if !method.eq_ignore_ascii_case("TOKEN") {
        return VaultLogin::Other(method);
    }
    let variable = || std::env::var("VAULT_TOKEN").ok();
    let token = text(values, "secrets.vault.token").or_else(variable);
    if token.is_none() {
        let reason = "is not set, and neither is the variable VAULT_TOKEN";
        values.refuse("secrets.vault.token", reason);
    }
    VaultLogin::Token(SecretString::from(token.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, mistakes};
    use crate::secret::VaultLogin;
    use secrecy::ExposeSecret;
    use std::path::PathBuf;

    const ON: &str = "secrets.vault: {enabled: true, url: 'https://vault:8200'";

    #[test]
    fn without_vault_its_other_keys_are_nobodys_business() {
        let engines = config("secrets.vault: {authMethod: LDAP, username: u}\n").engines;
        assert!(engines.vault.is_none() && engines.kubeconfig.is_none());
    }

    #[test]
    fn each_login_has_what_it_needs() {
        let pod = "authMethod: kubernetes, role: ferry, path: pods, caFile: /ca.pem}\n";
        let vault = config(&format!("{ON}, {pod}")).engines.vault.unwrap();
        assert_eq!(vault.url, "https://vault:8200");
        assert_eq!(vault.authority, Some(PathBuf::from("/ca.pem")));
        assert!(matches!(
            vault.login,
            VaultLogin::Kubernetes { role, path, token_file }
                if role == "ferry" && path == "pods" && token_file.ends_with("serviceaccount/token")
        ));
        let vault = config(&format!("{ON}, token: t0ken}}\n")).engines.vault;
        let VaultLogin::Token(token) = vault.unwrap().login else {
            panic!("TOKEN is the default");
        };
        assert_eq!(token.expose_secret(), "t0ken");
        let vault = config(&format!("{ON}, authMethod: LDAP}}\n")).engines.vault;
        assert!(matches!(vault.unwrap().login, VaultLogin::Other(method) if method == "LDAP"));
    }

    #[test]
    fn a_login_in_vaults_address_is_left_out() {
        let vault =
            "secrets.vault: {enabled: true, token: t0ken, url: 'https://u:hunter2@vault:1'}\n";
        assert_eq!(config(vault).engines.vault.unwrap().url, "https://vault:1");
        let wrong = vault.replace("https:", "ftp:");
        assert!(!mistakes(&wrong).contains("hunter2"));
    }

    #[test]
    fn vault_is_asked_in_plaintext_only_where_that_is_allowed() {
        let vault =
            "secrets.vault: {enabled: true, token: t0ken, url: 'http://u:hunter2@vault:1'}\n";
        let refused = mistakes(vault);
        let said =
            "secrets.vault.url (ferry.yml:1): is not https://host:port; http from another host";
        assert!(refused.starts_with(said), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
        let engines = config(&format!("{vault}kubesvc.grpc.allowPlaintext: true\n")).engines;
        assert!(engines.allow_plaintext);
        assert_eq!(engines.vault.unwrap().url, "http://vault:1");
        let here = config(&vault.replace("vault:1", "127.0.0.1:1")).engines;
        assert_eq!(here.vault.unwrap().url, "http://127.0.0.1:1");
        assert!(!here.allow_plaintext);
    }

    #[test]
    fn what_is_missing_is_said() {
        let roleless = mistakes(&format!("{ON}, authMethod: KUBERNETES}}\n"));
        assert!(roleless.contains("secrets.vault.role"), "{roleless}");
        let nowhere = mistakes("secrets.vault: {enabled: true, url: 'vault:8200', token: t0ken}\n");
        assert!(nowhere.contains("secrets.vault.url"), "{nowhere}");
        assert!(!nowhere.contains("t0ken"), "{nowhere}");
    }
}
