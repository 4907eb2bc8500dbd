//! The library of this machine, for tests that load it.

use std::path::PathBuf;

/// The library that `cargo test` built beside the test programs.
pub fn library() -> PathBuf {
    let library = std::env::current_exe().unwrap();
    let library = library.with_file_name("libferry_ffi.so");
    assert!(library.exists(), "{} is not built", library.display());
    library
}
