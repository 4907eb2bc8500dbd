//! The log: the agent's own words at the configured level, other crates' only when they matter.
//!
//! `main` sets it up once. kube's crates are silent: their messages quote what API servers answer.
//! The rest of the HTTP and TLS stack never goes below info, so no level shows headers or tokens.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::config::{LogFormat, Logging};

/// Sets up the log on standard output, once per process.
pub fn start(logging: &Logging) {
    let registry = tracing_subscriber::registry().with(filter(logging.level));
    match logging.format {
        LogFormat::Text => registry
            .with(tracing_subscriber::fmt::layer().with_ansi(false))
            .init(),
        LogFormat::Json => {
            registry
                .with(tracing_subscriber::fmt::layer().json().flatten_event(true))
                .init();
        }
    }
}

fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::INFO))
        .with_target("ferry_agent", level)
        .with_target("kube", LevelFilter::OFF)
        .with_target("kube_client", LevelFilter::OFF)
        .with_target("kube_runtime", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn foreign_crates_are_held_back_at_every_level() {
        let filter = filter(LevelFilter::TRACE);
        assert!(filter.would_enable("ferry_agent::session", &Level::TRACE));
        assert!(!filter.would_enable("h2::codec", &Level::DEBUG));
        assert!(filter.would_enable("tonic::transport", &Level::INFO));
        assert!(!filter.would_enable("kube_client::client", &Level::ERROR));
        let quiet = super::filter(LevelFilter::ERROR);
        assert!(!quiet.would_enable("tonic::transport", &Level::INFO));
    }
}
