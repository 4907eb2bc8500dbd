//! Who gets in to the core's API, by where a connection comes from and by the token; and as whom the
//! sidecar reads Clouddriver's accounts itself.

use crate::ground::Ground;
use crate::wire::Wire;
use ferry_tests::place::free_port;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex};

/// An address of this machine that is not loopback's. Nothing is sent to find it.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // An address of documentation: it only has the system choose the one to send from.
    let routed = socket.connect("192.0.2.1:9");
    let address = routed
        .and_then(|()| socket.local_addr())
        .map(|own| own.ip());
    let address = address.expect("this test needs a network beyond loopback");
    assert!(
        !address.is_loopback() && !address.is_unspecified(),
        "{address}"
    );
    address
}

/// A sidecar that listens everywhere, and its addresses within and beyond loopback.
fn everywhere(more: &str) -> (Ground, [String; 2]) {
    let port = free_port();
    let ground = Ground::new(more, &[("SIDECAR_LISTEN", &format!("0.0.0.0:{port}"))]);
    let addresses = ["127.0.0.1".parse().unwrap(), own_address()];
    (ground, addresses.map(|ip| format!("{ip}:{port}")))
}

/// The status and text of an answer to a request with these further header lines.
fn ask(address: &str, line: &str, headers: &str) -> (u16, String) {
    let mut wire = Wire::connect(address);
    wire.send(format!("{line} HTTP/1.1\r\nHost: h\r\n{headers}\r\n"));
    let (head, body) = wire.answer(line.split(' ').next().unwrap());
    (head.status(), String::from_utf8(body).unwrap())
}

const OWN: [&str; 4] = [
    "GET /armory/agents",
    "DELETE /armory/accounts",
    "GET /agents/kubernetes/accounts/x",
    "GET /armory",
];

#[test]
fn without_a_token_the_api_is_for_loopback_alone() {
    let (_ground, [within, beyond]) = everywhere("");
    for line in OWN {
        assert_ne!(ask(&within, line, "").0, 403, "{line}");
        let forged =
            "X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\nAuthorization: Bearer \r\n";
        for headers in ["", forged] {
            let (status, text) = ask(&beyond, line, headers);
            assert_eq!(status, 403, "{line}: {text}");
            assert!(text.contains("sidecar.api.token"), "{text}");
        }
    }
    // Clouddriver's own paths are Clouddriver's to guard.
    assert_eq!(ask(&beyond, "GET /credentials", "").0, 200);
    assert_eq!(ask(&beyond, "GET /armory/agents", "").0, 403);
}

#[test]
fn a_token_opens_the_api_from_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let by_file = format!("sidecar.api.tokenFile: {}\n", file.display());
    for more in ["sidecar.api.token: s3cret\n", &by_file] {
        let (ground, addresses) = everywhere(more);
        for address in &addresses {
            let agents = |headers| ask(address, "GET /armory/agents", headers).0;
            assert_eq!(agents("Authorization: Bearer s3cret\r\n"), 200);
            assert_eq!(agents("authorization: bearer s3cret\r\n"), 200);
            for line in OWN {
                assert_eq!(ask(address, line, "").0, 403, "{line}");
                let (status, text) = ask(address, line, "Authorization: Bearer s3cret2\r\n");
                assert_eq!(status, 403, "{line}");
                assert!(!text.contains("s3cret") && text.contains("token"), "{text}");
            }
            assert_eq!(ask(address, "GET /credentials", "").0, 200);
        }
        assert!(
            !ground
                .sidecar
                .lock()
                .unwrap()
                .process()
                .log()
                .contains("s3cret")
        );
    }
}

#[test]
fn who_is_refused_while_sending_still_reads_why() {
    let ground = Ground::new("sidecar.api.token: s3cret\n", &[]);
    let mut wire = ground.connect();
    wire.send("POST /armory/accounts HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n");
    let piece = vec![b' '; 1 << 20];
    for _ in 0..8 {
        wire.send(&piece);
    }
    assert_eq!(wire.answer("POST").0.status(), 403);
}

#[test]
fn accounts_are_read_as_who_asks_else_as_the_configured_user() {
    let ground = Ground::new("sidecar.source.user: ferry\n", &[]);
    let users = Arc::new(Mutex::new(Vec::new()));
    let seen = users.clone();
    ground
        .upstream
        .on("/credentials/type/kubernetes", move |head, wire| {
            let user = head.get("x-spinnaker-user").map(str::to_owned);
            seen.lock().unwrap().push(user);
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
            true
        });
    for (header, user) in [
        ("", "ferry"),
        ("X-SPINNAKER-USER: \r\n", "ferry"),
        ("X-SPINNAKER-USER: anna\r\n", "anna"),
    ] {
        users.lock().unwrap().clear();
        let (status, text) = ask(&ground.address, "GET /armory/accounts/x", header);
        assert_eq!(status, 404, "{text}");
        let users = users.lock().unwrap();
        assert!(!users.is_empty());
        assert!(
            users.iter().all(|seen| seen.as_deref() == Some(user)),
            "{users:?}"
        );
    }
}
