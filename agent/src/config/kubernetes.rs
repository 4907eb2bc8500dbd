//! `kubernetes.*` but its accounts, and `timeoutSeconds`.
//!
//! Used by `config`.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::ConfigError;
use super::read::Document;
use crate::cluster::settings::{Retries, Settings};
use crate::dial::Dialer;

/// A day: longer than any of these times is sensible.
const LONGEST_MS: u64 = 86_400_000;

pub(super) fn settings(document: &Document) -> Result<Settings, ConfigError> {
    let usual = Settings::default();
    let millis = |key: &str| -> Result<Option<Duration>, ConfigError> {
        Ok(document.whole(key, LONGEST_MS)?.map(Duration::from_millis))
    };
    let some = |time: &Duration| !time.is_zero();
    let size = document.whole("kubernetes.cacheGroupSize", 1_000_000)?;
    let size = size.and_then(|size| usize::try_from(size).ok());
    let delay = millis("kubernetes.cacheGroupDelayMs")?.filter(some);
    Ok(Settings {
        dialer: match document.flag("kubernetes.noProxy")?.unwrap_or(false) {
            true => Dialer::straight(),
            false => Dialer::of_environment(),
        },
        timeout: document
            .whole("timeoutSeconds", 86_400)?
            .map(Duration::from_secs)
            .filter(some)
            .unwrap_or(usual.timeout),
        reconnect: millis("kubernetes.reconnectTimeoutMs")?
            .filter(some)
            .unwrap_or(usual.reconnect),
        retries: retries(document)?,
        groups: size.filter(|size| *size > 0).zip(delay),
    })
}

fn retries(document: &Document) -> Result<Option<Retries>, ConfigError> {
    let key = |name: &str| format!("kubernetes.retries.{name}");
    let times = document.whole(&key("maxRetries"), 1000)?.unwrap_or(3);
    let wait = document
        .whole(&key("backOffMs"), LONGEST_MS)?
        .unwrap_or(3000);
    let mut words = document.texts(&key("retryableErrors"))?;
    if words.is_empty() {
        words = vec!["timeout".into(), "deadline exceeded".into()];
    }
    let retries = Retries {
        times: u32::try_from(times).expect("it is not above 1000"),
        wait: Duration::from_millis(wait),
        any: document.flag(&key("retryAnyError"))?.unwrap_or(false),
        words: words.iter().map(|word| word.to_lowercase()).collect(),
    };
    Ok(document
        .flag(&key("enabled"))?
        .unwrap_or(true)
        .then_some(retries))
}

pub(super) fn folders(document: &Document) -> Result<Vec<PathBuf>, ConfigError> {
    let key = "kubernetes.kubeconfigFolders";
    if document.at(key).is_null() {
        return Ok(vec![PathBuf::from("/kubeconfigfiles")]);
    }
    let folder = |value: &Value| match value.as_str().map(PathBuf::from) {
        Some(folder) if folder.is_absolute() => Ok(folder),
        _ => Err(document.wrong_value(key, value, "absolute paths of folders")),
    };
    document.list(key)?.iter().map(folder).collect()
}
