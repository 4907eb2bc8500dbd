//! Where things are: the repository, and the programs built in it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The repository's top level.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A program of this workspace, built in the profile of the caller: beside the running test or
/// program.
///
/// # Panics
/// When it was not built.
pub fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let mut folder = here.parent().unwrap();
    if folder.ends_with("deps") {
        folder = folder.parent().unwrap();
    }
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} is not built: cargo build --workspace",
        program.display()
    );
    program
}

/// The binary with the real kube-apiserver, built when it is not cached.
///
/// # Panics
/// When it cannot be built.
pub fn cluster_program() -> PathBuf {
    let script = repository().join("tests/cluster/build.sh");
    let built = Command::new("bash")
        .arg(script)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "tests/cluster/build.sh failed");
    PathBuf::from(String::from_utf8(built.stdout).unwrap().trim())
}

/// The script that starts Clouddriver's host.
///
/// # Panics
/// When it was not built.
pub fn clouddriver_program() -> PathBuf {
    let path = "tests/clouddriver-host/build/install/bin/clouddriver-host";
    let program = repository().join(path);
    assert!(
        program.exists(),
        "{} is not built: make host",
        program.display()
    );
    program
}

/// The plugin's jar: `-bare` is the one without a native library, `-host` has this machine's.
///
/// # Panics
/// When it was not built.
pub fn plugin_jar(classifier: &str) -> PathBuf {
    let version = env!("CARGO_PKG_VERSION");
    let path = format!("jvm-bridge/build/libs/ferry-plugin-{version}{classifier}.jar");
    let jar = repository().join(path);
    let how = match classifier {
        "-host" => "gradle :jvm-bridge:jar",
        _ => "make plugin",
    };
    assert!(jar.exists(), "{} is not built: {how}", jar.display());
    jar
}

/// A loopback port that nobody listens on, and that no other caller of this process gets. It lies
/// below those that the system gives to outgoing connections, one of which could take it before it
/// is listened on.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    // Processes that run at the same time begin far from one another.
    let start = std::process::id().wrapping_mul(997);
    (0..COUNT)
        .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST)
        .map(|port| u16::try_from(port).unwrap())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("there is a free port")
}
