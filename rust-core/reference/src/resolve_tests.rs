//! Vault's KV v2 and the login of pods, by TLS on a real socket. The engine `k8s` is tested on a real
//! API server, in the integration suite.

use super::super::vault::VaultLogin;
use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ferry_tests::vault::{MOUNT, Vault as Server};
use secrecy::ExposeSecret;

const PLAIN: &str = "encryptedFile:vault!e:kv!p:spin/it!k:plain";

/// With a secret and a token.
fn server(folder: &tempfile::TempDir) -> Server {
    let server = Server::start(folder.path());
    server.let_in("t0ken");
    for (key, text) in [("plain", "s3cret"), ("coded", "czNjcmV0"), ("empty", " ")] {
        server.put("kv", "spin/it", key, text);
    }
    server
}

fn resolver(server: &Server, login: VaultLogin) -> Resolver {
    let vault = Some(VaultSettings {
        url: server.url.clone(),
        login,
        authority: Some(server.authority.clone()),
    });
    let kubeconfig = Some(PathBuf::from("/nowhere/kubeconfig"));
    Resolver::new(Engines {
        kubeconfig,
        vault,
        allow_plaintext: false,
    })
    .unwrap()
}

fn token(token: &str) -> VaultLogin {
    VaultLogin::Token(SecretString::from(token))
}

#[tokio::test]
async fn vault_is_read_by_path_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let resolver = resolver(&server(&folder), token("t0ken"));
    for reference in [
        PLAIN,
        "encrypted:vault!e:kv!n:spin/it!k:plain",
        "encryptedFile:vault!e:kv!p:spin/it!k:coded!b:true",
    ] {
        let secret = resolver.resolve(reference).await.unwrap();
        assert_eq!(secret.expose_secret(), "s3cret", "{reference}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_said_with_the_reference_and_without_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let mut own = resolver(&server, token("t0ken"));
    for (reference, said) in [
        ("encryptedFile:vault!e:kv!p:spin/none!k:a", "nothing at"),
        (
            "encryptedFile:vault!e:kv!p:spin/it!k:none",
            "has no text `none`",
        ),
        ("encryptedFile:vault!e:kv!p:spin/it!k:empty", "it is empty"),
        (
            "encryptedFile:vault!e:kv!p:spin/it!k:plain!b:true",
            "not base64",
        ),
        ("encryptedFile:vault!e:kv!k:a", "lacks the parameter `p`"),
        (
            "encryptedFile:k8s!n:a!k:b",
            "/nowhere/kubeconfig cannot be read",
        ),
        ("encryptedFile:s3!b:a", "the engine `s3`"),
        ("secret://x", "neither"),
    ] {
        let error = own.resolve(reference).await.unwrap_err();
        assert!(error.contains(said) && error.contains(reference), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let other = resolver(&server, token("other")).resolve(PLAIN).await;
    assert!(other.unwrap_err().contains("does not let us"));
    let ldap = VaultLogin::Other("LDAP".to_owned());
    let unknown = resolver(&server, ldap).resolve(PLAIN).await.unwrap_err();
    assert!(
        unknown.contains("secrets.vault.authMethod LDAP is not known here"),
        "{unknown}"
    );
    server.seal(true);
    let sealed = own.resolve(PLAIN).await.unwrap_err();
    assert!(sealed.contains("Vault answered 503"), "{sealed}");
    own.vault = None;
    let unset = own.resolve("encrypted:vault!e:kv!p:x!k:a").await;
    assert!(unset.unwrap_err().contains("secrets.vault.url"));
}

#[tokio::test]
async fn a_pod_logs_in_and_does_so_again_when_its_token_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let token_file = folder.path().join("token");
    let pod = || VaultLogin::Kubernetes {
        role: "ferry".to_owned(),
        path: MOUNT.to_owned(),
        token_file: token_file.clone(),
    };
    let resolver = resolver(&server, pod());
    let nobody = resolver.resolve(PLAIN).await.unwrap_err();
    assert!(nobody.contains("token cannot be read"), "{nobody}");
    std::fs::write(&token_file, "j.w.t\n").unwrap();
    let refused = resolver.resolve(PLAIN).await.unwrap_err();
    let said = format!("Vault answered 403 Forbidden to the login as role `ferry` at `{MOUNT}`");
    assert!(refused.contains(&said), "{refused}");
    assert!(!refused.contains("j.w.t"), "{refused}");
    server.let_log_in("ferry", "j.w.t");
    for _ in 0..3 {
        let secret = resolver.resolve(PLAIN).await.unwrap();
        assert_eq!(secret.expose_secret(), "s3cret");
    }
    assert_eq!(server.logins(), 1, "a token serves as long as it is taken");
    server.revoke();
    resolver.resolve(PLAIN).await.unwrap();
    assert_eq!(server.logins(), 2);
    // The next token of the pod is another.
    server.revoke();
    std::fs::write(&token_file, "n.e.w").unwrap();
    server.let_log_in("ferry", "n.e.w");
    resolver.resolve(PLAIN).await.unwrap();
    assert_eq!(server.logins(), 3);
}

#[tokio::test]
async fn only_the_vault_of_the_authority_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (mut server, other) = (server(&folder), Server::start(elsewhere.path()));
    server.authority = other.authority;
    let resolver = resolver(&server, token("t0ken"));
    let stranger = resolver.resolve(PLAIN).await.unwrap_err();
    assert!(stranger.contains("is not reached by TLS"), "{stranger}");
    assert!(!stranger.contains("t0ken"), "{stranger}");
}

#[tokio::test]
async fn an_engine_that_is_away_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server(&folder);
    let port = ferry_tests::place::free_port();
    server.url = format!("https://127.0.0.1:{port}");
    let resolver = resolver(&server, token("t0ken"));
    let away = resolver.resolve(PLAIN).await.unwrap_err();
    assert!(away.contains("is not reached"), "{away}");
    // Who would ask it now would be heard.
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let rested = resolver.resolve(PLAIN).await.unwrap_err();
    assert_eq!(rested, away);
    let heard = listener.accept().map(drop).unwrap_err();
    assert_eq!(heard.kind(), std::io::ErrorKind::WouldBlock);
    let other = resolver.resolve("encryptedFile:k8s!n:a!k:b").await;
    assert!(other.unwrap_err().contains("/nowhere"));
    // When it has rested it is asked again.
    *resolver.vault_rests.lock().unwrap() = Some((Instant::now(), away));
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::select! {
        answer = resolver.resolve(PLAIN) => panic!("nobody was asked: {answer:?}"),
        heard = listener.accept() => drop(heard.unwrap()),
    }
}

#[test]
fn a_vault_of_another_host_is_asked_by_tls_alone() {
    for (text, address) in [
        ("https://u:p@vault:8200/", Some("https://vault:8200")),
        ("HTTPS://vault", Some("https://vault")),
        ("http://127.0.0.1:8200", Some("http://127.0.0.1:8200")),
        ("http://[::1]:8200", Some("http://[::1]:8200")),
        ("http://localhost", Some("http://localhost")),
        ("http://vault:8200", None),
        ("http://localhost@vault:8200", None),
        ("http://localhost.example:8200", None),
        ("http://10.0.0.1", None),
        ("vault:8200", None),
    ] {
        assert_eq!(
            VaultSettings::address(text, false).as_deref(),
            address,
            "{text}"
        );
    }
    let plaintext = VaultSettings::address("http://vault:8200", true);
    assert_eq!(plaintext.as_deref(), Some("http://vault:8200"));
    assert_eq!(VaultSettings::address("ftp://vault", true), None);
}

#[tokio::test]
async fn an_api_server_of_another_host_is_asked_by_tls_alone() {
    let folder = tempfile::tempdir().unwrap();
    let authority = STANDARD.encode(std::fs::read(server(&folder).authority).unwrap());
    let port = ferry_tests::place::free_port();
    let asked = async |server: &str, allow_plaintext| {
        let path = folder.path().join("kubeconfig");
        let text = serde_json::json!({
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster":
                {"server": server, "certificate-authority-data": authority}}],
            "users": [{"name": "u", "user": {"token": "t0ken"}}],
        });
        std::fs::write(&path, text.to_string()).unwrap();
        let engines = Engines {
            kubeconfig: Some(path),
            allow_plaintext,
            ..Engines::default()
        };
        let resolver = Resolver::new(engines).unwrap();
        resolver
            .resolve("encryptedFile:k8s!n:a!k:b")
            .await
            .unwrap_err()
    };
    // The address of every interface leads here, and is not known as loopback.
    let other = format!("http://0.0.0.0:{port}");
    for server in [other.as_str(), "kubernetes:6443", ""] {
        let refused = asked(server, false).await;
        assert!(refused.contains("is not https://host:port"), "{refused}");
    }
    for (server, allowed) in [
        (format!("http://127.0.0.1:{port}"), false),
        (format!("https://0.0.0.0:{port}"), false),
        (other, true),
    ] {
        let error = asked(&server, allowed).await;
        assert!(error.contains("is not reached"), "{error}");
    }
}
