//! Log lines on stderr, so that stdout holds nothing but the line with the addresses.
//!
//! Called once by `server`. No line of the sidecar holds a body, a query or the value of a header.

use crate::config::LogSettings;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging.
pub(crate) fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(&settings.level);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if settings.json {
        lines.json().init();
    } else {
        lines.init();
    }
}
