//! The sidecar with the configuration that it gets in Clouddriver's pod.

use crate::server::{Server, object};
use ferry_tests::place::{free_port, program};
use ferry_tests::{Answer, Process, http};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name by which agents know it.
pub const SERVICE: &str = "spin-clouddriver-grpc";

/// What agents send.
const AGENTS_TOKEN: &str = "agents-token\n";

/// A running one, with what its pod mounts in `folder`.
pub struct Sidecar {
    folder: PathBuf,
    process: Process,
}

impl Sidecar {
    /// Starts it as `objects` say, but for the ports, which may be taken here, and the mounts, which
    /// lie in `folder`.
    pub fn start(objects: &[Value], folder: &Path) -> Sidecar {
        for mounted in ["api", "grpc", "database", "agents"] {
            std::fs::create_dir_all(folder.join(mounted)).unwrap();
        }
        std::fs::write(folder.join("api/token"), "pod-token\n").unwrap();
        std::fs::write(folder.join("agents/token"), AGENTS_TOKEN).unwrap();
        certify(&folder.join("grpc"));
        let config = &object(objects, "ConfigMap", "ferry-sidecar")["data"]["ferry.yml"];
        let mut config = config.as_str().unwrap().to_owned();
        for port in ["7002", "7009", "9091"] {
            assert!(config.contains(port), "{config}");
            config = config.replace(port, &free_port().to_string());
        }
        let config = config.replace("/etc/ferry/", &format!("{}/", folder.display()));
        std::fs::write(folder.join("ferry.yml"), config).unwrap();
        let mut command = Command::new(program("ferry-sidecar"));
        command.current_dir(folder.join("database"));
        command.arg("--config").arg(folder.join("ferry.yml"));
        command.env("SIDECAR_DATABASE", folder.join("database/ferry.db"));
        let process = Process::start(&mut command, &folder.join("sidecar.log"));
        Sidecar {
            folder: folder.to_owned(),
            process: process.unwrap_or_else(|not| panic!("{}", not.log)),
        }
    }

    /// Where it listens, on loopback: `listen`, `admin` or `grpc`.
    pub fn address(&self, which: &str) -> String {
        let said = self.process.ready[which].as_str().unwrap();
        assert!(
            said.starts_with("0.0.0.0:"),
            "{which} is {said}: nobody reaches the pod's port"
        );
        format!("127.0.0.1:{}", said.rsplit(':').next().unwrap())
    }

    /// The authority that agents get.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("grpc/ca.crt")
    }

    /// The file of the agents' token, as agents get it, too.
    pub fn agents_token(&self) -> PathBuf {
        self.folder.join("agents/token")
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("sidecar.log")).unwrap()
    }

    /// GETs from it, with the token or without.
    pub fn get(&self, which: &str, path: &str, token: Option<&str>) -> Answer {
        let url = format!("http://{}{path}", self.address(which));
        let bearer = token.map(|token| format!("Bearer {token}"));
        let header = bearer.as_deref().map(|bearer| ("Authorization", bearer));
        http::send("GET", &url, header.as_slice(), "").unwrap()
    }
}

/// Writes `tls.crt`, `tls.key` and `ca.crt`, as cert-manager names them in a Secret.
fn certify(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let names = vec![SERVICE.to_owned(), "localhost".to_owned()];
    let own = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    std::fs::write(folder.join("tls.crt"), own.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

#[test]
fn it_starts_as_its_pod_would_start_it() {
    let server = Server::start();
    let objects = server.apply("example/volume");
    let sidecar = Sidecar::start(&objects, &server.folder.path().join("pod"));
    assert_eq!(sidecar.get("admin", "/health", None).status, 200);
    assert_eq!(sidecar.get("admin", "/ready", None).status, 200);
    assert_eq!(sidecar.get("listen", "/armory/agents", None).status, 403);
    assert_eq!(
        sidecar
            .get("listen", "/armory/agents", Some("pod-tokem"))
            .status,
        403
    );
    let agents = sidecar.get("listen", "/armory/agents", Some("pod-token"));
    assert_eq!((agents.status, agents.body.as_str()), (200, "[]"));
    // Clouddriver, which is not there.
    assert_eq!(sidecar.get("listen", "/credentials", None).status, 502);
}
