//! The core's configuration: typed, checked, and read once at start.
//!
//! A YAML file, environment variables over it, names bound as Spring binds them: an existing
//! `clouddriver.yml` can be used as it is; or the properties that Clouddriver resolved itself. The programs make [`Values`] of their own tables and
//! [`CORE`], read their own keys, and give the rest to [`Config::read`]. Binds no port, opens no
//! database, and asks nobody.

mod accounts;
mod engines;
mod error;
mod grpc;
mod help;
pub mod jdbc;
mod key;
mod login;
mod name;
mod pattern;
mod stand_in;
mod table;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod unused;
mod values;
mod yaml;

pub use accounts::{Accounts, ConfiguredAccount};
pub use error::{ConfigError, ConfigErrors, Origin};
pub use grpc::{AgentToken, GrpcServer};
pub use help::{help, markdown};
pub use key::{Key, Kind, Table};
pub use login::{same_kind, with_login, without_login};
pub use table::CORE;
pub use values::Values;

use crate::secret::Engines;
use regex::Regex;
use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// The core's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the program around the core knows and no key of the core says.
    pub place: Place,
    /// `kubesvc.dynamicAccounts.*`.
    pub dynamic_accounts: DynamicAccounts,
    /// `kubernetes.accounts`: those that Clouddriver has by its configuration.
    pub accounts: Accounts,
    /// Clouddriver keeps further accounts: neither `account.storage.enabled` nor
    /// `account.storage.kubernetes.enabled` is off.
    pub has_storage: bool,
    /// `kubesvc.audit.retentionDays`: how long the audit is kept.
    pub audit_kept: Duration,
    /// `kubesvc.jobs.operation-history.purge.weeks`: how long the history of operations is kept.
    pub operations_kept: Duration,
    /// `kubesvc.cache.accountCleanupFrequencySeconds`: how long an account without an agent is
    /// kept before it is ORPHANED.
    pub account_cleanup: Duration,
    /// `kubesvc.heartbeat.period`: between two heartbeats of an agent; below `account_cleanup`.
    /// `None`: `kubesvc.heartbeat.enabled` is off.
    pub heartbeat: Option<Duration>,
    /// `kubesvc.grpc.*`.
    pub grpc: GrpcServer,
    /// `kubesvc.secrets.keyFile`: the key that encrypts inline kubeconfigs. `None`: beside an SQLite
    /// database; on a server's, they stay at the source alone.
    pub key_file: Option<PathBuf>,
    /// `kubesvc.secrets.otherKeyFiles`: keys that open what was sealed with them, and seal nothing.
    pub other_key_files: Vec<PathBuf>,
    /// Where references to secrets lead.
    pub engines: Engines,
    /// `kubesvc.compat.emptyObjectForUnknown`: GET of an unknown account answers `{}`.
    pub empty_object_for_unknown: bool,
    /// `kubesvc.api.maxBodySize`: of a request to `/armory/**` or `/agents/**`, in bytes.
    pub max_body: usize,
}

/// Where the core lives.
#[derive(Debug, Clone)]
pub struct Place {
    /// Path of an SQLite file, or a `sqlite:`, `mysql:` or `postgres:` URL; it may hold a
    /// password.
    pub database: SecretString,
    /// The same database for the user who may make and alter tables. `None`: as `database`.
    pub migration: Option<SecretString>,
    /// `http://host:port` of Clouddriver, without a path: where accounts are read from when
    /// Clouddriver's table is not beside ours. `None`: it must be.
    pub clouddriver_url: Option<String>,
    /// As whom accounts are read from there when nobody asked for it.
    pub source_user: Option<String>,
}

/// Dynamic accounts.
#[derive(Debug, Clone)]
pub struct DynamicAccounts {
    /// The feature; off: 501.
    pub enabled: bool,
    /// How often a FAILED account is tried again.
    pub max_retries: u32,
    /// Between two tries.
    pub retry_frequency: Duration,
    /// The deadline of every transient state.
    pub transition_timeout: Duration,
    /// Writes to `/credentials` are taken over: `interceptor.enabled`, and neither
    /// `dynamicAccounts.enabled` nor one of Clouddriver's two `account.storage` switches is off.
    pub intercept: bool,
    /// Accounts taken over go on to ACTIVE by themselves.
    pub activate_intercepted: bool,
    /// A write that cannot be journaled is refused: `interceptor.strict`.
    pub strict: bool,
    /// Accounts that are migrated by themselves.
    pub scan: Scan,
}

/// `kubesvc.dynamicAccounts.scan*` and its patterns, each as written and compiled.
#[derive(Debug, Clone)]
pub struct Scan {
    /// `scan`, or when it is unset, whether there are patterns; off with `dynamicAccounts.enabled`.
    pub enabled: bool,
    /// `namePatterns`.
    pub name_patterns: Vec<(String, Regex)>,
    /// `credentialScanNamePatterns`.
    pub credential_patterns: Vec<(String, Regex)>,
    /// How many accounts one scan takes at most.
    pub batch_size: usize,
    /// Between two scans.
    pub frequency: Duration,
}

impl Scan {
    fn read(values: &Values, enabled: bool) -> Scan {
        let name_patterns = values.patterns("kubesvc.dynamicAccounts.namePatterns");
        let credential_patterns =
            values.patterns("kubesvc.dynamicAccounts.credentialScanNamePatterns");
        let some = !name_patterns.is_empty() || !credential_patterns.is_empty();
        let scan = values.flag_if_set("kubesvc.dynamicAccounts.scan");
        let batch_size = values.number("kubesvc.dynamicAccounts.scanBatchSize");
        Scan {
            enabled: enabled && scan.unwrap_or(some),
            name_patterns,
            credential_patterns,
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
            frequency: values.seconds("kubesvc.dynamicAccounts.scanFrequencySeconds"),
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Of a key whose bounds are within those of u32.
fn number(values: &mut Values, key: &str) -> u32 {
    let number = values.number(key);
    number
        .try_into()
        .expect("the key's bounds are those of u32")
}

impl Config {
    /// Reads the core's keys. Mistakes are left in `values`, so the result counts only when
    /// [`Values::finish`] finds none.
    pub fn read(values: &mut Values, place: Place) -> Config {
        let account_cleanup = values.seconds("kubesvc.cache.accountCleanupFrequencySeconds");
        let storage = values.flag("account.storage.enabled")
            && values.flag("account.storage.kubernetes.enabled");
        let enabled = values.flag("kubesvc.dynamicAccounts.enabled");
        let interceptor = values.flag("kubesvc.dynamicAccounts.interceptor.enabled");
        Config {
            place,
            dynamic_accounts: DynamicAccounts {
                enabled,
                max_retries: number(values, "kubesvc.dynamicAccounts.maxRetries"),
                retry_frequency: values.seconds("kubesvc.dynamicAccounts.retryFrequencySeconds"),
                transition_timeout: values
                    .seconds("kubesvc.dynamicAccounts.transitionTimeoutSeconds"),
                intercept: enabled && interceptor && storage,
                activate_intercepted: values.flag("kubesvc.dynamicAccounts.interceptor.activate"),
                strict: values.flag("kubesvc.dynamicAccounts.interceptor.strict"),
                scan: Scan::read(values, enabled),
            },
            accounts: values.accounts(),
            has_storage: storage,
            audit_kept: DAY * number(values, "kubesvc.audit.retentionDays"),
            operations_kept: DAY * 7 * number(values, "kubesvc.jobs.operation-history.purge.weeks"),
            heartbeat: grpc::heartbeat(values, account_cleanup),
            account_cleanup,
            grpc: GrpcServer::read(values),
            key_file: values.file("kubesvc.secrets.keyFile"),
            engines: engines::read(values),
            other_key_files: values.files("kubesvc.secrets.otherKeyFiles"),
            empty_object_for_unknown: values.flag("kubesvc.compat.emptyObjectForUnknown"),
            max_body: values.size("kubesvc.api.maxBodySize"),
        }
    }
}
