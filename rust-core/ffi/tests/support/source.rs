//! A source of accounts: what `GET /credentials/type/kubernetes` of a Clouddriver answers.
//!
//! It has an account from the second time on that somebody asks for it by name: just as if the
//! write that was announced between the two had brought it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A listening source; it ends with the test program.
pub struct Source {
    address: SocketAddr,
}

impl Source {
    pub fn start() -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let names = Arc::new(Mutex::new(BTreeSet::new()));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let names = names.clone();
                std::thread::spawn(move || serve(stream, &names));
            }
        });
        Source { address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(stream: TcpStream, names: &Mutex<BTreeSet<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let mut stream = stream;
    loop {
        let first = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let target = first.split(' ').nth(1)?;
        let body = answer(target, &mut names.lock().unwrap());
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
        write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").ok()?;
    }
}

fn answer(target: &str, names: &mut BTreeSet<String>) -> String {
    let asked = target
        .split_once("startingAccountName=")
        .map(|(_, name)| name);
    let listed: Vec<String> = match asked {
        Some(name) if names.insert(name.to_owned()) => Vec::new(),
        Some(name) => vec![name.to_owned()],
        None => names.iter().cloned().collect(),
    };
    let accounts = listed.iter().map(|name| {
        serde_json::json!({
            "type": "kubernetes", "name": name, "kubeconfigContents": "apiVersion: v1",
        })
    });
    serde_json::Value::from_iter(accounts).to_string()
}
