//! What people, probes and logs are told.

use std::process::{Command, Stdio};

use crate::support::apiserver::Authority;
use crate::support::{Agent, Core, Program, Terms, account, dead, get, page};
use ferry_tests::place::free_port;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn it_answers_people_and_probes() {
    let port = free_port();
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
        let text = page(metrics, path).await;
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
    let mut session = core.session().await;
    // Who reports knows of its session.
    session.save(account("a", 1, &dead())).await;
    session.failure_of("a").await;
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
