//! Connections that change their protocol.

use crate::ground::shared;
use crate::upstream::saw_headers;
use std::time::Duration;

const ASK: &str = "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x\r\n\r\n";

#[test]
fn an_upgraded_connection_carries_bytes_both_ways() {
    shared().upstream.on("/ws", |head, wire| {
        assert_eq!(head.get("upgrade"), Some("websocket"));
        assert_eq!(head.get("connection"), Some("Upgrade"));
        wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Accept: y\r\n\r\nfirst",
        );
        for _ in 0..5 {
            let byte = wire.byte().unwrap();
            wire.send([byte.to_ascii_uppercase()]);
        }
        assert_eq!(wire.byte(), None);
        false
    });
    let mut wire = shared().connect();
    wire.send(format!("GET /ws HTTP/1.1\r\n{ASK}"));
    let head = wire.head();
    assert_eq!(head.line, "HTTP/1.1 101 Switching Protocols");
    assert_eq!(head.get("upgrade"), Some("websocket"));
    assert!(
        head.get("connection")
            .unwrap()
            .eq_ignore_ascii_case("upgrade")
    );
    assert_eq!(head.get("sec-websocket-accept"), Some("y"));
    for expected in *b"first" {
        assert_eq!(wire.byte(), Some(expected));
    }
    for byte in *b"hello" {
        wire.send([byte]);
        assert_eq!(wire.byte(), Some(byte.to_ascii_uppercase()));
        std::thread::sleep(Duration::from_millis(10));
    }
    wire.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(wire.byte(), None);
}

#[test]
fn a_declined_upgrade_is_an_answer_like_any_other() {
    let mut wire = shared().connect();
    for _ in 0..2 {
        wire.send(format!("GET /declined HTTP/1.1\r\n{ASK}"));
        let (head, _) = wire.answer("GET");
        assert_eq!(head.status(), 200);
        assert!(saw_headers(&head).contains(&"Upgrade: websocket".to_owned()));
    }
}

#[test]
fn http_2_is_not_offered_through_us() {
    let (head, _) = shared().ask(
        "GET /h2c HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
    );
    let headers = saw_headers(&head).join("\n").to_lowercase();
    assert!(
        !headers.contains("upgrade") && !headers.contains("http2"),
        "{headers}"
    );
}

#[test]
fn a_change_that_nobody_asked_for_is_an_error() {
    shared().upstream.on("/unasked", |_, wire| {
        wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
        wire.wait_end();
        false
    });
    let (head, _) = shared().ask("GET /unasked HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(head.status(), 502);
}
