//! What a kubeconfig must not bring, by the name of each field.
//!
//! `choose` calls [`refuse`] before it uses anything. Every entry is looked at, also those that the
//! chosen context does not use: who sends a document answers for all of it.

use kube::config::{AuthInfo, Cluster, Kubeconfig};

use super::Trust;
use crate::cause::{Refusal, printable};

const RUNS: &str =
    "the agent runs no programs for it; use a token or a client certificate in the kubeconfig";
const PLUGIN: &str =
    "the agent has no such plugins; use a token or a client certificate in the kubeconfig";
const PROXY: &str = "the agent connects to clusters without proxies";

/// Refuses what a kubeconfig of this trust must not have.
pub(super) fn refuse(kubeconfig: &Kubeconfig, trust: Trust) -> Result<(), Refusal> {
    if trust == Trust::Operator {
        return Ok(());
    }
    for named in &kubeconfig.auth_infos {
        let entry = format!("user `{}` of the kubeconfig", printable(&named.name));
        let Some(user) = &named.auth_info else {
            continue;
        };
        refuse_user(entry, user, trust)?;
    }
    for named in &kubeconfig.clusters {
        let entry = format!("cluster `{}` of the kubeconfig", printable(&named.name));
        let Some(cluster) = &named.cluster else {
            continue;
        };
        refuse_cluster(entry, cluster, trust)?;
    }
    Ok(())
}

fn refuse_user(entry: String, user: &AuthInfo, trust: Trust) -> Result<(), Refusal> {
    let sent = trust == Trust::Sent;
    let token =
        "a kubeconfig that is sent may name no file of the agent; put the token into `token`";
    let certificate = "a kubeconfig that is sent may name no file of the agent; put the content, in base64, into `client-certificate-data`";
    let key = "a kubeconfig that is sent may name no file of the agent; put the content, in base64, into `client-key-data`";
    let wrong = [
        ("exec", user.exec.is_some(), RUNS),
        ("auth-provider", user.auth_provider.is_some(), PLUGIN),
        ("tokenFile", sent && given(&user.token_file), token),
        (
            "client-certificate",
            sent && given(&user.client_certificate),
            certificate,
        ),
        ("client-key", sent && given(&user.client_key), key),
    ];
    first(entry, &wrong)
}

fn refuse_cluster(entry: String, cluster: &Cluster, trust: Trust) -> Result<(), Refusal> {
    let sent = trust == Trust::Sent;
    let authority = "a kubeconfig that is sent may name no file of the agent; put the content, in base64, into `certificate-authority-data`";
    let wrong = [
        (
            "certificate-authority",
            sent && given(&cluster.certificate_authority),
            authority,
        ),
        ("proxy-url", given(&cluster.proxy_url), PROXY),
    ];
    first(entry, &wrong)
}

/// Refuses a proxy for the one cluster that is used: an operator's file may have others.
pub(super) fn refuse_proxy(name: &str, cluster: &Cluster) -> Result<(), Refusal> {
    let entry = format!("cluster `{}` of the kubeconfig", printable(name));
    first(entry, &[("proxy-url", given(&cluster.proxy_url), PROXY)])
}

fn first(entry: String, fields: &[(&'static str, bool, &'static str)]) -> Result<(), Refusal> {
    match fields.iter().find(|(_, wrong, _)| *wrong) {
        Some(&(field, _, reason)) => Err(Refusal::Field {
            entry,
            field,
            reason,
        }),
        None => Ok(()),
    }
}

/// kubectl takes an empty value as none, and so does this.
pub(super) fn given(value: &Option<String>) -> bool {
    value.as_deref().is_some_and(|value| !value.is_empty())
}
