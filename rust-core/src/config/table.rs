//! The core's keys: those that do something, and those that are documented and do nothing yet.
//!
//! One table for reading, checking and `--help`. Sources: section 7 of the plugin's documented
//! options, and Ferry's own additions, marked so.

use super::key::{Key, Kind, Table};

/// The core's keys.
pub const CORE: Table = Table {
    roots: &["kubesvc"],
    shared_roots: &["account.storage"],
    keys: USED,
    unused: NOT_USED_YET,
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

const POSITIVE: Kind = Kind::Number {
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

/// A key that does nothing yet needs no more help than that.
const fn known(name: &'static str, kind: Kind, default: &'static str) -> Key {
    key(name, kind, default, "Documented by the plugin.")
}

const NUMBER: Kind = Kind::Number {
    min: 0,
    max: i64::MAX as u64,
};

const NOT_USED_YET: &[Key] = &[
    known("kubesvc.cache.cacheAll", Kind::Flag, "false"),
    known("kubesvc.cache.cacheDefaults", Kind::List, ""),
    known("kubesvc.cache.cacheKinds", Kind::List, ""),
    known("kubesvc.cache.cacheOmitKinds", Kind::List, ""),
    known("kubesvc.cache.cacheStreamingPoolCoreSize", NUMBER, "10"),
    known("kubesvc.cache.cacheStreamingPoolMaxSize", NUMBER, "100"),
    known(
        "kubesvc.cache.cleanDataWithUnusedAccounts",
        Kind::Flag,
        "true",
    ),
    known(
        "kubesvc.cache.eventsCleanupFrequencySeconds",
        NUMBER,
        "7200",
    ),
    known("kubesvc.cache.namespaceExpiryMinutes", NUMBER, "0"),
    known("kubesvc.cache.onDemandQuickWaitMs", NUMBER, "10000"),
    known("kubesvc.cache.operationWaitMs", NUMBER, "30000"),
    known("kubesvc.cluster", Kind::Text, ""),
    known(
        "kubesvc.cluster-kubernetes.clouddriverServiceNamePrefix",
        Kind::Text,
        "spin-clouddriver",
    ),
    known(
        "kubesvc.cluster-kubernetes.domainName",
        Kind::Text,
        "cluster.local",
    ),
    known("kubesvc.cluster-kubernetes.failFast", Kind::Flag, "true"),
    known(
        "kubesvc.cluster-kubernetes.httpPortName",
        Kind::Text,
        "http",
    ),
    known("kubesvc.cluster-kubernetes.kubeconfigFile", Kind::Text, ""),
    known("kubesvc.cluster-kubernetes.namespace", Kind::Text, ""),
    known("kubesvc.cluster-kubernetes.useDNS", Kind::Flag, "false"),
    known("kubesvc.cluster-kubernetes.verifySsl", Kind::Flag, "true"),
    known(
        "kubesvc.credentials.poller.reloadFrequencyMs",
        NUMBER,
        "30000",
    ),
    known("kubesvc.disableV2Provider", Kind::Flag, "false"),
    known(
        "kubesvc.dynamicAccounts.credentialScanNamePatterns",
        Kind::Patterns,
        "",
    ),
    known("kubesvc.dynamicAccounts.namePatterns", Kind::Patterns, ""),
    known("kubesvc.dynamicAccounts.scan", Kind::Flag, ""),
    known("kubesvc.dynamicAccounts.scanBatchSize", POSITIVE, "572"),
    known(
        "kubesvc.dynamicAccounts.scanFrequencySeconds",
        Kind::SECONDS,
        "120",
    ),
    known("kubesvc.enabled", Kind::Flag, ""),
    known("kubesvc.eventsCleanupFrequencySeconds", NUMBER, "7200"),
    known("kubesvc.grpc.auth.x509.enabled", Kind::Flag, "false"),
    known("kubesvc.grpc.auth.x509.filters", Kind::List, ""),
    known(
        "kubesvc.grpc.server.healthServiceEnabled",
        Kind::Flag,
        "true",
    ),
    known(
        "kubesvc.grpc.server.security.certificateChain",
        Kind::Text,
        "",
    ),
    known("kubesvc.grpc.server.security.ciphers", Kind::List, ""),
    known(
        "kubesvc.grpc.server.security.clientAuth",
        Kind::OneOf(&["NONE", "OPTIONAL", "REQUIRE"]),
        "NONE",
    ),
    known("kubesvc.grpc.server.security.enabled", Kind::Flag, "false"),
    known(
        "kubesvc.grpc.server.security.keepAliveHeartbeatSeconds",
        NUMBER,
        "",
    ),
    known(
        "kubesvc.grpc.server.security.keepAliveTimeOutSeconds",
        NUMBER,
        "",
    ),
    known("kubesvc.grpc.server.security.privateKey", Kind::Text, ""),
    known(
        "kubesvc.grpc.server.security.privateKeyPassword",
        Kind::Text,
        "",
    ),
    known("kubesvc.grpc.server.security.protocols", Kind::Text, ""),
    known(
        "kubesvc.grpc.server.security.trustCertCollection",
        Kind::Text,
        "",
    ),
    known("kubesvc.heartbeat.enabled", Kind::Flag, "true"),
    known("kubesvc.heartbeat.initialDelay", NUMBER, "0"),
    known(
        "kubesvc.jobs.operation-history.purge.cron",
        Kind::Text,
        "0 0 0 * * 0",
    ),
    known("kubesvc.jobs.operation-history.purge.weeks", NUMBER, "1"),
    known("kubesvc.loadBalancer", Kind::Text, ""),
    known("kubesvc.localShortCircuit", Kind::Flag, "false"),
    known("kubesvc.locks.cleanupFrequencyMilliseconds", NUMBER, "3000"),
    known("kubesvc.locks.waitToGetMilliseconds", NUMBER, "3000"),
    known("kubesvc.operations.database.scan.batchSize", NUMBER, "5"),
    known(
        "kubesvc.operations.database.scan.initialDelay",
        NUMBER,
        "250",
    ),
    known("kubesvc.operations.database.scan.maxDelay", NUMBER, "2000"),
    known("kubesvc.operations.retry.backoffMs", NUMBER, "2000"),
    known("kubesvc.operations.retry.maxRetries", NUMBER, "5"),
    known(
        "kubesvc.ops.processTime.metric.result.maxLength",
        NUMBER,
        "255",
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].deployPriority",
        Kind::Text,
        "100",
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].kubernetesKind",
        Kind::Text,
        "",
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].namespaced",
        Kind::Flag,
        "false",
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].spinnakerKind",
        Kind::Text,
        "",
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].versioned",
        Kind::Flag,
        "false",
    ),
    known(
        "kubesvc.runtime.accounts.*.onlySpinnakerManaged",
        Kind::Flag,
        "false",
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].deployPriority",
        Kind::Text,
        "100",
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].kubernetesKind",
        Kind::Text,
        "",
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].namespaced",
        Kind::Flag,
        "false",
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].spinnakerKind",
        Kind::Text,
        "",
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].versioned",
        Kind::Flag,
        "false",
    ),
    known(
        "kubesvc.runtime.defaults.onlySpinnakerManaged",
        Kind::Flag,
        "false",
    ),
    known("kubesvc.v2-cache-eviction.batch-size", NUMBER, "5"),
    known("kubesvc.v2-cache-eviction.disable", Kind::Flag, "false"),
    known("kubesvc.v2-cache-eviction.millis", NUMBER, "200"),
];
