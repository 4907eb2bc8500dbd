//! The engine `k8s`: a key of a Secret, through the Kubernetes API, with the pod's service account or
//! a kubeconfig that was configured. `resolve` calls it. Files are read anew for each secret: tokens
//! in a pod change within the hour.

use super::https;
use super::reference::Reference;
use super::resolve::Reason;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::fs;

/// What is escaped in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Where the API server is, and who asks.
struct Access {
    server: String,
    authority: Vec<u8>,
    token: SecretString,
    namespace: Option<String>,
}

/// The content of `reference`; an error is a sentence.
pub(super) async fn read(
    kubeconfig: Option<&Path>,
    allow_plaintext: bool,
    reference: &Reference<'_>,
) -> Result<Vec<u8>, Reason> {
    let (name, key) = (reference.need(&["n"])?, reference.need(&["k"])?);
    let access = match kubeconfig {
        Some(path) => of_kubeconfig(path, allow_plaintext).await?,
        None => of_pod().await?,
    };
    let namespace = reference
        .get("ns")
        .or(access.namespace.as_deref())
        .unwrap_or("default");
    let place = format!("the Secret `{name}` of namespace `{namespace}`");
    let path = [namespace, name].map(|part| utf8_percent_encode(part, SEGMENT));
    let url = format!(
        "{}/api/v1/namespaces/{}/secrets/{}",
        access.server, path[0], path[1]
    );
    let token = format!("Bearer {}", access.token.expose_secret());
    let request = Request::get(&url)
        .header(header::AUTHORIZATION, token)
        .header(header::ACCEPT, "application/json")
        .body(Full::new(Bytes::new()))
        .map_err(|_| format!("the API server's address, with {place}, is no URL"))?;
    let (status, body) = https::send(request, &https::trusting(&access.authority)?).await?;
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(format!("{place} is not there").into()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let reason = format!("the service account may not read {place}; let it `get` it");
            return Err(reason.into());
        }
        other => {
            return Err(format!("the API server answered {other} for {place}").into());
        }
    }
    let secret: Value =
        serde_json::from_slice(&body).map_err(|_| "the answer is no Secret".to_owned())?;
    let content = secret["data"][key]
        .as_str()
        .ok_or_else(|| format!("{place} has no key `{key}`"))?;
    let content = STANDARD.decode(content);
    Ok(content.map_err(|_| format!("the key `{key}` of {place} is not base64"))?)
}

/// Whether there is an API server to ask as the pod's service account.
pub(super) fn is_in_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

async fn of_pod() -> Result<Access, String> {
    let variable = |name: &str| {
        std::env::var(name).map_err(|_| {
            format!(
                "{name} is not set: this is no pod; set secrets.kubernetes.kubeconfigFile, for the \
                 core kubesvc.secrets.kubernetes.kubeconfigFile"
            )
        })
    };
    let (host, port) = (
        variable("KUBERNETES_SERVICE_HOST")?,
        variable("KUBERNETES_SERVICE_PORT")?,
    );
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let pod = Path::new(POD);
    Ok(Access {
        server: format!("https://{host}:{port}"),
        authority: file(&pod.join("ca.crt")).await?,
        token: token(&pod.join("token")).await?,
        namespace: fs::read_to_string(pod.join("namespace")).await.ok(),
    })
}

async fn of_kubeconfig(path: &Path, allow_plaintext: bool) -> Result<Access, String> {
    let shown = path.display();
    let text = SecretString::from(String::from_utf8_lossy(&file(path).await?).into_owned());
    let config: Value = serde_saphyr::from_str(text.expose_secret())
        .map_err(|_| format!("{shown} is not a kubeconfig"))?;
    let named = |list: &str, name: &Value| {
        let entries = config[list].as_array().cloned().unwrap_or_default();
        let found = entries.into_iter().find(|entry| entry["name"] == *name);
        found.ok_or_else(|| format!("{shown} lacks what its current context names in {list}"))
    };
    let context = named("contexts", &config["current-context"])?["context"].clone();
    let cluster = named("clusters", &context["cluster"])?["cluster"].clone();
    let user = named("users", &context["user"])?["user"].clone();
    let server = cluster["server"].as_str().unwrap_or_default();
    let server = server.trim_end_matches('/').to_owned();
    if !allow_plaintext && !server.parse().is_ok_and(|url| https::is_private(&url)) {
        return Err(format!(
            "the server in {shown} is not https://host:port, and secrets are not sent in plaintext \
             but on this host"
        ));
    }
    let beside = |file: &str| {
        path.parent()
            .map_or(PathBuf::from(file), |folder| folder.join(file))
    };
    let authority = match (
        cluster["certificate-authority-data"].as_str(),
        cluster["certificate-authority"].as_str(),
    ) {
        (Some(data), _) => STANDARD
            .decode(data)
            .map_err(|_| format!("{shown}: certificate-authority-data is not base64"))?,
        (None, Some(name)) => file(&beside(name)).await?,
        (None, None) => return Err(format!("{shown} names no certificate-authority")),
    };
    let token = match (user["token"].as_str(), user["tokenFile"].as_str()) {
        (Some(text), _) => SecretString::from(text),
        (None, Some(name)) => token(&beside(name)).await?,
        (None, None) => return Err(format!("{shown}: its user has no token and no tokenFile")),
    };
    Ok(Access {
        server,
        authority,
        token,
        namespace: context["namespace"].as_str().map(str::to_owned),
    })
}

async fn token(path: &Path) -> Result<SecretString, String> {
    let text = String::from_utf8_lossy(&file(path).await?)
        .trim()
        .to_owned();
    Ok(SecretString::from(text))
}

async fn file(path: &Path) -> Result<Vec<u8>, String> {
    let read = fs::read(path).await;
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
