//! The chosen context's cluster and user, as kube's `Config`.
//!
//! kube could make a `Config` from a kubeconfig by itself, but it reads proxies from the environment
//! and takes whatever a user's entry has; here only what was checked gets in.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::config::{AuthInfo, Cluster, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Trust;
use super::credentials::{credentials, unfolded};
use super::files::{self, Folders, NamedFiles};
use super::refuse::{given, refuse, refuse_proxy};
use crate::cause::{Names, Refusal, printable};

/// What a cluster is connected with.
pub struct Access {
    /// The server's URL, as the kubeconfig has it.
    pub server: String,
    /// The user's name in the kubeconfig, for sentences.
    pub user: String,
    /// Where and as whom.
    pub config: kube::Config,
}

impl Access {
    /// Lets any certificate of the cluster do: nothing is verified, so the system's authorities, which
    /// may be missing, are not needed.
    pub fn accept_any_certificate(&mut self) {
        self.config.accept_invalid_certs = true;
        self.config.root_cert.get_or_insert_default();
    }
}

/// Chooses in a kubeconfig. `beside` is the folder from which files that it names are relative.
pub(super) fn choose(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    trust: Trust,
    beside: Option<&Path>,
    folders: &Folders<'_>,
) -> Result<Access, Refusal> {
    refuse(&kubeconfig, trust)?;
    if kubeconfig.clusters.is_empty() {
        return Err(Refusal::NoCluster);
    }
    let (cluster_name, user_name) = context_of(&kubeconfig, context)?;
    let cluster = cluster_of(&kubeconfig, &cluster_name);
    let user = user_name
        .as_deref()
        .and_then(|name| user_of(&kubeconfig, name));
    refuse_proxy(&cluster_name, cluster)?;

    let files = NamedFiles {
        trust,
        beside: beside.unwrap_or(Path::new("/")),
        folders,
    };
    let (server, url) = server_url(&cluster_name, cluster)?;
    let mut config = kube::Config::new(url);
    config.tls_server_name = cluster
        .tls_server_name
        .clone()
        .filter(|name| !name.is_empty());
    config.root_cert = authority(&cluster_name, cluster, &files)?;
    let user_name = user_name.unwrap_or_default();
    config.auth_info = match user {
        Some(user) => credentials(&user_name, user, cluster, &files)?,
        None => AuthInfo::default(),
    };
    let encrypted = config.cluster_url.scheme_str() == Some("https");
    let mut access = Access {
        server,
        user: printable(&user_name),
        config,
    };
    // Plain http shows no certificate at all.
    if cluster.insecure_skip_tls_verify == Some(true) || !encrypted {
        access.accept_any_certificate();
    }
    Ok(access)
}

/// The agent's own service account, by the environment that Kubernetes sets in every pod.
pub(super) fn service_account() -> Result<Access, Refusal> {
    let config = kube::Config::incluster_env()
        .map_err(|error| Refusal::NoServiceAccount(printable(&error.to_string())))?;
    let server = config
        .cluster_url
        .to_string()
        .trim_end_matches('/')
        .to_owned();
    Ok(Access {
        server,
        user: "service account".into(),
        config,
    })
}

/// The names of the cluster and of the user that the context is about; both are in the kubeconfig.
fn context_of(
    kubeconfig: &Kubeconfig,
    wanted: Option<&str>,
) -> Result<(String, Option<String>), Refusal> {
    let known = || Names(kubeconfig.contexts.iter().map(|c| c.name.clone()).collect());
    let name = wanted
        .or(kubeconfig.current_context.as_deref())
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Refusal::NoContext(known()))?;
    let context = kubeconfig
        .contexts
        .iter()
        .find(|context| context.name == name)
        .and_then(|context| context.context.as_ref())
        .ok_or_else(|| Refusal::UnknownContext {
            context: printable(name),
            known: known(),
        })?;
    let has_cluster =
        |c: &&kube::config::NamedCluster| c.name == context.cluster && c.cluster.is_some();
    if !kubeconfig.clusters.iter().any(|c| has_cluster(&c)) {
        return Err(Refusal::UnknownCluster {
            context: printable(name),
            cluster: printable(&context.cluster),
            known: Names(kubeconfig.clusters.iter().map(|c| c.name.clone()).collect()),
        });
    }
    let user = context.user.clone().filter(|user| !user.is_empty());
    if let Some(user) = &user
        && !kubeconfig.auth_infos.iter().any(|u| u.name == *user)
    {
        return Err(Refusal::UnknownUser {
            context: printable(name),
            user: printable(user),
            known: Names(
                kubeconfig
                    .auth_infos
                    .iter()
                    .map(|u| u.name.clone())
                    .collect(),
            ),
        });
    }
    Ok((context.cluster.clone(), user))
}

fn cluster_of<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> &'a Cluster {
    kubeconfig
        .clusters
        .iter()
        .filter(|cluster| cluster.name == name)
        .find_map(|cluster| cluster.cluster.as_ref())
        .expect("context_of found it")
}

fn user_of<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Option<&'a AuthInfo> {
    kubeconfig
        .auth_infos
        .iter()
        .find(|user| user.name == name)?
        .auth_info
        .as_ref()
}

fn server_url(name: &str, cluster: &Cluster) -> Result<(String, Uri), Refusal> {
    let server = cluster.server.as_deref().map(str::trim).unwrap_or_default();
    if server.is_empty() {
        return Err(Refusal::NoServer(printable(name)));
    }
    let wrong = || Refusal::BadServer(printable(name));
    let url: Uri = server.parse().map_err(|_| wrong())?;
    let authority = url.authority().ok_or_else(wrong)?;
    if authority.as_str().contains('@') {
        return Err(Refusal::CredentialsInUrl(printable(name)));
    }
    if !matches!(url.scheme_str(), Some("https" | "http"))
        || authority.host().is_empty()
        || url.query().is_some()
    {
        return Err(wrong());
    }
    Ok((printable(server), url))
}

/// The certificates of the cluster's authority; none means those that the system trusts.
fn authority(
    name: &str,
    cluster: &Cluster,
    files: &NamedFiles<'_>,
) -> Result<Option<Vec<Vec<u8>>>, Refusal> {
    let wrong = || Refusal::AuthorityData(printable(name));
    let pem = if given(&cluster.certificate_authority_data) {
        let data = cluster
            .certificate_authority_data
            .as_deref()
            .unwrap_or_default();
        STANDARD.decode(unfolded(data)).map_err(|_| wrong())?
    } else if given(&cluster.certificate_authority) {
        let path = cluster.certificate_authority.as_deref().unwrap_or_default();
        let entry = format!("cluster `{}` of the kubeconfig", printable(name));
        let path = files.resolve(&entry, "certificate-authority", path)?;
        files::read_bytes(&path)?
    } else {
        return Ok(None);
    };
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    if certificates.is_empty() {
        Err(wrong())
    } else {
        Ok(Some(certificates))
    }
}
