//! Several files as one configuration: objects are joined, all else is replaced.
//!
//! Used by `config`; `reload` asks what differs between two.

use std::fmt;

use serde_json::Value;

/// Lays `over` upon `base`.
pub(super) fn lay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                lay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (base, over) => *base = over,
    }
}

/// All that was configured but `kubernetes.accounts`, only to be compared: it has secrets.
#[derive(Clone)]
pub(crate) struct Rest(Value);

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Rest {
    pub(super) fn of(root: &Value) -> Self {
        let mut rest = root.clone();
        if let Some(Value::Object(kubernetes)) = rest.get_mut("kubernetes") {
            kubernetes.remove("accounts");
        }
        Self(rest)
    }

    /// The paths of what differs.
    pub(crate) fn differences(&self, other: &Rest) -> Vec<String> {
        let mut paths = Vec::new();
        differ("", &self.0, &other.0, &mut paths);
        paths
    }
}

fn differ(path: &str, one: &Value, other: &Value, paths: &mut Vec<String>) {
    let empty = serde_json::Map::new();
    let part = |value: &Value| match value {
        Value::Null => Some(empty.clone()),
        value => value.as_object().cloned(),
    };
    match (part(one), part(other)) {
        _ if one == other => {}
        (Some(one), Some(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                let of = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or_default()
                };
                differ(&path, &of(&one), &of(&other), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_joined_and_all_else_is_replaced() {
        let mut base = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        lay(&mut base, json!({"a": {"c": [3], "e": 2}, "d": null}));
        assert_eq!(base, json!({"a": {"b": 1, "c": [3], "e": 2}, "d": 1}));
    }

    #[test]
    fn what_differs_is_told_by_path_and_accounts_are_left_out() {
        let rest = |value: Value| Rest::of(&value);
        let one = rest(json!({"zoneId": "a", "kubernetes": {"accounts": [1]}}));
        let same = rest(json!({"zoneId": "a", "kubernetes": {"accounts": [2]}}));
        assert!(one.differences(&same).is_empty());
        let token = json!({"clouddriver": {"auth": {"token": "s3cret"}}, "kubernetes": null});
        let other = rest(token);
        let paths = one.differences(&other);
        assert_eq!(paths, ["clouddriver.auth.token", "zoneId"]);
        assert_eq!(format!("{other:?}"), "[redacted]");
    }
}
