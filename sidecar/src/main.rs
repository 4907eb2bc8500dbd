//! ferry-sidecar.

fn main() {}
