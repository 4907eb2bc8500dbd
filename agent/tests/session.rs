//! The agent's side of the session: what it registers, obeys, reports, and does when the core is gone.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ferry_agent::config::{Config, Environment, Files};
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
    // More than are reached for at the same time.
    for number in 0..150 {
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
            "\nferry_agent_accounts{state=\"FAILED\"} 1\n",
            "\nprocess_resident_memory_bytes ",
            "\nprocess_virtual_memory_max_bytes ",
            "\nprocess_start_time_seconds ",
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

#[tokio::test]
async fn a_session_that_brings_no_operation_is_begun_anew() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::linked(core.address, "keepAliveOperationSeconds: 2", "");
    let session = core.session().await;
    session.save(account("a", 1, &dead())).await;
    let saved = Instant::now();
    // Heartbeats are no operations.
    let again = core.session().await;
    assert!(
        saved.elapsed() > Duration::from_millis(1500),
        "{:?}",
        saved.elapsed()
    );
    assert_eq!(again.register.held.len(), 1, "nothing is lost with it");
    assert!(session.heartbeats.load(Ordering::SeqCst) > 0);
    agent.stop().await;
}

#[tokio::test]
async fn without_heartbeats_the_connection_is_the_sign_of_life() {
    let terms = Terms {
        heartbeat_seconds: 0,
        grace_seconds: 1,
    };
    let mut core = Core::start(terms).await;
    let agent = Agent::linked(core.address, "keepAliveHeartbeatSeconds: 1", "");
    let mut session = core.session().await;
    session.save(account("a", 1, &dead())).await;
    session.failure_of("a").await;
    // Longer than the grace time: the connection stands, so there is a core.
    session.no_report(Duration::from_secs(3)).await;
    assert_eq!(session.heartbeats.load(Ordering::SeqCst), 0);
    let address = core.crash();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mut core = Core::start_at(address, terms).await;
    assert!(core.session().await.register.held.is_empty());
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_without_dynamic_accounts_says_so_for_each() {
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "dynamicAccountsEnabled: false\n");
    let mut session = core.session().await;
    assert!(session.register.refuses_dynamic);
    session.save(account("a", 1, &dead())).await;
    let cause = session.failure_of("a").await;
    assert!(cause.contains("dynamicAccountsEnabled is false"), "{cause}");
    session.delete(&["a"]).await;
    assert!(matches!(session.state_of("a").await, State::Dropped(_)));
    agent.stop().await;
}

#[tokio::test]
async fn an_answer_of_a_cluster_takes_no_longer_than_timeout_seconds() {
    let mut core = Core::start(Terms::default()).await;
    let more = "timeoutSeconds: 1\nkubernetes: {retries: {enabled: false}}\n";
    let agent = Agent::start(core.address, more);
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    let began = Instant::now();
    session.save(account("a", 1, &mute)).await;
    let cause = session.failure_of("a").await;
    assert!(cause.contains("1 s"), "{cause}");
    // Without the key a step takes 10 s.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_static_account_is_tried_again_after_reconnect_timeout() {
    let cluster = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("kubeconfig");
    let server = format!("https://{}", cluster.local_addr().unwrap());
    std::fs::write(&file, kubeconfig(&server, "")).unwrap();
    let more = format!(
        "kubernetes:\n  reconnectTimeoutMs: 100\n  accounts: [{{name: a, kubeconfigFile: {}}}]\n",
        file.display()
    );
    let core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, &more);
    let began = Instant::now();
    // Hung up on at once. With the default, the second attempt comes after 5 s.
    for _ in 0..6 {
        drop(cluster.accept().await.unwrap());
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    agent.stop().await;
}

#[tokio::test]
async fn accounts_of_a_changed_file_are_taken_up_without_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let kubeconfig = root.path().join("kubeconfig");
    std::fs::write(&kubeconfig, dead()).unwrap();
    let mut core = Core::start(Terms::default()).await;
    let config = root.path().join("armory-agent.yml");
    let address = core.address;
    let write = |accounts: &str| {
        let yaml = format!(
            "clouddriver: {{grpc: '{}'}}\nzoneId: zone-1\nserver: {{port: 0}}\n\
             kubernetes:\n  accounts: {accounts}\n",
            address
        );
        // In its place at once, as Kubernetes does it.
        let new = root.path().join("new");
        std::fs::write(&new, yaml).unwrap();
        std::fs::rename(new, &config).unwrap();
    };
    let one = |name: &str, more: &str| {
        format!(
            "{{name: {name}, kubeconfigFile: {}{more}}}",
            kubeconfig.display()
        )
    };
    write(&format!("[{}, {}]", one("a", ""), one("b", "")));
    let files = Files::named(&config);
    let agent = Agent::run(Config::load(&files, &Environment::default()).unwrap());
    let names = |register: &ferry_wire::v1::Register| -> Vec<String> {
        let accounts = register.static_accounts.iter();
        accounts.map(|account| account.name.clone()).collect()
    };
    assert_eq!(names(&core.session().await.register), ["a", "b"]);

    write("[{name: broken}]");
    assert!(core.no_session(Duration::from_secs(4)).await);
    write(&format!(
        "[{}, {}]",
        one("b", ", context: other"),
        one("c", "")
    ));
    let register = core.session().await.register;
    assert_eq!(names(&register), ["b", "c"]);
    assert!(register.static_accounts[0].definition.contains("other"));
    agent.stop().await;
}

#[tokio::test]
async fn people_and_probes_are_answered_over_tls() {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    let root = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let (certificate, key) = authority.issue_pem("localhost");
    let file = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let port = free_port();
    let more = format!(
        "  port: {port} # port\n  ssl: {{enabled: true, certFile: {}, keyFile: {}, caCertFile: {}, \
         clientAuth: need}}\n",
        file("tls.crt", &certificate),
        file("tls.key", &key),
        file("ca.crt", &authority.pem)
    );
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, &more);
    core.session().await;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
        .unwrap();
    let builder = || {
        rustls::ClientConfig::builder_with_provider(ferry_tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
    };
    let ask = async |config: rustls::ClientConfig| -> std::io::Result<String> {
        let tcp = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let mut stream = connector.connect(name, tcp).await?;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8(answer).unwrap())
    };
    let nobody = ask(builder().with_no_client_auth()).await;
    assert!(nobody.is_err(), "{nobody:?}");
    let own = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let known = builder().with_client_auth_cert(vec![own], key).unwrap();
    let answer = ask(known).await.unwrap();
    assert!(answer.contains("\"connected\":true"), "{answer}");
    agent.stop().await;
}

/// The program itself: a log is a process's own.
#[tokio::test]
async fn the_log_goes_to_its_file_with_the_documented_fields() {
    let folder = tempfile::tempdir().unwrap();
    let mut core = Core::start(Terms::default()).await;
    let config = folder.path().join("armory-agent.yml");
    let log = folder.path().join("logs/agent.log");
    let yaml = format!(
        "clouddriver: {{grpc: '{}'}}\nzoneId: zone-1\nserver: {{port: 0}}\nlogging: {{file: {}, \
         format: json, level: debug, fields: {{agentCluster: '', team: x}}}}\n",
        core.address,
        log.display()
    );
    std::fs::write(&config, yaml).unwrap();
    let _program = Program(
        Command::new(env!("CARGO_BIN_EXE_ferry-agent"))
            .arg("--config")
            .arg(&config)
            .env("HOSTNAME", "logging")
            .env("KUBERNETES_SERVICE_HOST", "10.9.8.7")
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut session = core.session().await;
    session.save(account("a", 7, &dead())).await;
    session.failure_of("a").await;
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        for field in ["time", "level", "msg"] {
            assert!(line[field].is_string(), "{line}");
        }
        assert_eq!(
            (&line["agentId"], &line["agentCluster"], &line["team"]),
            (&"logging".into(), &"10.9.8.7".into(), &"x".into())
        );
    }
    let has = |field: &str, value: &str| lines.iter().any(|line| line[field] == value);
    assert!(has("operationType", "SaveAccounts"), "{text}");
    assert!(
        lines.iter().any(|line| line["account"] == "a"
            && line["error"]
                .as_str()
                .is_some_and(|error| error.contains("refuses"))),
        "{text}"
    );
}
