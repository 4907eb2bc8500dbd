//! Kubeconfigs as the core sends them: taken, or refused with a sentence.
#![no_main]

use ferry_agent::kubeconfig::{Source, access};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source::Sent(text.to_owned().into());
    if let Err(refusal) = access(&source, None, &[]) {
        assert!(!refusal.to_string().is_empty());
    }
});
