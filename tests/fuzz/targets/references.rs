//! References to secrets, as definitions have them: what they name is asked of a Vault on loopback,
//! or they are refused with a sentence.
#![no_main]

use ferry_core::fuzzing::{Engines, Resolver, VaultLogin, VaultSettings};
use ferry_fuzz::PLANTED;
use libfuzzer_sys::fuzz_target;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::OnceLock;
use tokio::runtime::Runtime;

fuzz_target!(|text: &str| {
    static PARTS: OnceLock<(Resolver, Runtime)> = OnceLock::new();
    let (resolver, runtime) = PARTS.get_or_init(|| {
        let engines = Engines {
            vault: Some(VaultSettings {
                url: vault(),
                login: VaultLogin::Token(PLANTED.into()),
                authority: None,
            }),
            ..Engines::default()
        };
        let resolver = Resolver::new(engines).expect("the engines are right");
        (resolver, Runtime::new().expect("a runtime"))
    });
    if let Err(reason) = runtime.block_on(resolver.resolve(text)) {
        assert!(!reason.is_empty() && !reason.contains(PLANTED), "{reason}");
    }
});

/// It answers every request with one secret of a few keys.
fn vault() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let head = BufReader::new(&stream).lines();
            let rest = head.map_while(Result::ok).find(String::is_empty);
            let body = r#"{"data":{"data":{"k":"text","b":"dGV4dA==","e":"","n":7}}}"#;
            if rest.is_some() {
                // Who asked may be gone.
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        }
    });
    url
}
