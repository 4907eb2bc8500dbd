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

    async fn tries(&self) -> Rehearsal {
        let object = json!({"name": "a", "kubeconfigFile": "/k"});
        let definition = Definition::part(object.as_object().unwrap().clone());
        let account = Account::adopted("a", None, 0);
        self.lifecycle
            .rehearse(&account, Some(definition))
            .await
            .unwrap()
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
