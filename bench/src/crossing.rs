//! What it costs to cross from Java into the core's library and back: `abiVersion`, which does
//! nothing but pass the guard that every exported function has, beside a call within Java.

use crate::figures::{median, times};
use ferry_tests::place::{program, repository};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub(crate) fn run(folder: &Path) {
    let bridge = repository().join("jvm-bridge/src/main/java/io/ferry/bridge");
    let classes = ["NativeCore", "Reply", "FerryException"];
    let classes = classes.map(|class| bridge.join(class).with_extension("java"));
    let mut javac = Command::new("javac");
    javac.args(["-encoding", "UTF-8", "-d"]);
    javac.arg(folder).args(classes);
    javac.arg(repository().join("bench/java/NoOp.java"));
    assert!(javac.status().unwrap().success(), "NoOp does not compile");
    let mut java = Command::new("java");
    java.arg("-cp").arg(folder).arg("io.ferry.bridge.NoOp");
    let said = java.arg(program("libferry_ffi.so")).output().unwrap();
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{errors}");
    let said = String::from_utf8(said.stdout).unwrap();
    let nanoseconds = |column: usize| -> Duration {
        let took = said.lines().map(|line| {
            let text = line.split(' ').nth(column).unwrap();
            Duration::from_secs_f64(text.parse::<f64>().unwrap() / 1e9 * 1000.0)
        });
        median(&took.collect::<Vec<_>>())
    };
    // Durations count whole nanoseconds: these are of a thousand calls.
    let (crossing, call) = (nanoseconds(0), nanoseconds(1));
    println!("\nJNI, a body that does nothing, median of 5 runs");
    println!(
        "  a crossing {:.3} µs {}   a call within Java {:.3} µs",
        crossing.as_secs_f64() * 1000.0,
        times(crossing, call),
        call.as_secs_f64() * 1000.0,
    );
}
