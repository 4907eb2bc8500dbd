//! Vault's KV v2, as far as it is asked, on a real socket. The engine `k8s` is tested on a real API
//! server, in the integration suite.

use super::super::VaultLogin;
use super::*;
use secrecy::ExposeSecret;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// Answers by path; wants the token. It serves until the process ends.
fn vault() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let token = "x-vault-token: t0ken";
            let let_in = headers.iter().any(|line| line.eq_ignore_ascii_case(token));
            let (status, body) = match asked.split(' ').nth(1).unwrap_or_default() {
                _ if !let_in => ("403 Forbidden", r#"{"errors":["permission denied"]}"#),
                "/v1/kv/data/spin/it" => (
                    "200 OK",
                    r#"{"data":{"data":{"plain":"s3cret","coded":"czNjcmV0","empty":" "}}}"#,
                ),
                _ => ("404 Not Found", r#"{"errors":[]}"#),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
            (&stream).write_all(format!("{head}{body}").as_bytes()).ok();
        }
    });
    url
}

fn resolver(token: &str) -> Resolver {
    let settings = VaultSettings {
        url: vault(),
        login: VaultLogin::Token(SecretString::from(token)),
        authority: None,
    };
    let vault = Some(settings);
    let kubeconfig = Some(PathBuf::from("/nowhere/kubeconfig"));
    Resolver::new(Engines { kubeconfig, vault }).unwrap()
}

#[tokio::test]
async fn vault_is_read_by_path_and_key() {
    let resolver = resolver("t0ken");
    for reference in [
        "encryptedFile:vault!e:kv!p:spin/it!k:plain",
        "encrypted:vault!e:kv!n:spin/it!k:plain",
        "encryptedFile:vault!e:kv!p:spin/it!k:coded!b:true",
    ] {
        let secret = resolver.resolve(reference).await.unwrap();
        assert_eq!(secret.expose_secret(), "s3cret", "{reference}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_said_with_the_reference_and_without_the_content() {
    let mut resolver = resolver("t0ken");
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
        let error = resolver.resolve(reference).await.unwrap_err();
        assert!(error.contains(said) && error.contains(reference), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    resolver.vault = None;
    let unset = resolver.resolve("encrypted:vault!e:kv!p:x!k:a").await;
    assert!(unset.unwrap_err().contains("secrets.vault.url"));
    let other = super::tests::resolver("other");
    let refused = other
        .resolve("encrypted:vault!e:kv!p:spin/it!k:plain")
        .await;
    assert!(refused.unwrap_err().contains("does not let us"));
}
