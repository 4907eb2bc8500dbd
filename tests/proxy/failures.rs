//! What a client is told when Clouddriver is away, slow, or breaks off, and what is tried again.

use crate::ground::{Ground, shared};
use crate::upstream::saw;
use serde_json::Value;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The message of an error in Clouddriver's shape.
fn message(status: u16, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    let mut names: Vec<_> = body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        ["error", "exception", "message", "status", "timestamp"]
    );
    assert_eq!(body["status"], status);
    body["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_upstream_that_is_down_is_a_502_that_says_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ground = Ground::new("", &[("SIDECAR_UPSTREAM", &format!("http://{free}"))]);
    for request in [
        "GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab",
        "POST /credentials HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
    ] {
        let (head, body) = ground.ask(request);
        assert_eq!(head.status(), 502);
        assert_eq!(head.get("content-type"), Some("application/json"));
        let message = message(502, &body);
        assert!(
            message.contains("sidecar.upstream") && message.contains("refused"),
            "{message}"
        );
    }
    assert_eq!(
        ground.metric("ferry_proxy_upstream_errors_total{kind=\"connect\"}"),
        3.0
    );
}

#[test]
fn an_upstream_that_takes_no_connection_is_a_504() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let patience = Duration::from_millis(300);
    let mut queue = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, patience) {
        queue.push(stream);
        assert!(queue.len() < 10_000, "the queue of a listener has an end");
    }
    let environment = [
        ("SIDECAR_UPSTREAM", &*format!("http://{address}")),
        ("SIDECAR_CONNECTTIMEOUTSECONDS", "1"),
    ];
    let ground = Ground::new("", &environment);
    let (head, body) = ground.ask("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(head.status(), 504);
    assert!(message(504, &body).contains("sidecar.connectTimeoutSeconds"));
}

#[test]
fn an_upstream_that_is_slow_is_a_504_and_is_left() {
    let (sender, ended) = std::sync::mpsc::channel();
    shared().upstream.on("/slow", move |head, wire| {
        wire.body(head.request_framing()).unwrap();
        wire.wait_end();
        sender.send(()).unwrap();
        false
    });
    let asked = Instant::now();
    let (head, body) =
        shared().ask("POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(head.status(), 504);
    assert!(message(504, &body).contains("sidecar.upstreamTimeoutSeconds"));
    let waited = asked.elapsed();
    assert!(
        waited > Duration::from_secs(4) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
    ended.recv_timeout(Duration::from_secs(5)).unwrap();
}

#[test]
fn an_upstream_that_breaks_off_is_a_502() {
    for (name, answer) in [
        ("silent", ""),
        ("head", "HTTP/1.1 200 OK\r\nContent-Le"),
        ("garbage", "no HTTP at all\r\n\r\n"),
        (
            "lengths",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ),
    ] {
        let path = format!("/breaks/{name}");
        shared().upstream.on(&path, move |head, wire| {
            wire.body(head.request_framing()).unwrap();
            wire.send(answer);
            false
        });
        let (head, body) = shared().ask(format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
        ));
        assert_eq!(head.status(), 502, "{name}");
        assert!(message(502, &body).contains("is not known"), "{name}");
    }
}

#[test]
fn an_answer_that_breaks_off_never_looks_complete() {
    shared().upstream.on("/cut/length", |_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        false
    });
    shared().upstream.on("/cut/chunks", |_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        false
    });
    for path in ["/cut/length", "/cut/chunks"] {
        let mut wire = shared().connect();
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let framing = wire.head().response_framing("GET");
        assert!(wire.body(framing).is_err(), "{path}");
    }
}

/// An upstream that answers the first request of a connection and drops the second unanswered;
/// how many it heard.
fn forgetful(ground: &Ground, path: &str) -> Arc<AtomicUsize> {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    ground.upstream.on(path, move |head, wire| {
        count.fetch_add(1, Ordering::SeqCst);
        wire.body(head.request_framing()).unwrap();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        wire.head();
        count.fetch_add(1, Ordering::SeqCst);
        false
    });
    heard
}

#[test]
fn a_safe_request_on_a_stale_connection_is_sent_again() {
    let ground = Ground::new("", &[]);
    let heard = forgetful(&ground, "/forgets");
    let mut wire = ground.connect();
    for _ in 0..3 {
        wire.send("GET /forgets HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(wire.answer("GET").0.status(), 200);
    }
    // The second came twice, and so did the third.
    assert_eq!(heard.load(Ordering::SeqCst), 5);
}

#[test]
fn a_write_on_a_stale_connection_is_not_sent_again() {
    let ground = Ground::new("", &[]);
    let heard = forgetful(&ground, "/forgets");
    let mut wire = ground.connect();
    for status in [200, 502] {
        wire.send("POST /forgets HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(wire.answer("POST").0.status(), status);
    }
    assert_eq!(heard.load(Ordering::SeqCst), 2);
}

#[test]
fn a_connection_that_was_closed_while_idle_is_not_used() {
    shared().upstream.on("/closes", |head, wire| {
        wire.body(head.request_framing()).unwrap();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        false
    });
    let mut wire = shared().connect();
    for _ in 0..20 {
        wire.send("POST /closes HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(wire.answer("POST").0.status(), 200);
        // The end of a connection takes a moment to get about.
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn failures_leave_the_proxy_as_it_was() {
    let (head, _) = shared().ask("GET /still-there HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(saw(&head)["target"], "/still-there");
}
