//! Holds `include/ferry.h` to the code: it is made anew and compared.
//!
//! `UPDATE=1 cargo test -p ferry-ffi --test header` writes the file instead.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

#[test]
fn the_header_is_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = cbindgen::Builder::new()
        .with_config(cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap())
        .with_src(root.join("src/c/mod.rs"))
        .generate()
        .unwrap();
    let mut text = Vec::new();
    made.write(&mut text);
    let text = String::from_utf8(text).unwrap();
    let kept = root.join("include/ferry.h");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&kept, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&kept).unwrap_or_default();
    assert!(
        text == kept,
        "include/ferry.h is stale: run UPDATE=1 cargo test -p ferry-ffi --test header"
    );
}
