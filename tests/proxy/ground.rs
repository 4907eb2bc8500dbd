//! What most tests stand on: one sidecar in front of one upstream, started once.

use crate::upstream::Upstream;
use crate::wire::{Head, Wire};
use ferry_tests::Sidecar;
use std::io::Read;
use std::sync::{Mutex, OnceLock};
use tempfile::TempDir;

/// A sidecar and its upstream.
pub struct Ground {
    pub upstream: Upstream,
    pub sidecar: Mutex<Sidecar>,
    /// `127.0.0.1:port`
    pub address: String,
    /// `127.0.0.1:port`
    pub admin: String,
    _folder: TempDir,
}

impl Ground {
    /// Starts one with `more` YAML and these environment variables.
    pub fn new(more: &str, environment: &[(&str, &str)]) -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let upstream = Upstream::start();
        let url = format!("http://{}", upstream.address);
        let mut sidecar = Sidecar::new(folder.path(), &url, more);
        sidecar.start(environment).unwrap();
        let address = sidecar.url.trim_start_matches("http://").to_owned();
        let admin = sidecar.admin.trim_start_matches("http://").to_owned();
        Ground {
            upstream,
            sidecar: Mutex::new(sidecar),
            address,
            admin,
            _folder: folder,
        }
    }

    pub fn connect(&self) -> Wire {
        Wire::connect(&self.address)
    }

    /// Sends one request, as it is, and reads its answer.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> (Head, Vec<u8>) {
        let request = request.as_ref();
        let method: Vec<u8> = request.iter().copied().take_while(|b| *b != b' ').collect();
        let mut wire = self.connect();
        wire.send(request);
        wire.answer(std::str::from_utf8(&method).unwrap())
    }

    /// A value of `/metrics`; 0 when it is not there yet.
    pub fn metric(&self, name: &str) -> f64 {
        let mut wire = Wire::connect(&self.admin);
        wire.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        let text = String::from_utf8(wire.answer("GET").1).unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        line.map_or(0.0, |line| {
            line.rsplit(' ').next().unwrap().parse().unwrap()
        })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(mut sidecar) = self.sidecar.lock()
        {
            eprintln!("{}", sidecar.process().log());
        }
    }
}

/// The one that tests share. Its sidecar gives the upstream 4 s to answer, and a client 5.
pub fn shared() -> &'static Ground {
    static SHARED: OnceLock<Ground> = OnceLock::new();
    SHARED.get_or_init(|| {
        let more = "sidecar.upstreamTimeoutSeconds: 4\nsidecar.idleTimeoutSeconds: 5\n";
        let ground = Ground::new(more, &[]);
        end_with_us(&ground);
        ground
    })
}

/// What is static is never dropped: the sidecar must end with the tests in another way.
#[allow(clippy::zombie_processes)] // The watcher outlives us.
fn end_with_us(ground: &Ground) {
    let id = ground.sidecar.lock().unwrap().process().id();
    let script = format!("cat >/dev/null; kill -9 {id} 2>/dev/null");
    let mut watcher = std::process::Command::new("sh")
        .args(["-c", &script])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe closes when this process ends, however it ends.
    std::mem::forget(watcher.stdin.take());
}

/// Reads whatever is there until the end, as text.
pub fn rest(wire: &mut Wire) -> String {
    let mut all = Vec::new();
    // How it ends does not matter.
    let _ = wire.stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}
