//! `kubernetes.accounts` of a clouddriver.yml as definitions: the accounts that Clouddriver has by its own
//! configuration, in the spelling of its account storage.
//!
//! `values.rs` hands over the properties, `source` has the accounts. They are Clouddriver's: nothing in
//! them is ever a mistake of ours to stop at, and no value of theirs is shown.

use super::key;
use super::values::Property;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

const FLAGS: &[&str] = &[
    "cacheAllApplicationRelationships",
    "checkPermissionsOnStartup",
    "configureImagePullSecrets",
    "debug",
    "insecure",
    "liveManifestCalls",
    "metrics",
    "namespaced",
    "noProxy",
    "onlyNamespacedResources",
    "onlySpinnakerManaged",
    "serviceAccount",
    "versioned",
];

const NUMBERS: &[&str] = &[
    "cacheIntervalSeconds",
    "cacheThreads",
    "kubectlRequestTimeoutSeconds",
    "maxEntriesPerAgent",
];

const LISTS: &[&str] = &[
    "cachingPolicies",
    "customResources",
    "kinds",
    "namespaces",
    "oAuthScopes",
    "omitKinds",
    "omitNamespaces",
    "requiredGroupMembership",
];

/// Fields that Ferry or its agents read, and others of Clouddriver's that are neither of the above.
const OTHERS: &[&str] = &[
    "accountType",
    "context",
    "customResourceDefinitions",
    "environment",
    "kubeconfigContents",
    "kubeconfigFile",
    "kubectlExecutable",
    "name",
    "namingStrategy",
    "oAuthServiceAccount",
    "permissions",
    "providerVersion",
];

/// No account is nested so deep.
const DEPTH: usize = 32;

/// The accounts, in their order.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// Each as it was read.
    pub entries: Vec<ConfiguredAccount>,
    /// What is no account, and why: sentences that show no value.
    pub notes: Vec<String>,
}

/// One account.
#[derive(Clone, PartialEq)]
pub struct ConfiguredAccount {
    /// Where it stands, for people.
    pub place: String,
    /// Its fields, secrets included.
    pub definition: Map<String, Value>,
    /// What cannot be read of it.
    pub wrong: Option<String>,
}

impl fmt::Debug for ConfiguredAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredAccount")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Whether this property belongs to [`read`].
pub(super) fn is_theirs(path: &str) -> bool {
    below(path).is_some() || is_switch(path)
}

/// What comes after `kubernetes.accounts`, in whatever spelling.
fn below(path: &str) -> Option<&str> {
    let (head, rest) = path.split_at(path.find('[').unwrap_or(path.len()));
    (is_spelled(head, "kubernetes.accounts")).then_some(rest)
}

fn is_switch(path: &str) -> bool {
    is_spelled(path, "kubernetes.enabled")
}

fn is_spelled(path: &str, plain_path: &str) -> bool {
    path.split('.').map(plain).eq(plain_path.split('.'))
}

/// Reads the accounts from their properties; of one path the last counts.
pub(super) fn read(properties: Vec<Property>) -> Accounts {
    let mut accounts = Accounts::default();
    let mut tree = Tree::default();
    let (mut places, mut enabled) = (BTreeMap::new(), true);
    for Property {
        path,
        value,
        origin,
    } in properties
    {
        let Some(below) = below(&path) else {
            enabled = key::flag(&value) != Some(false);
            continue;
        };
        match steps(below).as_deref() {
            Some([]) if value.is_empty() => {}
            Some([Step::Index(index), steps @ ..]) if steps.len() < DEPTH => {
                let place = || format!("kubernetes.accounts[{index}] ({origin})");
                places.entry(*index).or_insert_with(place);
                tree.at(Step::Index(*index)).put(steps, value);
            }
            _ => accounts.notes.push(format!(
                "{path} ({origin}): kubernetes.accounts is a list of accounts, and this is no part of one"
            )),
        }
    }
    if !enabled {
        return Accounts::default();
    }
    for (step, entry) in tree.inner {
        let Step::Index(index) = step else { continue };
        let place = places.remove(&index).unwrap_or_default();
        let mut wrong = None;
        match entry.into_value("", &mut wrong) {
            Value::Object(definition) => accounts.entries.push(ConfiguredAccount {
                place,
                definition,
                wrong,
            }),
            _ => (accounts.notes).push(format!("{place} has no fields: it is no account")),
        }
    }
    accounts
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    Field(String),
}

/// `[0].permissions.READ[1]`, parted.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let step;
        if let Some(bracket) = rest.strip_prefix('[') {
            let (inner, after) = bracket.split_once(']')?;
            step = match inner.parse() {
                Ok(index) => Step::Index(index),
                // As Spring writes a name that has odd letters.
                Err(_) => Step::Field(inner.to_owned()),
            };
            rest = after;
        } else {
            let name = rest.strip_prefix('.')?;
            let (field, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
            step = Step::Field(field.to_owned());
            rest = after;
        }
        steps.push(step);
    }
    Some(steps)
}

#[derive(Default)]
struct Tree {
    leaf: String,
    inner: BTreeMap<Step, Tree>,
}

impl Tree {
    fn at(&mut self, step: Step) -> &mut Tree {
        self.inner.entry(step).or_default()
    }

    fn put(&mut self, steps: &[Step], value: String) {
        match steps {
            [] => self.leaf = value,
            [step, rest @ ..] => self.at(step.clone()).put(rest, value),
        }
    }

    fn into_value(self, field: &str, wrong: &mut Option<String>) -> Value {
        let mut inner = self.inner.into_iter().peekable();
        match inner.peek() {
            None => scalar(field, self.leaf, wrong),
            // Indices come first.
            Some((Step::Index(_), _)) => inner
                .map(|(_, tree)| tree.into_entry(field, wrong))
                .collect(),
            Some((Step::Field(_), _)) => {
                let named = inner.filter_map(|(step, tree)| match step {
                    Step::Index(_) => None,
                    Step::Field(name) => {
                        let name = canonical(name);
                        let value = tree.into_value(&name, wrong);
                        Some((name, value))
                    }
                });
                Value::Object(named.collect())
            }
        }
    }

    /// As an entry of the list `field`.
    fn into_entry(self, field: &str, wrong: &mut Option<String>) -> Value {
        match self.inner.is_empty() {
            true => text(field, self.leaf, wrong),
            false => self.into_value(field, wrong),
        }
    }
}

/// Whatever type YAML or a property gave it, Spring reads it as the field's.
fn scalar(field: &str, value: String, wrong: &mut Option<String>) -> Value {
    if FLAGS.contains(&field) {
        return match key::flag(&value) {
            Some(flag) => Value::from(flag),
            None => text(field, value, wrong),
        };
    }
    if NUMBERS.contains(&field) {
        return match value.trim().parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => text(field, value, wrong),
        };
    }
    if LISTS.contains(&field) {
        let entries = value.split(',').map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty());
        return entries
            .map(|entry| text(field, entry.to_owned(), wrong))
            .collect();
    }
    match field {
        "permissions" if value.is_empty() => Value::Object(Map::new()),
        _ => text(field, value, wrong),
    }
}

fn text(field: &str, value: String, wrong: &mut Option<String>) -> Value {
    let expected = match () {
        () if value.contains("${") => {
            Some("has a placeholder that Clouddriver alone can fill in: write it out")
        }
        () if value.is_empty() => None,
        () if FLAGS.contains(&field) => Some("is not true or false"),
        () if NUMBERS.contains(&field) => Some("is not a whole number"),
        () => None,
    };
    if let Some(expected) = expected {
        wrong.get_or_insert_with(|| format!("its `{field}` {expected}"));
    }
    match value.is_empty() && (FLAGS.contains(&field) || NUMBERS.contains(&field)) {
        true => Value::Null,
        false => Value::String(value),
    }
}

/// As Clouddriver spells a field, whose name Spring compares without dashes and cases.
fn canonical(field: String) -> String {
    let lists = [FLAGS, NUMBERS, LISTS, OTHERS];
    let spelled = plain(&field);
    let mut known = lists.into_iter().flatten();
    let known = known.find(|known| known.to_ascii_lowercase() == spelled);
    known.map_or(field, |known| (*known).to_owned())
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::yaml;
    use serde_json::json;
    use std::path::Path;

    fn accounts(text: &str) -> Accounts {
        let properties = yaml::parse(text, Path::new("clouddriver.yml")).unwrap();
        let theirs = properties.into_iter().filter(|p| is_theirs(&p.path));
        read(theirs.collect())
    }

    fn definitions(text: &str) -> Vec<Value> {
        let entries = accounts(text).entries.into_iter();
        entries
            .map(|entry| Value::Object(entry.definition))
            .collect()
    }

    #[test]
    fn an_account_has_the_shape_of_account_storage() {
        let text = "\
kubernetes:
  enabled: true
  primaryAccount: a
  accounts:
    - name: 123
      kube-config-file: /k/a
      serviceAccount: 'false'
      cacheThreads: '4'
      context: true
      namespaces: [one, 2]
      omitKinds: pod, job
      kinds: []
      permissions: {READ: [dev], WRITE: [ops, dev]}
      customResources:
        - {kubernetesKind: A.b, versioned: yes}
      own-field: x
    - {name: b, kubeconfigContents: \"a: b\\nc: d\\n\", permissions: {}}
";
        assert_eq!(
            definitions(text),
            [
                json!({
                    "name": "123", "kubeconfigFile": "/k/a", "serviceAccount": false,
                    "cacheThreads": 4, "context": "true", "namespaces": ["one", "2"],
                    "omitKinds": ["pod", "job"], "kinds": [],
                    "permissions": {"READ": ["dev"], "WRITE": ["ops", "dev"]},
                    "customResources": [{"kubernetesKind": "A.b", "versioned": true}],
                    "own-field": "x",
                }),
                json!({"name": "b", "kubeconfigContents": "a: b\nc: d\n"}),
            ]
        );
        assert!(accounts(text).entries.iter().all(|e| e.wrong.is_none()));
    }

    #[test]
    fn ten_and_more_stay_in_their_order() {
        let text = (0..12).fold("kubernetes.accounts:\n".to_owned(), |text, at| {
            format!("{text}- name: n{at}\n")
        });
        let names: Vec<Value> = definitions(&text)
            .iter_mut()
            .map(|account| account["name"].take())
            .collect();
        let expected: Vec<Value> = (0..12).map(|at| json!(format!("n{at}"))).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn what_cannot_be_read_is_told_without_its_value() {
        let text = "\
kubernetes:
  accounts:
    - {name: a, kubeconfigFile: '${hunter2}'}
    - {name: b, serviceAccount: hunter2}
    - {name: c, cacheThreads: hunter2}
    - hunter2
";
        let accounts = accounts(text);
        let wrong = accounts
            .entries
            .iter()
            .map(|entry| entry.wrong.clone().unwrap());
        assert_eq!(
            wrong.collect::<Vec<_>>(),
            [
                "its `kubeconfigFile` has a placeholder that Clouddriver alone can fill in: write it out",
                "its `serviceAccount` is not true or false",
                "its `cacheThreads` is not a whole number",
            ]
        );
        assert_eq!(
            accounts.notes,
            ["kubernetes.accounts[3] (clouddriver.yml:6) has no fields: it is no account"]
        );
        assert!(!format!("{accounts:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_list_or_is_switched_off_is_no_account() {
        for text in ["kubernetes.accounts: x", "kubernetes: {accounts: {a: b}}"] {
            assert_eq!(definitions(text), [json!(null); 0], "{text}");
        }
        let said = accounts("kubernetes.accounts: x").notes;
        assert!(said[0].contains("is a list of accounts"), "{said:?}");
        let off = accounts("kubernetes: {enabled: false, accounts: [{name: a}]}");
        assert!(off.entries.is_empty());
        assert!(
            accounts("kubernetes.accounts: []").notes.is_empty()
                && accounts("kubernetes.accounts:").notes.is_empty()
        );
    }

    #[test]
    fn a_list_of_a_later_document_stands_alone() {
        let text = "kubernetes.accounts: [{name: a, context: c}, {name: b}]\n---\n\
                    kubernetes.accounts: [{name: z}]\n";
        assert_eq!(definitions(text), [json!({"name": "z"})]);
        let emptied = format!("{text}---\nkubernetes.accounts: []\n");
        assert!(definitions(&emptied).is_empty());
    }

    #[test]
    fn names_of_variables_and_odd_paths_are_no_accounts() {
        assert!(is_theirs("Kubernetes.Accounts[0].name"));
        for path in [
            "KUBERNETES_ACCOUNTS_0_NAME",
            "kubernetes.accounts.a",
            "kubernetes",
        ] {
            assert!(!is_theirs(path), "{path}");
        }
        assert_eq!(steps("[0"), None);
        assert_eq!(steps("[0]x"), None);
        assert_eq!(
            steps("[0][a.b]").unwrap(),
            [Step::Index(0), Step::Field("a.b".into())]
        );
    }
}
