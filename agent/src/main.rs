//! ferry-agent.

fn main() {}
