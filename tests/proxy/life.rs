//! The sidecar as a process: how it starts, how it stops, and where it dies when it is killed.

use crate::ground::{Ground, rest};
use crate::wire::Wire;
use ferry_sidecar::failpoint;
use ferry_tests::place::program;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn what_is_in_flight_is_finished_before_it_stops() {
    let ground = Ground::new("", &[]);
    ground.upstream.on("/in-flight", |_, wire| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
        std::thread::sleep(Duration::from_secs(2));
        wire.send("cd");
        true
    });
    let mut idle = ground.connect();
    idle.send("GET /idle HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(idle.answer("GET").0.status(), 200);
    let mut busy = ground.connect();
    busy.send("GET /in-flight HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(busy.head().status(), 200);
    let (admin, address) = (ground.admin.clone(), ground.address.clone());
    let told = Instant::now();
    let stopping = std::thread::spawn(move || {
        let status = ground
            .sidecar
            .lock()
            .unwrap()
            .process()
            .terminate(Duration::from_secs(20));
        (status, ground)
    });
    idle.wait_end();
    assert!(
        TcpStream::connect(&address).is_err(),
        "new connections are still taken"
    );
    let mut probe = Wire::connect(&admin);
    probe.send("GET /ready HTTP/1.1\r\nHost: h\r\n\r\n");
    let (head, body) = probe.answer("GET");
    assert_eq!((head.status(), body.as_slice()), (503, &b"stopping\n"[..]));
    let body: Vec<u8> = (0..4).filter_map(|_| busy.byte()).collect();
    assert_eq!(body, b"abcd");
    let (status, ground) = stopping.join().unwrap();
    assert!(status.success(), "{status}");
    let log = ground.sidecar.lock().unwrap().process().log();
    assert!(!log.contains("not shut down in order"), "{log}");
    assert!(
        told.elapsed() < Duration::from_secs(10),
        "{:?}",
        told.elapsed()
    );
}

#[test]
fn what_is_not_finished_in_time_is_cut_off() {
    let ground = Ground::new("sidecar.drainSeconds: 1\n", &[]);
    ground.upstream.on("/endless", |_, wire| {
        wire.wait_end();
        false
    });
    let mut wires: Vec<Wire> = Vec::new();
    for request in [
        "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\na",
    ] {
        let mut wire = ground.connect();
        wire.send(request);
        wires.push(wire);
    }
    std::thread::sleep(Duration::from_millis(300));
    let status = ground
        .sidecar
        .lock()
        .unwrap()
        .process()
        .terminate(Duration::from_secs(15));
    assert!(status.success(), "{status}");
    assert!(
        !ground
            .sidecar
            .lock()
            .unwrap()
            .process()
            .log()
            .contains("not shut down in order")
    );
}

#[test]
fn a_wrong_configuration_is_told_at_once_and_in_full() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("ferry.yml"),
        "sidecar: {listen: here, upstream: 'https://x', portt: 1}\nkubesvc.dynamicAccounts.namePatterns: ['(']\n",
    )
    .unwrap();
    let output = Command::new(program("ferry-sidecar"))
        .current_dir(folder.path())
        .args(["--config", "ferry.yml"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [
        "sidecar.listen (ferry.yml:1)",
        "is https",
        "sidecar.portt (ferry.yml:1)",
        "namePatterns (ferry.yml:2)",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let _taken = std::net::TcpListener::bind(taken).unwrap();
    let output = Command::new(program("ferry-sidecar"))
        .current_dir(folder.path())
        .env("SIDECAR_LISTEN", taken.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&format!("sidecar.listen: cannot listen on {taken}")),
        "{said}"
    );
}

#[test]
fn help_tells_all() {
    let output = Command::new(program("ferry-sidecar"))
        .arg("--help")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for table in ferry_sidecar::TABLES {
        for key in table.keys.iter().chain(table.unused) {
            assert!(said.contains(key.name), "{}", key.name);
        }
    }
}

/// Lets the sidecar die at `point` of this request: what the upstream heard, and what
/// the client read.
fn dies(point: &str, request: &str) -> (usize, String) {
    let ground = Ground::new("", &[("FERRY_FAILPOINT", point)]);
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    ground.upstream.on("/credentials/x", move |head, wire| {
        wire.body(head.request_framing()).unwrap();
        count.fetch_add(1, Ordering::SeqCst);
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        true
    });
    let mut wire = match point.starts_with("sidecar.admin") {
        true => Wire::connect(&ground.admin),
        false => ground.connect(),
    };
    wire.send(request);
    let text = rest(&mut wire);
    let patience = Duration::from_secs(5);
    ferry_tests::wait::until(patience, || {
        let ended = ground.sidecar.lock().unwrap().process().ended();
        ended
            .map(|_| ())
            .ok_or_else(|| format!("it did not die at {point}"))
    })
    .unwrap();
    (heard.load(Ordering::SeqCst), text)
}

#[test]
fn every_failpoint_lies_where_it_says() {
    let write = "PUT /credentials/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    let own = "GET /armory/nothing HTTP/1.1\r\nHost: h\r\n\r\n";
    let through = "GET /credentials/x HTTP/1.1\r\nHost: h\r\n\r\n";
    let nowhere = "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n";
    let admin = "GET /health HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut seen = Vec::new();
    for (point, request, heard, answered) in [
        (failpoint::BEFORE_FORWARD, write, 0, false),
        (failpoint::BEFORE_SETTLE, write, 1, false),
        (failpoint::BEFORE_REPLY, write, 1, false),
        (failpoint::AFTER_REPLY, write, 1, true),
        (failpoint::BEFORE_THROUGH, through, 0, false),
        (failpoint::AFTER_THROUGH, through, 1, false),
        (failpoint::BEFORE_ANSWER, nowhere, 0, false),
        (failpoint::AFTER_ANSWER, nowhere, 0, true),
        (failpoint::BEFORE_ADMIN, admin, 0, false),
        (failpoint::AFTER_ADMIN, admin, 0, true),
        (failpoint::BEFORE_OWN_REPLY, own, 0, false),
        (failpoint::AFTER_OWN_REPLY, own, 0, true),
    ] {
        let (requests, text) = dies(point, request);
        assert_eq!(requests, heard, "{point}");
        assert_eq!(text.starts_with("HTTP/1.1 "), answered, "{point}: {text:?}");
        seen.push(point);
    }
    assert_eq!(seen, failpoint::ALL);
}
