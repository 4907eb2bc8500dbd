//! Log lines on the process's stderr, each beginning with `ferry`.
//!
//! Installed by the first core of the process; later ones share it, and its level. Lines are
//! written by the cores' threads only, never by a thread of the JVM.

use std::io::{self, Write};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

/// Begins to log what `filter` lets pass, unless an earlier core did.
pub(crate) fn start(filter: Targets) {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(|| Prefixed);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    // An error says that an earlier core's is there.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Prefixed;

impl Write for Prefixed {
    /// Takes a whole line, as the formatter gives it, and writes it at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut whole = Vec::with_capacity(line.len() + 6);
        whole.extend_from_slice(b"ferry ");
        whole.extend_from_slice(line);
        io::stderr().write_all(&whole)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
