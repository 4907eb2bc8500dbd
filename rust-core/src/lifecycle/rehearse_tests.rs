//! Whom a dry run asks, on a real store, with agents that answer and run nothing.

use super::*;
use crate::lifecycle::Parts;
use crate::secret::Keyring;
use crate::source::test_source::TestSource;
use crate::store::{Location, Registration, Store};
use ferry_wire::v1::probed::Outcome;
use serde_json::json;

struct Ground {
    lifecycle: Lifecycle,
    _folder: tempfile::TempDir,
}

impl Ground {
    async fn open() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("ferry.db"));
        let store = Store::open(&location).await.unwrap();
        let source = TestSource::start().await.source();
        Ground {
            lifecycle: Lifecycle::new(Parts::for_tests(store, Keyring::none(), source)),
            _folder: folder,
        }
    }

    /// An agent that connects to some core.
    async fn connect(&self, id: &str, zone: &str, takes_dynamic: bool) {
        let registration = Registration {
            agent_id: id.to_owned(),
            zone_id: zone.to_owned(),
            agent_version: "1".to_owned(),
            takes_dynamic,
            core_id: "core".to_owned(),
            session_id: format!("session of {id}"),
            static_accounts: Vec::new(),
            held: Vec::new(),
        };
        self.lifecycle.store.register(&registration).await.unwrap();
    }

    fn answers(&self, id: &str, zone: &str, outcome: Outcome) {
        self.lifecycle.registry.enter_for_tests(id, zone, outcome);
    }

    fn is_silent(&self, id: &str, zone: &str) {
        self.lifecycle.registry.enter_for_tests(id, zone, None);
    }

    async fn tries(&self) -> Rehearsal {
        self.tries_for(Duration::from_secs(10), &["a"]).await
    }

    /// What the first of these meets.
    async fn tries_for(&self, limit: Duration, names: &[&str]) -> Rehearsal {
        let asked = names.iter().map(|name| {
            let object = json!({"name": name, "kubeconfigFile": "/k"});
            let definition = Definition::part(object.as_object().unwrap().clone());
            (Account::adopted(name, None, 0), Some(definition))
        });
        let end = Instant::now() + limit;
        let tried = self.lifecycle.rehearse_until(end, asked.collect());
        tried.await.remove(names[0]).unwrap()
    }
}

fn fails(cause: &str) -> Outcome {
    Outcome::Failed(v1::Failed {
        cause: cause.to_owned(),
    })
}

#[tokio::test]
async fn an_agent_that_takes_no_accounts_is_not_asked_and_one_of_a_zone_that_reaches_it_is_enough()
{
    let ground = Ground::open().await;
    for (id, takes, outcome) in [
        ("1-own", false, fails("not dynamic")),
        ("2-fails", true, fails("no route")),
        ("3-reaches", true, Outcome::Reached(Default::default())),
    ] {
        ground.connect(id, "Z", takes).await;
        ground.answers(id, "Z", outcome);
    }
    let tried = ground.tries().await;
    assert_eq!(tried.reached.unwrap().0.id, "3-reaches");
    assert!(tried.obstacles.is_empty(), "{:?}", tried.obstacles);
}

#[tokio::test]
async fn agents_of_one_zone_are_asked_at_the_same_time() {
    let ground = Ground::open().await;
    for id in ["1-silent", "2-reaches"] {
        ground.connect(id, "Z", true).await;
    }
    ground.is_silent("1-silent", "Z");
    ground.answers("2-reaches", "Z", Outcome::Reached(Default::default()));
    let tried = ground.tries().await;
    assert_eq!(tried.reached.unwrap().0.id, "2-reaches");
}

#[tokio::test]
async fn what_was_found_stays_when_the_time_is_over() {
    let ground = Ground::open().await;
    ground.connect("fails", "A", true).await;
    ground.connect("silent", "B", true).await;
    ground.answers("fails", "A", fails("no route"));
    ground.is_silent("silent", "B");
    for (names, less) in [(&["a"][..], "zoneId"), (&["a", "b"], "fewer accounts")] {
        let tried = ground.tries_for(Duration::from_secs(1), names).await;
        let [failed, unended] = &tried.obstacles[..] else {
            panic!("{tried:?}")
        };
        assert!(failed.contains("no route"), "{failed}");
        assert!(unended.contains(less), "{unended}");
    }
}

#[tokio::test]
async fn agents_here_are_asked_first_then_those_of_other_cores() {
    let ground = Ground::open().await;
    for (id, zone) in [
        ("here", "Z"),
        ("there-1", "A"),
        ("there-2", "Z"),
        ("there-3", "B"),
    ] {
        ground.connect(id, zone, true).await;
    }
    ground.answers("here", "Z", fails("no route"));
    let account = Account {
        zone_id: Some("B".to_owned()),
        ..Account::adopted("a", None, 0)
    };
    let tour = ground.lifecycle.tour(&account).await.unwrap().unwrap();
    let tour = tour.iter().map(|(agent, here)| (agent.id.as_str(), *here));
    let tour: Vec<_> = tour.collect();
    assert_eq!(
        tour,
        [
            ("here", true),
            ("there-3", false),
            ("there-1", false),
            ("there-2", false),
        ]
    );
}
