//! Every way in which a cluster or a kubeconfig fails, and the sentence that the core gets for it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::apiserver::{Authority, SECRET, kubeconfig, plain, tls};
use crate::support::{Agent, Core, CoreSession, Terms, account};
use ferry_tests::place::free_port;
use ferry_wire::v1::Account;
use ferry_wire::v1::account::Kubeconfig;
use ferry_wire::v1::account_report::State;
use http::StatusCode;
use tokio::net::TcpSocket;

fn healthy(path: &str) -> (StatusCode, String) {
    match path {
        "/version" => (StatusCode::OK, r#"{"major":"1","minor":"36","gitVersion":"v1.36.3","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#.into()),
        "/api/v1" => (StatusCode::OK, r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["list","watch"]}]}"#.into()),
        "/apis" => (StatusCode::OK, r#"{"kind":"APIGroupList","groups":[]}"#.into()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    }
}

fn status(code: StatusCode, message: &str) -> (StatusCode, String) {
    let reason = code.canonical_reason().unwrap();
    let body = format!(
        r#"{{"kind":"Status","status":"Failure","message":"{message}","reason":"{reason}","code":{}}}"#,
        code.as_u16()
    );
    (code, body)
}

fn unauthorized(_: &str) -> (StatusCode, String) {
    status(StatusCode::UNAUTHORIZED, "Unauthorized")
}

fn forbidden(_: &str) -> (StatusCode, String) {
    status(StatusCode::FORBIDDEN, "User u cannot get path")
}

fn lists_forbidden(path: &str) -> (StatusCode, String) {
    match path {
        "/api/v1/pods" => status(
            StatusCode::FORBIDDEN,
            "pods is forbidden: User u cannot list resource pods",
        ),
        path => healthy(path),
    }
}

fn broken(_: &str) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, "out of order".into())
}

fn a_web_page(_: &str) -> (StatusCode, String) {
    (StatusCode::OK, "<html>welcome</html>".into())
}

fn nothing_there(_: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "<html>404</html>".into())
}

/// More than an answer may have.
fn endless(_: &str) -> (StatusCode, String) {
    (StatusCode::OK, " ".repeat((64 << 20) + 1))
}

/// Sends a kubeconfig, sees it fail within its deadline, and returns the sentence.
async fn sentence(session: &mut CoreSession, text: &str) -> String {
    let deadline_seconds = 4;
    let began = Instant::now();
    session
        .save(Account {
            deadline_seconds,
            ..account("a", 1, text)
        })
        .await;
    let cause = session.failure_of("a").await;
    // As much again for a busy machine; without its deadline an account has a minute.
    assert!(
        began.elapsed() < 2 * Duration::from_secs(deadline_seconds.into()),
        "{cause}"
    );
    session.delete(&["a"]).await;
    session.report().await;
    assert!(!cause.contains(SECRET), "{cause}");
    cause
}

#[tokio::test]
async fn every_trouble_with_a_cluster_has_its_own_sentence() {
    let authority = Authority::new("good");
    let stranger = Authority::new("other");
    // Another key under the same name, as two clusters of one installer have.
    let namesake = Authority::new("good");
    let local = || authority.issue("127.0.0.1", false);
    let url = |address| format!("https://{address}");

    let free = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let full = TcpSocket::new_v4().unwrap();
    full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = full.listen(0).unwrap();
    let full_address = full.local_addr().unwrap();
    // The backlog takes one; who comes later hears nothing.
    let _first = tokio::net::TcpStream::connect(full_address).await.unwrap();

    let hasty = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hasty_address = hasty.local_addr().unwrap();
    std::thread::spawn(move || hasty.incoming().for_each(drop));

    let server = tls(local(), healthy).await;
    let cases = [
        (
            kubeconfig(&url(free), &authority.pem),
            "refuses connections",
        ),
        (
            kubeconfig(&url(full_address), &authority.pem),
            "a firewall or a wrong address",
        ),
        (
            kubeconfig(&url(silent.local_addr().unwrap()), &authority.pem),
            "TLS handshake within",
        ),
        (
            kubeconfig("https://no-such-host.invalid:6443", &authority.pem),
            "not known to the agent's DNS",
        ),
        (
            kubeconfig(&url(server), &stranger.pem),
            "not trusted: its issuer is unknown",
        ),
        (
            kubeconfig(
                &url(tls(authority.issue("127.0.0.1", true), healthy).await),
                &authority.pem,
            ),
            "has expired",
        ),
        (
            kubeconfig(
                &url(tls(authority.issue("example.org", false), healthy).await),
                &authority.pem,
            ),
            "not for the host name `127.0.0.1`",
        ),
        (
            kubeconfig(&url(plain(healthy).await), &authority.pem),
            "does not speak TLS",
        ),
        (
            kubeconfig(&url(hasty_address), &authority.pem),
            "closed the connection during",
        ),
        (
            kubeconfig(&url(tls(local(), unauthorized).await), &authority.pem),
            "(401 Unauthorized)",
        ),
        (
            kubeconfig(&url(tls(local(), forbidden).await), &authority.pem),
            "may not read /apis",
        ),
        (
            kubeconfig(&url(tls(local(), lists_forbidden).await), &authority.pem),
            "may list none of the kinds",
        ),
        (
            kubeconfig(&url(tls(local(), broken).await), &authority.pem),
            "with an error (500)",
        ),
        (
            kubeconfig(&url(tls(local(), a_web_page).await), &authority.pem),
            "no JSON of Kubernetes",
        ),
        (
            kubeconfig(&url(tls(local(), nothing_there).await), &authority.pem),
            "/version: status 404",
        ),
    ];
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    let mut shapes = HashSet::new();
    for (kubeconfig, words) in &cases {
        let cause = sentence(&mut session, kubeconfig).await;
        assert!(cause.contains(words), "{words}: {cause}");
        assert!(cause.contains("https://"), "it names the server: {cause}");
        // Without what differs by the port, no two are alike.
        let shape: String = cause.chars().filter(|c| !c.is_ascii_digit()).collect();
        assert!(shapes.insert(shape), "{cause}");
    }
    let namesake = sentence(&mut session, &kubeconfig(&url(server), &namesake.pem)).await;
    assert!(namesake.contains("not trusted"), "{namesake}");
    // The same server is fine with its own authority, so the sentences above are about the faults.
    let pods = sentence(&mut session, &kubeconfig(&url(server), &authority.pem)).await;
    assert!(
        pods.contains("/api") || pods.contains("status 404"),
        "{pods}"
    );
    agent.stop().await;
}

#[tokio::test]
async fn an_answer_is_not_read_for_ever() {
    let server = format!("http://{}", plain(endless).await);
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    session
        .save(account("a", 1, &kubeconfig(&server, "")))
        .await;
    let cause = session.failure_of("a").await;
    let words = format!("{server} answered /version with more than 64 MiB");
    assert!(cause.contains(&words), "{cause}");
    agent.stop().await;
}

static REVOKED: AtomicBool = AtomicBool::new(false);

/// A cluster behind a path, as Rancher has them, that may forget a token.
fn behind_a_path(path: &str) -> (StatusCode, String) {
    if REVOKED.load(Ordering::SeqCst) {
        return unauthorized(path);
    }
    match path.strip_prefix("/k8s/clusters/c-1").unwrap_or("/outside") {
        "/api/v1/pods" => {
            let pod = r#"{"metadata":{"name":"p","namespace":"n","resourceVersion":"7"}}"#;
            let list = format!(
                r#"{{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{{"resourceVersion":"9"}},"items":[{pod}]}}"#
            );
            (StatusCode::OK, list)
        }
        path => healthy(path),
    }
}

#[tokio::test]
async fn an_account_is_lost_when_its_credentials_are_revoked_and_comes_back_with_them() {
    let authority = Authority::new("good");
    let address = tls(authority.issue("127.0.0.1", false), behind_a_path).await;
    let server = format!("https://{address}/k8s/clusters/c-1");
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    session
        .save(account("a", 1, &kubeconfig(&server, &authority.pem)))
        .await;
    let State::Ready(ready) = session.state_of("a").await else {
        panic!("not ready")
    };
    assert_eq!(
        (ready.kube_host.as_str(), ready.kube_version.as_str()),
        (&*server, "v1.36.3")
    );
    assert_eq!(
        (ready.cert_fingerprint.len(), ready.kinds),
        (64, vec!["Pod".to_owned()])
    );

    REVOKED.store(true, Ordering::SeqCst);
    let State::Lost(lost) = session.state_of("a").await else {
        panic!("not lost")
    };
    assert!(lost.cause.contains("(401 Unauthorized)"), "{}", lost.cause);
    REVOKED.store(false, Ordering::SeqCst);
    assert!(matches!(session.state_of("a").await, State::Ready(_)));
    agent.stop().await;
}

#[tokio::test]
async fn every_wrong_kubeconfig_has_its_own_sentence() {
    let good = kubeconfig("https://127.0.0.1:1", "");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let token = format!("token: {SECRET}");
    let cases = [
        (format!("{{\n  token: [{SECRET}"), "not valid YAML (line"),
        (format!("just {SECRET}"), "not a kubeconfig (line 1"),
        (
            format!("clusters: {SECRET}"),
            "not a kubeconfig (line 1, column 11",
        ),
        ("apiVersion: v1\nkind: Config\n".into(), "no cluster in it"),
        (with("current-context: main\n", ""), "no current-context"),
        (
            with("current-context: main", "current-context: gone"),
            "no context `gone`",
        ),
        (
            with("cluster: c, user", "cluster: gone, user"),
            "names the cluster `gone`",
        ),
        (with("user: u}", "user: gone}"), "names the user `gone`"),
        (
            with("server: \"https://127.0.0.1:1\"", "tls-server-name: x"),
            "has no server",
        ),
        (
            with("https://127.0.0.1:1", "ftp://127.0.0.1"),
            "is not a URL such as",
        ),
        (
            with("https://", "https://me:pass@"),
            "a user or a password in its URL",
        ),
        (
            with("{server:", "{certificate-authority-data: '%%', server:"),
            "certificate-authority-data of",
        ),
        (
            with(&token, "client-certificate-data: AAAA"),
            "client-certificate-data or client-key-data",
        ),
        (with(SECRET, "\"a\\nb\""), "no HTTP header may hold"),
        (with(&token, "exec: {command: /bin/true}"), "uses `exec`"),
        (
            with(&token, "auth-provider: {name: gcp}"),
            "uses `auth-provider`",
        ),
        (with(&token, "tokenFile: /etc/passwd"), "uses `tokenFile`"),
        (
            with(&token, "client-certificate: /a"),
            "uses `client-certificate`",
        ),
        (with(&token, "client-key: /a"), "uses `client-key`"),
        (
            with("{server:", "{certificate-authority: /a, server:"),
            "uses `certificate-authority`",
        ),
        (
            with("{server:", "{proxy-url: 'http://p:1', server:"),
            "uses `proxy-url`",
        ),
        // Entries that the context does not use count as well.
        (
            with(
                "users: [",
                "users: [{name: x, user: {exec: {command: a}}}, ",
            ),
            "user `x` of the kubeconfig uses `exec`",
        ),
        (
            with(
                "clusters: [",
                "clusters: [{name: y, cluster: {proxy-url: p}}, ",
            ),
            "cluster `y` of the kubeconfig uses `proxy-url`",
        ),
    ];
    let mut core = Core::start(Terms::default()).await;
    let agent = Agent::start(core.address, "");
    let mut session = core.session().await;
    for (kubeconfig, words) in &cases {
        let cause = sentence(&mut session, kubeconfig).await;
        assert!(cause.contains(words), "{words}: {cause}");
        assert!(!cause.contains("pass@"), "{cause}");
    }

    let mut other = account("b", 1, &good);
    other.definition = r#"{"context":"elsewhere"}"#.into();
    session.save(other.clone()).await;
    let cause = session.failure_of("b").await;
    assert!(
        cause.contains("no context `elsewhere`") && cause.contains("`main`"),
        "{cause}"
    );
    other.definition = r#"{"kinds":3}"#.into();
    other.generation = 2;
    session.save(other.clone()).await;
    assert!(
        session
            .failure_of("b")
            .await
            .contains("`kinds` must be a list of texts")
    );
    other.kubeconfig = Some(Kubeconfig::KubeconfigContents(vec![0xff, 0xfe, 0x00]));
    other.definition = "{}".into();
    other.generation = 3;
    session.save(other.clone()).await;
    assert!(session.failure_of("b").await.contains("not text in UTF-8"));
    other.kubeconfig = None;
    other.generation = 4;
    session.save(other.clone()).await;
    assert!(
        session
            .failure_of("b")
            .await
            .contains("no kubeconfig was sent")
    );
    other.kubeconfig = Some(Kubeconfig::ServiceAccount(true));
    other.generation = 5;
    session.save(other).await;
    assert!(
        session
            .failure_of("b")
            .await
            .contains("the agent has no service account")
    );
    agent.stop().await;
}

#[tokio::test]
async fn files_that_the_core_names_lie_below_an_allowed_folder() {
    let root = tempfile::tempdir().unwrap();
    let allowed = root.path().join("allowed");
    std::fs::create_dir(&allowed).unwrap();
    let write = |path: &std::path::Path, text: &str| std::fs::write(path, text).unwrap();
    let good = kubeconfig("https://127.0.0.1:1", "");
    let outside = root.path().join("outside");
    write(&outside, &good);
    write(&allowed.join("good"), &good);
    write(&allowed.join("token"), SECRET);
    let with = |to: &str| good.replace(&format!("token: {SECRET}"), to);
    write(&allowed.join("beside"), &with("tokenFile: token"));
    write(
        &allowed.join("away"),
        &with(&format!("tokenFile: {}", outside.display())),
    );
    write(&allowed.join("up"), &with("tokenFile: ../outside"));
    write(&allowed.join("exec"), &with("exec: {command: /bin/true}"));
    let pasted = format!("client-key: '-----BEGIN PRIVATE KEY----- {SECRET}'");
    write(&allowed.join("pasted"), &with(&pasted));
    std::os::unix::fs::symlink(&outside, allowed.join("link")).unwrap();

    let mut core = Core::start(Terms::default()).await;
    let more = format!(
        "kubernetes:\n  kubeconfigFolders: [{}]\n",
        allowed.display()
    );
    let agent = Agent::start(core.address, &more);
    let mut session = core.session().await;
    let inside = |name: &str| allowed.join(name).display().to_string();
    let cases = [
        (inside("good"), "refuses connections"),
        (inside("beside"), "refuses connections"),
        (inside("away"), "`tokenFile`, which is refused"),
        (inside("up"), "`tokenFile`, which is refused"),
        (inside("exec"), "uses `exec`"),
        (inside("link"), "does not lie below a folder"),
        (inside("../outside"), "does not lie below a folder"),
        (inside("missing"), "cannot be read at the agent"),
        (outside.display().to_string(), "does not lie below a folder"),
        ("/etc/passwd".into(), "does not lie below a folder"),
        ("relative".into(), "does not lie below a folder"),
        (inside("pasted"), "`client-key`, which is refused"),
        (good.clone(), "kubeconfigFile is refused"),
        (inside(&good), "kubeconfigFile is refused"),
        (
            format!(r#"{{"token": "{SECRET}"}}"#),
            "kubeconfigFile is refused",
        ),
    ];
    for (generation, (path, words)) in (1..).zip(&cases) {
        let kubeconfig = Some(Kubeconfig::KubeconfigFile(path.clone()));
        session
            .save(Account {
                kubeconfig,
                ..account("a", generation, "")
            })
            .await;
        let cause = session.failure_of("a").await;
        assert!(cause.contains(words), "{path}: {cause}");
        assert!(!cause.contains(SECRET), "{cause}");
    }
    // A name is never part of a path, whatever it is.
    for name in ["../../etc/passwd", "a/b", "a\\b", "a\nb", ""] {
        session.save(account(name, 1, &good)).await;
        assert!(
            session
                .failure_of(name)
                .await
                .contains("refuses connections")
        );
    }
    agent.stop().await;
}
