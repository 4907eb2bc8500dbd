//! The objects of one kind that a watch knows: key and resource version, and nothing more.
//!
//! Written by `watch`; read by the admin server today and by whoever answers reads from it later.
//! Never holds an object's content.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::api::ObjectMeta;
use tokio::sync::Notify;

/// `namespace/name` (just `name` when it is in none) to resource version.
type Table = HashMap<Box<str>, Box<str>>;

/// What is known of one kind.
#[derive(Debug, Default)]
pub struct Objects {
    table: Mutex<Table>,
    listed: AtomicBool,
    changed: Notify,
}

impl Objects {
    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The resource version of an object.
    pub fn version(&self, key: &str) -> Option<String> {
        self.table().get(key).map(|version| version.to_string())
    }

    /// Whether there was a complete list of some scope.
    pub fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Acquire)
    }

    /// The key of every object, in no order.
    pub fn keys(&self) -> Vec<String> {
        self.table().keys().map(|key| key.to_string()).collect()
    }

    /// Waits until keys may have come or gone since it was last awaited, which one task does.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes a list of these names, which are in no namespace.
    #[cfg(test)]
    pub(crate) fn list(&self, names: impl Iterator<Item = String>) {
        let rows = names.map(|name| (name.into_boxed_str(), "1".into()));
        self.replace(None, Listed(rows.collect()));
    }

    pub(super) fn put(&self, object: &ObjectMeta) {
        let (key, version) = row(object);
        if self.table().insert(key, version).is_none() {
            self.changed.notify_one();
        }
    }

    pub(super) fn remove(&self, object: &ObjectMeta) {
        if self.table().remove(&row(object).0).is_some() {
            self.changed.notify_one();
        }
    }

    /// Takes a complete list of one scope: what lies there and is not in it is gone. Several
    /// watches, one a namespace, share one table.
    pub(super) fn replace(&self, namespace: Option<&str>, listed: Listed) {
        let mut table = self.table();
        match namespace {
            None => *table = listed.0,
            Some(namespace) => {
                table.retain(|key, _| key.split_once('/').map(|(ns, _)| ns) != Some(namespace));
                table.extend(listed.0);
            }
        }
        self.listed.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A table is never left half written, so a panic elsewhere does not spoil it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A list that is not complete yet.
#[derive(Debug, Default)]
pub(super) struct Listed(Table);

impl Listed {
    pub(super) fn put(&mut self, object: &ObjectMeta) {
        let (key, version) = row(object);
        self.0.insert(key, version);
    }
}

fn row(object: &ObjectMeta) -> (Box<str>, Box<str>) {
    let name = object.name.as_deref().unwrap_or_default();
    let key = match object.namespace.as_deref() {
        Some(namespace) => format!("{namespace}/{name}").into_boxed_str(),
        None => name.into(),
    };
    (
        key,
        object
            .resource_version
            .as_deref()
            .unwrap_or_default()
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn object(namespace: &str, name: &str, version: &str) -> ObjectMeta {
        ObjectMeta {
            namespace: Some(namespace.into()),
            name: Some(name.into()),
            resource_version: Some(version.into()),
            ..ObjectMeta::default()
        }
    }

    fn listed(objects: &[ObjectMeta]) -> Listed {
        let mut listed = Listed::default();
        objects.iter().for_each(|object| listed.put(object));
        listed
    }

    #[test]
    fn a_list_replaces_its_own_scope_only() {
        let objects = Objects::default();
        objects.replace(
            Some("a"),
            listed(&[object("a", "x", "1"), object("a", "y", "2")]),
        );
        objects.replace(Some("b"), listed(&[object("b", "x", "3")]));
        objects.replace(Some("a"), listed(&[object("a", "x", "4")]));
        assert_eq!(objects.len(), 2);
        assert_eq!(objects.version("a/x").as_deref(), Some("4"));
        objects.put(&object("b", "x", "5"));
        objects.remove(&object("a", "x", "4"));
        assert_eq!(objects.version("b/x").as_deref(), Some("5"));
        assert!(!objects.is_empty() && objects.version("a/x").is_none());
        objects.replace(None, Listed::default());
        assert!(objects.is_empty());
    }

    #[tokio::test]
    async fn keys_that_come_and_go_are_told_and_versions_are_not() {
        let objects = Objects::default();
        let told = || objects.changed().now_or_never().is_some();
        assert!(!objects.is_listed() && !told());
        objects.replace(None, listed(&[object("a", "x", "1")]));
        assert!(objects.is_listed() && told());
        objects.put(&object("a", "x", "2"));
        objects.remove(&object("a", "y", "2"));
        assert!(!told(), "no key came or went");
        objects.put(&object("a", "y", "3"));
        objects.remove(&object("a", "x", "3"));
        assert!(told() && !told(), "once for both");
        assert_eq!(objects.keys(), ["a/y"]);
    }
}
