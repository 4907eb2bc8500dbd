//! Two cores on one store: what one wants to be tried, the other's agent tries.

use super::*;
use crate::account::definition::Definition;
use crate::encoding::hex;
use crate::lifecycle::Parts;
use crate::secret::Keyring;
use crate::source::test_source::TestSource;
use crate::store::{Location, Registration, Store};
use serde_json::json;
use std::path::Path;

const TOKEN: &str = "pla1n-t0ken";

struct Ground {
    asks: Arc<Lifecycle>,
    answers: Arc<Lifecycle>,
    store: Store,
    source: TestSource,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// An agent of zone Z at the core that answers, which meets this.
    async fn open(keyring: impl Fn(&Path) -> Keyring, outcome: Outcome) -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("ferry.db"));
        let store = Store::open(&location).await.unwrap().among_others();
        let source = TestSource::start().await;
        let core = |id: &str| {
            let keyring = keyring(&folder.path().join("key"));
            let parts = Parts::for_tests(store.clone().of_core(id), keyring, source.source());
            let core_id = id.to_owned();
            Arc::new(Lifecycle::new(Parts { core_id, ..parts }))
        };
        let (asks, answers) = (core("asks"), core("answers"));
        let registration = Registration {
            agent_id: "there".to_owned(),
            zone_id: "Z".to_owned(),
            agent_version: "1".to_owned(),
            takes_dynamic: true,
            core_id: "answers".to_owned(),
            session_id: "session of there".to_owned(),
            static_accounts: Vec::new(),
            held: Vec::new(),
        };
        store.register(&registration).await.unwrap();
        answers.registry.enter_for_tests("there", "Z", outcome);
        Ground {
            asks,
            answers,
            store,
            source,
            _folder: folder,
        }
    }

    /// What comes of `a` with this kubeconfig; the other core looks for questions once one is left.
    async fn tries(&self) -> Result<String, Vec<String>> {
        let account = (Account::adopted("a", None, 0), Some(definition()));
        let look = async {
            while self.store.probes().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            let (kept, token) = (self.kept().await, hex(TOKEN.as_bytes()));
            assert!(!kept.contains(TOKEN) && !kept.to_lowercase().contains(&token));
            self.answers.clone().answer_peers().await;
        };
        let mut tried = tokio::select! {
            tried = self.asks.rehearse_all(vec![account]) => tried,
            () = look => unreachable!(),
        };
        assert!(self.store.probes().await.unwrap().is_empty());
        assert_eq!(self.kept().await, "");
        let tried = tried.remove("a").unwrap();
        match tried.reached {
            Some((agent, _)) => Ok(agent.id),
            None => Err(tried.obstacles),
        }
    }

    /// All that the table has, ciphertext as digits.
    async fn kept(&self) -> String {
        let mut tx = self.store.pool().read().await.unwrap();
        let all = "SELECT account || definition || COALESCE(kubeconfig_file, '') ||
             COALESCE(HEX(secret), '') FROM kubesvc_ferry_probes";
        let all = crate::sql::sql(all).column(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        all.concat()
    }
}

fn definition() -> Definition {
    let contents = format!("token: {TOKEN}");
    let object = json!({"name": "a", "type": "kubernetes", "kubeconfigContents": contents});
    Definition::part(object.as_object().unwrap().clone())
}

fn reached() -> Outcome {
    Outcome::Reached(Reached::default())
}

fn with_key(path: &Path) -> Keyring {
    Keyring::beside(path).unwrap()
}

#[tokio::test]
async fn an_agent_of_another_core_tries_what_only_the_request_has() {
    let ground = Ground::open(with_key, reached()).await;
    assert_eq!(ground.tries().await, Ok("there".to_owned()));
}

#[tokio::test]
async fn without_a_key_the_other_core_reads_the_secrets_where_they_are_kept() {
    let ground = Ground::open(|_| Keyring::none(), reached()).await;
    let at_source = json!({"kubeconfigContents": format!("token: {TOKEN}")});
    ground.source.put("a", at_source);
    assert_eq!(ground.tries().await, Ok("there".to_owned()));
}

#[tokio::test]
async fn what_stands_in_the_way_at_the_other_core_is_said() {
    let failed = Outcome::Failed(Failed {
        cause: "no route".to_owned(),
    });
    let ground = Ground::open(with_key, failed).await;
    let expected = "agent `there` of zone `Z`: no route".to_owned();
    assert_eq!(ground.tries().await, Err(vec![expected]));

    let ground = Ground::open(|_| Keyring::none(), reached()).await;
    let said = ground.tries().await.unwrap_err();
    assert!(said[0].contains("Clouddriver"), "{said:?}");
}

#[tokio::test]
async fn what_nobody_answers_or_removes_goes_by_age() {
    let ground = Ground::open(with_key, reached()).await;
    let content = ground.asks.close("a", &definition()).unwrap();
    let ask = || ground.store.ask_probe("nobody", "a", Some("/k"), &content);
    let (old, young) = (ask().await.unwrap(), ask().await.unwrap());
    let mut tx = ground.store.pool().write().await.unwrap();
    let age = "UPDATE kubesvc_ferry_probes SET asked_at = asked_at - 60000 WHERE id = ?";
    let age = crate::sql::sql(age).text(old.as_str());
    age.run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..2 {
        let left = ground.store.probes().await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].id, young);
        assert_eq!(left[0].kubeconfig_file.as_deref(), Some("/k"));
        assert_eq!(left[0].content, content);
    }
    assert!(ground.answers.asked_of_us().await.is_empty());
    assert_eq!(ground.store.probe_answer(&old).await.unwrap(), None);
    // An answer that nobody waits for any longer.
    ground.store.answer_probe(&old, vec![1]).await.unwrap();
    assert_eq!(ground.store.probe_answer(&old).await.unwrap(), None);
}
