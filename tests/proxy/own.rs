//! The core's own API behind the proxy, and the admin port.

use crate::ground::shared;
use crate::wire::Wire;
use serde_json::Value;

#[test]
fn own_paths_are_answered_by_the_core() {
    for (method, path) in [
        ("POST", "/armory/accounts"),
        ("GET", "/armory/nothing"),
        ("GET", "/agents/nothing"),
        ("GET", "/armory"),
    ] {
        let (head, body) = shared().ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n[]"
        ));
        assert!([400, 404].contains(&head.status()), "{path}: {}", head.line);
        assert!(head.get("x-saw").is_none(), "{path} went to the upstream");
        assert!(
            body.is_empty() || serde_json::from_slice::<Value>(&body).is_ok(),
            "{path}"
        );
    }
}

#[test]
fn a_body_over_the_bound_is_refused() {
    let mut wire = shared().connect();
    wire.send("POST /armory/accounts HTTP/1.1\r\nHost: h\r\nContent-Length: 67108865\r\n\r\n");
    let piece = vec![b' '; 1 << 20];
    for _ in 0..64 {
        wire.send(&piece);
    }
    wire.send(" ");
    let (head, body) = wire.answer("POST");
    assert_eq!(head.status(), 413);
    let said = String::from_utf8_lossy(&body);
    assert!(said.contains("67108864 bytes") && said.contains("kubesvc.api.maxBodySize"));
    // The same without a length.
    let mut wire = shared().connect();
    wire.send("POST /armory/accounts HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..65 {
        wire.send(crate::wire::chunk(&piece));
    }
    wire.send("0\r\n\r\n");
    assert_eq!(wire.answer("POST").0.status(), 413);
}

#[test]
fn a_body_that_never_comes_is_a_408() {
    let mut wire = shared().connect();
    wire.send("POST /armory/accounts HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    assert_eq!(wire.answer("POST").0.status(), 408);
}

#[test]
fn the_admin_port_tells_health_readiness_and_metrics() {
    // Something to be counted.
    shared().ask("GET /armory HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut wire = Wire::connect(&shared().admin);
    let mut ask = |line: &str| {
        wire.send(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let method = line.split(' ').next().unwrap();
        let (head, body) = wire.answer(method);
        (head.status(), String::from_utf8(body).unwrap())
    };
    assert_eq!(ask("GET /health"), (200, "alive\n".into()));
    assert_eq!(ask("HEAD /health"), (200, String::new()));
    assert_eq!(ask("GET /ready"), (200, "ready\n".into()));
    assert_eq!(ask("GET /other").0, 404);
    assert_eq!(ask("POST /health").0, 405);
    let (status, metrics) = ask("GET /metrics");
    assert_eq!(status, 200);
    for name in [
        "ferry_proxy_requests",
        "ferry_proxy_in_flight",
        "ferry_proxy_uncollected_total",
        "kubesvc_",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
    assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1);
}

#[test]
fn the_admin_port_shows_the_openapi_document_and_asks_nobody_else() {
    let mut wire = Wire::connect(&shared().admin);
    let mut ask = |path: &str| {
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let (head, body) = wire.answer("GET");
        let kind = head.get("content-type").unwrap_or_default().to_owned();
        (head, kind, String::from_utf8_lossy(&body).into_owned())
    };
    let (moved, ..) = ask("/swagger");
    assert_eq!(
        (moved.status(), moved.get("location")),
        (308, Some("/swagger/"))
    );
    let (head, kind, page) = ask("/swagger/");
    assert_eq!((head.status(), kind.as_str()), (200, "text/html"));
    // Every file that the page names lies beside it.
    let named = page.split(['"', '\'']).filter(|text| {
        [".js", ".css", ".png"]
            .iter()
            .any(|end| text.ends_with(end))
    });
    let files: Vec<&str> = named.collect();
    assert!(files.len() >= 6, "{page}");
    for file in files {
        let (head, kind, text) = ask(&format!("/swagger/{}", file.trim_start_matches("./")));
        assert_eq!(head.status(), 200, "{file}");
        assert!(!text.is_empty(), "{file}");
        let expected = match file.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/png",
        };
        assert_eq!(kind, expected, "{file}");
    }
    let (_, _, script) = ask("/swagger/swagger-initializer.js");
    assert!(script.contains("\"url\": \"openapi.json\""), "{script}");
    assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
    assert!(
        !page.contains("http") && !script.contains("http"),
        "{page}\n{script}"
    );
    let (head, kind, document) = ask("/swagger/openapi.json");
    assert_eq!((head.status(), kind.as_str()), (200, "application/json"));
    let shown: Value = serde_json::from_str(&document).unwrap();
    let (_, served) = shared().ask("GET /armory/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(shown, serde_json::from_slice::<Value>(&served).unwrap());
    assert_eq!(ask("/swagger/nothing").0.status(), 404);
}
