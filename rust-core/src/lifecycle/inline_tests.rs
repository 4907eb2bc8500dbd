//! Definitions of requests for accounts that are here, on a real store. No engine runs.

use super::*;
use crate::lifecycle::Parts;
use crate::source::test_source::TestSource;
use serde_json::json;

struct Ground {
    lifecycle: Lifecycle,
    _source: TestSource,
    _folder: tempfile::TempDir,
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

impl Ground {
    async fn open() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let source = TestSource::start().await;
        let parts = Parts::in_folder(folder.path(), source.source()).await;
        Ground {
            lifecycle: Lifecycle::new(parts),
            _source: source,
            _folder: folder,
        }
    }

    /// What Clouddriver has of `a`, as an intercepted write of it is recorded.
    fn of_clouddriver(kubeconfig: &str) -> Definition {
        Definition::part(object(
            json!({"name": "a", "kubeconfigContents": kubeconfig}),
        ))
    }

    async fn secrets(&self) -> String {
        let secrets = self.lifecycle.secrets_for_tests("a").await.unwrap();
        secrets.expose_secret().to_owned()
    }
}

#[tokio::test]
async fn a_kubeconfig_that_came_meanwhile_is_not_replaced_by_the_one_before() {
    let ground = Ground::open().await;
    let (lifecycle, actor) = (&ground.lifecycle, Actor::ferry());
    let old = Ground::of_clouddriver("old");
    lifecycle.adopt("a", &old, false, &actor).await.unwrap();
    let kept = lifecycle.revisable("a").await.unwrap();
    let new = Ground::of_clouddriver("new");
    lifecycle.update("a", &new, &actor).await.unwrap();
    let asked = object(json!({"name": "a", "context": "c"}));
    let revised = lifecycle.revise_kept(kept, asked.clone(), None, &actor);
    assert_eq!(revised.await.unwrap(), None);
    assert!(ground.secrets().await.contains("new"));
    let revised = lifecycle.revise("a", asked, None, &actor).await.unwrap();
    assert!(revised.changed);
    assert!(ground.secrets().await.contains("new"));
    let content = lifecycle.store.content("a").await.unwrap().unwrap();
    assert!(content.definition.contains("context"));
}

#[tokio::test]
async fn of_two_that_write_at_once_none_brings_an_old_kubeconfig_back() {
    let ground = Ground::open().await;
    let (lifecycle, actor) = (&ground.lifecycle, Actor::ferry());
    let first = Ground::of_clouddriver("kubeconfig 0");
    lifecycle.adopt("a", &first, false, &actor).await.unwrap();
    for round in 1..=20 {
        let new = Ground::of_clouddriver(&format!("kubeconfig {round}"));
        let asked = object(json!({"name": "a", "context": format!("c{round}")}));
        let revised = lifecycle.revise("a", asked, None, &actor);
        let (revised, updated) = tokio::join!(revised, lifecycle.update("a", &new, &actor));
        assert!(revised.is_ok() && updated.is_ok());
        let kept = ground.secrets().await;
        assert!(kept.contains(&format!("kubeconfig {round}\"")), "{kept}");
    }
}
