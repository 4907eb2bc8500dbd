//! The core's keys that do something; `unused.rs` has the documented ones that do nothing.
//!
//! One table for reading, checking, `--help` and docs/configuration.md. Sources: the plugin's
//! documented options, and Ferry's own additions, marked so.

use super::key::{Key, Kind, Table};
use super::unused::UNUSED;

/// The core's keys.
pub const CORE: Table = Table {
    roots: &["kubesvc"],
    shared_roots: &["account.storage"],
    keys: USED,
    unused: UNUSED,
    aliases: &[(
        "kubesvc.dynamicAccounts.enable",
        "kubesvc.dynamicAccounts.enabled",
    )],
};

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        doc,
    }
}

pub(super) const TIME_UNITS: &[&str] = &[
    "NANOSECONDS",
    "MICROSECONDS",
    "MILLISECONDS",
    "SECONDS",
    "MINUTES",
    "HOURS",
    "DAYS",
];

pub(super) const POSITIVE: Kind = Kind::Number {
    min: 1,
    max: i64::MAX as u64,
};

const USED: &[Key] = &[
    key(
        "account.storage.enabled",
        Kind::Flag,
        "true",
        "Clouddriver's account storage; false: writes to /credentials are not looked at.",
    ),
    key(
        "account.storage.kubernetes.enabled",
        Kind::Flag,
        "true",
        "The same for kubernetes accounts; false: writes to /credentials are not looked at.",
    ),
    key(
        "kubesvc.cache.accountCleanupFrequencySeconds",
        Kind::SECONDS,
        "600",
        "Seconds that an account without an agent is kept before it counts as ORPHANED.",
    ),
    key(
        "kubesvc.compat.emptyObjectForUnknown",
        Kind::Flag,
        "false",
        "GET of an unknown account answers 200 and {} instead of 404 (Ferry's own).",
    ),
    key(
        "kubesvc.dynamicAccounts.enabled",
        Kind::Flag,
        "true",
        "Dynamic accounts; false: their endpoints answer 501. Older name: enable.",
    ),
    key(
        "kubesvc.dynamicAccounts.interceptor.activate",
        Kind::Flag,
        "false",
        "Accounts that POST /credentials brings go on to ACTIVE by themselves (Ferry's own).",
    ),
    key(
        "kubesvc.dynamicAccounts.interceptor.enabled",
        Kind::Flag,
        "true",
        "Takes over accounts that are written through /credentials.",
    ),
    key(
        "kubesvc.dynamicAccounts.maxRetries",
        Kind::COUNT,
        "3",
        "How often a FAILED account is tried again.",
    ),
    key(
        "kubesvc.dynamicAccounts.retryFrequencySeconds",
        Kind::SECONDS,
        "5",
        "Seconds between two tries.",
    ),
    key(
        "kubesvc.dynamicAccounts.transitionTimeoutSeconds",
        Kind::SECONDS,
        "60",
        "Seconds after which an account leaves a transient state as FAILED (Ferry's own).",
    ),
    key(
        "kubesvc.grpc.server.address",
        Kind::Address,
        "*",
        "Where agents connect to.",
    ),
    key(
        "kubesvc.grpc.server.maxInboundMessageSize",
        Kind::Size,
        "4MB",
        "Largest message taken from an agent, in bytes or with a unit.",
    ),
    key(
        "kubesvc.grpc.server.port",
        Kind::PORT,
        "9091",
        "The port for agents; 0: any free one.",
    ),
    key(
        "kubesvc.heartbeat.period",
        POSITIVE,
        "60",
        "Time between two pings of an agent, in periodUnit; below accountCleanupFrequencySeconds.",
    ),
    key(
        "kubesvc.heartbeat.periodUnit",
        Kind::OneOf(TIME_UNITS),
        "SECONDS",
        "The unit of heartbeat.period.",
    ),
    key(
        "kubesvc.secrets.keyFile",
        Kind::Text,
        "",
        "The key that encrypts inline kubeconfigs, 32 bytes (Ferry's own). Unset: a file beside an \
         SQLite database; on a server's, kubeconfigs stay in Clouddriver's table alone.",
    ),
];
