//! Every key of armory-agent.yml: those that are used, and those that Armory documents besides.
//!
//! `check` holds a file against them before a value is read, and docs/configuration.md is made of
//! them. `[]` stands for a list's entries, and below `.*` there may be anything.

/// A key that a file may have.
#[derive(Debug)]
pub struct Key {
    /// Its path.
    pub name: &'static str,
    /// What holds when it is not set; empty: nothing.
    pub default: &'static str,
    /// What it does; for one that is not used, why not.
    pub doc: &'static str,
    /// Whether this agent acts on it.
    pub used: bool,
}

const fn used(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        default,
        doc,
        used: true,
    }
}

const fn unused(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        default,
        doc,
        used: false,
    }
}

const OPERATIONS: &str = "Deployments and other operations do not travel through Ferry.";
const CONTENTS: &str = "The agent keeps names and versions of objects, never their contents.";
const CORE: &str = "It acts in the core: set it there, below kubesvc.";
const GO: &str = "It serves profiles of Go's runtime, which this agent does not have; prometheus.enabled tells memory and processor time.";

/// All of them.
pub const KEYS: &[Key] = &[
    used(
        "clouddriver.grpc",
        "spin-clouddriver-grpc:9091",
        "host:port of the core.",
    ),
    used(
        "clouddriver.insecure",
        "true without clouddriver.tls, else false",
        "Plaintext instead of TLS.",
    ),
    used(
        "clouddriver.auth.token",
        "",
        "Sent to the core, which compares it with kubesvc.grpc.auth.token.",
    ),
    used(
        "clouddriver.auth.tokenFile",
        "",
        "The file that has the token, read whenever a session begins (Ferry's own).",
    ),
    used(
        "clouddriver.auth.tokenCommand.command",
        "",
        "A program that prints the token.",
    ),
    used("clouddriver.auth.tokenCommand.args", "[]", "Its arguments."),
    used(
        "clouddriver.auth.tokenCommand.format",
        "json",
        "raw: it prints the token alone; json: an object that has it as token.",
    ),
    used(
        "clouddriver.auth.tokenCommand.refreshIntervalSeconds",
        "0",
        "How old a token may be when a session begins; 0: until the core refuses it.",
    ),
    used(
        "clouddriver.tls.serverName",
        "the host of clouddriver.grpc",
        "The name that the core's certificate must bear.",
    ),
    used(
        "clouddriver.tls.insecureSkipVerify",
        "false",
        "Takes any certificate of the core: for trying only.",
    ),
    used(
        "clouddriver.tls.clientCertFile",
        "",
        "The agent's certificate in PEM; read anew for every session.",
    ),
    used(
        "clouddriver.tls.clientKeyFile",
        "",
        "Its key in PEM: PKCS#8, also encrypted, PKCS#1 or SEC1.",
    ),
    used(
        "clouddriver.tls.clientKeyFilePassword",
        "",
        "The password of an encrypted key.",
    ),
    used(
        "clouddriver.tls.clientKeyPassword",
        "",
        "The same, as Armory's sample spells it.",
    ),
    used(
        "clouddriver.tls.cacertFile",
        "the system's authorities",
        "The authority of the core's certificate in PEM.",
    ),
    used(
        "clouddriver.noProxy",
        "false",
        "Reaches the core without the proxy of HTTPS_PROXY.",
    ),
    used(
        "clouddriver.backoff.baseDelay",
        "1000000000",
        "The first wait between attempts at the core, in nanoseconds.",
    ),
    used(
        "clouddriver.backoff.multiplier",
        "1.6",
        "By what each wait is longer than the one before.",
    ),
    used(
        "clouddriver.backoff.jitter",
        "0.2",
        "The part of a wait that chance adds or takes.",
    ),
    used(
        "clouddriver.backoff.maxDelay",
        "120000000000",
        "The longest wait, in nanoseconds.",
    ),
    used(
        "clouddriver.keepAliveHeartbeatSeconds",
        "20",
        "Seconds between two HTTP/2 pings to the core; 0: never.",
    ),
    used(
        "clouddriver.keepAliveTimeOutSeconds",
        "20",
        "Seconds that such a ping may stay unanswered.",
    ),
    used(
        "clouddriver.keepAliveOperationSeconds",
        "0",
        "A session that brings no operation for this long is opened anew; 0: it stays.",
    ),
    used(
        "clouddriver.responseRetries.enabled",
        "true",
        "What the agent has to say while it has no session does not wait for clouddriver.backoff.",
    ),
    used(
        "clouddriver.responseRetries.maxRetries",
        "3",
        "How often a session is tried for that, until there is one.",
    ),
    used(
        "clouddriver.responseRetries.backOffMs",
        "3000",
        "Milliseconds before.",
    ),
    used(
        "zoneId",
        "deploymentName_namespace",
        "The zone of the agent's accounts; without a namespace, the host's name.",
    ),
    used(
        "dynamicAccountsEnabled",
        "true",
        "false: the core gives this agent no accounts, and looks for another one.",
    ),
    unused("dynamicAccounts.*", "", CORE),
    unused("hub.*", "", "Armory's hosted connection is gone."),
    used(
        "kubernetes.kubeconfigFolders[]",
        "/kubeconfigfiles",
        "Below these folders the core may name kubeconfig files (Ferry's own).",
    ),
    used(
        "kubernetes.noProxy",
        "false",
        "Reaches clusters without the proxy of HTTPS_PROXY.",
    ),
    used(
        "kubernetes.reconnectTimeoutMs",
        "5000",
        "The first wait before a lost cluster, or a static account that failed, is tried again; the next ones are longer, up to 30 s.",
    ),
    used(
        "kubernetes.cacheGroupSize",
        "0",
        "With cacheGroupDelayMs: so many watches of an account start together.",
    ),
    used(
        "kubernetes.cacheGroupDelayMs",
        "0",
        "With cacheGroupSize: milliseconds between two such groups.",
    ),
    used(
        "kubernetes.retries.enabled",
        "true",
        "While an account is activated, a question that its API server did not answer is asked again.",
    ),
    used(
        "kubernetes.retries.maxRetries",
        "3",
        "How often; never beyond the account's deadline.",
    ),
    used(
        "kubernetes.retries.backOffMs",
        "3000",
        "Milliseconds before.",
    ),
    used(
        "kubernetes.retries.retryAnyError",
        "false",
        "Also when the answer is an error of the server.",
    ),
    used(
        "kubernetes.retries.retryableErrors",
        "[timeout, deadline exceeded]",
        "Words of the faults after which it is asked again.",
    ),
    used(
        "kubernetes.accounts[].name",
        "",
        "The account's name, unique over the whole estate.",
    ),
    used(
        "kubernetes.accounts[].kubeconfigFile",
        "",
        "Its kubeconfig, or a reference to a secret with it (encryptedFile:k8s!n:NAME!k:KEY!ns:NAMESPACE, encryptedFile:vault!e:ENGINE!p:PATH!k:KEY), read for every attempt, and a reference every 20 s besides; one of this and serviceAccount is needed.",
    ),
    used(
        "kubernetes.accounts[].serviceAccount",
        "false",
        "The agent's own service account instead of a kubeconfig.",
    ),
    unused(
        "kubernetes.accounts[].serviceAccountName",
        "",
        "The pod's service account is the one that there is.",
    ),
    used(
        "kubernetes.accounts[].context",
        "the current-context",
        "The context of the kubeconfig.",
    ),
    used(
        "kubernetes.accounts[].insecure",
        "false",
        "Takes any certificate of the cluster.",
    ),
    used(
        "kubernetes.accounts[].noProxy",
        "false",
        "Reaches this cluster without the proxy of HTTPS_PROXY.",
    ),
    unused(
        "kubernetes.accounts[].oAuthScopes.*",
        "",
        "Scopes were for the auth-provider gcp in kubeconfigs, which Kubernetes 1.26 took away; an exec program in the kubeconfig may ask for them.",
    ),
    used(
        "kubernetes.accounts[].kinds[]",
        "the kinds that Clouddriver caches",
        "The kinds to watch, as kind.group.",
    ),
    used(
        "kubernetes.accounts[].omitKinds[]",
        "[]",
        "Kinds that are not watched.",
    ),
    used(
        "kubernetes.accounts[].customResourceDefinitions[].kind",
        "",
        "A kind to watch besides, as Kind.group.",
    ),
    unused(
        "kubernetes.accounts[].customResourceDefinitions[].scope",
        "Namespaced",
        "The cluster itself says which scope a kind has.",
    ),
    used(
        "kubernetes.accounts[].namespaces[]",
        "all",
        "The namespaces to watch.",
    ),
    used(
        "kubernetes.accounts[].omitNamespaces[]",
        "",
        "Namespaces that are not told as the account's. They are watched all the same: name the others in namespaces.",
    ),
    used(
        "kubernetes.accounts[].onlyNamespacedResources",
        "false",
        "Nothing that is cluster-scoped is watched.",
    ),
    unused(
        "kubernetes.accounts[].onlySpinnakerManaged",
        "false",
        CONTENTS,
    ),
    used(
        "kubernetes.accounts[].permissions.*",
        "",
        "Told to the core, which shows them: lists of roles by READ and WRITE, or a list of such objects.",
    ),
    unused(
        "kubernetes.accounts[].metrics",
        "false",
        "It is about the metrics of pods, which Clouddriver reads by itself; those of the agent are switched on by prometheus.enabled.",
    ),
    unused(
        "kubernetes.accounts[].maxResumableResourceAgeMs",
        "300000",
        "A watch resumes for as long as the API server has what it missed, else it lists anew; no age is to be set for that.",
    ),
    unused(
        "kubernetes.accounts[].skipServerSideApply",
        "false",
        OPERATIONS,
    ),
    unused(
        "kubernetes.accounts[].skipManifestDefaults",
        "false",
        OPERATIONS,
    ),
    unused("kubernetes.serverSideApply.*", "", OPERATIONS),
    used(
        "server.host",
        "localhost",
        "Where /health and the other answers for people are served.",
    ),
    used("server.port", "8082", "Its port; 0: any."),
    used("server.ssl.enabled", "false", "HTTPS instead of HTTP."),
    used(
        "server.ssl.certFile",
        "",
        "The certificate in PEM; renewed on disk, it is taken without a restart.",
    ),
    used(
        "server.ssl.keyFile",
        "",
        "Its key in PEM: PKCS#8, also encrypted, PKCS#1 or SEC1.",
    ),
    used(
        "server.ssl.keyFilePassword",
        "",
        "The password of an encrypted key.",
    ),
    used("server.ssl.keyPassword", "", "The same, by its other name."),
    used(
        "server.ssl.clientAuth",
        "none",
        "none, want or need: whether who asks must show a certificate.",
    ),
    used(
        "server.ssl.caCertFile",
        "",
        "The authorities of such certificates in PEM.",
    ),
    used("logging.format", "text", "text or json."),
    used(
        "logging.level",
        "info",
        "panic, fatal, error, warn, info, debug or trace, of the agent's own words.",
    ),
    used(
        "logging.file",
        "stdout",
        "A file instead of standard output; its folders are made.",
    ),
    used(
        "logging.multiWrite",
        "false",
        "Standard output has everything, too.",
    ),
    used(
        "logging.maxSizeMb",
        "1",
        "A larger file is put aside, with the time after its name.",
    ),
    used(
        "logging.maxAgeDays",
        "10",
        "Older ones of those put aside are removed; 0: none.",
    ),
    used(
        "logging.maxBackups",
        "10",
        "How many of those put aside are kept; 0: all.",
    ),
    used(
        "logging.localTime",
        "true",
        "Local time in their names; false: UTC.",
    ),
    used(
        "logging.compress",
        "false",
        "Those put aside are compressed with gzip.",
    ),
    used(
        "logging.fields.*",
        "",
        "Fields that every line has besides; agentCluster and agentNamespace are filled when they are empty.",
    ),
    unused("pprof.*", "", GO),
    used(
        "prometheus.enabled",
        "false",
        "Serves /metrics and /prometheus_metrics.",
    ),
    used("prometheus.port", "8008", "Where, on every address."),
    used(
        "secrets.kubernetes.kubeconfigFile",
        "the pod's service account",
        "With what the engine k8s of references reads Secrets (Ferry's own).",
    ),
    used(
        "secrets.vault.enabled",
        "false",
        "Switches the engine vault of references on.",
    ),
    used(
        "secrets.vault.url",
        "",
        "Vault's https://host:port; http:// on this host alone.",
    ),
    used("secrets.vault.authMethod", "TOKEN", "TOKEN or KUBERNETES."),
    used("secrets.vault.token", "VAULT_TOKEN", "The token of TOKEN."),
    used("secrets.vault.role", "", "The role of KUBERNETES."),
    used(
        "secrets.vault.path",
        "kubernetes",
        "Where Vault has the auth method of KUBERNETES.",
    ),
    used(
        "secrets.vault.caFile",
        "the system's authorities",
        "The authority of Vault's certificate in PEM.",
    ),
    unused(
        "tasks.*",
        "",
        "An account has one task of its own; how many clusters are reached for at the same time the agent bounds by itself.",
    ),
    used(
        "timeoutSeconds",
        "0",
        "The most that a connection or an answer of an API server may take; 0: 10 s.",
    ),
];
