//! The JNI door in a real JVM, with every check of JNI calls switched on.
//!
//! The Java classes are the plugin's own; the programs that use them are in `tests/java`.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use support::{Source, config, library, repository, run};

/// Compiles the plugin's three classes and the tests' programs into `folder`.
fn compile(folder: &Path) {
    let plugin = repository().join("jvm-bridge/src/main/java/io/ferry/bridge");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java");
    let mut command = Command::new("javac");
    command.args([
        "--release",
        "11",
        "-Xlint:all",
        "-Werror",
        "-Xlint:-options",
        "-d",
    ]);
    command.arg(folder);
    for class in ["NativeCore", "Reply", "FerryException"] {
        command.arg(plugin.join(class).with_extension("java"));
    }
    for class in ["Crossing", "Fault"] {
        command.arg(own.join(class).with_extension("java"));
    }
    run(&mut command);
}

fn java(classes: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("java");
    command.args(["-Xcheck:jni", "-Xmx256m", "-cp"]);
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
    let source = Source::start();
    std::fs::write(
        folder.path().join("garbage.db"),
        "this is no database ".repeat(500),
    )
    .unwrap();
    compile(&folder.path().join("classes"));
    let json = config(folder.path(), &source.url(), &[]);
    let library = library();
    let output = java(
        &folder.path().join("classes"),
        &["io.ferry.bridge.Crossing", library.to_str().unwrap(), &json],
    );
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.ends_with("crossed\n"), "{stdout}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("ferry 2"), "{stderr}");
    println!("{stdout}");
}
