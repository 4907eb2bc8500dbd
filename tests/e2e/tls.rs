//! Who is let in by the agents' port, and who is not: real certificates, real programs. Every
//! refusal is told in a sentence of its own at both ends.

use crate::ground::PATIENCE;
use ferry_tests::{Agent, Sidecar, http, wait};
use pkcs8::pkcs5::pbes2;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use std::path::{Path, PathBuf};

/// An authority, and the folder where what it issues lies.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    name: String,
}

impl Authority {
    pub(crate) fn new(folder: &Path, name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.join(format!("{name}.pem")), pem).unwrap();
        Authority {
            issuer: Issuer::new(params, key),
            folder: folder.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Writes `NAME.crt` and `NAME.key` of a certificate for `common_name` and `core.test`.
    pub(crate) fn issue(&self, file: &str, common_name: &str, expired: bool) {
        let names = vec!["core.test".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Ferry"),
            (DnType::CommonName, common_name),
        ] {
            params.distinguished_name.push(kind, value);
        }
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(file, "crt"), certificate.pem()).unwrap();
        std::fs::write(self.path(file, "key"), key.serialize_pem()).unwrap();
        let der = key.serialize_der();
        let info = pkcs8::PrivateKeyInfoRef::try_from(der.as_slice()).unwrap();
        let how = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(2048, b"salt5alt", [9; 16]);
        let locked = info.encrypt_with_params(how.unwrap(), "sesame").unwrap();
        let locked = locked.to_pem("ENCRYPTED PRIVATE KEY", Default::default());
        std::fs::write(self.path(file, "locked"), locked.unwrap().as_bytes()).unwrap();
    }

    pub(crate) fn path(&self, file: &str, kind: &str) -> String {
        self.folder
            .join(format!("{file}.{kind}"))
            .display()
            .to_string()
    }

    pub(crate) fn pem(&self) -> String {
        self.folder
            .join(format!("{}.pem", self.name))
            .display()
            .to_string()
    }
}

/// A sidecar without a Clouddriver, started.
pub(crate) fn alone(folder: &Path, settings: &str) -> Sidecar {
    let mut sidecar = Sidecar::new(folder, "http://127.0.0.1:1", settings);
    let started = sidecar.start(&[]);
    started.unwrap_or_else(|not| panic!("{}", not.log));
    sidecar
}

/// An agent whose `clouddriver` section has these lines besides its address.
pub(crate) fn agent(folder: &Path, grpc: &str, lines: &str) -> Agent {
    let mut agent = Agent::new(folder, "agent-1", "zone-a", grpc, "");
    let port = agent.url.rsplit(':').next().unwrap();
    let config = format!(
        "clouddriver:\n  grpc: {grpc}\n  backoff: {{baseDelay: 100000000, maxDelay: 300000000}}\n\
         {lines}zoneId: zone-a\nserver: {{host: 127.0.0.1, port: {port}}}\n"
    );
    std::fs::write(folder.join("armory-agent.yml"), config).unwrap();
    agent.start(&[]);
    agent
}

/// Waits until the agent is connected, or tells with these words why it is not.
pub(crate) fn becomes(agent: &Agent, expected: Option<&str>) {
    let settled = wait::until(PATIENCE, || {
        let answer = http::request("GET", &format!("{}/health", agent.url), None)?;
        let health = answer.json();
        let cause = health["cause"].as_str().unwrap_or_default();
        match expected {
            None if health["connected"] == true => Ok(()),
            Some(words) if health["connected"] == false && cause.contains(words) => Ok(()),
            _ => Err(health.to_string()),
        }
    });
    settled.unwrap_or_else(|error| panic!("{expected:?}: {error}"));
    let log = std::fs::read_to_string(agent.folder().join("agent.log")).unwrap();
    assert!(expected.is_none_or(|words| log.contains(words)), "{log}");
    assert!(!log.contains("t0ken") && !log.contains("sesame"), "{log}");
}

/// Waits until the sidecar's log has these words after `from`; answers its length.
fn says(sidecar: &Sidecar, from: usize, words: &str) {
    let found = wait::until(PATIENCE, || {
        let log = std::fs::read_to_string(sidecar.folder().join("sidecar.log")).unwrap();
        match log[from..].contains(words) {
            true => Ok(()),
            false => Err(log[from..].to_owned()),
        }
    });
    found.unwrap_or_else(|error| panic!("{words}: {error}"));
}

fn log_length(sidecar: &Sidecar) -> usize {
    let log = std::fs::metadata(sidecar.folder().join("sidecar.log")).unwrap();
    usize::try_from(log.len()).unwrap()
}

#[test]
fn each_lock_of_the_agents_port_lets_in_and_refuses() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = root.path();
    let ours = Authority::new(folder, "ours");
    let other = Authority::new(folder, "other");
    ours.issue("core", "core", false);
    ours.issue("agent", "agent-1", false);
    ours.issue("stranger", "stranger", false);
    ours.issue("late", "agent-1", true);
    other.issue("foreign", "agent-1", false);
    std::fs::write(folder.join("token"), "t0ken\n").unwrap();
    let settings = format!(
        "kubesvc.grpc.server.security:\n  enabled: true\n  certificateChain: file:{}\n  privateKey: \
         file:{}\n  privateKeyPassword: sesame\n  clientAuth: REQUIRE\n  trustCertCollection: \
         file:{}\nkubesvc.grpc.auth:\n  tokenFile: {}\n  x509: {{enabled: true, filters: \
         ['CN=nobody', 'CN=agent-.*, O=Ferry, C=DE']}}\n",
        ours.path("core", "crt"),
        ours.path("core", "locked"),
        ours.pem(),
        folder.join("token").display(),
    );
    let sidecar = alone(&folder.join("sidecar"), &settings);

    let trust = |authority: &Authority, name: &str| {
        format!(
            "    cacertFile: {}\n    serverName: {name}\n",
            authority.pem()
        )
    };
    let show = |authority: &Authority, file: &str| {
        format!(
            "    clientCertFile: {}\n    clientKeyFile: {}\n",
            authority.path(file, "crt"),
            authority.path(file, "key")
        )
    };
    let token = "  auth: {token: t0ken}\n";
    let tls = |lines: &[&str]| format!("  tls:\n{}", lines.concat());
    let good = tls(&[&trust(&ours, "core.test"), &show(&ours, "agent")]);
    let locked = show(&ours, "agent").replace("agent.key", "agent.locked");
    let command = "  auth: {tokenCommand: {command: /bin/echo, args: [t0ken], format: raw}}\n";
    let blind = "    insecureSkipVerify: true\n";
    let cases: Vec<(&str, String, Option<&str>, &str)> = vec![
        ("right", format!("{good}{token}"), None, "agent connected"),
        (
            "encrypted-key",
            format!(
                "{}    clientKeyPassword: sesame\n{command}",
                tls(&[&trust(&ours, "core.test"), &locked])
            ),
            None,
            "agent connected",
        ),
        (
            "password-by-its-other-name",
            format!(
                "{}    clientKeyFilePassword: sesame\n{token}",
                tls(&[&trust(&ours, "core.test"), &locked])
            ),
            None,
            "agent connected",
        ),
        (
            "skip-verify",
            format!("{}{token}", tls(&[blind, &show(&ours, "agent")])),
            None,
            "agent connected",
        ),
        (
            "no-password",
            format!("{}{token}", tls(&[&trust(&ours, "core.test"), &locked])),
            Some("agent.locked is encrypted: give its password"),
            "",
        ),
        (
            "other-authority",
            format!(
                "{}{token}",
                tls(&[&trust(&other, "core.test"), &show(&ours, "agent")])
            ),
            Some("its issuer is unknown; set clouddriver.tls.cacertFile"),
            "it does not trust the issuer of this core's certificate",
        ),
        (
            "other-name",
            format!(
                "{}{token}",
                tls(&[&trust(&ours, "else.test"), &show(&ours, "agent")])
            ),
            Some("is not for the name `else.test`: set clouddriver.tls.serverName"),
            "it does not accept this core's certificate",
        ),
        (
            "no-certificate",
            format!("{}{token}", tls(&[&trust(&ours, "core.test")])),
            Some("wants a client certificate: set clouddriver.tls.clientCertFile"),
            "it shows no client certificate",
        ),
        (
            "foreign-certificate",
            format!(
                "{}{token}",
                tls(&[&trust(&ours, "core.test"), &show(&other, "foreign")])
            ),
            Some("does not trust the issuer of clouddriver.tls.clientCertFile"),
            "its client certificate is of no authority",
        ),
        (
            "expired-certificate",
            format!(
                "{}{token}",
                tls(&[&trust(&ours, "core.test"), &show(&ours, "late")])
            ),
            Some("clouddriver.tls.clientCertFile expired: renew it"),
            "its client certificate has expired",
        ),
        (
            "other-subject",
            format!(
                "{}{token}",
                tls(&[&trust(&ours, "core.test"), &show(&ours, "stranger")])
            ),
            Some("C=DE,O=Ferry,CN=stranger, matches none of kubesvc.grpc.auth.x509.filters"),
            "CN=stranger, matches none of",
        ),
        (
            "no-token",
            good.clone(),
            Some("the core wants a token: set clouddriver.auth.token"),
            "the core wants a token",
        ),
        (
            "other-token",
            format!("{good}  auth: {{token: other}}\n"),
            Some("the token is not that of kubesvc.grpc.auth.token"),
            "the token is not that of",
        ),
        (
            "plaintext",
            "  insecure: true\n".to_owned(),
            Some("if the core has TLS, set clouddriver.insecure: false"),
            "it speaks no TLS",
        ),
    ];
    for (name, lines, expected, said) in &cases {
        let from = log_length(&sidecar);
        let agent = agent(&folder.join(name), &sidecar.grpc, lines);
        becomes(&agent, *expected);
        says(&sidecar, from, said);
    }

    // Renewed on disk, taken without a restart: first one that has expired, then a good one.
    ours.issue("core", "core", true);
    let from = log_length(&sidecar);
    let agent = agent(&folder.join("renewal"), &sidecar.grpc, &cases[0].1);
    becomes(&agent, Some("has expired: renew it at the core"));
    says(&sidecar, from, "it finds this core's certificate expired");
    ours.issue("core", "core", false);
    becomes(&agent, None);
    let log = std::fs::read_to_string(sidecar.folder().join("sidecar.log")).unwrap();
    assert!(!log.contains("t0ken") && !log.contains("sesame"));
}

/// This host's address towards others.
pub(crate) fn own_address() -> std::net::IpAddr {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: only the way there is chosen.
    socket.connect("192.0.2.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}

#[test]
fn beyond_the_loopback_plaintext_is_refused_unless_allowed() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for allowed in [false, true] {
        let folder = root.path().join(allowed.to_string());
        let settings =
            format!("kubesvc.grpc.server.address: '*'\nkubesvc.grpc.allowPlaintext: {allowed}\n");
        let sidecar = alone(&folder, &settings);
        let port = sidecar.grpc.rsplit(':').next().unwrap();
        let far = format!("{}:{port}", own_address());
        let near = agent(&folder.join("near"), &sidecar.grpc, "");
        becomes(&near, None);
        let far = agent(&folder.join("far"), &far, "");
        match allowed {
            true => {
                becomes(&far, None);
                says(&sidecar, 0, "kubeconfigs travel to agents in plaintext");
                says(&sidecar, 0, "whoever connects is taken for an agent");
            }
            false => {
                becomes(&far, Some("or set kubesvc.grpc.allowPlaintext: true there"));
                says(&sidecar, 0, "agents of other hosts will be refused");
                says(
                    &sidecar,
                    0,
                    "agents of other hosts are taken over TLS alone",
                );
            }
        }
    }
}

/// 5,000 static accounts with long definitions: 6 MiB, more than one message takes.
#[test]
fn an_agent_that_holds_much_registers_in_parts() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let sidecar = alone(root.path(), "");
    let roles = "r".repeat(1200);
    let accounts: String = (0..5000)
        .map(|at| {
            format!(
                "  - {{name: s-{at:04}, kubeconfigFile: /none, permissions: {{READ: [{roles}]}}}}\n"
            )
        })
        .collect();
    let more = format!("kubernetes:\n  accounts:\n{accounts}");
    let mut agent = Agent::new(
        &root.path().join("agent"),
        "much",
        "zone-a",
        &sidecar.grpc,
        &more,
    );
    agent.start(&[]);
    let listed = wait::until(PATIENCE, || {
        let answer = sidecar.request("GET", "/armory/accounts?limit=1", None)?;
        let total = answer.json()["total"].clone();
        match total == 5000 {
            true => Ok(()),
            false => Err(format!("{total} accounts: {}", answer.body)),
        }
    });
    listed.unwrap();
}
