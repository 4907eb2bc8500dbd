//! A TCP relay in the way of a connection: it may end those that are idle, as many a firewall does,
//! may take no new ones, and may swallow what comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A relay that runs until the test ends.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    closed: AtomicBool,
    /// Of so many of the first connections nothing goes on.
    silent: AtomicUsize,
    taken: AtomicUsize,
}

impl Relay {
    /// Relays to `target`. `idle`: a connection over which nothing came for so long is ended.
    pub fn start(target: &str, idle: Option<Duration>) -> Relay {
        let target: SocketAddr = target.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            closed: AtomicBool::new(false),
            silent: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        });
        let known = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if known.closed.load(Ordering::SeqCst) {
                    continue;
                }
                let number = known.taken.fetch_add(1, Ordering::SeqCst);
                if let Ok(far) = TcpStream::connect(target) {
                    relay(number, &stream, &far, idle, &known);
                }
            }
        });
        Relay { address, state }
    }

    /// Whether it takes new connections; those that it has go on.
    pub fn takes(&self, takes: bool) {
        self.state.closed.store(!takes, Ordering::SeqCst);
    }

    /// From now on nothing that comes goes on, and nobody is told.
    pub fn swallow(&self) {
        self.state.silent.store(usize::MAX, Ordering::SeqCst);
    }

    /// New connections are relayed again; what comes over the others goes on to nobody, as before.
    pub fn forward(&self) {
        self.state.silent.store(self.taken(), Ordering::SeqCst);
    }

    /// How many connections it took.
    pub fn taken(&self) -> usize {
        self.state.taken.load(Ordering::SeqCst)
    }
}

fn relay(
    number: usize,
    near: &TcpStream,
    far: &TcpStream,
    idle: Option<Duration>,
    state: &Arc<State>,
) {
    let heard = Arc::new(Mutex::new(Instant::now()));
    for (from, to) in [(near, far), (far, near)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let (heard, state) = (heard.clone(), state.clone());
        std::thread::spawn(move || {
            copy(number, &from, &to, &heard, idle, &state);
            from.shutdown(Shutdown::Both).ok();
            to.shutdown(Shutdown::Both).ok();
        });
    }
}

/// Until either side ends, or nothing came from both for too long.
fn copy(
    number: usize,
    mut from: &TcpStream,
    mut to: &TcpStream,
    heard: &Mutex<Instant>,
    idle: Option<Duration>,
    state: &State,
) {
    from.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut bytes = [0; 16 * 1024];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) if number < state.silent.load(Ordering::SeqCst) => {}
            Ok(count) => {
                *heard.lock().unwrap() = Instant::now();
                if to.write_all(&bytes[..count]).is_err() {
                    return;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let silence = heard.lock().unwrap().elapsed();
                if idle.is_some_and(|idle| silence > idle) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
