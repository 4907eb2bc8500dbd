//! A small Vault, by TLS on a real socket: secrets of KV version 2, tokens, and the login of pods. It
//! serves until the process ends, and keeps everything in memory.

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Where pods log in, below `/v1/auth/`.
pub const MOUNT: &str = "pods";

/// A running Vault.
pub struct Vault {
    /// `https://127.0.0.1:port`.
    pub url: String,
    /// PEM file of its certificate.
    pub authority: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By path, beginning with the engine's.
    secrets: BTreeMap<String, BTreeMap<String, String>>,
    tokens: BTreeSet<String>,
    /// Role and JWT.
    pods: BTreeSet<(String, String)>,
    logins: usize,
    sealed: bool,
}

impl Vault {
    /// Starts one that is empty and lets nobody in; its certificate goes into `folder`.
    pub fn start(folder: &Path) -> Vault {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let authority = folder.join("vault.pem");
        std::fs::write(&authority, certificate.pem()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        let tls = Arc::new(tls.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Who goes away, or does not trust the certificate, is nobody's trouble here.
                serve(stream, &tls, &serving).ok();
            }
        });
        Vault {
            url,
            authority,
            state,
        }
    }

    /// Lets this token in.
    pub fn let_in(&self, token: &str) {
        self.state.lock().unwrap().tokens.insert(token.to_owned());
    }

    /// Lets pods with this JWT log in as `role`.
    pub fn let_log_in(&self, role: &str, jwt: &str) {
        let pod = (role.to_owned(), jwt.to_owned());
        self.state.lock().unwrap().pods.insert(pod);
    }

    /// Ends every token; pods may log in again.
    pub fn revoke(&self) {
        self.state.lock().unwrap().tokens.clear();
    }

    /// How often pods logged in.
    pub fn logins(&self) -> usize {
        self.state.lock().unwrap().logins
    }

    /// Sealed, it answers 503 to everything.
    pub fn seal(&self, sealed: bool) {
        self.state.lock().unwrap().sealed = sealed;
    }

    /// Gives the secret at `path` of `engine` this text under `key`.
    pub fn put(&self, engine: &str, path: &str, key: &str, text: &str) {
        let mut state = self.state.lock().unwrap();
        let secret = state.secrets.entry(format!("{engine}/data/{path}"));
        secret.or_default().insert(key.to_owned(), text.to_owned());
    }
}

/// One request of one connection.
fn serve(tcp: TcpStream, tls: &Arc<ServerConfig>, state: &Mutex<State>) -> std::io::Result<()> {
    let connection = ServerConnection::new(tls.clone()).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, tcp));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        let fields = head.iter().skip(1).filter_map(|line| line.split_once(": "));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let asked = head.first().cloned().unwrap_or_default();
    let token = header("x-vault-token").unwrap_or_default();
    let (status, answer) = state.lock().unwrap().answer(&asked, &token, &body);
    let answer = answer.to_string();
    let length = answer.len();
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{answer}"
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

impl State {
    fn answer(&mut self, asked: &str, token: &str, body: &[u8]) -> (&'static str, Value) {
        let denied = ("403 Forbidden", json!({"errors": ["permission denied"]}));
        let login = format!("POST /v1/auth/{MOUNT}/login HTTP/1.1");
        if self.sealed {
            return (
                "503 Service Unavailable",
                json!({"errors": ["Vault is sealed"]}),
            );
        }
        if asked == login {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
            if !self.pods.contains(&(text("role"), text("jwt"))) {
                return denied;
            }
            self.logins += 1;
            let token = format!("pod-token-{}", self.logins);
            self.tokens.insert(token.clone());
            return ("200 OK", json!({"auth": {"client_token": token}}));
        }
        if !self.tokens.contains(token) {
            return denied;
        }
        let path = asked.strip_prefix("GET /v1/");
        let path = path.and_then(|path| path.strip_suffix(" HTTP/1.1"));
        match path.and_then(|path| self.secrets.get(path)) {
            Some(secret) => ("200 OK", json!({"data": {"data": secret}})),
            None => ("404 Not Found", json!({"errors": []})),
        }
    }
}
