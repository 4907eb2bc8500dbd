//! Holds `src/ferry.v1.rs` to the .proto: it is generated anew and compared.
//!
//! `UPDATE=1 cargo test -p ferry-wire` writes the file instead.

#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn generated_code_is_what_the_proto_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors = protox::compile(
        [root.join("proto/ferry/v1/agents.proto")],
        [root.join("proto")],
    )
    .unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut prost = prost_build::Config::new();
    // Their Debug is written by hand, without the kubeconfig.
    prost.skip_debug([".ferry.v1.Account"]);
    tonic_prost_build::configure()
        .out_dir(out.path())
        .compile_fds_with_config(descriptors, prost)
        .unwrap();
    let made = std::fs::read_to_string(out.path().join("ferry.v1.rs")).unwrap();
    let kept = root.join("src/ferry.v1.rs");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&kept, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&kept).unwrap();
    assert!(
        made == kept,
        "src/ferry.v1.rs is stale: run UPDATE=1 cargo test -p ferry-wire"
    );
}
