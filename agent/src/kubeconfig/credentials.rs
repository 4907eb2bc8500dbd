//! A user's entry, as kube's `AuthInfo`: the credentials that were checked and nothing else of it.
//!
//! `choose` calls [`credentials`]. Only what an operator wrote may bring a program to run.

use http::HeaderValue;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use secrecy::{ExposeSecret, SecretString};

use super::Trust;
use super::files::NamedFiles;
use crate::cause::{Refusal, printable};

/// The user's credentials and nothing else of its entry, unless an operator wrote it.
pub(super) fn credentials(
    name: &str,
    user: &AuthInfo,
    cluster: &Cluster,
    files: &NamedFiles<'_>,
) -> Result<AuthInfo, Refusal> {
    let entry = format!("user `{}` of the kubeconfig", printable(name));
    let file = |field, value: &Option<String>| -> Result<Option<String>, Refusal> {
        match value.as_deref().filter(|path| !path.is_empty()) {
            Some(path) => {
                let path = files.resolve(&entry, field, path)?;
                Ok(Some(path.to_string_lossy().into_owned()))
            }
            None => Ok(None),
        }
    };
    let token = user
        .token
        .clone()
        .filter(|token| !token.expose_secret().is_empty());
    let headers = [
        token.as_ref().map(ExposeSecret::expose_secret),
        user.impersonate.as_deref(),
        user.impersonate_uid.as_deref(),
    ];
    let groups = user.impersonate_groups.iter().flatten().map(String::as_str);
    // kube would panic on a token that no header can hold.
    if headers
        .into_iter()
        .flatten()
        .chain(groups)
        .any(|v| HeaderValue::from_str(v).is_err())
    {
        return Err(Refusal::Credentials(printable(name)));
    }
    let operator = files.trust == Trust::Operator;
    let key = user
        .client_key_data
        .as_ref()
        .map(ExposeSecret::expose_secret);
    Ok(AuthInfo {
        username: user.username.clone(),
        password: user.password.clone(),
        token_file: file("tokenFile", &user.token_file)?.filter(|_| token.is_none()),
        token,
        client_certificate: file("client-certificate", &user.client_certificate)?,
        client_certificate_data: user.client_certificate_data.as_deref().map(unfolded),
        client_key: file("client-key", &user.client_key)?,
        client_key_data: key.map(|key| SecretString::from(unfolded(key))),
        impersonate: user.impersonate.clone(),
        impersonate_uid: user.impersonate_uid.clone(),
        impersonate_groups: user.impersonate_groups.clone(),
        impersonate_user_extra: user.impersonate_user_extra.clone(),
        exec: user
            .exec
            .as_ref()
            .filter(|_| operator)
            .map(|exec| program(exec, cluster, files)),
        auth_provider: user.auth_provider.clone().filter(|_| operator),
        ..AuthInfo::default()
    })
}

/// An operator's credential program. The agent has no terminal to ask at.
fn program(exec: &ExecConfig, cluster: &Cluster, files: &NamedFiles<'_>) -> ExecConfig {
    let mut exec = exec.clone();
    exec.interactive_mode = Some(ExecInteractiveMode::Never);
    if let Some(command) = &exec.command
        && command.contains('/')
    {
        exec.command = Some(files.beside.join(command).to_string_lossy().into_owned());
    }
    if exec.provide_cluster_info {
        let mut cluster = cluster.clone();
        cluster.certificate_authority = cluster
            .certificate_authority
            .filter(|path| !path.is_empty())
            .map(|path| files.beside.join(path).to_string_lossy().into_owned());
        exec.cluster = ExecAuthCluster::try_from(&cluster).ok();
    }
    exec
}

/// Base64 without the line breaks that YAML's block texts bring.
pub(super) fn unfolded(data: &str) -> String {
    data.split_ascii_whitespace().collect()
}
