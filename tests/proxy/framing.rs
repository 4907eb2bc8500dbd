//! Where a body begins and ends: lengths, chunks, trailers, answers without a body, HTTP/1.0, and
//! requests that are framed to be read in two ways.

use crate::ground::{rest, shared};
use crate::upstream::{saw, saw_headers};
use crate::wire::{Framing, chunk};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

#[test]
fn bodies_keep_their_framing_whatever_the_method() {
    for method in ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PROPFIND"] {
        let (head, _) = shared().ask(format!(
            "{method} /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        ));
        assert_eq!(saw(&head)["crc"], crc32fast::hash(b"hello"), "{method}");
        assert!(
            saw_headers(&head).contains(&"Content-Length: 5".to_owned()),
            "{method}"
        );
        let (head, _) = shared().ask(format!(
            "{method} /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        ));
        assert_eq!(saw(&head)["crc"], crc32fast::hash(b"hello"), "{method}");
        assert!(
            saw_headers(&head).contains(&"Transfer-Encoding: chunked".to_owned()),
            "{method}"
        );
    }
}

#[test]
fn requests_without_a_body_get_no_framing() {
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let (head, _) = shared().ask(format!("{method} /none HTTP/1.1\r\nHost: h\r\n\r\n"));
        let lines = saw_headers(&head).join("\n").to_lowercase();
        assert!(
            !lines.contains("content-length") && !lines.contains("transfer"),
            "{lines}"
        );
        let (head, _) = shared().ask(format!(
            "{method} /none HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
        ));
        assert!(
            saw_headers(&head).contains(&"Content-Length: 0".to_owned()),
            "{method}"
        );
    }
}

#[test]
fn announced_trailers_pass_both_ways() {
    let mut wire = shared().connect();
    wire.send(
        "POST /trailers HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\nX-Mirror: 1\r\n\
         Trailer: X-One, X-Two\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n",
    );
    let head = wire.head();
    assert!(saw_headers(&head).contains(&"TE: trailers".to_owned()));
    let body = wire.body_to(Framing::Chunked, &mut |_| ()).unwrap();
    let sum = crc32fast::hash(b"ab").to_string();
    assert_eq!(body.trailers, [("x-sum".to_owned(), sum)]);
    let (head, _) = shared().ask(
        "POST /trailers HTTP/1.1\r\nHost: h\r\nTrailer: X-One, X-Two\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nab\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n",
    );
    assert_eq!(
        saw(&head)["trailers"],
        serde_json::json!([["x-one", "1"], ["x-two", "2"]])
    );
}

#[test]
fn a_client_that_knows_no_trailers_gets_none() {
    let mut wire = shared().connect();
    wire.send(
        "POST /trailers HTTP/1.1\r\nHost: h\r\nX-Mirror: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    );
    wire.head();
    let body = wire.body_to(Framing::Chunked, &mut |_| ()).unwrap();
    assert_eq!((body.length, body.trailers), (2, Vec::new()));
}

#[test]
fn answers_without_a_body_keep_their_length() {
    let upstream = &shared().upstream;
    upstream.answers(
        "/bare-200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 777\r\n\r\n",
    );
    upstream.answers(
        "/bare-chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    upstream.answers("/bare-204", b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n");
    upstream.answers(
        "/bare-304",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 777\r\nETag: x\r\n\r\n",
    );
    for (method, name, length) in [
        ("HEAD", "200", Some("777")),
        ("HEAD", "chunked", None),
        ("GET", "204", None),
        ("HEAD", "204", None),
        ("GET", "304", Some("777")),
        ("HEAD", "304", Some("777")),
    ] {
        let mut wire = shared().connect();
        for _ in 0..3 {
            wire.send(format!("{method} /bare-{name} HTTP/1.1\r\nHost: h\r\n\r\n"));
            let (head, body) = wire.answer(method);
            assert_eq!(head.get("content-length"), length, "{method} {name}");
            assert_eq!(head.get("transfer-encoding"), None, "{method} {name}");
            assert!(body.is_empty());
        }
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_ends_well() {
    shared().upstream.on("/close-delimited", |_, wire| {
        wire.send("HTTP/1.0 200 OK\r\nX: 1\r\n\r\nuntil the end");
        false
    });
    let mut wire = shared().connect();
    for _ in 0..2 {
        wire.send("GET /close-delimited HTTP/1.1\r\nHost: h\r\n\r\n");
        let (head, body) = wire.answer("GET");
        assert_eq!(head.line, "HTTP/1.1 200 OK");
        assert_eq!(head.get("transfer-encoding"), Some("chunked"));
        assert_eq!(body, b"until the end");
    }
}

#[test]
fn http_1_0_clients_are_served() {
    let mut wire = shared().connect();
    wire.send("GET /old HTTP/1.0\r\n\r\n");
    let text = rest(&mut wire);
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n"), "{text}");
    assert!(!text.to_lowercase().contains("transfer-encoding"), "{text}");
    assert!(
        text.contains(&format!("[\"host\",\"{}\"]", shared().upstream.address)),
        "{text}"
    );
    shared().upstream.answers(
        "/old-chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
    );
    let mut wire = shared().connect();
    wire.send("POST /old-chunked HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    let text = rest(&mut wire);
    assert!(text.ends_with("\r\n\r\nabc"), "{text}");
}

/// What a request that can be read in two ways did: the first line of its answer, if any, and how
/// many requests the upstream heard.
fn smuggled(name: &'static str, request: &str) -> (String, usize) {
    let heard = Arc::new(AtomicUsize::new(0));
    for path in [format!("/s/{name}"), "/s/hidden".to_owned()] {
        let heard = heard.clone();
        let counted = path != "/s/hidden";
        shared().upstream.on(&path, move |head, wire| {
            assert!(counted, "a hidden request came through: {head:?}");
            // The framing panics when there are two.
            let whole = wire.body(head.request_framing()).is_ok();
            if whole {
                heard.fetch_add(1, Ordering::SeqCst);
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
            whole
        });
    }
    let mut wire = shared().connect();
    wire.send(request.replace("PATH", &format!("/s/{name}")));
    let text = rest(&mut wire);
    let line = text.lines().next().unwrap_or_default().to_owned();
    (line, heard.load(Ordering::SeqCst))
}

#[test]
fn requests_that_can_be_read_in_two_ways_are_not() {
    let hidden = "GET /s/hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    let head = "POST PATH HTTP/1.1\r\nHost: h\r\n";
    for (name, request) in [
        (
            "two-lengths",
            format!("{head}Content-Length: 0\r\nContent-Length: 40\r\n\r\n{hidden}"),
        ),
        (
            "length-list",
            format!("{head}Content-Length: 0, 40\r\n\r\n{hidden}"),
        ),
        (
            "length-sign",
            format!("{head}Content-Length: +0\r\n\r\n{hidden}"),
        ),
        (
            "length-hex",
            format!("{head}Content-Length: 0x0\r\n\r\n{hidden}"),
        ),
        (
            "coding-unknown",
            format!("{head}Transfer-Encoding: xchunked\r\n\r\n{hidden}"),
        ),
        (
            "coding-last",
            format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "coding-gzip",
            format!("{head}Connection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            "coding-old",
            "POST PATH HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "chunk-size",
            format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"),
        ),
        (
            "chunk-huge",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nab\r\n0\r\n\r\n"),
        ),
        (
            "chunk-end",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\nabXX0\r\n\r\n"),
        ),
        (
            "space-colon",
            format!("{head}Content-Length : 40\r\n\r\n{hidden}"),
        ),
        (
            "folded",
            format!("{head}X: 1\r\n Content-Length: 40\r\n\r\n{hidden}"),
        ),
        ("no-colon", format!("{head}Content-Length\r\n\r\n{hidden}")),
        ("nul", format!("{head}X: a\0b\r\n\r\n{hidden}")),
    ] {
        let (line, heard) = smuggled(name, &request);
        assert_eq!(heard, 0, "{name}: {line}");
        assert!(
            line.is_empty() || line.contains(" 400 ") || line.contains(" 501 "),
            "{name}: {line}"
        );
    }
}

#[test]
fn of_a_length_and_chunks_the_chunks_count_and_the_connection_ends() {
    let hidden = "GET /s/hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    for (name, first, second) in [
        ("cl-te", "Content-Length: 6", "Transfer-Encoding: chunked"),
        ("te-cl", "Transfer-Encoding: chunked", "Content-Length: 6"),
    ] {
        let request = format!(
            "POST PATH HTTP/1.1\r\nHost: h\r\n{first}\r\n{second}\r\n\r\n0\r\n\r\n{hidden}"
        );
        let (line, heard) = smuggled(name, &request);
        assert_eq!((line.as_str(), heard), ("HTTP/1.1 200 OK", 1));
    }
}

#[test]
fn a_body_that_breaks_off_never_looks_complete() {
    let complete = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let (arrives, arrived) = mpsc::channel();
    for path in ["/broken/length", "/broken/chunks"] {
        let (complete, ended, arrives) = (complete.clone(), ended.clone(), arrives.clone());
        shared().upstream.on(path, move |head, wire| {
            arrives.send(()).unwrap();
            let whole = wire.body(head.request_framing()).is_ok();
            complete.fetch_add(usize::from(whole), Ordering::SeqCst);
            ended.fetch_add(1, Ordering::SeqCst);
            false
        });
    }
    let patience = std::time::Duration::from_secs(5);
    let mut wire = shared().connect();
    wire.send("POST /broken/length HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    arrived.recv_timeout(patience).unwrap();
    drop(wire);
    let mut wire = shared().connect();
    wire.send("POST /broken/chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire.send(chunk(b"abc"));
    arrived.recv_timeout(patience).unwrap();
    drop(wire);
    ferry_tests::wait::until(patience, || match ended.load(Ordering::SeqCst) {
        2 => Ok(()),
        ended => Err(format!("{ended} of 2 ended")),
    })
    .unwrap();
    assert_eq!(complete.load(Ordering::SeqCst), 0);
}
