//! The agent's side of the session: what it registers, obeys, reports, and does when the core is gone.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ferry_wire::v1::account_report::State;
use ferry_wire::v1::core_message::Kind as Down;
use ferry_wire::v1::{DeleteAccounts, Deletion};
use support::apiserver::{Authority, kubeconfig};
use support::{Agent, Core, Terms, account, get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A kubeconfig whose cluster refuses connections.
fn dead() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    kubeconfig(&format!("https://{free}"), "")
}

/// A kubeconfig whose cluster never answers, and what keeps it so.
fn mute() -> (String, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    (
        kubeconfig(&format!("https://{}", listener.local_addr().unwrap()), ""),
        listener,
    )
}

#[tokio::test]
async fn it_registers_what_it_has_and_beats() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("kubeconfig");
    std::fs::write(&file, dead()).unwrap();
    let more = format!(
        "kubernetes:\n  accounts:\n  - name: fixed\n    kubeconfigFile: {}\n    permissions: {{READ: [a]}}\n",
        file.display()
    );
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    let register = &session.register;
    assert_eq!(
        (register.agent_id.as_str(), register.zone_id.as_str()),
        ("agent-1", "zone-1")
    );
    assert_eq!(register.version, env!("CARGO_PKG_VERSION"));
    assert!(register.held.is_empty());
    let [fixed] = &register.static_accounts[..] else {
        panic!("{register:?}")
    };
    assert_eq!(fixed.name, "fixed");
    let definition: serde_json::Value = serde_json::from_str(&fixed.definition).unwrap();
    assert_eq!(definition["permissions"]["READ"][0], "a");
    if let Some(State::Connecting(_)) = fixed.report.as_ref().unwrap().state {
        assert!(
            session
                .failure_of("fixed")
                .await
                .contains("refuses connections")
        );
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(session.heartbeats.load(Ordering::SeqCst) >= 2);

    let deletion = Deletion {
        name: "fixed".into(),
        generation: 2,
    };
    let accounts = vec![deletion];
    session
        .send(Down::DeleteAccounts(DeleteAccounts { accounts }))
        .await;
    let report = session.report().await;
    // It answers the deletion, and says nothing of the static account.
    assert_eq!((report.account.as_str(), report.generation), ("fixed", 2));
    let Some(State::Refused(refused)) = report.state else {
        panic!("not refused")
    };
    assert!(
        refused.cause.contains("remove it there"),
        "{}",
        refused.cause
    );
    session.save(account("fixed", 3, &dead())).await;
    let report = session.report().await;
    assert_eq!(report.generation, 3);
    let Some(State::Failed(failed)) = report.state else {
        panic!("not failed")
    };
    assert!(
        failed.cause.contains("in its own configuration"),
        "{}",
        failed.cause
    );
    agent.stop().await;
    session.ended().await;
}

#[tokio::test]
async fn operations_are_idempotent_and_the_newest_generation_counts() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    let (mute, _listener) = mute();

    session.save(account("a", 5, &mute)).await;
    session.save(account("a", 5, &mute)).await;
    let report = session.report().await;
    assert!(
        matches!(report.state, Some(State::Connecting(_))),
        "{report:?}"
    );
    assert_eq!(report.generation, 5);
    // Older: what is held counts.
    session.save(account("a", 4, &dead())).await;
    assert_eq!(session.report().await.generation, 5);
    // Newer: replaces.
    session.save(account("a", 6, &dead())).await;
    let report = session.report().await;
    assert_eq!(report.generation, 6);
    assert!(matches!(report.state, Some(State::Failed(_))), "{report:?}");
    // A failed one is idle until it is asked again.
    session.no_report(Duration::from_millis(300)).await;
    session.save(account("a", 6, &dead())).await;
    assert!(
        session
            .failure_of("a")
            .await
            .contains("refuses connections")
    );

    session.save_in("zone-2", account("b", 1, &dead())).await;
    session.no_report(Duration::from_millis(300)).await;

    session.delete(&["a", "never", "a"]).await;
    let mut dropped = Vec::new();
    for _ in 0..2 {
        let report = session.report().await;
        assert!(
            matches!(report.state, Some(State::Dropped(_))),
            "{report:?}"
        );
        dropped.push((report.account, report.generation));
    }
    dropped.sort();
    assert_eq!(dropped, [("a".into(), 6), ("never".into(), 0)]);

    // Deleted and saved again at once: first dropped, then the new one.
    session.save(account("c", 1, &mute)).await;
    session.delete(&["c"]).await;
    session.save(account("c", 2, &dead())).await;
    assert!(matches!(session.state_of("c").await, State::Dropped(_)));
    assert!(
        session
            .failure_of("c")
            .await
            .contains("refuses connections")
    );
    agent.stop().await;
}

#[tokio::test]
async fn one_slow_cluster_holds_up_nothing() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    for number in 0..50 {
        session
            .save(account(&format!("slow-{number}"), 1, &mute))
            .await;
    }
    // A mute cluster is given up after 10 s at the earliest.
    let began = Instant::now();
    session.save(account("quick", 1, &dead())).await;
    assert!(
        session
            .failure_of("quick")
            .await
            .contains("refuses connections")
    );
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    agent.stop().await;
}

#[tokio::test]
async fn it_comes_back_with_what_it_holds() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    session.save(account("dead", 2, &dead())).await;
    session.failure_of("dead").await;
    session.save(account("mute", 3, &mute)).await;
    session.save(account("mute", 3, &mute)).await;
    assert!(matches!(
        session.state_of("mute").await,
        State::Connecting(_)
    ));

    let address = core.crash();
    session.ended().await;
    let mut core = Core::start_at(address, Terms::default()).await;
    let session = core.session().await;
    let held = &session.register.held;
    assert_eq!(held.len(), 2, "{held:?}");
    assert_eq!((held[0].account.as_str(), held[0].generation), ("dead", 2));
    assert!(matches!(held[0].state, Some(State::Failed(_))));
    assert!(matches!(held[1].state, Some(State::Connecting(_))));

    // A core that says nothing is as good as none.
    session.silent.store(true, Ordering::SeqCst);
    let again = core.session().await;
    assert_eq!(again.register.held.len(), 2);
    agent.stop().await;
}

#[tokio::test]
async fn without_a_core_for_the_grace_time_it_stops_its_dynamic_accounts() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("kubeconfig");
    std::fs::write(&file, dead()).unwrap();
    let more = format!(
        "kubernetes:\n  accounts: [{{name: fixed, kubeconfigFile: {}}}]\n",
        file.display()
    );
    let terms = Terms {
        heartbeat_seconds: 1,
        grace_seconds: 2,
    };
    let mut core = Core::start(terms).await;
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    session.save(account("a", 1, &dead())).await;
    // Longer than the grace time: a core that is there is no missing core.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    session.save(account("a", 1, &dead())).await;
    loop {
        let report = session.report().await;
        if report.account == "a" {
            assert!(matches!(report.state, Some(State::Failed(_))), "{report:?}");
            break;
        }
    }
    let address = core.crash();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let mut core = Core::start_at(address, terms).await;
    let register = core.session().await.register;
    assert!(register.held.is_empty(), "{register:?}");
    assert_eq!(register.static_accounts.len(), 1);
    agent.stop().await;
}

#[tokio::test]
async fn a_refusal_is_not_the_end() {
    let mut core = Core::start(Terms::default()).await;
    core.refuse(true);
    let agent = Agent::start(core.address, "");
    assert!(core.no_session(Duration::from_millis(700)).await);
    core.refuse(false);
    core.session().await;
    agent.stop().await;
}

/// The program itself: the system's authorities are a process's own.
#[tokio::test]
async fn without_insecure_the_core_must_have_a_certificate_that_the_system_trusts() {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let authority = Authority::new("trusted");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let (certificate, key) = authority.issue_pem("127.0.0.1");
    let mut core = Core::start_tls(&certificate, &key).await;
    let config = folder.path().join("armory-agent.yml");
    let yaml = format!(
        "clouddriver: {{grpc: '{}', insecure: false}}\nserver: {{port: 0}}\n",
        core.address
    );
    std::fs::write(&config, yaml).unwrap();
    let start = |trusted: &str| {
        Program(
            Command::new(env!("CARGO_BIN_EXE_ferry-agent"))
                .arg("--config")
                .arg(&config)
                .env("SSL_CERT_FILE", trusted)
                .env("HOSTNAME", "over-tls")
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    };
    let stranger = Authority::new("stranger");
    std::fs::write(folder.path().join("other.pem"), &stranger.pem).unwrap();
    let wrong = start(&folder.path().join("other.pem").display().to_string());
    assert!(core.no_session(Duration::from_secs(2)).await);
    drop(wrong);
    let _right = start(&folder.path().join("ca.pem").display().to_string());
    assert_eq!(core.session().await.register.agent_id, "over-tls");
}

/// A program that dies with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn it_answers_people_and_probes() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut core = Core::start(Terms::default()).await;
    let metrics = free_port();
    let more = format!("  port: {port} # port\nprometheus: {{enabled: true, port: {metrics}}}\n");
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    session.save(account("a", 1, &dead())).await;
    session.failure_of("a").await;

    let health = get(port, "/health").await;
    assert_eq!(
        (&health["status"], &health["connected"]),
        (&"UP".into(), &true.into()),
        "{health}"
    );
    assert_eq!(health["coreId"], "core-1");
    let accounts = get(port, "/accounts").await;
    assert_eq!(accounts[0]["name"], "a");
    assert_eq!(accounts[0]["state"], "FAILED");
    assert_eq!(accounts[0]["dynamic"], true);
    assert!(
        accounts[0]["cause"]
            .as_str()
            .unwrap()
            .contains("refuses connections")
    );
    for path in ["/metrics", "/prometheus_metrics"] {
        let text = plain(metrics, path).await;
        for row in [
            "# TYPE kubesvc_connection_count counter\nkubesvc_connection_count ",
            "\nkubesvc_disconnection_total ",
            "\nkubesvc_kubernetes_requests ",
            "\nkubesvc_watches 0\n",
            "\nprocess_resident_memory_bytes ",
        ] {
            assert!(text.contains(row), "{row}: {text}");
        }
    }
    let names = async |path: &str| -> Vec<String> {
        let rows = get(port, path).await;
        let rows = rows.as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["name"].to_string()).collect()
    };
    assert_eq!(
        names("/accounts?Config.Dynamic=true&State.Name=DiscoveryError")
            .await
            .len(),
        1
    );
    assert!(names("/accounts?State.Name=Healthy").await.is_empty());
    assert!(names("/accounts?offset=1").await.is_empty());
    let wrong = get(port, "/accounts?limit=some").await;
    assert_eq!(wrong["error"], "limit must be a whole number");
    assert_eq!(get(port, "/watches").await, serde_json::json!([]));
    assert_eq!(get(port, "/operations").await, serde_json::json!([]));
    let version = get(port, "/accounts/a/version").await;
    assert_eq!(version["error"], "its cluster is not reached");
    assert_eq!(
        get(port, "/version").await["version"],
        env!("CARGO_PKG_VERSION")
    );
    assert!(
        get(port, "/nothing").await["error"]
            .as_str()
            .unwrap()
            .contains("/health")
    );
    agent.stop().await;
}

fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

async fn plain(port: u16, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
