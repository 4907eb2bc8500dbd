//! A core as `Core::start` makes it, but for its tasks and sockets: the test turns its rounds.

use super::LIMITS;
use crate::account::scan::{Origin, Pattern, ScanRules};
use crate::api::Api;
use crate::intercept::Interceptor;
use crate::lifecycle::test_rounds::Memory;
use crate::lifecycle::{self, Lifecycle, Parts};
use crate::metrics::Metrics;
use crate::secret::Keyring;
use crate::source::Source;
use crate::store::{Location, Retention, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a core is configured with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) activate: bool,
    pub(super) scans: bool,
    /// Two cores have the tables.
    pub(super) replicas: bool,
}

pub(super) struct Engine {
    pub(super) core_id: String,
    pub(super) store: Store,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) interceptor: Arc<Interceptor>,
    pub(super) api: Api,
    pub(super) memory: Memory,
}

impl Engine {
    /// Starts on the tables in `folder`, as after whatever happened to an earlier core. It has both
    /// keys, of which one seals.
    pub(super) async fn start(
        folder: &Path,
        sealing: usize,
        source: Source,
        settings: Settings,
        core_id: String,
    ) -> Engine {
        let store = Store::open(&Location::Sqlite(folder.join("ferry.db"))).await;
        let store = store.unwrap().of_core(&core_id);
        let store = match settings.replicas {
            true => store.among_others(),
            false => store,
        };
        let files = ["one.key", "two.key"].map(|name| folder.join(name));
        let keyring = files.each_ref().map(|file| Keyring::beside(file).unwrap());
        let keyring = keyring.into_iter().nth(sealing).expect("one of two");
        let keyring = keyring.with_others(&files).unwrap();
        lifecycle::take_over(&store, &keyring, &source, &LIMITS)
            .await
            .unwrap();
        store.enter(&core_id, &LIMITS).await.unwrap();
        let metrics = Arc::new(Metrics::new());
        let lifecycle = Arc::new(Lifecycle::new(Parts {
            limits: LIMITS,
            grace: Duration::from_secs(super::GRACE.unsigned_abs()),
            metrics: metrics.clone(),
            core_id: core_id.clone(),
            rules: rules(settings.scans),
            retention: Retention {
                audit: Duration::from_secs(86_400),
                operations: Duration::from_secs(86_400),
            },
            ..Parts::for_tests(store.clone(), keyring, source.clone())
        }));
        lifecycle.announce_keys().await.unwrap();
        let interceptor = Interceptor::new(
            store.clone(),
            source.clone(),
            lifecycle.clone(),
            metrics,
            settings.activate,
            false,
        );
        let api = Api {
            store: store.clone(),
            source,
            lifecycle: lifecycle.clone(),
            enabled: true,
            empty_object_for_unknown: false,
            max_body: 100_000,
        };
        Engine {
            core_id,
            store,
            lifecycle,
            interceptor,
            api,
            memory: Memory::default(),
        }
    }
}

/// Names that begin with `scan-` are migrated by themselves.
fn rules(enabled: bool) -> ScanRules {
    let text = "scan-.*";
    ScanRules {
        enabled,
        patterns: vec![Pattern {
            of: Origin::Stored,
            text: text.to_owned(),
            regex: regex::Regex::new(&format!("\\A(?:{text})\\z")).unwrap(),
        }],
        batch_size: 1,
        frequency: Duration::from_secs(120),
    }
}
