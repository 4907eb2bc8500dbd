//! How a session comes about, and when it is begun anew.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::apiserver::Authority;
use crate::support::{Agent, Core, Program, Terms, account, dead, mute};
use ferry_agent::config::{Config, Environment};
use ferry_wire::v1::account_report::State;

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

/// The core is gone for a moment, and the next attempt is due in a minute, when the agent finds out
/// something that it was asked for: does it say so meanwhile?
async fn says_before_its_time(retries: &str) -> bool {
    let mut core = Core::start(Terms::default()).await;
    let yaml = format!(
        "clouddriver: {{grpc: '{}', backoff: {{baseDelay: 60000000000}}, responseRetries: {retries}}}\n\
         zoneId: zone-1\nserver: {{port: 0}}\n",
        core.address
    );
    let config = Config::parse(&yaml, "test.yml", &Environment::default());
    let agent = Agent::run(config.unwrap());
    let mut session = core.session().await;
    let (mute, _listener) = mute();
    let slow = account("slow", 1, &mute);
    // A third of it for the handshake, which never comes about.
    let slow = ferry_wire::v1::Account {
        deadline_seconds: 7,
        ..slow
    };
    session.save(slow).await;
    // It is told what the agent has under way.
    session.save(account("slow", 1, &mute)).await;
    let State::Connecting(_) = session.state_of("slow").await else {
        panic!("it cannot be known so soon");
    };
    let address = core.crash();
    session.ended().await;
    let mut core = Core::start_at(address, Terms::default()).await;
    if core.no_session(Duration::from_secs(6)).await {
        agent.stop().await;
        return false;
    }
    agent.stop().await;
    true
}

#[tokio::test]
async fn what_it_has_to_say_waits_for_no_backoff() {
    assert!(says_before_its_time("{backOffMs: 100}").await);
}

#[tokio::test]
async fn without_response_retries_it_waits() {
    let (never, off) = tokio::join!(
        says_before_its_time("{maxRetries: 0, backOffMs: 100}"),
        says_before_its_time("{enabled: false, backOffMs: 100}"),
    );
    assert!(!never && !off);
}
