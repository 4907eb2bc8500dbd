//! Clouddriver's place: a server on bare sockets that tells what it received, or does to a
//! connection whatever a test wants of its path.

use crate::wire::{Body, Framing, Head, Wire, chunk};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What happens to a connection after a request's head was read; `false` ends it.
pub type Handler = Arc<dyn Fn(&Head, &mut Wire) -> bool + Send + Sync>;

/// The server. It runs until the tests end.
pub struct Upstream {
    pub address: String,
    handlers: Arc<Mutex<HashMap<String, Handler>>>,
    /// Connections that were ever taken.
    pub connections: Arc<AtomicUsize>,
}

impl Upstream {
    pub fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Upstream {
            address: listener.local_addr().unwrap().to_string(),
            handlers: Arc::default(),
            connections: Arc::default(),
        };
        let handlers = upstream.handlers.clone();
        let connections = upstream.connections.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (stream, handlers) = (stream.unwrap(), handlers.clone());
                std::thread::spawn(move || serve(stream, &handlers));
            }
        });
        upstream
    }

    /// Gives requests whose path is `path` to `handler`.
    pub fn on(
        &self,
        path: &str,
        handler: impl Fn(&Head, &mut Wire) -> bool + Send + Sync + 'static,
    ) {
        let mut handlers = self.handlers.lock().unwrap();
        handlers.insert(path.to_owned(), Arc::new(handler));
    }

    /// Answers requests to `path` with these bytes once their body is read.
    pub fn answers(&self, path: &str, bytes: &'static [u8]) {
        self.on(path, move |head, wire| {
            wire.body(head.request_framing()).unwrap();
            wire.send(bytes);
            true
        });
    }
}

fn serve(stream: TcpStream, handlers: &Mutex<HashMap<String, Handler>>) {
    let mut wire = Wire::new(stream);
    // Idle connections are nobody's failure.
    wire.stream.set_read_timeout(None).unwrap();
    while let Ok(Some(head)) = wire.try_head() {
        let path = head.target().split('?').next().unwrap();
        let handler = handlers.lock().unwrap().get(path).cloned();
        let goes_on = match handler {
            Some(handler) => handler(&head, &mut wire),
            None if head.get("x-mirror").is_some() => mirror(&head, &mut wire),
            None => tell(&head, &mut wire),
        };
        if !goes_on {
            return;
        }
    }
}

/// What was received, without the body's bytes.
pub fn seen(head: &Head, body: Option<&Body>) -> Value {
    json!({
        "method": head.method(),
        "target": head.target(),
        "version": head.line.split(' ').nth(2),
        "headers": head.headers,
        "length": body.map(|body| body.length),
        "crc": body.map(|body| body.crc),
        "trailers": body.map(|body| &body.trailers),
    })
}

/// Answers with what it saw, in a header so that HEAD can have it too, and in the body.
fn tell(head: &Head, wire: &mut Wire) -> bool {
    if head.get("expect").is_some() {
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
    }
    let Ok(body) = wire.body_to(head.request_framing(), &mut |_| ()) else {
        return false;
    };
    let text = seen(head, Some(&body)).to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nX-Saw: {}\r\n\
         Content-Length: {}\r\n\r\n",
        hex(&text),
        text.len()
    );
    wire.send(answer);
    if head.method() != "HEAD" {
        wire.send(text);
    }
    true
}

/// Sends the body back while it comes, framed as it came, with a trailer if it is chunked.
fn mirror(head: &Head, wire: &mut Wire) -> bool {
    let framing = head.request_framing();
    let length = match framing {
        Framing::Length(length) => format!("Content-Length: {length}"),
        Framing::Chunked => "Transfer-Encoding: chunked\r\nTrailer: X-Sum".to_owned(),
        _ => "Content-Length: 0".to_owned(),
    };
    let saw = hex(&seen(head, None).to_string());
    wire.send(format!(
        "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nX-Saw: {saw}\r\n{length}\r\n\r\n"
    ));
    let mut back = Wire::new(wire.stream.try_clone().unwrap());
    wire.stream.set_read_timeout(None).unwrap();
    let mut send = |bytes: &[u8]| match framing {
        Framing::Chunked => back.send(chunk(bytes)),
        _ => back.send(bytes),
    };
    let Ok(body) = wire.body_to(framing, &mut send) else {
        return false;
    };
    if framing == Framing::Chunked {
        wire.send(format!("0\r\nX-Sum: {}\r\n\r\n", body.crc));
    }
    true
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What an answer of [`Upstream`] says that it saw.
pub fn saw(answer: &Head) -> Value {
    let hex = answer.get("x-saw");
    let hex = hex.unwrap_or_else(|| panic!("not an answer of the upstream: {answer:?}"));
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let text: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
    serde_json::from_slice(&text).unwrap()
}

/// The headers that it saw, as lines.
pub fn saw_headers(answer: &Head) -> Vec<String> {
    let saw = saw(answer);
    let lines = saw["headers"].as_array().unwrap().iter();
    lines
        .map(|line| {
            format!(
                "{}: {}",
                line[0].as_str().unwrap(),
                line[1].as_str().unwrap()
            )
        })
        .collect()
}
