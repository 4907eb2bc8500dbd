//! The engine `vault`: a key in Vault's KV v2, with a token or by the pod's service account. Keys are
//! Spinnaker's `secrets.vault.*`. `resolve` calls it.

use super::https;
use super::reference::Reference;
use super::resolve::Reason;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// Where a pod has its service account's token.
pub const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Where systems keep the certificates that they trust.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// How to get at a Vault.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// `http(s)://host:port`.
    pub url: String,
    /// Who asks.
    pub login: VaultLogin,
    /// PEM file of the authority it is trusted by; none: the system's.
    pub authority: Option<PathBuf>,
}

/// How Vault knows who asks.
#[derive(Debug, Clone)]
pub enum VaultLogin {
    /// With this token.
    Token(SecretString),
    /// By a method that is not known here: it may be right for Clouddriver.
    Other(String),
    /// As this role, by the pod's service account, at this mount of the auth method.
    Kubernetes {
        /// The role.
        role: String,
        /// The mount, such as `kubernetes`.
        path: String,
        /// The service account's token, such as [`POD_TOKEN`].
        token_file: PathBuf,
    },
}

impl VaultSettings {
    /// Vault's address as it is configured, without user and password, which Vault does not take: it
    /// is shown in messages. `None`: it is none, or secrets would travel in plaintext, which only
    /// `allow_plaintext` lets them do beyond this host.
    pub fn address(text: &str, allow_plaintext: bool) -> Option<String> {
        let mut url = url::Url::parse(text).ok()?;
        if !matches!(url.scheme(), "https" | "http") {
            return None;
        }
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        let url = url.as_str().trim_end_matches('/');
        let may_be = allow_plaintext || https::is_private(&url.parse().ok()?);
        may_be.then(|| url.to_owned())
    }
}

/// The file with the certificates that this system trusts.
fn system() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.or_else(|| SYSTEM.iter().map(PathBuf::from).find(|path| path.exists()))
}

/// What is in this file, in which there must be certificates; an error is a sentence.
fn authorities(file: Option<PathBuf>) -> Result<Vec<u8>, String> {
    const SET: &str = "set secrets.vault.caFile to that of Vault's certificate";
    let file = file.ok_or_else(|| format!("this system trusts no authority: {SET}"))?;
    let shown = file.display();
    let pem = std::fs::read(&file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(_) => Ok(pem),
        None => Err(format!("{shown} has no authority in it: {SET}")),
    }
}

pub(super) struct Vault {
    settings: VaultSettings,
    tls: Arc<ClientConfig>,
    /// What the last login gave.
    token: Mutex<Option<SecretString>>,
}

impl Vault {
    pub(super) fn new(settings: VaultSettings) -> Result<Vault, String> {
        let secure = settings.url.starts_with("https://");
        if !settings
            .url
            .parse()
            .is_ok_and(|url| https::is_private(&url))
        {
            let url = &settings.url;
            tracing::warn!(
                url,
                "secrets travel from Vault in the clear: give it a certificate"
            );
        }
        let pem = match secure {
            true => authorities(settings.authority.clone().or_else(system))?,
            false => Vec::new(),
        };
        Ok(Vault {
            tls: https::trusting(&pem)?,
            settings,
            token: Mutex::new(None),
        })
    }

    /// The content of `reference`; an error is a sentence.
    pub(super) async fn read(&self, reference: &Reference<'_>) -> Result<Vec<u8>, Reason> {
        let engine = reference.need(&["e"])?;
        let (path, key) = (reference.need(&["p", "n"])?, reference.need(&["k"])?);
        let url = format!("/v1/{engine}/data/{path}");
        let token = self.token(None).await?;
        let mut answer = self.ask(Method::GET, &url, None, Some(&token)).await?;
        if answer.0 == StatusCode::FORBIDDEN
            && matches!(self.settings.login, VaultLogin::Kubernetes { .. })
        {
            // What the last login gave is over.
            let token = self.token(Some(&token)).await?;
            answer = self.ask(Method::GET, &url, None, Some(&token)).await?;
        }
        let place = format!("`{path}` in the engine `{engine}`");
        match answer.0 {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                let reason = format!("Vault has nothing at {place}; it must be of KV version 2");
                return Err(reason.into());
            }
            StatusCode::FORBIDDEN => {
                return Err(format!("Vault does not let us read {place}").into());
            }
            other => return Err(format!("Vault answered {other} for {place}").into()),
        }
        let content = answer.1["data"]["data"][key]
            .as_str()
            .ok_or_else(|| format!("{place} has no text `{key}`"))?;
        match reference.get("b") {
            Some("true") => {
                let decoded = STANDARD.decode(content);
                let wrong = |_| format!("`{key}` of {place} is not base64, as `b:true` says");
                Ok(decoded.map_err(wrong)?)
            }
            _ => Ok(content.as_bytes().to_vec()),
        }
    }

    /// A token, another one than `refused`. Several that lack one log in at the same time: nobody waits
    /// for the login of another.
    async fn token(&self, refused: Option<&SecretString>) -> Result<SecretString, Reason> {
        let (role, path, token_file) = match &self.settings.login {
            VaultLogin::Token(token) => return Ok(token.clone()),
            VaultLogin::Other(method) => {
                let known = "is not known here; TOKEN and KUBERNETES are";
                return Err(format!("secrets.vault.authMethod {method} {known}").into());
            }
            VaultLogin::Kubernetes {
                role,
                path,
                token_file,
            } => (role, path, token_file),
        };
        let kept = self.kept().clone();
        let is_refused = |token: &SecretString| {
            refused.is_some_and(|refused| refused.expose_secret() == token.expose_secret())
        };
        if let Some(token) = kept.filter(|token| !is_refused(token)) {
            return Ok(token);
        }
        let shown = token_file.display();
        let jwt = tokio::fs::read_to_string(token_file).await;
        let jwt = jwt.map_err(|error| format!("{shown} cannot be read: {error}"))?;
        let body = json!({"role": role, "jwt": jwt.trim()});
        let login = format!("/v1/auth/{path}/login");
        let (status, answer) = self.ask(Method::POST, &login, Some(&body), None).await?;
        let token = answer["auth"]["client_token"].as_str();
        let token = token.map(SecretString::from).ok_or_else(|| {
            format!("Vault answered {status} to the login as role `{role}` at `{path}`")
        })?;
        *self.kept() = Some(token.clone());
        Ok(token)
    }

    fn kept(&self) -> MutexGuard<'_, Option<SecretString>> {
        self.token
            .lock()
            .expect("nothing panics while it holds the token")
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&SecretString>,
    ) -> Result<(StatusCode, Value), Reason> {
        let url = format!("{}{path}", self.settings.url.trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(&url);
        if let Some(token) = token {
            request = request.header("X-Vault-Token", token.expose_secret());
        }
        let body = body.map_or(Bytes::new(), |body| Bytes::from(body.to_string()));
        let request = request
            .header("Content-Type", "application/json")
            .header("Content-Length", body.len())
            .body(Full::new(body))
            .map_err(|_| format!("{url} is no URL"))?;
        let (status, body) = https::send(request, &self.tls).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn without_an_authority_there_is_no_vault_by_tls() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("ca.pem");
        std::fs::write(&empty, "\n").unwrap();
        let vault = |url: &str| {
            let vault = Vault::new(VaultSettings {
                url: url.to_owned(),
                login: VaultLogin::Token("t0ken".into()),
                authority: Some(empty.clone()),
            });
            vault.map(drop)
        };
        let refused = [
            vault("https://127.0.0.1:8200").unwrap_err(),
            authorities(None).unwrap_err(),
        ];
        for said in refused {
            assert!(said.contains("set secrets.vault.caFile"), "{said}");
        }
        assert_eq!(vault("http://127.0.0.1:8200"), Ok(()));
    }
}
