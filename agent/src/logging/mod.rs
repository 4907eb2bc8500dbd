//! The log: the agent's own words at the configured level, other crates' only when they matter.
//!
//! `main` sets it up once. kube's crates are silent: their messages quote what API servers answer.
//! The rest of the HTTP and TLS stack never goes below info, so no level shows headers or tokens.

mod file;
mod line;

use std::io;
use std::sync::Mutex;

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::prelude::*;

use crate::config::Logging;
use line::Lines;

/// Why there is no log.
#[derive(Debug, Error)]
#[error("logging.file: {file} cannot be written: {source}")]
pub struct LogError {
    /// The file.
    file: String,
    /// What the system says.
    source: io::Error,
}

/// Sets up the log, once per process. `agent_id` is in every line.
pub fn start(logging: &Logging, agent_id: &str) -> Result<(), LogError> {
    let writer = match &logging.file {
        None => BoxMakeWriter::new(io::stdout),
        Some(file) => {
            let opened = file::open(file).map_err(|source| LogError {
                file: file.path.display().to_string(),
                source,
            })?;
            let opened = Mutex::new(opened);
            match file.also_stdout {
                true => BoxMakeWriter::new(opened.and(io::stdout)),
                false => BoxMakeWriter::new(opened),
            }
        }
    };
    tracing_subscriber::registry()
        .with(filter(logging.level))
        .with(
            layer()
                .event_format(lines(logging, agent_id))
                .with_writer(writer),
        )
        .init();
    Ok(())
}

fn lines(logging: &Logging, agent_id: &str) -> Lines {
    let mut everywhere = vec![("agentId".to_owned(), agent_id.to_owned())];
    everywhere.extend(logging.fields.clone());
    Lines {
        format: logging.format,
        everywhere,
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
