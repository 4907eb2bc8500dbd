//! The sidecar's own keys: names, kinds, defaults and help. `--help`, the environment's variables and
//! docs/configuration.md come from here.

use ferry_core::config::{Key, Kind, Table};

/// What begins with `sidecar.`.
pub(super) const OWN: Table = Table {
    roots: &["sidecar"],
    shared_roots: &[],
    keys: &[
        key(
            "sidecar.admin.listen",
            Kind::Socket,
            "127.0.0.1:7009",
            "Where /health, /ready and /metrics are served; port 0: any free one.",
        ),
        key(
            "sidecar.api.token",
            Kind::Text,
            "",
            "What /armory/** and /agents/** ask of everybody: Authorization: Bearer TOKEN. Without \
             it only connections from loopback get in.",
        ),
        key(
            "sidecar.api.tokenFile",
            Kind::Text,
            "",
            "A file that holds the token alone, instead of sidecar.api.token; read anew for every \
             request.",
        ),
        key(
            "sidecar.connectTimeoutSeconds",
            Kind::SECONDS,
            "5",
            "Seconds to connect to Clouddriver; then 504.",
        ),
        key(
            "sidecar.database",
            Kind::Text,
            "ferry.db",
            "Ferry's tables: the path of an SQLite file, or a mysql:// or postgres:// URL.",
        ),
        key(
            "sidecar.databasePassword",
            Kind::Text,
            "",
            "The password for the database, when it is not in the URL.",
        ),
        key(
            "sidecar.databasePasswordFile",
            Kind::Text,
            "",
            "A file with that password.",
        ),
        key(
            "sidecar.databaseUser",
            Kind::Text,
            "",
            "The user of the database, when it is not in the URL.",
        ),
        key(
            "sidecar.drainSeconds",
            Kind::SECONDS,
            "20",
            "Seconds that requests in flight may take after SIGTERM.",
        ),
        key(
            "sidecar.idleTimeoutSeconds",
            Kind::SECONDS,
            "60",
            "Seconds that a client's connection may be idle, or take for the head of a request.",
        ),
        key(
            "sidecar.listen",
            Kind::Socket,
            "127.0.0.1:7003",
            "Where clients of Clouddriver connect to; port 0: any free one.",
        ),
        key(
            "sidecar.log.format",
            Kind::OneOf(&["text", "json"]),
            "text",
            "How log lines on stderr look.",
        ),
        key(
            "sidecar.log.level",
            Kind::Text,
            "info",
            "A level, or levels by module such as info,ferry_core=debug.",
        ),
        key(
            "sidecar.migration.database",
            Kind::Text,
            "",
            "The URL by which tables are made and altered, and nothing else. Unset: sidecar.database, \
             with sidecar.migration.user when that is set.",
        ),
        key(
            "sidecar.migration.password",
            Kind::Text,
            "",
            "The password of the user who may make and alter tables, when it is not in the URL.",
        ),
        key(
            "sidecar.migration.passwordFile",
            Kind::Text,
            "",
            "A file with that password.",
        ),
        key(
            "sidecar.migration.user",
            Kind::Text,
            "",
            "The user who may make and alter tables, when it is not in the URL.",
        ),
        key(
            "sidecar.source.user",
            Kind::Text,
            "",
            "X-SPINNAKER-USER of reads of Clouddriver's accounts that nobody asked for.",
        ),
        key(
            "sidecar.upstream",
            Kind::Text,
            "http://127.0.0.1:7002",
            "Clouddriver: http://host:port.",
        ),
        key(
            "sidecar.upstreamTimeoutSeconds",
            Kind::SECONDS,
            "300",
            "Seconds that Clouddriver may take to begin its answer; then 504.",
        ),
    ],
    unused: &[
        key("kubesvc.required", Kind::Flag, "false", THE_PLUGINS),
        key("kubesvc.nativeLibrary", Kind::Text, "", THE_PLUGINS),
        key("kubesvc.log.level", Kind::Text, "info", THE_PLUGINS),
    ],
    aliases: &[],
};

pub(super) const THE_PLUGINS: &str = "The plugin's; the sidecar is a process of its own.";

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        doc,
    }
}
