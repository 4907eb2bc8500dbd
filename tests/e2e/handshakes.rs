//! What the agents' port asks of a handshake, and how long it waits for one that is silent: versions
//! and cipher suites, certificates that may be left out, a token that is a text, pings.

use crate::tls::{Authority, agent, alone, becomes};
use ferry_tests::{Agent, Relay, Sidecar, http, wait};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion,
};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A sidecar whose agents' port has a certificate of `authority`; `more` is below `kubesvc.grpc`.
fn sidecar(folder: &Path, authority: &Authority, security: &str, more: &str) -> Sidecar {
    let settings = format!(
        "kubesvc.grpc:\n  server.security: {{enabled: true, certificateChain: 'file:{}', privateKey: \
         'file:{}', {security}}}\n{more}",
        authority.path("core", "crt"),
        authority.path("core", "key"),
    );
    alone(folder, &settings)
}

/// Shakes hands with `address` in this one way.
fn hand(
    address: &str,
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    suite: SupportedCipherSuite,
) -> Result<(), String> {
    let mut provider = default_provider();
    provider.cipher_suites = vec![suite];
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(authority.pem()).unwrap();
    roots.add(root).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = "core.test".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    while client.is_handshaking() {
        if let Err(error) = client.complete_io(&mut stream) {
            return Err(error.to_string());
        }
    }
    Ok(())
}

#[test]
fn protocols_and_ciphers_are_those_that_are_named() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ours = Authority::new(root.path(), "ours");
    ours.issue("core", "core", false);
    let (small, large) = (
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
    );
    let (old, other) = (
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    );
    let ways = [
        (&TLS13, small),
        (&TLS13, large),
        (&TLS12, old),
        (&TLS12, other),
    ];
    let cases = [
        ("any", "", [true; 4]),
        ("new", "protocols: [TLSv1.3]", [true, true, false, false]),
        ("former", "protocols: [TLSv1.2]", [false, false, true, true]),
        (
            "one",
            "ciphers: [TLS_AES_128_GCM_SHA256]",
            [true, false, false, false],
        ),
        (
            "two",
            "ciphers: [TLS_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
            [false, true, true, false],
        ),
    ];
    for (name, security, expected) in cases {
        let folder = root.path().join(name);
        let sidecar = sidecar(&folder, &ours, security, "");
        for ((version, suite), expected) in ways.into_iter().zip(expected) {
            let shaken = hand(&sidecar.grpc, &ours, version, suite);
            assert_eq!(shaken.is_ok(), expected, "{name}: {suite:?}: {shaken:?}");
        }
        let trust = format!(
            "  tls: {{cacertFile: {}, serverName: core.test}}\n",
            ours.pem()
        );
        becomes(&agent(&folder.join("agent"), &sidecar.grpc, &trust), None);
    }
}

#[test]
fn a_certificate_that_may_be_left_out_is_still_to_be_good() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = root.path();
    let ours = Authority::new(folder, "ours");
    let other = Authority::new(folder, "other");
    ours.issue("core", "core", false);
    ours.issue("agent", "agent-1", false);
    other.issue("foreign", "agent-1", false);
    std::fs::write(folder.join("token"), "t0ken\n").unwrap();
    let security = format!(
        "clientAuth: OPTIONAL, trustCertCollection: 'file:{}'",
        ours.pem()
    );
    let token = "  auth.token: t0ken\n";
    let sidecar = sidecar(&folder.join("sidecar"), &ours, &security, token);
    let show = |authority: &Authority, file: &str| {
        format!(
            ", clientCertFile: {}, clientKeyFile: {}",
            authority.path(file, "crt"),
            authority.path(file, "key")
        )
    };
    let file = format!("tokenFile: {}", folder.join("token").display());
    let foreign = "does not trust the issuer of clouddriver.tls.clientCertFile";
    let wrong = "the token is not that of kubesvc.grpc.auth.token";
    let cases: [(&str, String, &str, Option<&str>); 6] = [
        ("none", String::new(), "token: t0ken", None),
        ("good", show(&ours, "agent"), "token: t0ken", None),
        ("file", String::new(), &file, None),
        (
            "foreign",
            show(&other, "foreign"),
            "token: t0ken",
            Some(foreign),
        ),
        ("other-token", String::new(), "token: t0kem", Some(wrong)),
        (
            "no-token",
            String::new(),
            "",
            Some("the core wants a token"),
        ),
    ];
    for (name, certificate, auth, expected) in cases {
        let lines = format!(
            "  tls: {{cacertFile: {}, serverName: core.test{certificate}}}\n  auth: {{{auth}}}\n",
            ours.pem()
        );
        becomes(&agent(&folder.join(name), &sidecar.grpc, &lines), expected);
    }
}

/// Connections that swallow everything from some time on: who pings notices it, and nobody else.
#[test]
fn a_connection_that_swallows_everything_is_noticed_by_who_pings() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let pings = "keepAliveHeartbeatSeconds: 1, keepAliveTimeOutSeconds: 1";
    let never = "keepAliveHeartbeatSeconds: 0";
    let start = |name: &str, core: &str, link: &str| {
        let folder = root.path().join(name);
        let settings = format!(
            "kubesvc: {{heartbeat: {{enabled: false}}, grpc.server.security: {{{core}}}}}\n"
        );
        let sidecar = alone(&folder, &settings);
        let relay = Relay::start(&sidecar.grpc, None);
        let link = format!("  {}\n", link.replace(", ", "\n  "));
        let agent = agent(&folder.join("agent"), &relay.address.to_string(), &link);
        becomes(&agent, None);
        (sidecar, relay, agent)
    };
    let pinged = start("core", &pings.replace("keepAliveT", "KeepAliveT"), never);
    let pinging = start("agent", never, pings);
    let neither = start("neither", never, never);
    for (_, relay, _) in [&pinged, &pinging, &neither] {
        relay.swallow();
    }
    let agents = |sidecar: &Sidecar| -> Result<Value, String> {
        Ok(sidecar.request("GET", "/armory/agents", None)?.json())
    };
    let health = |agent: &Agent| http::get(&format!("{}/health", agent.url));
    // Sooner than by the time that a ping may stay unanswered by default.
    let noticed = wait::until(Duration::from_secs(15), || {
        let seen = (agents(&pinged.0)?, health(&pinging.2)?.json());
        match seen.0 == json!([]) && seen.1["connected"] == false {
            true => Ok(()),
            false => Err(format!("{seen:?}")),
        }
    });
    noticed.unwrap();
    assert_eq!(agents(&neither.0).unwrap()[0]["agentId"], "agent-1");
    assert_eq!(health(&neither.2).unwrap().json()["connected"], true);
}
