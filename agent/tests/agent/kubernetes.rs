//! Keys of `kubernetes`, as an API server sees them: what is asked again, when, and for which kinds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::apiserver::{Answers, Authority, Watches, kubeconfig, quiet, tls_watched};
use crate::support::{Agent, Core, CoreSession, Terms, account, until};
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

/// The session of a core with an agent that has these keys and is given an account of this definition and
/// of a cluster that answers so.
async fn saved(
    core: &mut Core,
    (answers, watches): (impl Answers, impl Watches),
    more: &str,
    definition: &str,
) -> (CoreSession, Agent) {
    let authority = Authority::new("good");
    let address = tls_watched(authority.issue("127.0.0.1", false), answers, watches).await;
    let kubeconfig = kubeconfig(&format!("https://{address}"), &authority.pem);
    let agent = Agent::start(core.address, more);
    let session = core.session().await;
    let account = Account {
        definition: definition.into(),
        ..account("a", 1, &kubeconfig)
    };
    session.save(account).await;
    (session, agent)
}

/// What becomes of such an account; the agent still runs.
async fn begun(answers: impl Answers, more: &str, definition: &str) -> (State, Agent) {
    let mut core = Core::start(Terms::default()).await;
    let (mut session, agent) = saved(&mut core, (answers, quiet), more, definition).await;
    (session.state_of("a").await, agent)
}

/// The same; it is stopped.
async fn outcome(answers: impl Answers, more: &str, definition: &str) -> State {
    let (state, agent) = begun(answers, more, definition).await;
    agent.stop().await;
    state
}

/// How the account fares, how often its API server was asked this question, and how long that took, when
/// it is answered like this the first two times.
async fn stumbling(
    question: &'static str,
    code: StatusCode,
    retries: &str,
) -> (State, u32, Duration) {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let answers = move |path: &str| {
        if path == question && counted.fetch_add(1, Ordering::SeqCst) < 2 {
            return (code, "not yet".to_owned());
        }
        healthy(path)
    };
    let began = Instant::now();
    let more = format!("kubernetes: {{retries: {{{retries}}}}}\n");
    let state = outcome(answers, &more, "{}").await;
    (state, asked.load(Ordering::SeqCst), began.elapsed())
}

#[tokio::test]
async fn a_question_is_asked_again_as_retries_says() {
    const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    for (retries, times) in [
        ("backOffMs: 10, retryableErrors: ['(503)']", 3),
        ("backOffMs: 10, retryAnyError: true, retryableErrors: []", 3),
        ("backOffMs: 10, retryAnyError: true, maxRetries: 2", 3),
        ("backOffMs: 10, retryAnyError: true, maxRetries: 1", 2),
        ("backOffMs: 10", 1),
        ("enabled: false, retryAnyError: true", 1),
    ] {
        let (state, asked, _) = stumbling("/version", BUSY, retries).await;
        assert_eq!(asked, times, "{retries}: {state:?}");
        let ready = matches!(state, State::Ready(_));
        assert_eq!(ready, times == 3, "{retries}: {state:?}");
    }
    let any = "backOffMs: 1500, retryAnyError: true";
    for (question, code) in [
        ("/version", BUSY),
        ("/api/v1", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let (state, asked, took) = stumbling(question, code, any).await;
        assert!(matches!(state, State::Ready(_)) && asked == 3, "{state:?}");
        assert!(took >= Duration::from_secs(3), "{took:?}");
    }
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

const OF_TWO_GROUPS: &str = r#"{"kinds": ["Pod", "Rollout.argoproj.io"]}"#;

#[tokio::test]
async fn a_group_that_cannot_be_read_is_left_out_unless_it_is_the_core_group() {
    for code in [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ] {
        let without = |group: &'static str| {
            move |path: &str| match path == group {
                true => (code, String::new()),
                false => healthy(path),
            }
        };
        let more = "kubernetes: {retries: {enabled: false}}\n";
        let State::Failed(failed) = outcome(without("/api/v1"), more, OF_TWO_GROUPS).await else {
            panic!("it has no pods")
        };
        let words = format!("/api/v1 with an error ({})", code.as_u16());
        assert!(failed.cause.contains(&words), "{}", failed.cause);
        let extension = without("/apis/argoproj.io/v1");
        let State::Ready(ready) = outcome(extension, more, OF_TWO_GROUPS).await else {
            panic!("it has pods")
        };
        assert_eq!(ready.kinds, ["Pod"]);
    }
}

#[tokio::test]
async fn of_a_core_group_that_may_not_be_read_no_namespaces_are_told() {
    let answers = |path: &str| match path {
        "/api/v1" => (StatusCode::FORBIDDEN, String::new()),
        path => healthy(path),
    };
    let definition = r#"{"kinds": ["Namespace", "Rollout.argoproj.io"]}"#;
    let State::Ready(ready) = outcome(answers, "", definition).await else {
        panic!("it is reached")
    };
    assert_eq!(ready.kinds, ["Rollout.argoproj.io"]);
    assert_eq!(ready.namespaces, None);
}

#[tokio::test]
async fn a_kind_that_the_cluster_lacked_is_watched_once_it_is_served() {
    /// Longer than the agent waits before it looks again, and no time for a session.
    const LATER: Duration = Duration::from_secs(301);
    const TERMS: Terms = Terms {
        heartbeat_seconds: 3600,
        grace_seconds: 3600,
    };
    for (question, code, lacking) in [
        (
            "/apis",
            StatusCode::OK,
            r#"{"kind":"APIGroupList","groups":[]}"#,
        ),
        (
            "/apis/argoproj.io/v1",
            StatusCode::SERVICE_UNAVAILABLE,
            "not yet",
        ),
    ] {
        let installed = Arc::new(AtomicBool::new(false));
        let served = installed.clone();
        let answers = move |path: &str| match path == question && !served.load(Ordering::SeqCst) {
            true => (code, lacking.to_owned()),
            false => healthy(path),
        };
        let mut core = Core::start(TERMS).await;
        let (mut session, agent) = saved(&mut core, (answers, quiet), "", OF_TWO_GROUPS).await;
        let State::Ready(ready) = session.state_of("a").await else {
            panic!("it is reached")
        };
        assert_eq!(ready.kinds, ["Pod"]);
        installed.store(true, Ordering::SeqCst);
        tokio::time::pause();
        tokio::time::advance(LATER).await;
        tokio::time::resume();
        // It was never anything else meanwhile.
        let State::Ready(ready) = session.state_of("a").await else {
            panic!("it stays ready")
        };
        assert_eq!(ready.kinds, ["Pod", "Rollout.argoproj.io"]);
        agent.stop().await;
    }
}

/// How an API server ends a watch from a version that it has no longer.
const EXPIRED: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 9 (10)","reason":"Expired","code":410}}"#,
    "\n"
);

#[tokio::test]
async fn an_account_whose_lists_fail_after_its_watches_expired_is_lost_until_they_work() {
    let expired = Arc::new(AtomicBool::new(false));
    let repaired = Arc::new(AtomicBool::new(false));
    let failed: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let (broken, working, noted) = (expired.clone(), repaired.clone(), failed.clone());
    let answers = move |path: &str| {
        let fails = broken.load(Ordering::SeqCst) && !working.load(Ordering::SeqCst);
        if path == "/api/v1/pods" && fails {
            noted.lock().unwrap().push(Instant::now());
            return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
        }
        healthy(path)
    };
    let watches =
        move |_: &str| (!expired.swap(true, Ordering::SeqCst)).then(|| EXPIRED.to_owned());
    let mut core = Core::start(Terms::default()).await;
    let more = "kubernetes: {reconnectTimeoutMs: 100}\n";
    let kinds = r#"{"kinds": ["Pod"]}"#;
    let (mut session, agent) = saved(&mut core, (answers, watches), more, kinds).await;
    assert!(matches!(session.state_of("a").await, State::Ready(_)));
    let State::Lost(lost) = session.state_of("a").await else {
        panic!("it has no lists")
    };
    assert!(lost.cause.contains("with an error (500)"), "{}", lost.cause);
    let (first, second) = {
        let failed = failed.lock().unwrap();
        (failed[0], failed[1])
    };
    // The second wait, two seconds but for its jitter.
    assert!(
        second - first > Duration::from_millis(1350),
        "{:?}",
        second - first
    );
    repaired.store(true, Ordering::SeqCst);
    assert!(matches!(session.state_of("a").await, State::Ready(_)));
    agent.stop().await;
}
