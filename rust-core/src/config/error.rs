//! What can be wrong with a configuration, and all of it at once.
//!
//! Made by every step that reads one; printed by the program before it gives up. A message names
//! the key, where it was set, and what would be right. Values of keys that are not ours never
//! appear, for they may be secrets.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
    /// An environment variable.
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// A property that Clouddriver resolved: it does not say where it was set.
    Clouddriver,
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment { variable } => write!(f, "environment variable {variable}"),
            Origin::Clouddriver => f.write_str("Clouddriver's configuration"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file is not YAML.
    #[error("{}: is not valid YAML: {reason}", path.display())]
    NotYaml {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column, without the file's text.
        reason: String,
    },
    /// A key of ours that does not exist.
    #[error("{key} ({origin}): there is no such key; did you mean {nearest}?")]
    Unknown {
        /// The key as written.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// The known key that looks most like it.
        nearest: String,
    },
    /// A value where a section belongs.
    #[error("{key} ({origin}): is a section of keys and has no value itself")]
    Section {
        /// The key as written.
        key: String,
        /// Where it was set.
        origin: Origin,
    },
    /// A value of the wrong kind.
    #[error("{key} ({origin}): {value:?} is not {expectation}")]
    Value {
        /// The key as documented.
        key: &'static str,
        /// Where it was set.
        origin: Origin,
        /// What was set.
        value: String,
        /// What would be right.
        expectation: String,
    },
    /// A pattern that does not compile.
    #[error(
        "{key} ({origin}): pattern {pattern:?} does not compile, at position {position}: {reason}"
    )]
    Pattern {
        /// The key as documented.
        key: &'static str,
        /// Where it was set.
        origin: Origin,
        /// The pattern.
        pattern: String,
        /// The character, counted from 1.
        position: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A value that is right by itself but not in its place.
    #[error("{key} ({origin}): {reason}")]
    Refused {
        /// The key as documented.
        key: &'static str,
        /// Where it was set.
        origin: Origin,
        /// Why it is refused and what to do.
        reason: String,
    },
}

impl ConfigError {
    /// Whether it is about the value of this key.
    pub(super) fn is_of(&self, name: &str) -> bool {
        match self {
            ConfigError::Value { key, .. }
            | ConfigError::Pattern { key, .. }
            | ConfigError::Refused { key, .. } => *key == name,
            _ => false,
        }
    }
}

/// Everything that is wrong, a line each.
#[derive(Debug)]
pub struct ConfigErrors(
    /// Never empty.
    pub Vec<ConfigError>,
);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        ConfigErrors(vec![error])
    }
}
