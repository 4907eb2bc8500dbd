//! `ferry-bench`: how long things take, each beside a peer that does the least there is to do, in the
//! same run on the same machine. `make bench` builds and runs it. It judges nothing: a number means
//! something only next to its peer's.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod accounts;
mod base;
mod credentials;
mod crossing;
mod crowd;
mod figures;
mod scan;

use std::process::ExitCode;

/// A bench: its name and what it runs in a folder of its own.
type Bench = (&'static str, fn(&std::path::Path));

const BENCHES: [Bench; 5] = [
    ("credentials", credentials::run),
    ("crossing", crossing::run),
    ("accounts", accounts::run),
    ("scan", scan::run),
    ("crowd", crowd::run),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let known: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
    if let Some(other) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!(
            "there is no bench `{other}`; there are {}",
            known.join(", ")
        );
        return ExitCode::from(2);
    }
    println!("{}", figures::machine());
    for (name, run) in BENCHES {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            let folder = tempfile::tempdir().unwrap();
            run(folder.path());
        }
    }
    ExitCode::SUCCESS
}
