//! The agent's configuration: armory-agent.yml as one typed value.
//!
//! `main` loads it before anything else starts. A key that nobody documents stops the start, as does
//! a wrong value; documented keys without effect here are kept by name, to be told in the log.

mod accounts;
mod check;
mod core;
mod identity;
mod keys;
mod kubernetes;
mod read;

use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;
use tracing::level_filters::LevelFilter;

use crate::accounts::FixedAccount;
use crate::cause::Place;
use crate::cluster::settings::Settings;
use crate::kubeconfig::place;
use crate::session::Identity;
use check::{BadKey, check};
pub use core::CoreLink;
pub use identity::Environment;
pub use keys::{KEYS, Key};
use read::Document;

/// Where the Scale Agent has its configuration.
const USUAL_FILES: [&str; 2] = [
    "/opt/armory/config/armory-agent.yml",
    "/opt/armory/config/armory-agent.yaml",
];

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Agent id and zone.
    pub identity: Identity,
    /// How to reach the core.
    pub core: CoreLink,
    /// `kubernetes.accounts`
    pub accounts: Vec<FixedAccount>,
    /// `kubernetes.*`: how clusters are treated.
    pub clusters: Settings,
    /// `kubernetes.kubeconfigFolders`: below these the core may name kubeconfig files.
    pub kubeconfig_folders: Vec<PathBuf>,
    /// `server.*`
    pub server: Server,
    /// `prometheus.port`, if `prometheus.enabled`.
    pub metrics: Option<u16>,
    /// `logging.*`
    pub logging: Logging,
    /// Keys that are documented for the Scale Agent and have no effect here, each with the reason.
    pub unused: Vec<String>,
}

/// `server.*`: where people and probes ask the agent.
#[derive(Debug, Clone)]
pub struct Server {
    /// A host name or address of this machine.
    pub host: String,
    /// 0 takes any.
    pub port: u16,
}

/// `logging.*`
#[derive(Debug, Clone)]
pub struct Logging {
    /// Text or JSON.
    pub format: LogFormat,
    /// The agent's own level.
    pub level: LevelFilter,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// Why a configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {file} cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not YAML. Only the place is told: the text may hold a secret.
    #[error("the configuration {file} is not valid YAML ({place})")]
    Yaml {
        /// The file.
        file: String,
        /// Where.
        place: Place,
    },
    /// A key that nobody documents.
    #[error("unknown key {key} in {file}; the nearest known key is {nearest}")]
    UnknownKey {
        /// Its path.
        key: String,
        /// The file.
        file: String,
        /// The known key that is most like it.
        nearest: &'static str,
    },
    /// A key in two spellings.
    #[error(
        "{key} in {file} is there twice, in spellings that mean the same, and they differ; keep one of them"
    )]
    KeyTwice {
        /// The second one's path.
        key: String,
        /// The file.
        file: String,
    },
    /// A value that cannot be used.
    #[error("{key} is {value} in {file}; expected {expected}")]
    BadValue {
        /// The key's path.
        key: String,
        /// The value, as JSON.
        value: String,
        /// What it should be.
        expected: String,
        /// The file.
        file: String,
    },
    /// An account that cannot be used.
    #[error("account {account} of kubernetes.accounts in {file}: {wrong}")]
    Account {
        /// The account's name.
        account: String,
        /// The file.
        file: String,
        /// What is wrong and what to do.
        wrong: String,
    },
}

impl Config {
    /// Reads the file, or the usual one, or takes the defaults when there is none.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let usual = || USUAL_FILES.iter().map(Path::new).find(|file| file.exists());
        let Some(file) = file.or_else(usual) else {
            return Self::parse("", "no file", environment);
        };
        let name = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, &name, environment),
            Err(source) => Err(ConfigError::Read { file: name, source }),
        }
    }

    /// Reads a configuration's text. `file` is for errors.
    pub fn parse(text: &str, file: &str, environment: &Environment) -> Result<Self, ConfigError> {
        let file = file.to_owned();
        // A file of nothing but comments is an empty configuration.
        // Only true and false are booleans: a namespace may be called `on`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let root: Option<Value> =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| {
                ConfigError::Yaml {
                    file: file.clone(),
                    place: place(&error),
                }
            })?;
        let mut document = Document {
            root: root.unwrap_or_default(),
            file: file.clone(),
        };
        if !document.root.is_object() && !document.root.is_null() {
            let place = Place { line: 1, column: 1 };
            return Err(ConfigError::Yaml { file, place });
        }
        let unused = check(&mut document.root).map_err(|bad| match bad {
            BadKey::Unknown { key, nearest } => ConfigError::UnknownKey { key, file, nearest },
            BadKey::Twice { key } => ConfigError::KeyTwice { key, file },
        })?;
        Ok(Self {
            identity: Identity {
                agent_id: environment.hostname.clone(),
                zone_id: document
                    .text("zoneId")?
                    .unwrap_or_else(|| environment.zone()),
            },
            core: CoreLink::read(&document)?,
            accounts: accounts::read(&document)?,
            clusters: kubernetes::settings(&document)?,
            kubeconfig_folders: kubernetes::folders(&document)?,
            server: Server {
                host: document
                    .text("server.host")?
                    .unwrap_or_else(|| "localhost".into()),
                port: port(&document, "server.port", 8082)?,
            },
            metrics: document
                .flag("prometheus.enabled")?
                .unwrap_or(false)
                .then(|| port(&document, "prometheus.port", 8008))
                .transpose()?,
            logging: logging(&document)?,
            unused,
        })
    }
}

fn port(document: &Document, key: &str, default: u16) -> Result<u16, ConfigError> {
    let port = document.whole(key, u16::MAX.into())?;
    Ok(port.map_or(default, |port| {
        u16::try_from(port).expect("it is not above u16::MAX")
    }))
}

fn logging(document: &Document) -> Result<Logging, ConfigError> {
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
        _ => return Err(document.wrong(key, "panic, fatal, error, warn, info, debug or trace")),
    };
    Ok(Logging { format, level })
}
