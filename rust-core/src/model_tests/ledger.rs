//! What requests were answered 2xx for, and what is demanded for it: at once, after every event, and in
//! the end, until something else is asked of the account. `asks` enters it, `world` and `ending` demand.

use super::promises::Picture;
use super::world::{World, contents};
use crate::account::View;
use crate::account::state::Wanted;
use crate::store::AccountDetail;
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What Clouddriver took and answered: it must be here in the end.
    pub(super) owed: BTreeSet<&'static str>,
    /// The edits of kubeconfigs that came with a request, and are kept here alone.
    pub(super) brought: BTreeMap<&'static str, u32>,
    /// What was asked to go: it must be gone in the end.
    pub(super) ended: BTreeSet<&'static str>,
    /// Accounts of writes that are open as an event begins: these may have their effect at any time.
    pub(super) open: BTreeSet<String>,
}

fn is_off(view: Option<&View>) -> bool {
    view.is_none_or(|view| view.account.wanted == Wanted::Deleted)
}

impl World {
    /// A row of a request's own was answered 2xx: it has this kubeconfig, and keeps it.
    pub(super) async fn keeps(&mut self, name: &'static str, edit: u32) {
        if self.ledger.open.contains(name) {
            return;
        }
        let view = self.view(name).await;
        assert!(!is_off(view.as_ref()), "2xx, and not here: {view:#?}");
        assert_eq!(self.kept(name).await, (contents(edit), true), "`{name}`");
        self.ledger.brought.insert(name, edit);
    }

    /// Whatever comes of what is asked next, these are not owed any longer.
    pub(super) fn forgive(&mut self, names: &[&'static str]) {
        self.ledger.owed.retain(|name| !names.contains(name));
    }

    /// A deletion is answered, with 2xx or not.
    pub(super) async fn goes(&mut self, names: &[&'static str], status: u16) {
        for name in names {
            let view = self.view(name).await;
            let open = self.ledger.open.contains(*name);
            if status == 202 {
                assert!(open || is_off(view.as_ref()), "202, and stays: {view:#?}");
            }
            if is_off(view.as_ref()) {
                self.ledger.brought.remove(name);
                if status == 202 && !open {
                    self.ledger.ended.insert(name);
                }
            }
        }
    }

    /// The kubeconfig that is kept of an account, and whether it is kept here alone.
    pub(super) async fn kept(&self, name: &str) -> (String, bool) {
        let kept = self.here().lifecycle.secrets_for_tests(name).await;
        let kept = kept.expect("every definition of the test has a secret");
        let mut kept: BTreeMap<String, String> =
            serde_json::from_str(kept.expose_secret()).unwrap();
        let content = self.here().store.content(name).await.unwrap();
        let inline = content.expect("it was there just now").inline;
        let kubeconfig = kept.remove("/kubeconfigContents");
        (kubeconfig.expect("all have one"), inline)
    }

    /// What holds after every event.
    pub(super) async fn demands(&self, picture: &Picture) {
        for (name, edit) in &self.ledger.brought {
            let view = picture.rows.get(*name);
            assert!(!is_off(view), "`{name}` was answered 2xx, and is lost");
            assert_eq!(self.kept(name).await, (contents(*edit), true), "`{name}`");
        }
        self.at_most_one_caches().await;
    }

    /// The accounts' word for who caches, of one agent each, is the agents' word, too.
    async fn at_most_one_caches(&self) {
        let store = &self.here().store;
        let mut all = BTreeSet::new();
        let mut is_own = false;
        for detail in store.details(&super::NAMES).await.unwrap().into_values() {
            match detail {
                AccountDetail::Dynamic { caching, .. } => all.extend(caching),
                // What agents run besides of a dynamic one is not shown.
                AccountDetail::Static { caching, .. } => {
                    is_own = true;
                    all.extend(caching);
                }
            }
        }
        let agents = store.agents().await.unwrap().into_iter();
        let agents = agents.filter_map(|agent| agent.caching.then_some(agent.agent_id));
        let agents: BTreeSet<String> = agents.collect();
        let same = if is_own {
            agents.is_superset(&all)
        } else {
            agents == all
        };
        assert!(same, "{agents:?} cache, and of the accounts {all:?} do");
    }

    /// What holds in the end.
    pub(super) fn demands_in_the_end(&self, picture: &Picture) {
        for name in &self.ledger.owed {
            let there = picture.rows.contains_key(*name);
            assert!(there, "`{name}` was answered 2xx, and is lost");
        }
        for name in &self.ledger.ended {
            let view = picture.rows.get(*name);
            assert!(view.is_none(), "its end was answered 2xx: {view:#?}");
        }
    }
}
