//! A login that MySQL wants to do by RSA. MariaDB has no such plugin, so a socket here speaks MySQL's
//! protocol as far as a login without TLS goes.

use super::{Location, Store};
use crate::error::causes;
use secrecy::SecretString;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const KEY: &[u8] = b"\x01-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";

fn packet(stream: &mut TcpStream, number: u8, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let head = [length[0], length[1], length[2], number];
    // The client may have gone already.
    stream.write_all(&[&head, body].concat()).ok();
}

fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).ok()?;
    let mut body = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

/// The server's first packet: no TLS among its capabilities.
fn greeting(plugin: &str) -> Vec<u8> {
    // Protocol 4.1, secure connection, plugin auth; then those of the database's name.
    let capabilities: u32 = 0x0000_0200 | 0x0000_8000 | 0x0008_0000 | 0x0000_0008;
    let [a, b, c, d] = capabilities.to_le_bytes();
    let mut body = b"\x0a8.4.0\0\x01\0\0\0saltsalt\0".to_vec();
    body.extend([a, b, 0xff, 2, 0, c, d, 21]);
    body.extend([0; 10]);
    body.extend(b"saltsaltsalt\0");
    body.extend(plugin.as_bytes());
    body.push(0);
    body
}

/// Takes logins as far as the password; answers its address.
fn serve(plugin: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            packet(&mut stream, 0, &greeting(plugin));
            if read(&mut stream).is_none() {
                continue;
            }
            let asked = match plugin {
                // Nothing of this login is cached: the whole exchange is wanted.
                "caching_sha2_password" => {
                    packet(&mut stream, 2, b"\x01\x04");
                    read(&mut stream)
                }
                _ => Some(vec![1]),
            };
            if asked.is_some() {
                packet(
                    &mut stream,
                    if plugin.starts_with('c') { 4 } else { 2 },
                    KEY,
                );
            }
            read(&mut stream);
        }
    });
    address
}

#[tokio::test]
async fn a_login_by_rsa_fails_with_what_to_do() {
    for plugin in ["caching_sha2_password", "sha256_password"] {
        let url = format!("mysql://u:s3cret@{}/clouddriver", serve(plugin));
        let place = Location::parse(&SecretString::from(url), None).unwrap();
        let error = causes(&Store::open(&place).await.unwrap_err());
        assert!(
            error.contains("use TLS (ssl-mode=REQUIRED") && !error.contains("s3cret"),
            "{plugin}: {error}"
        );
    }
}
