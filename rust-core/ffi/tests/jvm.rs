//! The JNI door in a real JVM, with every check of JNI calls switched on.
//!
//! The Java classes are the plugin's own; the programs that use them are in `tests/java`.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/built.rs"]
mod built;
mod support;

use built::library;
use std::path::Path;
use std::process::{Command, Output};
use support::{clouddriver_database, config, repository, run};

/// Compiles the plugin's three classes and the tests' programs into `folder`.
fn compile(folder: &Path) {
    let plugin = repository().join("jvm-bridge/src/main/java/io/ferry/bridge");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java");
    let mut command = Command::new("javac");
    command.args([
        "--release",
        "11",
        "-encoding",
        "UTF-8",
        "-Xlint:all",
        "-Werror",
        "-Xlint:-options",
        "-d",
    ]);
    command.arg(folder);
    for class in ["NativeCore", "Reply", "FerryException"] {
        command.arg(plugin.join(class).with_extension("java"));
    }
    for class in ["Crossing", "Fault", "Reload"] {
        command.arg(own.join(class).with_extension("java"));
    }
    run(&mut command);
}

fn java(classes: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("java");
    command.args(["-Xcheck:jni", "-Xmx256m"]);
    let error_file = classes.with_file_name("hs_err.log");
    command.arg(format!("-XX:ErrorFile={}", error_file.display()));
    command.arg("-cp");
    command.arg(classes).args(arguments);
    let output = run(&mut command);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for complaint in ["WARNING", "FATAL ERROR in native method", "Warning:"] {
        assert!(!said.contains(complaint), "{said}");
    }
    output
}

#[test]
fn every_method_answers_and_fails_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("garbage.db"),
        "this is no database ".repeat(500),
    )
    .unwrap();
    compile(&folder.path().join("classes"));
    let json = config(&clouddriver_database(folder.path()), &[]);
    let library = library();
    let output = java(
        &folder.path().join("classes"),
        &["io.ferry.bridge.Crossing", library.to_str().unwrap(), &json],
    );
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.ends_with("crossed\n"), "{stdout}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("ferry 2"), "{stderr}");
    eprintln!("{stdout}");
}

/// What is left of `times` loads of the library.
struct Left {
    /// Per load that was counted.
    files: f64,
    /// Per load that was counted.
    resident_kib: f64,
    threads: i64,
    libraries: i64,
    stdout: String,
}

fn reload(times: i64, end: &str) -> Left {
    let folder = tempfile::tempdir().unwrap();
    let classes = folder.path().join("classes");
    compile(&classes);
    let copy = folder.path().join("libferry_ffi.so");
    std::fs::copy(library(), &copy).unwrap();
    let quiet = [("kubesvc.log.level", "off")];
    let json = config(&clouddriver_database(folder.path()), &quiet);
    let output = java(
        &classes,
        &[
            "io.ferry.bridge.Reload",
            copy.to_str().unwrap(),
            &json,
            classes.to_str().unwrap(),
            &times.to_string(),
            end,
        ],
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    let number = |when: &str, what: &str| -> i64 {
        let line = stdout.lines().find(|line| line.starts_with(when)).unwrap();
        let value = line
            .split(' ')
            .find_map(|part| part.strip_prefix(what))
            .unwrap();
        value.parse().unwrap()
    };
    let counted = (times - times / 10 - 1).max(1) as f64;
    let per_load = |what| (number("after", what) - number("before", what)) as f64 / counted;
    Left {
        files: per_load("files="),
        resident_kib: per_load("resident-kib="),
        threads: number("after", "threads=") - number("before", "threads="),
        libraries: number("after", "libraries="),
        stdout,
    }
}

/// Of a tokio that has signals each load keeps a pair of sockets. We need none, but a build
/// of the whole workspace has them, for the programs do.
fn files_of_signals() -> f64 {
    let library = std::fs::read(library()).unwrap();
    let pair = b"failed to create UnixStream";
    let has = library.windows(pair.len()).any(|bytes| bytes == pair);
    if has { 2.0 } else { 0.0 }
}

#[test]
fn a_hundred_loads_leave_nothing_behind() {
    for end in ["shutdown", "unload"] {
        let left = reload(100, end);
        assert_eq!(left.libraries, 0, "{}", left.stdout);
        assert!(left.threads <= 0, "{}", left.stdout);
        assert!(left.stdout.ends_with("left\n"), "{}", left.stdout);
        assert!(left.files <= files_of_signals() + 0.05, "{}", left.stdout);
        assert!(left.resident_kib < 512.0, "{}", left.stdout);
        eprintln!("{end}: {}", left.stdout);
    }
}

#[test]
fn a_library_in_which_a_thread_hangs_stays() {
    let left = reload(1, "hang");
    assert_eq!(left.libraries, 1, "{}", left.stdout);
    assert!(left.stdout.starts_with("SHUTDOWN\n"), "{}", left.stdout);
}
