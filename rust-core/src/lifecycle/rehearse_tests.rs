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
async fn zones_of_another_core_are_named_when_those_here_do_not_reach_it() {
    let ground = Ground::open().await;
    ground.connect("here", "Z", true).await;
    ground.connect("there-1", "A", true).await;
    ground.connect("there-2", "A", true).await;
    ground.connect("there-3", "Z", true).await;
    ground.answers("here", "Z", fails("no route"));
    let tried = ground.tries().await;
    assert!(tried.reached.is_none());
    assert_eq!(
        tried.obstacles,
        [
            "agent `here` of zone `Z`: no route",
            "zone `A` was not tried: its agents are connected to another replica of Ferry"
        ]
    );
}
