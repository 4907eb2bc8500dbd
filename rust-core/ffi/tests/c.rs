//! The C ABI: a program that has nothing but the header, and every function's faults.

#![allow(missing_docs, clippy::unwrap_used)]
// SAFETY of every block here: what is passed lives until the call returns, and results are either
// all zero or filled by the library.
#![allow(clippy::undocumented_unsafe_blocks)]

#[path = "support/built.rs"]
mod built;
mod support;
#[path = "support/walk.rs"]
mod walk;

use built::library;
use ferry_ffi::c::*;
use ferry_ffi::fault::{Fault, arm};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{clouddriver_database, config};
use walk::walk;

#[test]
fn a_c_program_walks_an_account() {
    walk(Command::new("cc"), &library(), |program| {
        Command::new(program)
    });
}

/// A result that nobody filled.
fn empty() -> FerryResult {
    unsafe { std::mem::zeroed() }
}

fn slice(text: &str) -> FerrySlice {
    FerrySlice {
        data: text.as_ptr(),
        len: text.len(),
    }
}

/// What a call gives: its kind, its id and its message. Frees the result.
fn call(function: impl FnOnce(*mut FerryResult) -> i32) -> (i32, i64, String) {
    let mut out = empty();
    let kind = function(&mut out);
    assert_eq!(kind, out.kind);
    let message = if out.message.data.is_null() {
        String::new()
    } else {
        let said = unsafe { std::slice::from_raw_parts(out.message.data, out.message.len) };
        String::from_utf8(said.to_vec()).unwrap()
    };
    let id = out.id;
    unsafe { ferry_free(&mut out) };
    (kind, id, message)
}

fn start(json: &str) -> i64 {
    let (kind, id, message) = call(|out| unsafe { ferry_start(slice(json), out) });
    assert_eq!(kind, 0, "{message}");
    id
}

fn ask(core: i64, target: &str, out: *mut FerryResult) -> i32 {
    let request = FerryRequest {
        method: slice("GET"),
        target: slice(target),
        headers: std::ptr::null(),
        headers_len: 0,
        body: slice(""),
    };
    unsafe { ferry_handle(core, &request, out) }
}

/// The faults are the process's: the tests that arm them follow one another in this one.
#[test]
fn every_function_survives_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    let json = config(
        &clouddriver_database(folder.path()),
        &[("kubesvc.log.level", "error")],
    );
    let core = start(&json);
    type Function<'a> = &'a dyn Fn(*mut FerryResult) -> i32;
    let request = FerryRequest {
        method: slice("DELETE"),
        target: slice("/credentials/x"),
        headers: std::ptr::null(),
        headers_len: 0,
        body: slice(""),
    };
    let verbs: [(&str, bool, Function); 8] = [
        ("start", true, &|out| unsafe {
            ferry_start(slice(&json), out)
        }),
        ("interceptBegin", true, &|out| unsafe {
            ferry_intercept_begin(core, &request, out)
        }),
        ("interceptEnd", true, &|out| unsafe {
            ferry_intercept_end(core, 0, 0, out)
        }),
        ("handle", true, &|out| ask(core, "/armory/agents", out)),
        ("metrics", true, &|out| unsafe { ferry_metrics(core, out) }),
        ("notReady", true, &|out| unsafe {
            ferry_not_ready(core, out)
        }),
        ("grpcAddress", true, &|out| unsafe {
            ferry_grpc_address(core, out)
        }),
        ("shutdown", false, &|out| unsafe {
            ferry_shutdown(core, out)
        }),
    ];
    for (verb, has_task, function) in verbs {
        for (fault, expected) in [
            (Fault::Panic, FERRY_PANIC),
            (Fault::Error, FERRY_INTERNAL),
            (Fault::TaskPanic, FERRY_PANIC),
        ] {
            if fault == Fault::TaskPanic && !has_task {
                continue;
            }
            arm(verb, fault);
            let (kind, _, message) = call(function);
            assert_eq!(kind, expected, "{verb} {fault:?}: {message}");
            assert!(message.contains("fault"), "{message}");
        }
    }
    arm("abiVersion", Fault::Panic);
    assert_eq!(ferry_abi_version(), 0);
    assert_eq!(ferry_abi_version(), 1);
    arm("free", Fault::Panic);
    let mut out = empty();
    unsafe { ferry_free(&mut out) };
    assert_eq!(call(|out| ask(core, "/armory/agents", out)).0, 0);
    hangs(core);
}

/// A call that hangs holds neither the shutdown up nor its caller.
fn hangs(core: i64) {
    arm("metrics", Fault::TaskHang);
    let hung = std::thread::spawn(move || call(|out| unsafe { ferry_metrics(core, out) }).0);
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    let second = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        let late = call(|out| ask(core, "/armory/agents", out)).0;
        (late, call(|out| unsafe { ferry_shutdown(core, out) }).0)
    });
    assert_eq!(call(|out| unsafe { ferry_shutdown(core, out) }).0, 0);
    assert!(
        began.elapsed() < Duration::from_secs(11),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(second.join().unwrap(), (FERRY_SHUTDOWN, 0));
    assert_eq!(hung.join().unwrap(), FERRY_SHUTDOWN);
    assert_eq!(
        call(|out| unsafe { ferry_metrics(core, out) }).0,
        FERRY_STALE_HANDLE
    );
}

/// What keeps a core from starting is told by its kind, and leaves nothing behind: the same start
/// succeeds once the reason is gone.
#[test]
fn a_core_that_does_not_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |json: &str| {
        let (kind, _, message) = call(|out| unsafe { ferry_start(slice(json), out) });
        (kind, message)
    };
    let absent = folder.path().join("absent/clouddriver.db");
    let (kind, message) = refused(&support::config(&absent, &[]));
    assert_eq!(kind, FERRY_DATABASE, "{message}");
    assert!(message.contains("absent/clouddriver.db"), "{message}");

    let database = support::clouddriver_database(folder.path());
    let key = folder.path().join("ferry.key");
    std::fs::write(&key, "too short").unwrap();
    let key_file = [("kubesvc.secrets.keyFile", key.to_str().unwrap())];
    let (kind, message) = refused(&support::config(&database, &key_file));
    assert_eq!(kind, FERRY_KEY_FILE, "{message}");
    std::fs::remove_file(&key).unwrap();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let json = support::config(&database, &[("kubesvc.grpc.server.port", &port)]);
    let (kind, message) = refused(&json);
    assert_eq!(kind, FERRY_LISTEN, "{message}");
    assert!(message.contains(&port), "{message}");
    drop(taken);
    let core = start(&json);
    assert_eq!(call(|out| unsafe { ferry_shutdown(core, out) }).0, 0);
}
