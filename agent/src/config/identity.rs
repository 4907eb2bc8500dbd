//! Who the agent is where it runs: its id and, unless configured, its zone.
//!
//! Used by `config`. Reads the environment and the service account's namespace, once, at start.

use std::path::Path;

const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// What the process finds around itself.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// HOSTNAME, which is the pod's name, or the machine's host name.
    pub hostname: String,
    /// The pod's namespace, when it runs in a pod with a service account.
    pub namespace: Option<String>,
    /// KUBERNETES_SERVICE_HOST: the API server of the cluster that the pod runs in.
    pub cluster: Option<String>,
}

impl Environment {
    /// What this process finds.
    pub fn here() -> Self {
        let named = std::env::var("HOSTNAME")
            .ok()
            .filter(|name| !name.trim().is_empty());
        let machine = || std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).ok();
        let hostname = named.or_else(machine).unwrap_or_else(|| "localhost".into());
        let namespace = std::fs::read_to_string(NAMESPACE_FILE).ok();
        let namespace = namespace
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        Self {
            hostname: hostname.trim().to_owned(),
            namespace,
            cluster: std::env::var("KUBERNETES_SERVICE_HOST").ok(),
        }
    }

    /// The documented default of `zoneId`: `deploymentName_namespace`, the same for all replicas;
    /// the host's name where there is no namespace.
    pub(super) fn zone(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{}_{namespace}", deployment(&self.hostname)),
            None => self.hostname.clone(),
        }
    }
}

/// A Deployment's pod is called `deployment-<hash of its replica set>-<hash of its own>`.
fn deployment(pod: &str) -> &str {
    // The alphabet of Kubernetes' hashes: no vowels, nor what looks like one.
    let hash = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c))
    };
    let Some((rest, own)) = pod.rsplit_once('-') else {
        return pod;
    };
    let Some((name, set)) = rest.rsplit_once('-') else {
        return pod;
    };
    let is_pod = own.len() == 5 && hash(own) && (6..=10).contains(&set.len()) && hash(set);
    if is_pod && !name.is_empty() {
        name
    } else {
        pod
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_is_the_deployment_and_its_namespace() {
        let zone = |hostname: &str, namespace: Option<&str>| {
            let namespace = namespace.map(str::to_owned);
            Environment {
                hostname: hostname.into(),
                namespace,
                cluster: None,
            }
            .zone()
        };
        assert_eq!(
            zone("ferry-agent-7d9c5b4f8d-x2x9z", Some("spinnaker")),
            "ferry-agent_spinnaker"
        );
        assert_eq!(
            zone("ferry-agent-0", Some("spinnaker")),
            "ferry-agent-0_spinnaker"
        );
        assert_eq!(
            zone("ferry-agent-7d9c5b4f8d-x2x9z", None),
            "ferry-agent-7d9c5b4f8d-x2x9z"
        );
        assert_eq!(zone("laptop", Some("x")), "laptop_x");
    }
}
