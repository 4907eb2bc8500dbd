//! Keys of `kubernetes`, as an API server sees them: what is asked again, when, and for which kinds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::apiserver::{Answers, Authority, kubeconfig, tls};
use crate::support::{Agent, Core, Terms, account, until};
use ferry_wire::v1::Account;
use ferry_wire::v1::account_report::State;
use http::StatusCode;

const EMPTY_LIST: &str = r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"9"},"items":[]}"#;

/// Four kinds of the core group, and one of an extension.
fn healthy(path: &str) -> (StatusCode, String) {
    let resource = |plural: &str, kind: &str| {
        format!(
            r#"{{"name":"{plural}","singularName":"","namespaced":true,"kind":"{kind}","verbs":["list","watch"]}}"#
        )
    };
    let resources = |version: &str, resources: &[String]| {
        format!(
            r#"{{"kind":"APIResourceList","groupVersion":"{version}","resources":[{}]}}"#,
            resources.join(",")
        )
    };
    let body = match path {
        "/version" => r#"{"major":"1","minor":"30","gitVersion":"v1.30.1","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#.into(),
        "/api/v1" => resources(
            "v1",
            &[
                resource("pods", "Pod"),
                resource("services", "Service"),
                resource("configmaps", "ConfigMap"),
                resource("endpoints", "Endpoints"),
            ],
        ),
        "/apis" => r#"{"kind":"APIGroupList","groups":[{"name":"argoproj.io","versions":[{"groupVersion":"argoproj.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"argoproj.io/v1","version":"v1"}}]}"#.into(),
        "/apis/argoproj.io/v1" => resources("argoproj.io/v1", &[resource("rollouts", "Rollout")]),
        list if list.starts_with("/api/v1/") || list.ends_with("/rollouts") => EMPTY_LIST.into(),
        _ => return (StatusCode::NOT_FOUND, String::new()),
    };
    (StatusCode::OK, body)
}

/// What becomes of an account of this definition and of a cluster that answers so, at an agent with
/// these keys; it still runs.
async fn begun(answers: impl Answers, more: &str, definition: &str) -> (State, Agent) {
    let authority = Authority::new("good");
    let address = tls(authority.issue("127.0.0.1", false), answers).await;
    let kubeconfig = kubeconfig(&format!("https://{address}"), &authority.pem);
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, more);
    let mut session = core.session().await;
    let account = Account {
        definition: definition.into(),
        ..account("a", 1, &kubeconfig)
    };
    session.save(account).await;
    (session.state_of("a").await, agent)
}

/// The same; it is stopped.
async fn outcome(answers: impl Answers, more: &str, definition: &str) -> State {
    let (state, agent) = begun(answers, more, definition).await;
    agent.stop().await;
    state
}

/// How the account fares, how often its API server was asked, and how long that took, when the first
/// two questions are answered with 503.
async fn stumbling(retries: &str) -> (State, u32, Duration) {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let answers = move |path: &str| match path {
        "/version" if counted.fetch_add(1, Ordering::SeqCst) < 2 => {
            (StatusCode::SERVICE_UNAVAILABLE, "not yet".to_owned())
        }
        path => healthy(path),
    };
    let began = Instant::now();
    let more = format!("kubernetes: {{retries: {{{retries}}}}}\n");
    let state = outcome(answers, &more, "{}").await;
    (state, asked.load(Ordering::SeqCst), began.elapsed())
}

#[tokio::test]
async fn a_question_is_asked_again_as_retries_says() {
    for (retries, times) in [
        ("backOffMs: 10, retryableErrors: ['(503)']", 3),
        ("backOffMs: 10, retryAnyError: true, retryableErrors: []", 3),
        ("backOffMs: 10, retryAnyError: true, maxRetries: 2", 3),
        ("backOffMs: 10, retryAnyError: true, maxRetries: 1", 2),
        ("backOffMs: 10", 1),
        ("enabled: false, retryAnyError: true", 1),
    ] {
        let (state, asked, _) = stumbling(retries).await;
        assert_eq!(asked, times, "{retries}: {state:?}");
        let ready = matches!(state, State::Ready(_));
        assert_eq!(ready, times == 3, "{retries}: {state:?}");
    }
    let (state, asked, took) = stumbling("backOffMs: 1500, retryAnyError: true").await;
    assert!(matches!(state, State::Ready(_)) && asked == 3, "{state:?}");
    assert!(took >= Duration::from_secs(3), "{took:?}");
}

/// When each of four kinds was first asked for.
async fn first_asked(more: &str) -> Vec<Instant> {
    let asked: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
    let noted = asked.clone();
    let answers = move |path: &str| {
        if path.starts_with("/api/v1/") {
            let mut noted = noted.lock().unwrap();
            noted.entry(path.to_owned()).or_insert_with(Instant::now);
        }
        healthy(path)
    };
    let kinds = r#"{"kinds": ["Pod", "Service", "ConfigMap", "Endpoints"]}"#;
    let (state, agent) = begun(answers, more, kinds).await;
    assert!(matches!(state, State::Ready(_)), "{state:?}");
    // It is ready also without those that come late.
    until("four kinds are asked for", || {
        asked.lock().unwrap().len() == 4
    })
    .await;
    agent.stop().await;
    let mut times: Vec<Instant> = asked.lock().unwrap().values().copied().collect();
    times.sort();
    times
}

#[tokio::test]
async fn watches_start_in_groups() {
    // Long beside what a busy machine makes of "at once".
    const DELAY: Duration = Duration::from_secs(8);
    const TOGETHER: Duration = Duration::from_secs(4);
    let [first, second, third, fourth] =
        first_asked("kubernetes: {cacheGroupSize: 2, cacheGroupDelayMs: 8000}\n").await[..]
    else {
        panic!("four kinds")
    };
    // What was asked first may have been noted late.
    assert!(second - first < TOGETHER && fourth - third < TOGETHER);
    assert!(third - second > DELAY / 4, "{:?}", third - second);
    // One of the two keys alone says nothing.
    let together = first_asked("kubernetes: {cacheGroupSize: 2}\n").await;
    assert!(together[3] - together[0] < TOGETHER);
}

#[tokio::test]
async fn kinds_of_custom_resource_definitions_are_watched_besides() {
    let definition = r#"{"kinds": ["Pod"], "customResourceDefinitions": [{"kind": "Rollout.argoproj.io", "scope": "Cluster"}]}"#;
    let State::Ready(ready) = outcome(healthy, "", definition).await else {
        panic!("it is reached")
    };
    assert_eq!(ready.kinds, ["Pod", "Rollout.argoproj.io"]);
}
