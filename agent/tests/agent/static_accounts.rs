//! Accounts of the agent's own configuration: local files, used as the operator wrote them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::apiserver::{Authority, SECRET, kubeconfig, tls};
use crate::support::{Agent, Core, CoreSession, Program, Terms, dead};
use ferry_agent::config::{Config, Environment, Files};
use ferry_agent::dial::Dialer;
use ferry_tests::vault::Vault;
use ferry_wire::v1::account_report::State;
use http::StatusCode;

/// Serves pods to whoever has the token.
fn pods(path: &str) -> (StatusCode, String) {
    let body = match path {
        "/version" => {
            r#"{"major":"1","minor":"30","gitVersion":"v1.30.1","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#
        }
        "/api/v1" => {
            r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["list","watch"]}]}"#
        }
        "/apis" => r#"{"kind":"APIGroupList","groups":[]}"#,
        "/api/v1/namespaces/a/pods" | "/api/v1/namespaces/b/pods" => {
            r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"9"},"items":[]}"#
        }
        _ => return (StatusCode::NOT_FOUND, String::new()),
    };
    (StatusCode::OK, body.into())
}

/// What has become of each account by its first attempt.
async fn outcomes(session: &mut CoreSession) -> BTreeMap<String, State> {
    // What is known by then is told with the registration.
    let registered = session.register.static_accounts.clone().into_iter();
    let mut states: BTreeMap<String, State> = registered
        .map(|account| (account.name, account.report.unwrap().state.unwrap()))
        .collect();
    while states
        .values()
        .any(|state| matches!(state, State::Connecting(_)))
    {
        let report = session.report().await;
        states.insert(report.account, report.state.unwrap());
    }
    states
}

#[tokio::test]
async fn an_operators_kubeconfig_may_name_files_and_run_its_program() {
    let authority = Authority::new("good");
    let address = tls(authority.issue("127.0.0.1", false), pods).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", &authority.pem);
    // As `kubectl create token` writes it.
    write("token", &format!("{SECRET}\n"));
    write(
        "give",
        &format!(
            "#!/bin/sh\necho '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{SECRET}\"}}}}'\n"
        ),
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(folder.path().join("give"), mode).unwrap();
    let plain = kubeconfig(&format!("https://{address}"), "")
        .replace("{server:", "{certificate-authority: ca.pem, server:");
    let token = format!("token: {SECRET}");
    write(
        "with-token-file",
        &plain.replace(&token, "tokenFile: token"),
    );
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./give, provideClusterInfo: true}";
    write("with-exec", &plain.replace(&token, exec));
    write("broken", "nothing");

    let path = |name: &str| Path::new(folder.path()).join(name).display().to_string();
    let more = format!(
        "kubernetes:\n  accounts:\n\
         \x20 - {{name: one, kubeconfigFile: {}, namespaces: [a, b]}}\n\
         \x20 - {{name: two, kubeConfigFile: {}, namespaces: [a]}}\n\
         \x20 - {{name: three, kubeconfigFile: {}}}\n",
        path("with-token-file"),
        path("with-exec"),
        path("broken"),
    );
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    for (name, state) in outcomes(&mut session).await {
        match (name.as_str(), state) {
            ("one" | "two", State::Ready(ready)) => assert_eq!(ready.kinds, ["Pod"]),
            ("three", State::Failed(failed)) => assert!(failed.cause.contains("not a kubeconfig")),
            (name, state) => panic!("{name}: {state:?}"),
        }
    }
    // A static account that failed is tried again by itself.
    std::fs::copy(path("with-token-file"), path("broken")).unwrap();
    loop {
        let report = session.report().await;
        if report.account == "three" && !matches!(report.state, Some(State::Ready(_))) {
            let Some(State::Failed(failed)) = report.state else {
                panic!("{report:?}")
            };
            // All namespaces: this server has no such list.
            if failed.cause.contains("status 404") {
                break;
            }
        }
    }
    agent.stop().await;
}

/// Each beside one without the key, of the same kubeconfig.
#[tokio::test]
async fn an_account_may_trust_any_certificate_and_leave_the_proxy_aside() {
    let (authority, stranger) = (Authority::new("good"), Authority::new("other"));
    let address = tls(authority.issue("127.0.0.1", false), pods).await;
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = proxy.local_addr().unwrap();
    std::thread::spawn(move || proxy.incoming().for_each(drop));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, server: &str, authority: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, kubeconfig(server, authority)).unwrap();
        file.display().to_string()
    };
    let near = write("near", &format!("https://{address}"), &stranger.pem);
    let far = write("far", "https://no-such-host.invalid:6443", &stranger.pem);
    let mut core = Core::start(Terms::default()).await;
    let yaml = format!(
        "clouddriver: {{grpc: '{}'}}\nserver: {{port: 0}}\nkubernetes:\n  accounts:\n\
         \x20 - {{name: strict, kubeconfigFile: {near}, namespaces: [a]}}\n\
         \x20 - {{name: trusting, kubeconfigFile: {near}, namespaces: [a], insecure: true}}\n\
         \x20 - {{name: proxied, kubeconfigFile: {far}}}\n\
         \x20 - {{name: straight, kubeconfigFile: {far}, noProxy: true}}\n",
        core.address
    );
    let mut config = Config::parse(&yaml, "test.yml", &Environment::default()).unwrap();
    config.clusters.dialer = Dialer::through(&format!("http://{at}"), "");
    let agent = Agent::run(config);
    let mut session = core.session().await;
    let states = outcomes(&mut session).await;
    let failure = |name: &str| match &states[name] {
        State::Failed(failed) => failed.cause.as_str(),
        other => panic!("{name}: {other:?}"),
    };
    assert!(failure("strict").contains("not trusted"), "{states:?}");
    let trusting = &states["trusting"];
    assert!(matches!(trusting, State::Ready(_)), "{trusting:?}");
    assert!(
        failure("proxied").contains("the proxy of HTTPS_PROXY"),
        "{states:?}"
    );
    assert!(failure("straight").contains("agent's DNS"), "{states:?}");
    agent.stop().await;
}

/// The program itself: the system's authorities are a process's own.
#[tokio::test]
async fn what_trusts_any_certificate_needs_no_authority_of_the_system() {
    let authority = Authority::new("good");
    let address = tls(authority.issue("127.0.0.1", false), pods).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let server = format!("https://{address}");
    std::fs::write(file("kubeconfig"), kubeconfig(&server, "")).unwrap();
    let mut core = Core::start(Terms::default()).await;
    let yaml = format!(
        "clouddriver: {{grpc: '{}'}}\nserver: {{port: 0}}\nkubernetes:\n  accounts:\n\
         \x20 - {{name: strict, kubeconfigFile: {path}, namespaces: [a]}}\n\
         \x20 - {{name: trusting, kubeconfigFile: {path}, namespaces: [a], insecure: true}}\n",
        core.address,
        path = file("kubeconfig").display(),
    );
    std::fs::write(file("armory-agent.yml"), yaml).unwrap();
    let _agent = Program(
        Command::new(env!("CARGO_BIN_EXE_ferry-agent"))
            .arg("--config")
            .arg(file("armory-agent.yml"))
            .env("SSL_CERT_FILE", file("missing"))
            .env_remove("SSL_CERT_DIR")
            .env("HOSTNAME", "alone")
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let states = outcomes(&mut core.session().await).await;
    let State::Failed(strict) = &states["strict"] else {
        panic!("{states:?}")
    };
    assert!(strict.cause.contains("trusts none"), "{}", strict.cause);
    let trusting = &states["trusting"];
    assert!(matches!(trusting, State::Ready(_)), "{trusting:?}");
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
async fn a_static_accounts_kubeconfig_may_be_a_reference() {
    let authority = Authority::new("good");
    let address = tls(authority.issue("127.0.0.1", false), pods).await;
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::start(folder.path());
    vault.let_in("t0ken");
    let server = format!("https://{address}");
    let text = kubeconfig(&server, &authority.pem);
    vault.put("kv", "clusters/one", "kubeconfig", &text);
    let more = format!(
        "secrets:\n  kubernetes: {{kubeconfigFile: /nowhere/kubeconfig}}\n  \
         vault: {{enabled: true, url: '{}', token: t0ken, caFile: {}}}\n\
         kubernetes:\n  reconnectTimeoutMs: 100\n  accounts:\n\
         \x20 - {{name: one, kubeconfigFile: 'encryptedFile:vault!e:kv!p:clusters/one!k:kubeconfig', namespaces: [a]}}\n\
         \x20 - {{name: two, kubeconfigFile: 'encrypted:vault!e:kv!p:clusters/two!k:kubeconfig', namespaces: [a]}}\n\
         \x20 - {{name: three, kubeconfigFile: 'encryptedFile:k8s!n:clusters!k:three', namespaces: [a]}}\n",
        vault.url,
        vault.authority.display(),
    );
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    let shown = format!("{:?}", session.register.static_accounts);
    assert!(shown.contains("encryptedFile:vault") && !shown.contains(SECRET));
    // What is known by then is told with the registration.
    let registered = session.register.static_accounts.clone().into_iter();
    let mut reports: Vec<_> = registered.filter_map(|account| account.report).collect();
    let mut said = BTreeMap::new();
    loop {
        for report in reports.drain(..) {
            match report.state.unwrap() {
                State::Ready(_) => drop(said.insert(report.account, String::new())),
                State::Failed(failed) => drop(said.insert(report.account, failed.cause)),
                _ => {}
            }
        }
        if said.len() == 3 {
            break;
        }
        reports.push(session.report().await);
    }
    assert_eq!(said["one"], "");
    let wrong = "`encrypted:vault!e:kv!p:clusters/two!k:kubeconfig` cannot be read";
    assert!(said["two"].contains(wrong), "{}", said["two"]);
    let wrong = "/nowhere/kubeconfig cannot be read";
    assert!(said["three"].contains(wrong), "{}", said["three"]);
    // It is read anew for every attempt.
    vault.put("kv", "clusters/two", "kubeconfig", &text);
    loop {
        let report = session.report().await;
        if let (true, State::Ready(_)) = (report.account == "two", report.state.unwrap()) {
            break;
        }
    }
    agent.stop().await;
}

/// An account that is served by a secret in Vault, which is then another one: of another cluster.
struct Rotation {
    vault: Vault,
    /// Where the cluster of the new secret is.
    server: String,
    session: CoreSession,
    agent: Agent,
    _core: Core,
    _folder: tempfile::TempDir,
}

impl Rotation {
    /// `sealed`: Vault is before the secret changes.
    async fn start(sealed: bool) -> Self {
        let authority = Authority::new("good");
        let mut servers = Vec::new();
        for _ in 0..2 {
            let address = tls(authority.issue("127.0.0.1", false), pods).await;
            servers.push(format!("https://{address}"));
        }
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::start(folder.path());
        vault.let_in("t0ken");
        let put = |server: &str| vault.put("kv", "it", "it", &kubeconfig(server, &authority.pem));
        put(&servers[0]);
        let more = format!(
            "secrets: {{vault: {{enabled: true, url: '{}', token: t0ken, caFile: {}}}}}\n\
             kubernetes: {{accounts: [{{name: a, kubeconfigFile: 'encryptedFile:vault!e:kv!p:it!k:it', namespaces: [a]}}]}}\n",
            vault.url,
            vault.authority.display(),
        );
        let mut core = Core::start(Terms::default()).await;
        let agent = Agent::start(core.address, &more);
        let mut session = core.session().await;
        match &outcomes(&mut session).await["a"] {
            State::Ready(ready) => assert_eq!(ready.kube_host, servers[0]),
            other => panic!("{other:?}"),
        }
        vault.seal(sealed);
        put(&servers[1]);
        Self {
            server: servers.remove(1),
            vault,
            session,
            agent,
            _core: core,
            _folder: folder,
        }
    }
}

#[tokio::test]
async fn a_secret_that_changes_is_taken_up_while_its_account_is_served() {
    let mut rotation = Rotation::start(false).await;
    // Next it is ready, not lost.
    match rotation.session.state_of("a").await {
        State::Ready(ready) => assert_eq!(ready.kube_host, rotation.server),
        other => panic!("{other:?}"),
    }
    rotation.agent.stop().await;
}

#[tokio::test]
async fn an_account_is_served_on_while_its_secret_cannot_be_read() {
    let mut rotation = Rotation::start(true).await;
    rotation.session.no_report(Duration::from_secs(25)).await;
    rotation.vault.seal(false);
    let state = rotation.session.state_of("a").await;
    assert!(matches!(state, State::Ready(_)), "{state:?}");
    rotation.agent.stop().await;
}
