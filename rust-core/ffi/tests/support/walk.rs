//! The C program that walks an account with nothing but the header: compiled, linked, run.

use crate::support::{clouddriver_database, config, repository, run};
use std::path::Path;
use std::process::Command;

/// Has `compiler` make the program for `library`, and runs it as `starting` says, given its path. Every
/// answer that the library gives must be as the program expects.
pub fn walk(mut compiler: Command, library: &Path, starting: impl FnOnce(&Path) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("walk");
    let beside = library.parent().unwrap();
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"]);
    compiler.arg(repository().join("rust-core/ffi/include"));
    compiler.arg(repository().join("tests/c/walk.c"));
    compiler.arg("-o").arg(&program).arg(library);
    compiler.arg(format!("-Wl,-rpath,{}", beside.display()));
    run(&mut compiler);
    let json = config(&clouddriver_database(folder.path()), &[]);
    let output = run(starting(&program).arg(json));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "walked\n");
}
