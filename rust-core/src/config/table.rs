//! The core's keys that do something; `unused.rs` has the documented ones that do nothing.
//!
//! One table for reading, checking, `--help` and docs/configuration.md. Sources: the plugin's
//! documented options, and Ferry's own additions, marked so.

use super::key::{Key, Kind, Table};
use super::unused::UNUSED;

/// The core's keys.
pub const CORE: Table = Table {
    roots: &["kubesvc"],
    shared_roots: &["account.storage", "secrets.vault"],
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

const SECONDS_OR_NEVER: Kind = Kind::Number {
    min: 0,
    max: 31_536_000,
};

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
        "kubesvc.api.maxBodySize",
        Kind::Size,
        "64MB",
        "Largest body of a request to /armory/** and /agents/** (Ferry's own).",
    ),
    key(
        "kubesvc.audit.retentionDays",
        Kind::Number {
            min: 1,
            max: 36_500,
        },
        "365",
        "Days that the audit is kept (Ferry's own).",
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
        "kubesvc.dynamicAccounts.credentialScanNamePatterns",
        Kind::Patterns,
        "",
        "The same for accounts of Clouddriver's own configuration, kubernetes.accounts, where namePatterns \
         is for those it stores.",
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
        "kubesvc.dynamicAccounts.interceptor.strict",
        Kind::Flag,
        "false",
        "A write to /credentials that Ferry cannot record is refused before it reaches Clouddriver: with \
         503, with 400 where it never can, by the sidecar with 413 above 32 MiB; false: it passes \
         (Ferry's own).",
    ),
    key(
        "kubesvc.dynamicAccounts.maxRetries",
        Kind::COUNT,
        "3",
        "How many failures in a row end the tries.",
    ),
    key(
        "kubesvc.dynamicAccounts.namePatterns",
        Kind::Patterns,
        "",
        "Accounts whose whole name one of these matches are migrated and activated by themselves.",
    ),
    key(
        "kubesvc.dynamicAccounts.retryFrequencySeconds",
        Kind::SECONDS,
        "5",
        "Seconds between two tries.",
    ),
    key(
        "kubesvc.dynamicAccounts.scan",
        Kind::Flag,
        "",
        "Whether accounts are migrated by themselves; unset: when there are patterns. Changes of \
         migrated ones at Clouddriver are followed in any case.",
    ),
    key(
        "kubesvc.dynamicAccounts.scanBatchSize",
        POSITIVE,
        "572",
        "How many accounts one scan takes at most.",
    ),
    key(
        "kubesvc.dynamicAccounts.scanFrequencySeconds",
        Kind::SECONDS,
        "120",
        "Seconds between two looks at Clouddriver's accounts, for those to migrate and for changes.",
    ),
    key(
        "kubesvc.dynamicAccounts.transitionTimeoutSeconds",
        Kind::SECONDS,
        "60",
        "Seconds after which an account leaves a transient state as FAILED (Ferry's own).",
    ),
    key(
        "kubesvc.grpc.allowPlaintext",
        Kind::Flag,
        "false",
        "Without TLS, agents of other hosts are taken too, and secrets from engines on other hosts: \
         kubeconfigs then cross the network in plaintext (Ferry's own).",
    ),
    key(
        "kubesvc.grpc.auth.token",
        Kind::Text,
        "",
        "What agents must send as clouddriver.auth.token (Ferry's own). Unset: no token is asked for.",
    ),
    key(
        "kubesvc.grpc.auth.tokenFile",
        Kind::Text,
        "",
        "A file with that token, read anew for every agent that connects (Ferry's own).",
    ),
    key(
        "kubesvc.grpc.auth.x509.enabled",
        Kind::Flag,
        "false",
        "Only agents whose certificate's subject matches one of filters are let in.",
    ),
    key(
        "kubesvc.grpc.auth.x509.filters",
        Kind::Patterns,
        "",
        "Patterns, each for a whole subject or a whole attribute of it: tried against the subject \
         in both orders, separated by \",\" and by \", \", and against each attribute alone, as in \
         CN=agent-1. Any match lets in.",
    ),
    key(
        "kubesvc.grpc.server.address",
        Kind::Address,
        "*",
        "Where agents connect to; * for every IPv4 address, :: for IPv6, too.",
    ),
    key(
        "kubesvc.grpc.server.healthServiceEnabled",
        Kind::Flag,
        "true",
        "grpc.health.v1.Health is served on the agents' port.",
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
        "kubesvc.grpc.server.security.certificateChain",
        Kind::Text,
        "",
        "The core's certificate and those between it and its authority, in PEM: file:/path or a \
         path. Taken anew when the file changes.",
    ),
    key(
        "kubesvc.grpc.server.security.ciphers",
        Kind::List,
        "",
        "The cipher suites by their IANA names; unset: all that are good.",
    ),
    key(
        "kubesvc.grpc.server.security.clientAuth",
        Kind::OneOf(&["NONE", "OPTIONAL", "REQUIRE"]),
        "NONE",
        "Whether agents show certificates of trustCertCollection.",
    ),
    key(
        "kubesvc.grpc.server.security.enabled",
        Kind::Flag,
        "false",
        "TLS on the agents' port.",
    ),
    key(
        "kubesvc.grpc.server.security.keepAliveHeartbeatSeconds",
        SECONDS_OR_NEVER,
        "30",
        "Seconds between two HTTP/2 pings of an agent's connection; 0: never. The default is Ferry's own, \
         Armory documents none.",
    ),
    key(
        "kubesvc.grpc.server.security.keepAliveTimeOutSeconds",
        Kind::SECONDS,
        "20",
        "Seconds that such a ping may stay unanswered. The default is Ferry's own, Armory documents none.",
    ),
    key(
        "kubesvc.grpc.server.security.privateKey",
        Kind::Text,
        "",
        "The certificate's key in PEM: file:/path or a path; PKCS#8, also encrypted, PKCS#1 or SEC1.",
    ),
    key(
        "kubesvc.grpc.server.security.privateKeyPassword",
        Kind::Text,
        "",
        "The password of an encrypted key.",
    ),
    key(
        "kubesvc.grpc.server.security.protocols",
        Kind::List,
        "",
        "TLSv1.2, TLSv1.3 or both; unset: both.",
    ),
    key(
        "kubesvc.grpc.server.security.trustCertCollection",
        Kind::Text,
        "",
        "The authorities of agents' certificates in PEM: file:/path or a path.",
    ),
    key(
        "kubesvc.heartbeat.enabled",
        Kind::Flag,
        "true",
        "Agents send heartbeats; false: the HTTP/2 pings of both sides alone tell who is there.",
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
        "kubesvc.jobs.operation-history.purge.weeks",
        Kind::Number { min: 1, max: 5_200 },
        "1",
        "Weeks that the history of operations is kept.",
    ),
    key(
        "kubesvc.secrets.keyFile",
        Kind::Text,
        "",
        "The key that encrypts inline kubeconfigs, 32 bytes (Ferry's own). Unset: a file beside an \
         SQLite database; on a server's, kubeconfigs stay in Clouddriver's table alone.",
    ),
    key(
        "kubesvc.secrets.kubernetes.kubeconfigFile",
        Kind::Text,
        "",
        "By which references encrypted:k8s and encryptedFile:k8s are read (Ferry's own). Unset: the \
         pod's service account.",
    ),
    key(
        "kubesvc.secrets.otherKeyFiles",
        Kind::List,
        "",
        "Keys that open what was sealed with them, and seal nothing: while keys are changed (Ferry's \
         own).",
    ),
    key(
        "secrets.vault.authMethod",
        Kind::Text,
        "TOKEN",
        "How Vault knows us: TOKEN or KUBERNETES. With another one of Clouddriver's, references to Vault \
         are not read here.",
    ),
    key(
        "secrets.vault.caFile",
        Kind::Text,
        "",
        "PEM file of the authority that Vault's certificate is of (Ferry's own). Unset: the system's.",
    ),
    key(
        "secrets.vault.enabled",
        Kind::Flag,
        "false",
        "References encrypted:vault and encryptedFile:vault are read.",
    ),
    key(
        "secrets.vault.path",
        Kind::Text,
        "kubernetes",
        "Where Vault's auth method KUBERNETES is mounted.",
    ),
    key(
        "secrets.vault.role",
        Kind::Text,
        "",
        "The role of the auth method KUBERNETES.",
    ),
    key(
        "secrets.vault.token",
        Kind::Text,
        "",
        "The token of the auth method TOKEN; the variable VAULT_TOKEN does, too.",
    ),
    key(
        "secrets.vault.url",
        Kind::Text,
        "",
        "Vault: https://host:port. http is taken on this host, else with kubesvc.grpc.allowPlaintext alone.",
    ),
];
