//! Which kinds an account watches: `kinds`, `omitKinds`, or the contract's `cacheDefaults`.
//!
//! `accounts::definition` makes a [`Selection`]; `discovery` resolves it against a cluster.

use std::fmt;

use kube::discovery::ApiResource;

/// The contract's `cacheDefaults` with their groups.
const DEFAULTS: [(&str, &str); 12] = [
    ("ReplicaSet", "apps"),
    ("Service", ""),
    ("Ingress", "networking.k8s.io"),
    ("DaemonSet", "apps"),
    ("Deployment", "apps"),
    ("Pod", ""),
    ("StatefulSet", "apps"),
    ("Job", "batch"),
    ("CronJob", "batch"),
    ("NetworkPolicy", "networking.k8s.io"),
    ("Namespace", ""),
    ("CustomResourceDefinition", "apiextensions.k8s.io"),
];

/// A kind by name and group; the core group is empty. Letter case does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindName {
    /// Such as `Deployment`.
    pub kind: String,
    /// Such as `apps`.
    pub group: String,
}

impl KindName {
    /// Reads `Kind.group`. Without a group it is one of `cacheDefaults`, or of the core group.
    pub fn parse(text: &str) -> Self {
        if let Some((kind, group)) = text.split_once('.') {
            return Self {
                kind: kind.into(),
                group: group.into(),
            };
        }
        let known = DEFAULTS
            .iter()
            .find(|(kind, _)| kind.eq_ignore_ascii_case(text));
        Self {
            kind: text.into(),
            group: known.map_or("", |(_, group)| group).into(),
        }
    }

    /// Whether it is the same kind.
    pub fn same(&self, other: &Self) -> bool {
        self.kind.eq_ignore_ascii_case(&other.kind) && self.group.eq_ignore_ascii_case(&other.group)
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.kind),
            group => write!(f, "{}.{group}", self.kind),
        }
    }
}

/// What an account's definition says about what to watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// `kinds`; empty means `cacheDefaults`.
    pub kinds: Vec<KindName>,
    /// `customResourceDefinitions`: to be watched besides.
    pub custom_kinds: Vec<KindName>,
    /// `omitKinds`.
    pub omit_kinds: Vec<KindName>,
    /// `namespaces`: watch only there; empty means everywhere.
    pub namespaces: Vec<String>,
    /// `omitNamespaces`: not the account's, though they are watched.
    pub omit_namespaces: Vec<String>,
    /// `onlyNamespacedResources`: nothing that is cluster-scoped.
    pub only_namespaced: bool,
}

impl Selection {
    /// The kinds to look for.
    pub fn wanted(&self) -> Vec<KindName> {
        let defaults = DEFAULTS.iter().map(|&(kind, group)| KindName {
            kind: kind.into(),
            group: group.into(),
        });
        let all: Vec<KindName> = if self.kinds.is_empty() {
            defaults.collect()
        } else {
            self.kinds.clone()
        };
        let mut wanted: Vec<KindName> = Vec::new();
        for kind in all.into_iter().chain(self.custom_kinds.clone()) {
            let omitted = self.omit_kinds.iter().any(|omit| omit.same(&kind));
            if !omitted && !wanted.iter().any(|known| known.same(&kind)) {
                wanted.push(kind);
            }
        }
        wanted
    }
}

/// A kind that the cluster serves and that can be listed and watched.
#[derive(Debug, Clone)]
pub struct Kind {
    /// `Kind.group` as the cluster spells it; the core group has none.
    pub name: String,
    /// How to ask for it.
    pub resource: ApiResource,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

/// What a cluster has of the kinds that were looked for.
#[derive(Debug, Default)]
pub struct Discovered {
    /// Those that can be listed and watched.
    pub kinds: Vec<Kind>,
    /// Those that it does not serve, and those of a group that could not be read.
    pub missing: Vec<KindName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(selection: &Selection) -> Vec<String> {
        selection.wanted().iter().map(ToString::to_string).collect()
    }

    fn parsed(kinds: &[&str]) -> Vec<KindName> {
        kinds.iter().map(|kind| KindName::parse(kind)).collect()
    }

    #[test]
    fn without_kinds_the_cache_defaults_are_watched_less_omitted_ones() {
        assert_eq!(names(&Selection::default()).len(), DEFAULTS.len());
        let selection = Selection {
            omit_kinds: parsed(&["pod", "Deployment.apps"]),
            custom_kinds: parsed(&["Rollout.argoproj.io", "ReplicaSet"]),
            ..Selection::default()
        };
        let names = names(&selection);
        assert_eq!(names.len(), DEFAULTS.len() - 1);
        assert!(names.contains(&"Rollout.argoproj.io".to_owned()));
        assert!(!names.contains(&"Pod".to_owned()) && !names.contains(&"Deployment.apps".into()));
    }

    #[test]
    fn a_kind_without_group_is_a_known_one_or_core() {
        let selection = Selection {
            kinds: parsed(&[
                "deployment",
                "ConfigMap",
                "Rollout.argoproj.io",
                "Deployment.apps",
            ]),
            ..Selection::default()
        };
        assert_eq!(
            names(&selection),
            ["deployment.apps", "ConfigMap", "Rollout.argoproj.io"]
        );
    }
}
