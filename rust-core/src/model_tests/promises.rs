//! What has to hold after every event: a ledger of what was asked for, beside what SQL says.

use super::NAMES;
use super::engine::Engine;
use crate::account::state::Wanted;
use crate::account::{Status, View};
use crate::store::Export;
use std::collections::{BTreeMap, BTreeSet};

/// What SQL says at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    pub(super) rows: BTreeMap<String, View>,
    pub(super) buried: BTreeSet<String>,
    /// Methods of open writes, by account.
    pub(super) open: BTreeMap<String, BTreeSet<String>>,
}

impl Picture {
    pub(super) async fn of(engine: &Engine) -> Picture {
        let store = &engine.store;
        let rows = store.views(&NAMES).await.unwrap();
        let buried = store.tombstones("", 100).await.unwrap();
        let mut open = BTreeMap::<String, BTreeSet<String>>::new();
        for intent in store.open_intents().await.unwrap().0 {
            open.entry(intent.account)
                .or_default()
                .insert(intent.method);
        }
        Picture {
            rows,
            buried: buried.into_iter().collect(),
            open,
        }
    }

    pub(super) fn wanted(&self, name: &str) -> Option<Wanted> {
        self.rows.get(name).map(|view| view.account.wanted)
    }
}

/// Why accounts may be otherwise after an event.
#[derive(Debug, Default)]
pub(super) struct Why {
    pub(super) makes: BTreeSet<&'static str>,
    pub(super) activates: BTreeSet<&'static str>,
    pub(super) deactivates: BTreeSet<&'static str>,
    pub(super) deletes: BTreeSet<&'static str>,
    /// A write to `/credentials`.
    pub(super) writes: BTreeMap<&'static str, &'static str>,
    /// Open writes are settled.
    pub(super) settles: bool,
    pub(super) scans: bool,
    /// A row that a write makes goes on to ACTIVE.
    pub(super) goes_on: bool,
    /// Names that agents' own configuration brought, with the clusters' URLs.
    pub(super) brought: BTreeSet<(&'static str, &'static str)>,
    /// What Clouddriver had before or has after the event.
    pub(super) at_clouddriver: BTreeSet<&'static str>,
}

impl Why {
    fn settled(&self, before: &Picture, name: &str) -> BTreeSet<String> {
        let open = before.open.get(name).filter(|_| self.settles);
        let own = self.writes.get(name).map(|method| (*method).to_owned());
        open.into_iter().flatten().cloned().chain(own).collect()
    }

    /// Where an account may be after the event, from where it was.
    fn reach(&self, before: &Picture, after: &Picture, name: &str) -> BTreeSet<Option<Wanted>> {
        use Wanted::{Active, Deleted, Inactive};
        let settled = self.settled(before, name);
        let brings = !settled.is_empty();
        let deletes = self.deletes.contains(name) || settled.contains("DELETE");
        let taken = name.starts_with("scan-") && self.scans_on(before, name);
        let claimed = self.may_claim(before, name)
            && [before, after].iter().any(|picture| {
                let row = picture.rows.get(name);
                row.is_some_and(|view| view.claimed)
            });
        let next = before.rows.get(name).and_then(|view| view.account.next);
        let mut edges = vec![(Some(Deleted), None)];
        let mut add = |may: bool, from, to| edges.extend(may.then_some((from, to)));
        for row in [Some(Active), Some(Inactive)] {
            add(deletes, row, Some(Deleted));
            add(deletes, row, None);
        }
        add(self.activates.contains(name), Some(Inactive), Some(Active));
        let off = self.deactivates.contains(name) || claimed;
        add(off, Some(Active), Some(Inactive));
        add(brings || self.makes.contains(name), None, Some(Inactive));
        let goes_on = brings && (self.goes_on || name.starts_with("scan-"));
        for gone in [None, Some(Deleted)] {
            add(brings, gone, Some(Inactive));
            add(goes_on, gone, Some(Active));
        }
        add(taken, None, Some(Active));
        add(next.is_some(), Some(Deleted), next);
        let mut reached = BTreeSet::from([before.wanted(name)]);
        loop {
            let more = edges.iter().filter(|(from, _)| reached.contains(from));
            let more: BTreeSet<_> = more.map(|(_, to)| *to).collect();
            let size = reached.len();
            reached.extend(more);
            if reached.len() == size {
                return reached;
            }
        }
    }

    /// Whether an agent's own may take an account out of service: one of its cluster, if it has one.
    /// A row that begins has none.
    fn may_claim(&self, before: &Picture, name: &str) -> bool {
        let row = before.rows.get(name).map(|view| &view.account);
        let row = row.filter(|row| row.wanted == Wanted::Active);
        let host = row.and_then(|row| row.cluster.kube_host.as_deref());
        let mut brought = self.brought.iter().filter(|(own, _)| *own == name);
        brought.any(|(_, of)| host.is_none_or(|host| host == *of))
    }

    fn scans_on(&self, before: &Picture, name: &str) -> bool {
        self.scans && self.at_clouddriver.contains(name) && !before.buried.contains(name)
    }

    /// Holds what `after` says against what was asked for.
    pub(super) fn explains(&self, before: &Picture, after: &Picture) {
        for name in NAMES {
            let reached = self.reach(before, after, name);
            let now = after.wanted(name);
            assert!(
                reached.contains(&now),
                "`{name}` is {now:?}, and only {reached:?} is explained by {self:?}\nbefore: \
                 {before:#?}\nafter: {after:#?}"
            );
            let settled = self.settled(before, name);
            let (was, is) = (before.buried.contains(name), after.buried.contains(name));
            if !was && is {
                assert!(self.deletes.contains(name), "a mark of `{name}`: {self:?}");
            }
            if was && !is {
                let gone = self.scans && !self.at_clouddriver.contains(name);
                let anew = self.makes.contains(name) || !settled.is_empty();
                assert!(gone || anew, "no mark of `{name}`: {self:?}");
            }
        }
    }
}

/// What holds of one row by itself, which these agents really run.
pub(super) fn holds(view: &View, run_by: &BTreeSet<&str>) {
    let row = &view.account;
    assert!(row.status.fits(row.wanted), "{row:#?}");
    assert!(
        !row.status.is_transient() || row.due_at.is_some(),
        "{row:#?}"
    );
    let saved = view.holdings.iter().filter(|held| {
        use crate::account::HoldingState::{Dropping, Refused};
        // What an agent says too late is taken for true until it is looked at.
        let too_late = held.generation < row.generation && !run_by.contains(&*held.agent_id);
        !matches!(held.state, Dropping | Refused) && !too_late
    });
    let zones: BTreeSet<&str> = saved.map(|held| held.zone_id.as_str()).collect();
    let serves = matches!(row.status, Status::Activating | Status::Active);
    assert!(!serves || zones.len() <= 1, "{view:#?}");
}

/// The audit, read as it grows: where it says that each account stands.
#[derive(Debug, Default)]
pub(super) struct Story {
    last: Option<String>,
    stands: BTreeMap<String, String>,
}

impl Story {
    /// Reads on, and holds it against the rows.
    pub(super) async fn goes_on(&mut self, engine: &Engine, picture: &Picture) {
        let export = Export {
            after: self.last.clone(),
            limit: 10_000,
            ..Export::default()
        };
        for row in engine.store.export(&export).await.unwrap() {
            let stood = self.stands.remove(&row.account);
            assert_eq!(row.from, stood, "{row:#?}");
            assert!(!row.who.is_empty());
            if let Some(to) = row.to {
                self.stands.insert(row.account, to);
            }
            self.last = Some(row.id);
        }
        let rows = picture.rows.iter();
        let stands: BTreeMap<String, String> = rows
            .map(|(name, view)| (name.clone(), view.account.status.to_string()))
            .collect();
        assert_eq!(self.stands, stands, "the audit says something else");
    }
}
