//! The accounts of Clouddriver's own configuration, `kubernetes.accounts`: read by `config` at the start,
//! and the same until the next one. Says of each why Ferry cannot serve it, if so.
//!
//! [`super::Source`] has them beside Clouddriver's account storage. Nothing here is logged or written.

use super::{Definition, name_of};
use crate::account::bound;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

/// The accounts by name, shared by all clones.
#[derive(Clone, Default)]
pub struct Configured(Arc<BTreeMap<String, Account>>);

struct Account {
    definition: Definition,
    unfit: Option<Unfit>,
}

/// Why an account cannot be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// A sentence that shows no value.
    pub why: String,
    /// With a kubeconfigFile of the request's it can.
    pub mended_by_kubeconfig: bool,
}

impl Unfit {
    fn at_all(why: String) -> Unfit {
        Unfit {
            why,
            mended_by_kubeconfig: false,
        }
    }

    fn without_kubeconfig(why: &str) -> Unfit {
        Unfit {
            why: why.to_owned(),
            mended_by_kubeconfig: true,
        }
    }
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} configured accounts", self.0.len())
    }
}

impl Configured {
    /// Of definitions, each with where it stands and what cannot be read of it; and sentences about
    /// those that are left out.
    pub fn of(
        accounts: impl IntoIterator<Item = (String, Definition, Option<String>)>,
    ) -> (Configured, Vec<String>) {
        let (mut by_name, mut notes) = (BTreeMap::new(), Vec::new());
        for (place, mut definition, wrong) in accounts {
            let Some(name) = name_of(&definition).map(str::to_owned) else {
                notes.push(format!("{place} has no name"));
                continue;
            };
            if let Err(why) = bound::name(&name) {
                notes.push(format!("{place}: its name {why}"));
                continue;
            }
            if name.contains("${") {
                notes.push(format!(
                    "{place}: its name has a placeholder that Clouddriver alone can fill in"
                ));
                continue;
            }
            match by_name.entry(name) {
                Entry::Occupied(first) => {
                    let name = first.key();
                    notes.push(format!("{place}: an earlier one is called {name:?}, too"));
                }
                Entry::Vacant(free) => {
                    definition.insert("type".to_owned(), "kubernetes".into());
                    let unfit = wrong.map(Unfit::at_all).or_else(|| unfit(&definition));
                    free.insert(Account { definition, unfit });
                }
            }
        }
        (Configured(Arc::new(by_name)), notes)
    }

    /// Of definitions as JSON, none of which is left out.
    #[cfg(test)]
    pub(crate) fn for_tests(accounts: &serde_json::Value) -> Configured {
        let accounts = accounts.as_array().unwrap().iter();
        let accounts = accounts.map(|account| {
            let definition = account.as_object().unwrap().clone();
            (String::new(), definition, None)
        });
        let (configured, notes) = Configured::of(accounts);
        assert!(notes.is_empty(), "{notes:?}");
        configured
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// In byte order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn definition(&self, name: &str) -> Option<&Definition> {
        self.0.get(name).map(|account| &account.definition)
    }

    /// Those of these names that are configured, with why they cannot be served.
    pub(super) fn some(&self, names: &[impl AsRef<str>]) -> BTreeMap<String, Option<Unfit>> {
        let unfit = |name: &str| Some((name.to_owned(), self.0.get(name)?.unfit.clone()));
        names
            .iter()
            .filter_map(|name| unfit(name.as_ref()))
            .collect()
    }
}

fn unfit(definition: &Definition) -> Option<Unfit> {
    let text = |field: &str| {
        let text = definition.get(field).and_then(|value| value.as_str());
        text.filter(|text| !text.is_empty())
    };
    let version = text("providerVersion").or(text("version"));
    if version.is_some_and(|version| !version.eq_ignore_ascii_case("v2")) {
        let why = "its `providerVersion` is not V2, which alone Ferry serves";
        return Some(Unfit::at_all(why.to_owned()));
    }
    // An agent would take its own instead, which is maybe another cluster's.
    if definition.get("serviceAccount") == Some(&true.into()) {
        return Some(Unfit::without_kubeconfig(
            "Clouddriver reaches it by its own pod's service account (`serviceAccount: true`), which no \
             agent has; name a kubeconfigFile, or let the agent of its cluster bring it by its own \
             configuration",
        ));
    }
    match text("kubeconfigFile").or(text("kubeconfigContents")) {
        Some(_) => None,
        None => Some(Unfit::without_kubeconfig(
            "it has neither kubeconfigFile nor kubeconfigContents: Clouddriver reads its own \
             ~/.kube/config, which no agent has; name a kubeconfigFile",
        )),
    }
}

#[cfg(test)]
#[path = "configured_tests.rs"]
mod tests;
