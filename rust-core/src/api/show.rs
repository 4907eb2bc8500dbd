//! An account as JSON: the usage shape of `/armory/accounts` and the contract's KubesvcAccount.
//! What is shown of a definition is its public part; secrets stand there as `[redacted]`.

use crate::account::definition::Definition;
use crate::account::{Cluster, HoldingState};
use crate::store::{AccountDetail, Namespaces, Source};
use serde_json::{Map, Value, json};

/// `GET /armory/accounts/{name}` and an item of the list.
pub(super) fn usage(name: &str, detail: &AccountDetail) -> Value {
    match detail {
        AccountDetail::Dynamic {
            account,
            content,
            holdings,
            caching,
            ignored,
        } => {
            let agents = holdings.iter().map(|held| &held.agent_id);
            let mut shown = json!({
                "name": name,
                "type": "kubernetes",
                "source": Source::Clouddriver.as_str(),
                "config": object(&content.definition),
                "agents": agents_array(agents, caching.as_ref()),
                "status": account.status.as_str(),
                "lastAssignmentMsg": message(account.message.as_deref(), ignored.as_deref()),
            });
            if let Some(zone_id) = account.zone() {
                shown["zoneId"] = json!(zone_id);
            }
            shown
        }
        AccountDetail::Static {
            definition,
            zone_id,
            agents,
            caching,
            ignored,
            ..
        } => {
            let cause = agents.iter().find_map(|(_, _, cause)| cause.as_deref());
            let agents = agents.iter().map(|(id, _, _)| id);
            json!({
                "name": name,
                "type": "kubernetes",
                "source": Source::StaticAgentConfig.as_str(),
                "config": object(definition),
                "zoneId": zone_id,
                "agents": agents_array(agents, caching.as_ref()),
                "lastAssignmentMsg": message(cause, ignored.as_deref()),
            })
        }
    }
}

/// An account of Clouddriver's that nobody migrated: it has no status.
pub(super) fn unmigrated(name: &str, account: Map<String, Value>) -> Value {
    json!({
        "name": name,
        "type": "kubernetes",
        "source": Source::Clouddriver.as_str(),
        "config": Definition::part(account).public,
        "agents": [],
    })
}

/// The contract's KubesvcAccount.
pub(super) fn kubesvc_account(name: &str, detail: &AccountDetail) -> Value {
    match detail {
        AccountDetail::Dynamic {
            account,
            content,
            holdings,
            ignored,
            ..
        } => {
            let mut shown = kubesvc(name, &content.definition, &account.cluster);
            shown["dynamic"] = json!(true);
            shown["status"] = json!(account.status.as_str());
            shown["retryCount"] = json!(account.failed_count);
            shown["lastUpdated"] = json!(account.last_updated);
            shown["connections"] = json!(ready(holdings.iter().map(|held| held.state)));
            let message = message(account.message.as_deref(), ignored.as_deref());
            shown["errorMessage"] = json!(message);
            if let Some(zone_id) = account.zone() {
                shown["zoneId"] = json!(zone_id);
            }
            shown
        }
        AccountDetail::Static {
            definition,
            zone_id,
            cluster,
            agents,
            ignored,
            ..
        } => {
            let mut shown = kubesvc(name, definition, cluster);
            shown["dynamic"] = json!(false);
            shown["retryCount"] = json!(0);
            shown["connections"] = json!(ready(agents.iter().map(|(_, state, _)| *state)));
            let cause = agents.iter().find_map(|(_, _, cause)| cause.as_deref());
            shown["errorMessage"] = json!(message(cause, ignored.as_deref()));
            shown["zoneId"] = json!(zone_id);
            shown
        }
    }
}

/// The namespaces that were seen, of those that the definition leaves by now; when there is none, those
/// that it names.
pub(super) fn namespaces(detail: &AccountDetail, seen: Option<Namespaces>) -> Vec<String> {
    let definition = object(match detail {
        AccountDetail::Dynamic { content, .. } => &content.definition,
        AccountDetail::Static { definition, .. } => definition,
    });
    let texts = |key: &str| -> Vec<String> {
        let texts = definition[key].as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (named, omitted) = (texts("namespaces"), texts("omitNamespaces"));
    let left =
        |name: &String| (named.is_empty() || named.contains(name)) && !omitted.contains(name);
    let seen = seen.map_or(Vec::new(), |seen| seen.names);
    let names: Vec<String> = seen.into_iter().filter(left).collect();
    match names.is_empty() {
        true => named.iter().filter(|name| left(name)).cloned().collect(),
        false => names,
    }
}

/// What is said of an account, and of another of its name that is ignored.
fn message(said: Option<&str>, ignored: Option<&str>) -> String {
    let sentences: Vec<&str> = said.into_iter().chain(ignored).collect();
    sentences.join("; ")
}

fn kubesvc(name: &str, definition: &str, cluster: &Cluster) -> Value {
    let object = object(definition);
    json!({
        "name": name,
        "permissions": permissions(&object),
        "def": definition,
        "definition": object,
        "definitionAsString": definition,
        "properties": {},
        "propertiesAsString": "{}",
        "props": "{}",
        "kubeHost": cluster.kube_host.as_deref().unwrap_or_default(),
        "kubeVersion": cluster.kube_version.as_deref().unwrap_or_default(),
        "certFingerprint": cluster.cert_fingerprint.as_deref().unwrap_or_default(),
    })
}

fn object(definition: &str) -> Value {
    serde_json::from_str(definition).unwrap_or_else(|_| json!({}))
}

fn ready(states: impl Iterator<Item = HoldingState>) -> usize {
    states.filter(|state| *state == HoldingState::Ready).count()
}

/// Agents with who of them caches.
fn agents_array<'a>(agents: impl Iterator<Item = &'a String>, caching: Option<&String>) -> Value {
    agents
        .map(|id| json!({"agentId": id, "caching": Some(id) == caching}))
        .collect()
}

/// Permissions as a map of lists of texts; Armory's agent also has them as a list of such maps, and takes
/// roles that are numbers.
fn permissions(definition: &Value) -> Map<String, Value> {
    let mut permissions: Map<String, Value> = Map::new();
    let maps = match &definition["permissions"] {
        Value::Array(maps) => maps.iter().collect(),
        map => vec![map],
    };
    for (right, roles) in maps.into_iter().filter_map(Value::as_object).flatten() {
        let roles = match roles {
            Value::Array(roles) => roles.clone(),
            Value::Null => Vec::new(),
            role => vec![role.clone()],
        };
        let known = permissions.entry(right).or_insert_with(|| json!([]));
        let text = |role: Value| match role {
            Value::Number(number) => Value::String(number.to_string()),
            role => role,
        };
        if let Value::Array(known) = known {
            known.extend(roles.into_iter().map(text));
        }
    }
    permissions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_a_map_however_they_are_written() {
        for (written, shown) in [
            (json!(null), json!({})),
            (json!("READ"), json!({})),
            (
                json!({"READ": ["a"], "WRITE": "b"}),
                json!({"READ": ["a"], "WRITE": ["b"]}),
            ),
            // A role with whitespace restricts as any other.
            (
                json!({"READ": ["team a", " ", 7], "WRITE": 8}),
                json!({"READ": ["team a", " ", "7"], "WRITE": ["8"]}),
            ),
            (
                json!([{"READ": ["a"]}, {"WRITE": ["b"]}, {"READ": ["c"], "EXECUTE": null}, 1]),
                json!({"READ": ["a", "c"], "WRITE": ["b"], "EXECUTE": []}),
            ),
        ] {
            let definition = json!({"permissions": written});
            assert_eq!(Value::Object(permissions(&definition)), shown, "{written}");
        }
    }
}
