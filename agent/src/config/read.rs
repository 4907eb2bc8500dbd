//! Typed values out of a configuration file, each by its path.
//!
//! Used by `config` after `keys` has checked the names. An error tells the key, its value, what was
//! expected and the file; of what may be a secret it shows nothing.

use std::fmt::Display;
use std::path::PathBuf;

use ferry_reference::is_content;
use secrecy::SecretString;
use serde_json::Value;

use super::ConfigError;
use crate::cause::printable;

const HIDDEN: &str = "[redacted]";

/// A file's content.
pub(super) struct Document {
    pub(super) root: Value,
    /// The file, for errors.
    pub(super) file: String,
}

impl Document {
    /// The value at a path such as `server.port`; null when it is not there.
    pub(super) fn at(&self, key: &str) -> &Value {
        key.split('.').fold(&self.root, |value, part| &value[part])
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.at(key) {
            Value::Null => Ok(None),
            Value::String(text) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
            _ => Err(self.wrong(key, "a text")),
        }
    }

    /// The path of a file.
    pub(super) fn file(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        match self.text(key)? {
            Some(content) if is_content(&content) => {
                Err(self.wrong(key, "the path of a file, not what is in it"))
            }
            path => Ok(path.map(PathBuf::from)),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.at(key) {
            Value::Null => Ok(None),
            Value::Bool(flag) => Ok(Some(*flag)),
            _ => Err(self.wrong(key, "true or false")),
        }
    }

    pub(super) fn whole(&self, key: &str, highest: u64) -> Result<Option<u64>, ConfigError> {
        let value = self.at(key);
        // Helm writes large numbers as 1e+09.
        let whole = value.as_u64().or_else(|| {
            let number = value
                .as_f64()
                .filter(|n| n.fract() == 0.0 && (0.0..1e18).contains(n))?;
            Some(number as u64)
        });
        match whole {
            _ if value.is_null() => Ok(None),
            Some(whole) if whole <= highest => Ok(Some(whole)),
            _ => Err(self.wrong(key, format!("a whole number from 0 to {highest}"))),
        }
    }

    pub(super) fn number(
        &self,
        key: &str,
        lowest: f64,
        highest: f64,
    ) -> Result<Option<f64>, ConfigError> {
        let value = self.at(key);
        match value.as_f64() {
            _ if value.is_null() => Ok(None),
            Some(number) if (lowest..=highest).contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(key, format!("a number from {lowest} to {highest}"))),
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<&[Value], ConfigError> {
        match self.at(key) {
            Value::Null => Ok(&[]),
            Value::Array(items) => Ok(items),
            _ => Err(self.wrong(key, "a list")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let text = |item: &Value| match item {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(self.wrong_value(key, other, "a list of texts")),
        };
        self.list(key)?.iter().map(text).collect()
    }

    /// A secret: an error shows nothing of it.
    pub(super) fn secret(&self, key: &str) -> Result<Option<SecretString>, ConfigError> {
        let value = self.at(key);
        match value.as_str() {
            _ if value.is_null() => Ok(None),
            Some("") => Ok(None),
            Some(text) => Ok(Some(text.into())),
            None => Err(self.wrong_shown(key, HIDDEN.into(), "a text")),
        }
    }

    pub(super) fn wrong(&self, key: &str, expected: impl Display) -> ConfigError {
        self.wrong_value(key, self.at(key), expected)
    }

    pub(super) fn wrong_value(
        &self,
        key: &str,
        value: &Value,
        expected: impl Display,
    ) -> ConfigError {
        self.wrong_shown(key, shown(key, value), expected)
    }

    fn wrong_shown(&self, key: &str, value: String, expected: impl Display) -> ConfigError {
        ConfigError::BadValue {
            key: key.to_owned(),
            value,
            expected: expected.to_string(),
            file: self.file.clone(),
        }
    }
}

/// A value for an error. A URL may have a login in it, and a program's arguments a password.
fn shown(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        _ if key.starts_with("clouddriver.auth.") => HIDDEN.into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) if text.contains('@') || is_content(text) => HIDDEN.into(),
        value => printable(&value.to_string()),
    }
}
