//! The documented keys that have no effect here, each with the reason.
//!
//! They are accepted, so that a configuration written for Armory's plugin can be used as it is,
//! their values are checked, and every one that is set is named at the start. Used by `table.rs`.

use super::key::{Key, Kind};

const fn known(name: &'static str, kind: Kind, default: &'static str, reason: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        doc: reason,
    }
}

const NUMBER: Kind = Kind::Number {
    min: 0,
    max: i64::MAX as u64,
};

const NO_CACHE: &str = "Clouddriver keeps its own caches; Ferry fills none for it.";
const NO_OPERATIONS: &str = "Deployments and other operations do not travel through Ferry.";

pub(super) const UNUSED: &[Key] = &[
    known("kubesvc.cache.cacheAll", Kind::Flag, "false", NO_CACHE),
    known("kubesvc.cache.cacheDefaults", Kind::List, "", NO_CACHE),
    known("kubesvc.cache.cacheKinds", Kind::List, "", NO_CACHE),
    known("kubesvc.cache.cacheOmitKinds", Kind::List, "", NO_CACHE),
    known(
        "kubesvc.cache.cacheStreamingPoolCoreSize",
        NUMBER,
        "10",
        NO_CACHE,
    ),
    known(
        "kubesvc.cache.cacheStreamingPoolMaxSize",
        NUMBER,
        "100",
        NO_CACHE,
    ),
    known(
        "kubesvc.cache.cleanDataWithUnusedAccounts",
        Kind::Flag,
        "true",
        NO_CACHE,
    ),
    known(
        "kubesvc.cache.eventsCleanupFrequencySeconds",
        NUMBER,
        "7200",
        NO_CACHE,
    ),
    known(
        "kubesvc.cache.namespaceExpiryMinutes",
        NUMBER,
        "0",
        NO_CACHE,
    ),
    known(
        "kubesvc.cache.onDemandQuickWaitMs",
        NUMBER,
        "10000",
        NO_CACHE,
    ),
    known("kubesvc.cache.operationWaitMs", NUMBER, "30000", NO_CACHE),
    known(
        "kubesvc.cluster",
        Kind::Text,
        "",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.clouddriverServiceNamePrefix",
        Kind::Text,
        "spin-clouddriver",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.domainName",
        Kind::Text,
        "cluster.local",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.failFast",
        Kind::Flag,
        "true",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.httpPortName",
        Kind::Text,
        "http",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.kubeconfigFile",
        Kind::Text,
        "",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.namespace",
        Kind::Text,
        "",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.useDNS",
        Kind::Flag,
        "false",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.cluster-kubernetes.verifySsl",
        Kind::Flag,
        "true",
        "Cores find each other through the database they share, whatever runs them.",
    ),
    known(
        "kubesvc.credentials.poller.reloadFrequencyMs",
        NUMBER,
        "30000",
        "Clouddriver's own poller goes on reading its accounts; Ferry adds none of its own to it.",
    ),
    known("kubesvc.disableV2Provider", Kind::Flag, "false", NO_CACHE),
    known(
        "kubesvc.enabled",
        Kind::Flag,
        "",
        "The plugin is switched on as every plugin is, by spinnaker.extensibility.plugins.",
    ),
    known(
        "kubesvc.eventsCleanupFrequencySeconds",
        NUMBER,
        "7200",
        NO_CACHE,
    ),
    known(
        "kubesvc.heartbeat.initialDelay",
        NUMBER,
        "0",
        "The agents send the heartbeats, the first one a period after they registered.",
    ),
    known(
        "kubesvc.jobs.operation-history.purge.cron",
        Kind::Text,
        "0 0 0 * * 0",
        "What is too old is removed every hour, a batch at a time.",
    ),
    known(
        "kubesvc.loadBalancer",
        Kind::Text,
        "",
        "Agents choose the core they connect to; no core moves them.",
    ),
    known(
        "kubesvc.localShortCircuit",
        Kind::Flag,
        "false",
        NO_OPERATIONS,
    ),
    known(
        "kubesvc.locks.cleanupFrequencyMilliseconds",
        NUMBER,
        "3000",
        "A row changes by one compare-and-swap; there are no locks to wait for.",
    ),
    known(
        "kubesvc.locks.waitToGetMilliseconds",
        NUMBER,
        "3000",
        "A row changes by one compare-and-swap; there are no locks to wait for.",
    ),
    known(
        "kubesvc.operations.database.scan.batchSize",
        NUMBER,
        "5",
        NO_OPERATIONS,
    ),
    known(
        "kubesvc.operations.database.scan.initialDelay",
        NUMBER,
        "250",
        NO_OPERATIONS,
    ),
    known(
        "kubesvc.operations.database.scan.maxDelay",
        NUMBER,
        "2000",
        NO_OPERATIONS,
    ),
    known(
        "kubesvc.operations.retry.backoffMs",
        NUMBER,
        "2000",
        NO_OPERATIONS,
    ),
    known(
        "kubesvc.operations.retry.maxRetries",
        NUMBER,
        "5",
        NO_OPERATIONS,
    ),
    known(
        "kubesvc.ops.processTime.metric.result.maxLength",
        NUMBER,
        "255",
        "The results that are counted are four short words.",
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].deployPriority",
        Kind::Text,
        "100",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].kubernetesKind",
        Kind::Text,
        "",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].namespaced",
        Kind::Flag,
        "false",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].spinnakerKind",
        Kind::Text,
        "",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.accounts.*.customResources[].versioned",
        Kind::Flag,
        "false",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.accounts.*.onlySpinnakerManaged",
        Kind::Flag,
        "false",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].deployPriority",
        Kind::Text,
        "100",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].kubernetesKind",
        Kind::Text,
        "",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].namespaced",
        Kind::Flag,
        "false",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].spinnakerKind",
        Kind::Text,
        "",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.defaults.customResources[].versioned",
        Kind::Flag,
        "false",
        NO_CACHE,
    ),
    known(
        "kubesvc.runtime.defaults.onlySpinnakerManaged",
        Kind::Flag,
        "false",
        NO_CACHE,
    ),
    known(
        "kubesvc.v2-cache-eviction.batch-size",
        NUMBER,
        "5",
        NO_CACHE,
    ),
    known(
        "kubesvc.v2-cache-eviction.disable",
        Kind::Flag,
        "false",
        NO_CACHE,
    ),
    known("kubesvc.v2-cache-eviction.millis", NUMBER, "200", NO_CACHE),
];
