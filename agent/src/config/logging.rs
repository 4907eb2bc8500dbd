//! `logging.*`: how the log looks and where it goes.
//!
//! Used by `config`; `logging` acts on it.

use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::read::Document;
use super::{ConfigError, Environment};

/// `logging.*`
#[derive(Debug, Clone)]
pub struct Logging {
    /// Text or JSON.
    pub format: LogFormat,
    /// The agent's own level.
    pub level: LevelFilter,
    /// Where it goes; `None`: standard output.
    pub file: Option<LogFile>,
    /// `fields`: what every line has besides.
    pub fields: Vec<(String, String)>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// `logging.file`, and when it is put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is.
    pub path: PathBuf,
    /// `multiWrite`: standard output has everything, too.
    pub also_stdout: bool,
    /// `maxSizeMb`, in bytes: a larger one is put aside.
    pub max_bytes: usize,
    /// `maxAgeDays`: older ones are removed; `None`: none.
    pub max_age: Option<Duration>,
    /// `maxBackups`: so many are kept; `None`: all.
    pub max_backups: Option<usize>,
    /// `localTime`: local time in the names of those put aside; otherwise UTC.
    pub local_time: bool,
    /// `compress`: those put aside are compressed.
    pub compress: bool,
}

impl Logging {
    pub(super) fn read(
        document: &Document,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let key = "logging.format";
        let format = match document.text(key)?.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => return Err(document.wrong(key, "text or json")),
        };
        let key = "logging.level";
        let level = document.text(key)?.unwrap_or_else(|| "info".into());
        let level = match level.to_ascii_lowercase().as_str() {
            "panic" | "fatal" | "error" => LevelFilter::ERROR,
            "warn" | "warning" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => {
                let levels = "panic, fatal, error, warn, info, debug or trace";
                return Err(document.wrong(key, levels));
            }
        };
        Ok(Self {
            format,
            level,
            file: file(document)?,
            fields: fields(document, environment)?,
        })
    }
}

fn file(document: &Document) -> Result<Option<LogFile>, ConfigError> {
    // Read even where there is no file: a wrong value is wrong.
    let number = |key: &str, default: u64| -> Result<u64, ConfigError> {
        Ok(document.whole(key, 100_000)?.unwrap_or(default))
    };
    let flag = |key: &str, default: bool| -> Result<bool, ConfigError> {
        Ok(document.flag(key)?.unwrap_or(default))
    };
    let key = "logging.maxSizeMb";
    let megabytes = number(key, 1)?;
    if megabytes == 0 {
        return Err(document.wrong(key, "a whole number from 1 to 100000"));
    }
    let days = number("logging.maxAgeDays", 10)?;
    let backups = number("logging.maxBackups", 10)?;
    let file = LogFile {
        path: document.file("logging.file")?.unwrap_or_default(),
        also_stdout: flag("logging.multiWrite", false)?,
        max_bytes: usize::try_from(megabytes << 20).unwrap_or(usize::MAX),
        max_age: (days > 0).then(|| Duration::from_secs(days * 86_400)),
        max_backups: usize::try_from(backups).ok().filter(|most| *most > 0),
        local_time: flag("logging.localTime", true)?,
        compress: flag("logging.compress", false)?,
    };
    let standard = file.path.as_os_str().is_empty() || *file.path == *"stdout";
    Ok((!standard).then_some(file))
}

/// `agentCluster` and `agentNamespace` are filled when they are named and empty.
fn fields(
    document: &Document,
    environment: &Environment,
) -> Result<Vec<(String, String)>, ConfigError> {
    let key = "logging.fields";
    let value = document.at(key);
    let Some(object) = value.as_object() else {
        return match value.is_null() {
            true => Ok(Vec::new()),
            false => Err(document.wrong(key, "names and texts")),
        };
    };
    let field = |(name, value): (&String, &serde_json::Value)| {
        let text = match value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            value if !value.is_object() && !value.is_array() => value.to_string(),
            value => return Err(document.wrong_value(&format!("{key}.{name}"), value, "a text")),
        };
        let found = match name.as_str() {
            "agentCluster" => environment.cluster.clone(),
            "agentNamespace" => environment.namespace.clone(),
            _ => None,
        };
        let text = match text.is_empty() {
            true => found.unwrap_or_default(),
            false => text,
        };
        Ok((name.clone(), text))
    };
    object.iter().map(field).collect()
}
