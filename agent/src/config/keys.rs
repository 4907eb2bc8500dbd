//! Every key of armory-agent.yml: those that are used, and those that Armory documents besides.
//!
//! `config` checks a file against them before it reads a value. `[]` stands for a list's entries,
//! and a key below `.*` may be anything.

use serde_json::Value;

/// Keys that this agent acts on.
const USED: &[&str] = &[
    "clouddriver.grpc",
    "clouddriver.insecure",
    "clouddriver.auth.token",
    "clouddriver.auth.tokenCommand.command",
    "clouddriver.auth.tokenCommand.args",
    "clouddriver.auth.tokenCommand.format",
    "clouddriver.auth.tokenCommand.refreshIntervalSeconds",
    "clouddriver.tls.serverName",
    "clouddriver.tls.insecureSkipVerify",
    "clouddriver.tls.clientCertFile",
    "clouddriver.tls.clientKeyFile",
    "clouddriver.tls.clientKeyFilePassword",
    "clouddriver.tls.clientKeyPassword",
    "clouddriver.tls.cacertFile",
    "clouddriver.noProxy",
    "clouddriver.keepAliveOperationSeconds",
    "clouddriver.backoff.baseDelay",
    "clouddriver.backoff.multiplier",
    "clouddriver.backoff.jitter",
    "clouddriver.backoff.maxDelay",
    "clouddriver.keepAliveHeartbeatSeconds",
    "clouddriver.keepAliveTimeOutSeconds",
    "zoneId",
    "kubernetes.kubeconfigFolders[]",
    "kubernetes.accounts[].name",
    "kubernetes.accounts[].kubeconfigFile",
    "kubernetes.accounts[].kubeConfigFile",
    "kubernetes.accounts[].serviceAccount",
    "kubernetes.accounts[].context",
    "kubernetes.accounts[].kinds[]",
    "kubernetes.accounts[].omitKinds[]",
    "kubernetes.accounts[].namespaces[]",
    "kubernetes.accounts[].onlyNamespacedResources",
    "server.host",
    "server.port",
    "logging.format",
    "logging.level",
];

/// Keys of the Scale Agent that have no effect here, or not yet.
const KNOWN: &[&str] = &[
    "clouddriver.responseRetries.*",
    "dynamicAccountsEnabled",
    "dynamicAccounts.*",
    "hub.*",
    "kubernetes.noProxy",
    "kubernetes.reconnectTimeoutMs",
    "kubernetes.cacheGroupSize",
    "kubernetes.cacheGroupDelayMs",
    "kubernetes.accounts[].serviceAccountName",
    "kubernetes.accounts[].insecure",
    "kubernetes.accounts[].noProxy",
    "kubernetes.accounts[].oAuthScopes.*",
    "kubernetes.accounts[].omitNamespaces.*",
    "kubernetes.accounts[].onlySpinnakerManaged",
    "kubernetes.accounts[].customResourceDefinitions.*",
    "kubernetes.accounts[].permissions.*",
    "kubernetes.accounts[].metrics",
    "kubernetes.accounts[].maxResumableResourceAgeMs",
    "kubernetes.accounts[].skipServerSideApply",
    "kubernetes.accounts[].skipManifestDefaults",
    "kubernetes.serverSideApply.*",
    "kubernetes.retries.*",
    "logging.file",
    "logging.multiWrite",
    "logging.maxSizeMb",
    "logging.maxAgeDays",
    "logging.maxBackups",
    "logging.localTime",
    "logging.compress",
    "logging.fields.*",
    "pprof.*",
    "prometheus.*",
    "server.ssl.*",
    "secrets.*",
    "tasks.*",
    "timeoutSeconds",
];

/// A key that nobody documents, and the one that is most like it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) key: String,
    pub(super) nearest: &'static str,
}

/// Checks every key of a file. The result are those that are known but not used.
pub(super) fn check(document: &Value) -> Result<Vec<String>, Unknown> {
    let mut unused = Vec::new();
    walk(document, String::new(), String::new(), &mut unused)?;
    unused.dedup();
    Ok(unused)
}

/// `path` is for people (`accounts[1].name`), `pattern` for the tables (`accounts[].name`).
fn walk(
    value: &Value,
    path: String,
    pattern: String,
    unused: &mut Vec<String>,
) -> Result<(), Unknown> {
    let entries: Vec<(String, String, &Value)> = match value {
        // A value of the wrong shape is the reader's business; an empty section is none.
        _ if USED.contains(&pattern.as_str()) || value.is_null() => return Ok(()),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (below(&path, key), below(&pattern, key), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (format!("{path}[{at}]"), format!("{pattern}[]"), item))
            .collect(),
        _ => return Ok(()),
    };
    for (path, pattern, value) in entries {
        if known(&pattern) {
            unused.push(path);
        } else if leads_on(&pattern) {
            walk(value, path, pattern, unused)?;
        } else {
            return Err(Unknown {
                nearest: nearest(&pattern),
                key: path,
            });
        }
    }
    Ok(())
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn known(pattern: &str) -> bool {
    KNOWN
        .iter()
        .any(|known| known.strip_suffix(".*").unwrap_or(known) == pattern)
}

/// Whether the pattern is a used key or a section with documented keys.
fn leads_on(pattern: &str) -> bool {
    USED.iter().chain(KNOWN).any(|known| {
        known
            .strip_prefix(pattern)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
    })
}

/// The documented key that takes the fewest changes, preferring those that are used.
fn nearest(pattern: &str) -> &'static str {
    let mut candidates = USED.iter().chain(KNOWN).map(|key| {
        let key = key.strip_suffix(".*").unwrap_or(key);
        key.strip_suffix("[]").unwrap_or(key)
    });
    let first = candidates.next().expect("there are keys");
    candidates.fold(first, |best, key| {
        if changes(key, pattern) < changes(best, pattern) {
            key
        } else {
            best
        }
    })
}

/// How many characters must be changed, added or taken to make one text of the other.
fn changes(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let same = corner + usize::from(!from.eq_ignore_ascii_case(to));
            corner = row[j + 1];
            row[j + 1] = same.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn known_keys_are_told_once_each() {
        let unused = check(&json!({
            "clouddriver": {"grpc": "a:1", "responseRetries": {"enabled": true, "maxRetries": 1}},
            "kubernetes": {"accounts": [{"name": "a", "permissions": [{"READ": ["x"]}]}], "retries": null},
            "prometheus": {"enabled": true},
            "logging": null,
        }));
        let unused = unused.unwrap();
        assert_eq!(
            unused,
            [
                "clouddriver.responseRetries",
                "kubernetes.accounts[0].permissions",
                "kubernetes.retries",
                "prometheus"
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_told_with_its_path_and_the_nearest_one() {
        for (document, key, nearest) in [
            (
                json!({"clouddriver": {"grcp": "x"}}),
                "clouddriver.grcp",
                "clouddriver.grpc",
            ),
            (
                json!({"kubernetes": {"accounts": [{"name": "a"}, {"nmae": "b"}]}}),
                "kubernetes.accounts[1].nmae",
                "kubernetes.accounts[].name",
            ),
            (json!({"zoneID2": 1}), "zoneID2", "zoneId"),
            (
                json!({"kubernetes": {"kubeconfigFolder": ["/a"]}}),
                "kubernetes.kubeconfigFolder",
                "kubernetes.kubeconfigFolders",
            ),
        ] {
            let unknown = check(&document).unwrap_err();
            assert_eq!((unknown.key.as_str(), unknown.nearest), (key, nearest));
        }
    }
}
