//! An address that an agent keeps while the core behind it changes, as behind a Service.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards connections to wherever it is set.
pub struct Switch {
    /// `127.0.0.1:port`.
    pub address: String,
    target: Arc<Mutex<String>>,
}

impl Switch {
    /// Forwards to `target`, `host:port`. It ends with this process.
    pub fn to(target: &str) -> Switch {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = Arc::new(Mutex::new(target.to_owned()));
        let current = target.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let to = current.lock().unwrap().clone();
                // A core that is away refuses; so does this.
                if let Ok(far) = TcpStream::connect(to) {
                    join(&near, &far).ok();
                }
            }
        });
        Switch { address, target }
    }

    /// New connections go there; those that are open stay where they are.
    pub fn set(&self, target: &str) {
        *self.target.lock().unwrap() = target.to_owned();
    }
}

fn join(near: &TcpStream, far: &TcpStream) -> io::Result<()> {
    for (from, to) in [(near, far), (far, near)] {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            pump(&from, &to).ok();
            // Either end is gone.
            from.shutdown(Shutdown::Both).ok();
            to.shutdown(Shutdown::Both).ok();
        });
    }
    Ok(())
}

fn pump(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    loop {
        match from.read(&mut bytes)? {
            0 => return Ok(()),
            count => to.write_all(&bytes[..count])?,
        }
    }
}
