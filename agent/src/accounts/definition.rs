//! What an account's definition, a JSON object, says to the agent.
//!
//! Used for accounts that the core sends and, by `config`, for those of the agent's own
//! configuration. Attributes that are not for the agent (permissions and the like) are left alone.

use serde_json::Value;

use crate::cause::{Refusal, printable};
use crate::cluster::kinds::{KindName, Selection};

/// The part of a definition that the agent acts on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// The kubeconfig's context; `None` means its current-context.
    pub context: Option<String>,
    /// What to watch.
    pub selection: Selection,
    /// `insecure`: any certificate of the cluster will do.
    pub insecure: bool,
    /// `noProxy`: the operator's proxy is not for this cluster.
    pub no_proxy: bool,
}

impl Definition {
    /// Reads a definition as the core sends it.
    pub fn parse(json: &str) -> Result<Self, Refusal> {
        let wrong = |_| Refusal::Definition("it is not a JSON object".into());
        Self::from_json(&serde_json::from_str(json).map_err(wrong)?)
            .map_err(|(key, expected)| Refusal::Definition(format!("`{key}` must be {expected}")))
    }

    /// Reads a definition. The error is a key and what its value must be.
    pub fn from_json(definition: &Value) -> Result<Self, (&'static str, &'static str)> {
        if !definition.is_object() {
            return Err(("definition", "a JSON object"));
        }
        let kinds = |key| -> Result<Vec<KindName>, (&'static str, &'static str)> {
            Ok(texts(definition, key)?
                .iter()
                .map(|kind| KindName::parse(kind))
                .collect())
        };
        let context = match &definition["context"] {
            Value::Null => None,
            Value::String(context) => Some(context.clone()).filter(|context| !context.is_empty()),
            _ => return Err(("context", "a text")),
        };
        let flag = |key: &'static str| match &definition[key] {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            _ => Err((key, "true or false")),
        };
        let selection = Selection {
            kinds: kinds("kinds")?,
            omit_kinds: kinds("omitKinds")?,
            custom_kinds: custom_kinds(definition)?,
            namespaces: namespaces(definition)?,
            omit_namespaces: texts(definition, "omitNamespaces")?,
            only_namespaced: flag("onlyNamespacedResources")?,
        };
        Ok(Self {
            context,
            selection,
            insecure: flag("insecure")?,
            no_proxy: flag("noProxy")?,
        })
    }
}

fn custom_kinds(definition: &Value) -> Result<Vec<KindName>, (&'static str, &'static str)> {
    let wrong = (
        "customResourceDefinitions",
        "a list of objects that have a kind",
    );
    let kind = |item: &Value| {
        let kind = item["kind"].as_str().filter(|kind| !kind.is_empty());
        kind.map(|kind| KindName::parse(&printable(kind)))
            .ok_or(wrong)
    };
    match &definition["customResourceDefinitions"] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(kind).collect(),
        _ => Err(wrong),
    }
}

fn namespaces(definition: &Value) -> Result<Vec<String>, (&'static str, &'static str)> {
    let mut namespaces = texts(definition, "namespaces")?;
    namespaces.sort();
    namespaces.dedup();
    // They become part of a URL's path.
    let name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if namespaces
        .iter()
        .any(|namespace| !namespace.chars().all(name))
    {
        return Err(("namespaces", "a list of names of namespaces"));
    }
    Ok(namespaces)
}

fn texts(
    definition: &Value,
    key: &'static str,
) -> Result<Vec<String>, (&'static str, &'static str)> {
    let wrong = (key, "a list of texts");
    match &definition[key] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(text) if !text.is_empty() => Ok(printable(text)),
                _ => Err(wrong),
            })
            .collect(),
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_for_the_agent_is_read_and_the_rest_left_alone() {
        let definition = Definition::parse(
            r#"{"name":"a","context":"c","kinds":["Pod"],"omitKinds":null,"namespaces":["b","a","b"],
                "omitNamespaces":["c"],
                "onlyNamespacedResources":true,"insecure":true,"noProxy":false,
                "customResourceDefinitions":[{"kind":"Rollout.argoproj.io","scope":"Cluster"}],"permissions":{"READ":["x"]}}"#,
        )
        .unwrap();
        assert_eq!(definition.context.as_deref(), Some("c"));
        assert_eq!(definition.selection.kinds, [KindName::parse("Pod")]);
        assert_eq!(definition.selection.namespaces, ["a", "b"]);
        assert_eq!(definition.selection.omit_namespaces, ["c"]);
        assert!(definition.selection.only_namespaced);
        assert!(definition.insecure && !definition.no_proxy);
        let custom = [KindName::parse("Rollout.argoproj.io")];
        assert_eq!(definition.selection.custom_kinds, custom);
        assert_eq!(Definition::parse("{}").unwrap(), Definition::default());
    }

    #[test]
    fn a_wrong_value_is_named_with_what_is_expected() {
        for (json, words) in [
            ("[]", "`definition` must be a JSON object"),
            ("garbage", "it is not a JSON object"),
            (r#"{"kinds":"Pod"}"#, "`kinds` must be a list of texts"),
            (r#"{"context":1}"#, "`context` must be a text"),
            (
                r#"{"onlyNamespacedResources":"yes"}"#,
                "`onlyNamespacedResources` must be true or false",
            ),
            (
                r#"{"customResourceDefinitions":["Rollout"]}"#,
                "`customResourceDefinitions` must be a list of objects that have a kind",
            ),
            (
                r#"{"namespaces":["../x"]}"#,
                "`namespaces` must be a list of names",
            ),
        ] {
            let refusal = Definition::parse(json).unwrap_err().to_string();
            assert!(refusal.contains(words), "{json}: {refusal}");
        }
    }
}
