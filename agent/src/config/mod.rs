//! The agent's configuration: armory-agent.yml as one typed value.
//!
//! `main` loads it before anything else starts. A key that nobody documents stops the start, as does
//! a wrong value; documented keys without effect here are kept by name, to be told in the log.

mod accounts;
mod check;
mod core;
mod engines;
mod files;
mod identity;
mod keys;
mod kubernetes;
mod layers;
mod logging;
mod read;
mod server;

use std::path::PathBuf;

use ferry_reference::Engines;
use serde_json::Value;
use thiserror::Error;

use crate::accounts::FixedAccount;
use crate::cause::Place;
use crate::cluster::settings::Settings;
use crate::kubeconfig::place;
use crate::session::Identity;
use check::{BadKey, check};
pub use core::{CoreLink, ResponseRetries};
pub use files::Files;
pub use identity::Environment;
pub use keys::{KEYS, Key};
pub(crate) use layers::Rest;
pub use logging::{LogFile, LogFormat, Logging};
use read::Document;
pub use server::Server;

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
    /// `secrets.*`: where references of its own accounts lead.
    pub engines: Engines,
    /// `server.*`
    pub server: Server,
    /// `prometheus.port`, if `prometheus.enabled`.
    pub metrics: Option<u16>,
    /// `logging.*`
    pub logging: Logging,
    /// `dynamicAccountsEnabled`: whether the core may give it accounts.
    pub dynamic_accounts: bool,
    /// Where it was read from, and in what surroundings: asked again while the agent runs.
    pub origin: Option<(Files, Environment)>,
    pub(crate) rest: Rest,
    /// Keys that are documented for the Scale Agent and have no effect here, each with the reason.
    pub unused: Vec<String>,
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
    /// A value where there should be keys. It is not shown: it may be a token.
    #[error("{key} has a value of its own in {file}; expected keys below it, such as {below}")]
    ValueForKeys {
        /// Its path.
        key: String,
        /// The file.
        file: String,
        /// A known key below it.
        below: &'static str,
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
        /// The value, as JSON, unless it may be a secret.
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
    /// Reads the files; without any, defaults hold.
    pub fn load(files: &Files, environment: &Environment) -> Result<Self, ConfigError> {
        let mut whole = Document {
            root: Value::Null,
            file: "no file".into(),
        };
        let mut unused = Vec::new();
        for (at, (file, text)) in files.read()?.into_iter().enumerate() {
            let (layer, named) = document(&text, &file)?;
            layers::lay(&mut whole.root, layer);
            unused.extend(named);
            whole.file = match at {
                0 => file,
                _ => format!("{} and {file}", whole.file),
            };
        }
        let config = Self::of(&whole, unused, environment)?;
        Ok(Self {
            origin: Some((files.clone(), environment.clone())),
            ..config
        })
    }

    /// Reads a configuration's text. `file` is for errors.
    pub fn parse(text: &str, file: &str, environment: &Environment) -> Result<Self, ConfigError> {
        let (root, unused) = document(text, file)?;
        let file = file.to_owned();
        Self::of(&Document { root, file }, unused, environment)
    }

    fn of(
        document: &Document,
        mut unused: Vec<String>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        unused.sort();
        unused.dedup();
        Ok(Self {
            identity: Identity {
                agent_id: environment.hostname.clone(),
                zone_id: document
                    .text("zoneId")?
                    .unwrap_or_else(|| environment.zone()),
            },
            core: CoreLink::read(document)?,
            accounts: accounts::read(document)?,
            clusters: kubernetes::settings(document)?,
            kubeconfig_folders: kubernetes::folders(document)?,
            engines: engines::read(document)?,
            server: Server::read(document)?,
            metrics: server::metrics(document)?,
            logging: Logging::read(document, environment)?,
            dynamic_accounts: document.flag("dynamicAccountsEnabled")?.unwrap_or(true),
            origin: None,
            rest: Rest::of(&document.root),
            unused,
        })
    }
}

/// A file's content, with its keys as they are documented, and those that are not used.
fn document(text: &str, file: &str) -> Result<(Value, Vec<String>), ConfigError> {
    let file = file.to_owned();
    // Only true and false are booleans: a namespace may be called `on`.
    let options = serde_saphyr::options! { strict_booleans: true };
    // A file of nothing but comments is an empty configuration.
    let root: Option<Value> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| ConfigError::Yaml {
            file: file.clone(),
            place: place(&error),
        })?;
    let mut root = root.unwrap_or_default();
    if !root.is_object() && !root.is_null() {
        let place = Place { line: 1, column: 1 };
        return Err(ConfigError::Yaml { file, place });
    }
    let unused = check(&mut root).map_err(|bad| match bad {
        BadKey::Unknown { key, nearest } => ConfigError::UnknownKey { key, file, nearest },
        BadKey::Value { key, below } => ConfigError::ValueForKeys { key, file, below },
        BadKey::Twice { key } => ConfigError::KeyTwice { key, file },
    })?;
    Ok((root, unused))
}
