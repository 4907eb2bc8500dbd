//! Writes to `/credentials`: looked at, and still the same bytes for both sides.

use crate::ground::{Ground, shared};
use crate::upstream::{saw, saw_headers};
use crate::wire::chunk;
use std::io::Write;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_write_reaches_the_upstream_as_it_was_sent() {
    let body = br#"{"type": "artifact", "name":"x" ,"odd":1.0e0 }"#;
    for target in [
        "/credentials",
        "/credentials/",
        "/credentials;a=b?q=1",
        "//credentials",
        "/%63redentials",
    ] {
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nX-SPINNAKER-USER: me\r\n\
             Content-Length: {}\r\nX-Z: 1\r\n\r\n",
            body.len()
        );
        let (head, _) = shared().ask([head.as_bytes(), body].concat());
        let saw = saw(&head);
        assert_eq!(saw["target"], target);
        assert_eq!(saw["crc"], crc32fast::hash(body));
        let mut headers = saw_headers(&head);
        headers.retain(|line| !line.starts_with("x-forwarded"));
        let length = format!("Content-Length: {}", body.len());
        let expected = [
            "Host: h",
            "Content-Type: application/json",
            "X-SPINNAKER-USER: me",
            &length,
            "X-Z: 1",
        ];
        assert_eq!(headers, expected);
    }
}

#[test]
fn a_write_keeps_its_framing_and_coding() {
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xfe];
    let mut request = b"PUT /credentials/a%20b HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n\
                        Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        .to_vec();
    request.extend(chunk(&gzip[..5]));
    request.extend(chunk(&gzip[5..]));
    request.extend(b"0\r\nX-T: 1\r\n\r\n");
    let (head, _) = shared().ask(request);
    let saw = saw(&head);
    assert_eq!(saw["crc"], crc32fast::hash(&gzip));
    assert_eq!(saw["trailers"], serde_json::json!([["x-t", "1"]]));
    let headers = saw_headers(&head);
    assert!(
        headers.contains(&"Transfer-Encoding: chunked".to_owned()),
        "{headers:?}"
    );
    assert!(
        headers.contains(&"Content-Encoding: gzip".to_owned()),
        "{headers:?}"
    );
    let (head, _) = shared().ask("DELETE /credentials/none HTTP/1.1\r\nHost: h\r\n\r\n");
    let headers = saw_headers(&head).join("\n").to_lowercase();
    assert!(
        !headers.contains("content-length") && !headers.contains("transfer"),
        "{headers}"
    );
}

#[test]
fn the_answer_is_the_upstreams_byte_for_byte() {
    shared().upstream.answers(
        "/credentials/odd",
        b"HTTP/1.1 418 I'm odd\r\nX-One: 1\r\nDate: never\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
          5\r\n{\"a\":\r\n3\r\n 1}\r\n0\r\n\r\n",
    );
    let (head, body) =
        shared().ask("PUT /credentials/odd HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(head.line, "HTTP/1.1 418 I'm odd");
    assert_eq!(head.all("x-one"), ["1"]);
    assert_eq!(body, b"{\"a\": 1}");
}

#[test]
fn a_client_that_expects_is_asked_by_us() {
    let mut wire = shared().connect();
    wire.send("POST /credentials HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(wire.head().status(), 100);
    wire.send("{}");
    let (head, _) = wire.answer("POST");
    assert!(
        !saw_headers(&head)
            .iter()
            .any(|line| line.starts_with("Expect"))
    );
}

#[test]
fn a_client_that_goes_away_takes_no_outcome_along() {
    let ground = Ground::new("", &[]);
    let (sender, written) = mpsc::channel();
    let (arrives, arrived) = mpsc::channel();
    let (leaves, left) = mpsc::channel();
    let left = Mutex::new(left);
    ground.upstream.on("/credentials/left", move |head, wire| {
        let body = wire.body(head.request_framing()).unwrap();
        arrives.send(()).unwrap();
        let left = left.lock().unwrap().recv_timeout(SOON);
        left.unwrap();
        // The sidecar may notice it now.
        std::thread::sleep(Duration::from_millis(300));
        // Our connection is still there after the client's is gone.
        let answered = wire
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        sender.send((body, answered.is_ok())).unwrap();
        true
    });
    let mut wire = ground.connect();
    wire.send("PUT /credentials/left HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    arrived.recv_timeout(SOON).unwrap();
    drop(wire);
    leaves.send(()).unwrap();
    assert_eq!(written.recv_timeout(SOON).unwrap(), (b"{}".to_vec(), true));
    let name = "ferry_proxy_requests_total{outcome=\"intercepted\"}";
    for (name, expected) in [(name, 1.0), ("ferry_proxy_in_flight", 0.0)] {
        ferry_tests::wait::until(SOON, || match ground.metric(name) {
            count if count == expected => Ok(()),
            count => Err(format!("{name} is {count}")),
        })
        .unwrap();
    }
}

#[test]
fn a_write_that_is_too_large_streams_through_unseen() {
    let ground = Ground::new("", &[]);
    let piece: Vec<u8> = (0..1 << 20).map(|index| (index % 251) as u8).collect();
    let mut expected = crc32fast::Hasher::new();
    (0..33).for_each(|_| expected.update(&piece));
    let expected = expected.finalize();
    let mut wire = ground.connect();
    wire.send(format!(
        "POST /credentials HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        33 << 20
    ));
    (0..33).for_each(|_| wire.send(&piece));
    let seen = saw(&wire.answer("POST").0);
    assert_eq!(
        (&seen["crc"], &seen["length"]),
        (&expected.into(), &(33 << 20).into())
    );
    wire.send("POST /credentials HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    (0..33).for_each(|_| wire.send(chunk(&piece)));
    wire.send("0\r\n\r\n");
    let seen = saw(&wire.answer("POST").0);
    assert_eq!(
        (&seen["crc"], &seen["length"]),
        (&expected.into(), &(33 << 20).into())
    );
    assert_eq!(ground.metric("ferry_proxy_uncollected_total"), 2.0);
    assert!(
        ground
            .sidecar
            .lock()
            .unwrap()
            .process()
            .log()
            .contains("too large to be looked at")
    );
}

#[test]
fn a_write_without_an_answer_is_a_504() {
    shared().upstream.on("/credentials/slow", |head, wire| {
        wire.body(head.request_framing()).unwrap();
        wire.wait_end();
        false
    });
    let (head, _) =
        shared().ask("PUT /credentials/slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(head.status(), 504);
}

#[test]
fn nothing_secret_is_logged() {
    let ground = Ground::new("sidecar.log.level: trace\n", &[]);
    ground.ask(
        "POST /credentials?token=hunter2 HTTP/1.1\r\nHost: h\r\nAuthorization: hunter3\r\nCookie: hunter4\r\n\
         Content-Length: 50\r\n\r\n{\"name\":\"a\",\"type\":\"x\",\"password\":\"hunter5 hunter5\"}",
    );
    ground.ask("GET /x?token=hunter2 HTTP/1.1\r\nHost: h\r\nAuthorization: hunter3\r\n\r\n");
    let log = ground.sidecar.lock().unwrap().process().log();
    for line in log.lines() {
        assert!(!line.contains("hunter"), "{line}");
    }
}
