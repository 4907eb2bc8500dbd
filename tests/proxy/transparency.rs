//! What passes unchanged: methods, targets, headers, statuses, and what must change.

use crate::ground::shared;
use crate::upstream::{saw, saw_headers};

#[test]
fn methods_of_any_kind_pass() {
    for method in [
        "GET",
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "HEAD",
        "TRACE",
        "PROPFIND",
        "M-SEARCH",
        "x!#$%&'*+-.^_`|~9",
        "get",
    ] {
        let (head, _) = shared().ask(format!("{method} /m HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(saw(&head)["method"], method);
        assert_eq!(saw(&head)["version"], "HTTP/1.1");
    }
}

#[test]
fn targets_pass_byte_for_byte() {
    for target in [
        "/",
        "//",
        "///a//b/",
        "/a/../b",
        "/../../x",
        "/./a/.",
        "/%2e%2E/%2F/%00/%ff",
        "/a;x=1/b;y=2;z",
        "/a?",
        "/a?b=c&&d==%20+",
        "/?/../?#".trim_end_matches('#'),
        "/a?x=/../y",
        "/%zz",
        "/a%",
        "/a|b^c",
        "/{x}/[y]/\"z\"/\\w",
        "/a:b@c!$&'()*+,=~",
        "/credentials",
        "/credentials/..;/x",
        "/armoryx",
        "/a?;&amp;",
        "/caf\u{e9}",
        "*",
    ] {
        let (head, _) = shared().ask(format!("OPTIONS {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let expected: String = target.bytes().map(|b| b as char).collect();
        assert_eq!(saw(&head)["target"], expected);
    }
    let long = format!("/{}?{}", "p".repeat(20_000), "q".repeat(20_000));
    let (head, _) = shared().ask(format!("GET {long} HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_eq!(saw(&head)["target"], long);
}

#[test]
fn headers_keep_order_case_duplicates_and_odd_values() {
    let lines = [
        "hOsT: Some-Host:99",
        "X-a: 1",
        "x-A: 2",
        "X-A: ",
        "ACCEPT: a/b;q=0.1, */*",
        "Cookie: a=b",
        "Cookie: c=d",
        "x_under.score!: \"q\"",
        "X-Latin: caf\u{e9}",
        "X-Tab: a\tb",
        "Authorization: Basic eA==",
        "Date: yesterday",
        "Server: none",
        "Range: bytes=0-1",
    ];
    let mut request = b"GET /h HTTP/1.1\r\n".to_vec();
    for line in lines {
        request.extend(line.chars().map(|c| c as u8));
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    let (head, _) = shared().ask(request);
    let forwarding = [
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: Some-Host:99",
    ];
    assert_eq!(saw_headers(&head), [&lines[..], &forwarding].concat());
}

#[test]
fn answers_keep_their_headers_case_and_reason() {
    let path = "/answers-keep";
    shared().upstream.answers(
        path,
        b"HTTP/1.1 299 Odd  Reason\r\nSet-Cookie: a\r\nX-UPPER: 1\r\nset-cookie: b\r\nDate: never\r\n\
          X-Latin: caf\xe9\r\ncontent-length: 3\r\nKeep-Alive: timeout=1\r\nConnection: keep-alive, X-Hop\r\n\
          X-Hop: 1\r\n\r\nabc",
    );
    let mut wire = shared().connect();
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let (head, body) = wire.answer("GET");
    assert_eq!(head.line, "HTTP/1.1 299 Odd  Reason");
    let lines: Vec<String> = head
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    assert_eq!(
        lines,
        [
            "Set-Cookie: a",
            "set-cookie: b",
            "X-UPPER: 1",
            "Date: never",
            "X-Latin: caf\u{e9}",
            "content-length: 3"
        ]
    );
    assert_eq!(body, b"abc");
    for (name, line) in [
        ("empty", "HTTP/1.1 200 "),
        ("high", "HTTP/1.1 599 Network"),
        ("error", "HTTP/1.1 500 Oops"),
    ] {
        let path = format!("/reason-{name}");
        let answer = format!("{line}\r\nContent-Length: 0\r\n\r\n").leak();
        shared().upstream.answers(&path, answer.as_bytes());
        let (head, _) = shared().ask(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(head.line, line);
    }
}

#[test]
fn hop_by_hop_headers_stay_on_their_hop() {
    let (head, _) = shared().ask(
        "POST /hop HTTP/1.1\r\nHost: h\r\nConnection: close, X-Named, content-length, host\r\nX-Named: 1\r\n\
         Keep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nTE: gzip\r\nUpgrade: x\r\n\
         Content-Length: 2\r\nTrailer: X-T\r\nX-End: 1\r\n\r\nab",
    );
    let mut headers = saw_headers(&head);
    headers.retain(|line| !line.starts_with("x-forwarded"));
    assert_eq!(
        headers,
        ["Host: h", "Content-Length: 2", "Trailer: X-T", "X-End: 1"]
    );
    assert_eq!(saw(&head)["length"], 2);
}

#[test]
fn forwarding_headers_are_added_to_those_there_are() {
    let (head, _) = shared().ask(
        "GET /f HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9, 8.8.8.8\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: outside\r\nX-Forwarded-Port: 443\r\n\r\n",
    );
    assert_eq!(
        saw_headers(&head),
        [
            "Host: h",
            "X-Forwarded-For: 9.9.9.9, 8.8.8.8, 127.0.0.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: outside",
            "X-Forwarded-Port: 443"
        ]
    );
}

#[test]
fn a_target_with_a_host_is_taken_at_its_word() {
    let (head, _) = shared().ask("GET http://other:81/x?y HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n");
    assert_eq!(saw(&head)["target"], "/x?y");
    assert_eq!(saw_headers(&head)[..2], ["Host: other:81", "X: 1"]);
    let (head, _) = shared().ask("GET http://other HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(saw(&head)["target"], "/");
}

#[test]
fn a_target_without_a_path_is_refused() {
    for request in [
        "CONNECT other:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET other HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let (head, body) = shared().ask(request);
        assert_eq!(head.status(), 400);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(
            body["message"].as_str().unwrap().contains("not a path"),
            "{body}"
        );
    }
}

#[test]
fn a_missing_host_is_the_upstreams_business() {
    let (head, _) = shared().ask("GET /nohost HTTP/1.1\r\n\r\n");
    assert_eq!(
        saw_headers(&head),
        ["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"]
    );
}

#[test]
fn a_large_head_passes() {
    let mut request = "GET /large HTTP/1.1\r\nHost: h\r\n".to_owned();
    for index in 0..90 {
        request += &format!("X-{index}: {}\r\n", "v".repeat(700));
    }
    let (head, _) = shared().ask(request + "\r\n");
    assert_eq!(saw_headers(&head).len(), 94);
}

#[test]
fn no_date_is_added_beside_the_upstreams() {
    let (head, _) = shared().ask("GET /date HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(head.all("date"), ["Sun, 22 Nov 2026 10:00:00 GMT"]);
}

#[test]
fn connections_on_both_sides_are_kept() {
    let mut wire = shared().connect();
    for index in 0..20 {
        wire.send(format!("GET /keep/{index} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(
            saw(&wire.answer("GET").0)["target"],
            format!("/keep/{index}")
        );
    }
    // Pipelined ones are answered in their order.
    wire.send("GET /p/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /p/2 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(saw(&wire.answer("GET").0)["target"], "/p/1");
    assert_eq!(saw(&wire.answer("GET").0)["target"], "/p/2");
    let connections = shared()
        .upstream
        .connections
        .load(std::sync::atomic::Ordering::SeqCst);
    assert!(
        connections < 200,
        "{connections} connections to the upstream"
    );
}
