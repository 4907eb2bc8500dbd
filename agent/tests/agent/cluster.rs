//! The agent against a real cluster: `tests/cluster` builds one, and every test here runs one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Agent, Core, Terms, ZONE, account, get};
use aws_lc_rs::digest::{SHA256, digest};
use ferry_tests::place::free_port;
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::probed::Outcome;
use ferry_wire::v1::{Account, Ready};

/// How many TCP connections to this port this process has; the API server has some to itself.
fn connections(port: &str) -> usize {
    let port = format!(":{:04X}", port.parse::<u16>().unwrap());
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let own: Vec<String> = open
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .map(|to| to.display().to_string())
        .collect();
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let ours = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let established = fields[2].ends_with(&port) && fields[3] == "01";
        established && own.contains(&format!("socket:[{}]", fields[9]))
    };
    table.lines().skip(1).filter(ours).count()
}

/// A running cluster; dropping it kills it.
struct Cluster {
    child: Child,
    server: String,
    dir: PathBuf,
}

impl Cluster {
    /// Starts one in a folder, at a port (0: any), and waits until it serves.
    fn start(dir: &Path, port: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cluster/build.sh");
        let built = Command::new("bash")
            .arg(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "tests/cluster/build.sh");
        let binary = String::from_utf8(built.stdout).unwrap();
        let mut child = Command::new(binary.trim())
            .args(["serve", "--exit-with-stdin", "--port", port, "--dir"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).expect("the ready line");
        let server = ready["server"].as_str().unwrap().to_owned();
        Self {
            child,
            server,
            dir: dir.to_owned(),
        }
    }

    fn kubeconfig(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(name)).unwrap()
    }

    fn port(&self) -> String {
        self.server.rsplit(':').next().unwrap().to_owned()
    }

    /// The digest of the certificate that is served, by a tool that is not ours.
    fn fingerprint(&self) -> String {
        let pem = Command::new("openssl")
            .args([
                "s_client",
                "-connect",
                self.server.trim_start_matches("https://"),
            ])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let pem = String::from_utf8_lossy(&pem.stdout).into_owned();
        let der = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::
            from_pem_slice(pem.as_bytes())
        .unwrap();
        digest(&SHA256, &der)
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn ready(state: State) -> Ready {
    match state {
        State::Ready(ready) => ready,
        other => panic!("not ready: {other:?}"),
    }
}

/// The program itself, walking every failpoint: a good account, a dead one, one that never answers,
/// one of its own, then none.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_passes_every_failpoint_tells_no_secret_and_ends_on_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("cluster");
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&folder, "0"))
        .await
        .unwrap();
    let mut core = Core::start(Terms::default()).await;
    let config = dir.path().join("armory-agent.yml");
    let own = dir.path().join("own.kubeconfig");
    let port = free_port();
    let yaml = format!(
        "clouddriver: {{grpc: '{}'}}\nzoneId: {ZONE}\nserver: {{port: {port}}}\nlogging: {{level: trace}}\n\
         kubernetes: {{accounts: [{{name: own, kubeconfigFile: {}}}]}}\n",
        core.address,
        own.display()
    );
    std::fs::write(&config, yaml).unwrap();
    let trace = dir.path().join("trace");
    let log = dir.path().join("log");
    let mut program = Command::new(env!("CARGO_BIN_EXE_ferry-agent"))
        .arg("--config")
        .arg(&config)
        .env("HOSTNAME", "agent-of-the-walk")
        .env("KUBECONFIG", cluster.dir.join("admin.kubeconfig"))
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("FERRY_FAILPOINT_TRACE", &trace)
        .stdout(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut session = core.session().await;
    assert_eq!(session.register.agent_id, "agent-of-the-walk");
    let fixed = session.register.static_accounts[0].report.clone();
    if let Some(State::Connecting(_)) = fixed.unwrap().state {
        session.failure_of("own").await;
    }
    let kubeconfig = cluster.kubeconfig("token.kubeconfig");
    session.save(account("good", 1, &kubeconfig)).await;
    ready(session.state_of("good").await);
    session
        .save(account(
            "dead",
            1,
            &kubeconfig.replace(&cluster.server, "https://127.0.0.1:1"),
        ))
        .await;
    assert!(
        session
            .failure_of("dead")
            .await
            .contains("refuses connections")
    );
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", mute.local_addr().unwrap());
    let hole = account("hole", 1, &kubeconfig.replace(&cluster.server, &server));
    session.save(hole.clone()).await;
    session.save(hole).await;
    assert!(matches!(
        session.state_of("hole").await,
        State::Connecting(_)
    ));
    session.delete(&["own"]).await;
    assert!(matches!(session.state_of("own").await, State::Dropped(_)));
    assert_eq!(get(port, "/health").await["agentId"], "agent-of-the-walk");
    match session.probe(account("tried", 0, &kubeconfig)).await {
        Outcome::Reached(reached) => assert_eq!(reached.lacking, [""; 0]),
        other => panic!("{other:?}"),
    }
    drop(cluster);
    assert!(matches!(session.state_of("good").await, State::Lost(_)));
    session.delete(&["good", "dead", "hole"]).await;
    for _ in 0..3 {
        assert!(matches!(
            session.report().await.state,
            Some(State::Dropped(_))
        ));
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let killed = Command::new("kill")
        .arg(program.id().to_string())
        .status()
        .unwrap();
    assert!(killed.success());
    let began = Instant::now();
    let ended = tokio::task::spawn_blocking(move || program.wait().unwrap())
        .await
        .unwrap();
    assert!(
        ended.success() && began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );

    let passed = std::fs::read_to_string(trace).unwrap();
    for point in ferry_agent::failpoint::ALL {
        assert!(
            passed.lines().any(|line| line == *point),
            "{point} was not passed:\n{passed}"
        );
    }
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("registered") && log.contains("ferry-agent ends"),
        "{log}"
    );
    let token = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .unwrap();
    assert!(!log.contains(token), "the token is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_ready_lost_and_ready_again_with_its_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_owned();
    let first = tokio::task::spawn_blocking(move || Cluster::start(&folder, "0"))
        .await
        .unwrap();
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;

    for kubeconfig in ["admin.kubeconfig", "token.kubeconfig"] {
        session
            .save(account("good", 1, &first.kubeconfig(kubeconfig)))
            .await;
        let ready = ready(session.state_of("good").await);
        assert_eq!(ready.kube_host, first.server);
        assert!(ready.kube_version.starts_with("v1."), "{ready:?}");
        assert_eq!(ready.cert_fingerprint, first.fingerprint());
        assert_eq!(ready.kinds.len(), 12, "{ready:?}");
        let names = &ready.namespaces.as_ref().unwrap().names;
        assert!(names.contains(&"kube-system".to_owned()), "{names:?}");
        for kind in [
            "Pod",
            "Deployment.apps",
            "CustomResourceDefinition.apiextensions.k8s.io",
        ] {
            assert!(ready.kinds.iter().any(|known| known == kind), "{ready:?}");
        }
        // All twelve watches share it; the one that read the certificate ends by itself.
        let began = Instant::now();
        while connections(&first.port()) != 1 && began.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(connections(&first.port()), 1);
        session.delete(&["good"]).await;
        assert!(matches!(session.state_of("good").await, State::Dropped(_)));
    }

    session
        .save(account("reader", 1, &first.kubeconfig("reader.kubeconfig")))
        .await;
    let cause = session.failure_of("reader").await;
    assert!(
        cause.contains("may list none of the kinds") && cause.contains("cannot list"),
        "{cause}"
    );
    let wrong = first.kubeconfig("token.kubeconfig");
    let token = wrong
        .lines()
        .find(|line| line.contains("token:"))
        .unwrap()
        .trim();
    session
        .save(account(
            "wrong",
            1,
            &wrong.replace(token, "token: nonsense"),
        ))
        .await;
    let cause = session.failure_of("wrong").await;
    assert!(cause.contains("401"), "{cause}");

    let chosen = Account {
        definition: r#"{"kinds":["ConfigMap","Nothing.example.org"],"namespaces":["default"]}"#
            .into(),
        ..account("chosen", 7, &first.kubeconfig("admin.kubeconfig"))
    };
    session.save(chosen).await;
    let report = session.report().await;
    assert_eq!((report.account.as_str(), report.generation), ("chosen", 7));
    let chosen = ready(report.state.unwrap());
    assert_eq!(chosen.kinds, ["ConfigMap"]);
    let named = chosen.namespaces.unwrap();
    assert_eq!(
        (&named.names[..], named.total),
        (&["default".to_owned()][..], 1)
    );

    // The same port, so the same account finds the cluster again.
    let port = first.port();
    drop(first);
    let State::Lost(lost) = session.state_of("chosen").await else {
        panic!("should be lost")
    };
    assert!(lost.cause.contains("refuses connections"), "{}", lost.cause);
    let folder = dir.path().to_owned();
    let again = tokio::task::spawn_blocking(move || Cluster::start(&folder, &port))
        .await
        .unwrap();
    loop {
        // On its way up the API server may be met half ready.
        match session.state_of("chosen").await {
            State::Lost(_) => {}
            state => break assert_eq!(ready(state).kube_host, again.server),
        }
    }
    session.no_report(Duration::from_millis(300)).await;
    agent.stop().await;
}
