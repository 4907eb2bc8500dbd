//! The configurations of the sidecar and of the agent: any file is read, or refused with sentences.
#![no_main]

use ferry_agent::config::{Config, Environment};
use ferry_fuzz::in_memory;
use ferry_sidecar::Settings;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::OnceLock;

fuzz_target!(|data: &[u8]| {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let file = FILE.get_or_init(|| in_memory().keep().join("sidecar.yml"));
    std::fs::write(file, data).expect("the folder can be written");
    if let Err(errors) = Settings::read(Some(file), []) {
        assert!(!errors.to_string().is_empty());
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(error) = Config::parse(text, "armory-agent.yml", &Environment::here()) {
        assert!(!error.to_string().is_empty());
    }
});
