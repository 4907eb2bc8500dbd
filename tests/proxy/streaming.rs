//! Bodies while they are under way: nothing waits for their end, nothing piles up, and who goes
//! away is missed at once.

use crate::ground::{Ground, shared};
use crate::wire::{Framing, Wire, chunk};
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Sooner than the upstream's silence would end anything, which is after 4 s.
const SOON: Duration = Duration::from_secs(3);

#[test]
fn an_upload_streams() {
    let (sender, pieces) = mpsc::channel();
    shared().upstream.on("/up-stream", move |head, wire| {
        let sender = sender.clone();
        wire.body_to(head.request_framing(), &mut |bytes| {
            sender.send(bytes.to_vec()).unwrap()
        })
        .unwrap();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        true
    });
    let mut wire = shared().connect();
    wire.send("POST /up-stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in ["one", "two", "three"] {
        wire.send(chunk(piece.as_bytes()));
        assert_eq!(
            pieces.recv_timeout(Duration::from_secs(5)).unwrap(),
            piece.as_bytes()
        );
    }
    wire.send("0\r\n\r\n");
    assert_eq!(wire.answer("POST").0.status(), 200);
}

#[test]
fn a_download_streams() {
    let (sender, goes_on) = mpsc::channel::<()>();
    let goes_on = std::sync::Mutex::new(goes_on);
    shared().upstream.on("/down-stream", move |_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
        for piece in ["one", "two"] {
            wire.send(piece);
            goes_on
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_secs(5))
                .unwrap();
        }
        true
    });
    let mut wire = shared().connect();
    wire.send("GET /down-stream HTTP/1.1\r\nHost: h\r\n\r\n");
    let framing = wire.head().response_framing("GET");
    assert_eq!(framing, Framing::Length(6));
    for piece in ["one", "two"] {
        let read: Vec<u8> = (0..3).map(|_| wire.byte().unwrap()).collect();
        assert_eq!(read, piece.as_bytes());
        sender.send(()).unwrap();
    }
}

/// How much of an endless stream fits between one who writes and one who does not read.
fn fits(mut stream: std::net::TcpStream) -> u64 {
    let piece = vec![0; 256 << 10];
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut written = 0;
    loop {
        match stream.write(&piece) {
            Ok(length) => written += length as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
        assert!(written < 1 << 30, "nothing holds the writer back");
    }
}

#[test]
fn an_upload_that_nobody_reads_is_held_back() {
    let ground = Ground::new("", &[]);
    ground.upstream.on("/unread", |_, _| {
        std::thread::sleep(Duration::from_secs(60));
        false
    });
    let before = ground.sidecar.lock().unwrap().process().rss_kib();
    let mut wire = ground.connect();
    wire.send("POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 4294967296\r\n\r\n");
    let written = fits(wire.stream.try_clone().unwrap());
    let grown = ground.sidecar.lock().unwrap().process().rss_kib() - before;
    assert!(
        written < 64 << 20 && grown < 16 << 10,
        "{written} bytes written, {grown} KiB grown"
    );
}

#[test]
fn a_download_that_nobody_reads_is_held_back() {
    let ground = Ground::new("", &[]);
    let written = Arc::new(AtomicU64::new(0));
    let told = written.clone();
    ground.upstream.on("/unread", move |_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n");
        told.store(fits(wire.stream.try_clone().unwrap()), Ordering::SeqCst);
        false
    });
    let before = ground.sidecar.lock().unwrap().process().rss_kib();
    let mut wire = ground.connect();
    wire.send("GET /unread HTTP/1.1\r\nHost: h\r\n\r\n");
    ferry_tests::wait::until(Duration::from_secs(20), || {
        match written.load(Ordering::SeqCst) {
            0 => Err("still writing".to_owned()),
            _ => Ok(()),
        }
    })
    .unwrap();
    let grown = ground.sidecar.lock().unwrap().process().rss_kib() - before;
    let written = written.load(Ordering::SeqCst);
    assert!(
        written < 64 << 20 && grown < 16 << 10,
        "{written} bytes written, {grown} KiB grown"
    );
}

#[test]
fn an_answer_may_come_before_the_body_is_complete() {
    shared().upstream.on("/early", |head, wire| {
        wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        // It reads on, as a server that keeps its connection does.
        wire.body(head.request_framing()).is_ok()
    });
    let mut wire = shared().connect();
    wire.send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    let (head, body) = wire.answer("POST");
    assert_eq!((head.status(), body.as_slice()), (403, &b"no"[..]));
    // The rest is still taken, and the connection serves on.
    wire.send("def");
    wire.send("GET /after HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(wire.answer("GET").0.status(), 200);
}

#[test]
fn an_answer_before_the_end_of_the_body_survives_a_closed_connection() {
    shared().upstream.on("/early-close", |_, wire| {
        wire.send(
            "HTTP/1.1 413 Too Much\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much",
        );
        false
    });
    for _ in 0..10 {
        let mut wire = shared().connect();
        wire.send("POST /early-close HTTP/1.1\r\nHost: h\r\nContent-Length: 33554432\r\n\r\n");
        let piece = vec![0; 1 << 20];
        for _ in 0..32 {
            wire.send(&piece);
        }
        let (head, body) = wire.answer("POST");
        assert_eq!((head.status(), body.as_slice()), (413, &b"too much"[..]));
    }
}

#[test]
fn a_slow_upload_is_not_the_upstreams_fault() {
    let mut wire = shared().connect();
    wire.send("POST /slow-client HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
    for piece in ["ab", "cd", "ef"] {
        std::thread::sleep(Duration::from_millis(2500));
        wire.send(piece);
    }
    assert_eq!(wire.answer("POST").0.status(), 200);
}

/// An upstream that tells when its connection ended.
fn told_of_end(path: &str, act: impl Fn(&mut Wire) + Send + Sync + 'static) -> mpsc::Receiver<()> {
    let (sender, ended) = mpsc::channel();
    shared().upstream.on(path, move |_, wire| {
        act(wire);
        wire.wait_end();
        sender.send(()).unwrap();
        false
    });
    ended
}

#[test]
fn a_client_that_goes_away_takes_its_request_along() {
    let started = Arc::new(AtomicBool::new(false));
    let told = started.clone();
    let ended = told_of_end("/gone", move |_| told.store(true, Ordering::SeqCst));
    let mut wire = shared().connect();
    wire.send("GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
    while !started.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(wire);
    ended.recv_timeout(SOON).unwrap();
}

#[test]
fn a_client_that_goes_away_in_an_answer_ends_it() {
    let ended = told_of_end("/gone-later", |wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\nbegin");
    });
    let mut wire = shared().connect();
    wire.send("GET /gone-later HTTP/1.1\r\nHost: h\r\n\r\n");
    wire.head();
    assert_eq!(wire.byte(), Some(b'b'));
    drop(wire);
    ended.recv_timeout(SOON).unwrap();
}

#[test]
fn a_client_may_ask_before_it_sends() {
    let (sender, seen) = mpsc::channel();
    shared().upstream.on("/expect", move |head, wire| {
        sender.send(head.get("expect").map(str::to_owned)).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = wire.body(head.request_framing()).unwrap();
        assert_eq!(body, b"hello");
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        true
    });
    let mut wire = shared().connect();
    let asked = Instant::now();
    wire.send(
        "POST /expect HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    assert_eq!(
        seen.recv_timeout(Duration::from_secs(5))
            .unwrap()
            .as_deref(),
        Some("100-continue")
    );
    assert_eq!(wire.head().line, "HTTP/1.1 100 Continue");
    assert!(
        asked.elapsed() > Duration::from_millis(450),
        "it was not the upstream that decided"
    );
    wire.send("hello");
    assert_eq!(wire.answer("POST").0.status(), 200);
}

#[test]
fn a_client_that_asked_may_be_told_no() {
    let ended = told_of_end("/expect-no", |wire| {
        wire.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    });
    let mut wire = shared().connect();
    wire.send(
        "POST /expect-no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    assert_eq!(wire.head().status(), 401);
    // The body that was promised never comes, so neither connection is of further use.
    ended.recv_timeout(SOON).unwrap();
    wire.wait_end();
}

#[test]
fn an_upstream_that_knows_no_asking_is_not_waited_for_in_vain() {
    shared().upstream.on("/expect-what", |head, wire| {
        assert_eq!(wire.body(head.request_framing()).unwrap(), b"hello");
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        true
    });
    let mut wire = shared().connect();
    wire.send("POST /expect-what HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(wire.answer("POST").0.status(), 200);
}

#[test]
fn interim_answers_do_not_confuse() {
    let answer = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
                   HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    shared().upstream.answers("/interim", answer);
    let mut wire = shared().connect();
    for _ in 0..2 {
        wire.send("GET /interim HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(wire.answer("GET").1, b"ok");
    }
}
