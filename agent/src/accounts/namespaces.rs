//! An account's namespaces, as the core is told of them: those that the agent sees in the cluster, as
//! far as the definition leaves them to the account.
//!
//! `attempt` makes it of the watches, `table` reads it for a report that goes out, `supervise` follows
//! its changes. It keeps no names of its own: what is watched has them.

use std::convert::Infallible;
use std::future::pending;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use ferry_wire::v1;
use tokio::time::sleep;

use crate::cluster::kinds::{KindName, Selection};
use crate::cluster::objects::Objects;
use crate::cluster::watch::Watches;

/// The most names that are told: as many namespaces as Kubernetes itself is made for in one cluster.
/// They take some 660 kB at most.
pub(super) const MOST: usize = 10_000;
/// Namespaces come in groups: what follows within this time is told together.
const TOGETHER: Duration = Duration::from_secs(1);
/// The least time from one report of changes to the next.
const REST: Duration = Duration::from_secs(9);

/// Where an account's namespaces are to be read.
#[derive(Debug, Clone)]
pub(super) struct Namespaces {
    /// Those of the cluster; `None`: they are not watched.
    seen: Option<Arc<Objects>>,
    /// Whether they could not be listed for lack of rights.
    forbidden: bool,
    /// Whether they were to be watched, and the cluster seemed to have no such kind.
    missing: bool,
    selection: Arc<Selection>,
}

impl Namespaces {
    /// Those of a cluster that was just listed for the first time. `missing`: the kinds that it lacked.
    pub(super) fn of(watches: &Watches, missing: &[KindName], selection: &Selection) -> Self {
        let watched = watches.of_kind("Namespace");
        let kind = KindName::parse("Namespace");
        Self {
            forbidden: watched.as_ref().is_some_and(|(_, forbidden)| *forbidden),
            missing: missing.iter().any(|missing| missing.same(&kind)),
            seen: watched.map(|(objects, _)| objects),
            selection: Arc::new(selection.clone()),
        }
    }

    /// What the core is told; `None`: nothing, since it is not known which there are.
    pub(super) fn told(&self) -> Option<v1::Namespaces> {
        let (named, omitted) = (&self.selection.namespaces, &self.selection.omit_namespaces);
        let mut names = match &self.seen {
            Some(seen) if seen.is_listed() && named.is_empty() => seen.keys(),
            Some(seen) if seen.is_listed() => {
                let there = named.iter().filter(|name| seen.version(name).is_some());
                there.cloned().collect()
            }
            Some(_) if !self.forbidden => return None,
            // Every cluster has some: it is the kind that could not be found.
            None if self.missing && named.is_empty() => return None,
            Some(_) | None => named.clone(),
        };
        names.retain(|name| !omitted.contains(name));
        names.sort_unstable();
        let total = u32::try_from(names.len()).unwrap_or(u32::MAX);
        names.truncate(MOST);
        Some(v1::Namespaces { names, total })
    }

    /// Calls `tell` once what is told differs from what was at `told`, and whenever it changes again.
    /// Never ends.
    pub(super) async fn follow(&self, mut told: Option<u64>, tell: impl Fn()) -> Infallible {
        let Some(seen) = &self.seen else {
            return pending().await;
        };
        loop {
            seen.changed().await;
            sleep(TOGETHER).await;
            let now = self.digest();
            if now != told {
                told = now;
                tell();
                sleep(REST).await;
            }
        }
    }

    /// By which a change of what is told is seen.
    pub(super) fn digest(&self) -> Option<u64> {
        let mut digest = DefaultHasher::new();
        self.told()?.hash(&mut digest);
        Some(digest.finish())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::accounts::definition::Definition;

    fn namespaces(seen: Option<Objects>, forbidden: bool, definition: &str) -> Namespaces {
        Namespaces {
            seen: seen.map(Arc::new),
            forbidden,
            missing: false,
            selection: Arc::new(Definition::parse(definition).unwrap().selection),
        }
    }

    fn seen(names: &[&str]) -> Option<Objects> {
        let seen = Objects::default();
        list(&seen, names);
        Some(seen)
    }

    fn list(seen: &Objects, names: &[&str]) {
        seen.list(names.iter().map(|name| (*name).to_owned()));
    }

    const NAMED: &str = r#"{"namespaces": ["b", "d", "c"], "omitNamespaces": ["c"]}"#;

    #[test]
    fn those_that_are_there_and_left_are_told_in_order() {
        for (definition, told) in [
            ("{}", vec!["a", "b", "c"]),
            (r#"{"omitNamespaces": ["b"]}"#, vec!["a", "c"]),
            (NAMED, vec!["b"]),
        ] {
            let namespaces = namespaces(seen(&["c", "a", "b"]), false, definition);
            assert_eq!(namespaces.told().unwrap().names, told, "{definition}");
        }
    }

    #[test]
    fn where_none_may_be_seen_the_definitions_are_told_and_where_none_is_listed_yet_none() {
        for (watched, forbidden, told) in [
            (None, false, Some(vec!["b", "d"])),
            (Some(Objects::default()), true, Some(vec!["b", "d"])),
            (Some(Objects::default()), false, None),
            // It was allowed meanwhile.
            (seen(&["b"]), true, Some(vec!["b"])),
        ] {
            let namespaces = namespaces(watched, forbidden, NAMED);
            let names = namespaces.told().map(|told| told.names);
            let expected = told.map(|told| told.into_iter().map(str::to_owned).collect());
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn of_a_cluster_whose_kinds_could_not_be_read_only_named_ones_are_told() {
        for (definition, told) in [("{}", None), (NAMED, Some(vec!["b".into(), "d".into()]))] {
            let missing = Namespaces {
                missing: true,
                ..namespaces(None, false, definition)
            };
            assert_eq!(missing.told().map(|told| told.names), told, "{definition}");
        }
    }

    #[test]
    fn the_first_ten_thousand_are_told_and_how_many_there_are() {
        let name = |number: u32| format!("{number:0>63}");
        let many = Objects::default();
        many.list((0..10_001).map(name));
        let told = namespaces(Some(many), false, "{}").told().unwrap();
        assert_eq!((told.names.len(), told.total), (MOST, 10_001));
        assert_eq!(told.names[MOST - 1], name(9_999));
        let size = prost::Message::encoded_len(&told);
        assert!(size < 660 * 1024, "{size}");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_come_together_are_told_together_and_no_change_is_not() {
        let namespaces = namespaces(seen(&["a"]), false, NAMED);
        let told = std::cell::Cell::new(0);
        let seen = namespaces.seen.clone().unwrap();
        let changes = async {
            // Of one that is not the account's.
            list(&seen, &["a", "x"]);
            sleep(Duration::from_secs(60)).await;
            assert_eq!(told.get(), 0);
            list(&seen, &["b"]);
            sleep(TOGETHER / 2).await;
            list(&seen, &["b", "d"]);
            sleep(TOGETHER).await;
            assert_eq!(told.get(), 1);
            for _ in 0..8 {
                list(&seen, &["b"]);
                sleep(Duration::from_millis(500)).await;
                list(&seen, &["d"]);
                sleep(Duration::from_millis(500)).await;
            }
            assert_eq!(told.get(), 1, "not more often than it is worth");
            sleep(TOGETHER + REST).await;
            assert_eq!(told.get(), 2);
        };
        let follow = namespaces.follow(namespaces.digest(), || told.set(told.get() + 1));
        tokio::select! {
            () = changes => {}
            never = follow => match never {},
        }
    }
}
