//! The sidecar's own keys, and all settings typed.
//!
//! The same mechanism as the core's: one table gives reading, checking and `--help`. Read by
//! `main.rs` once; opens and binds nothing.

use ferry_core::config::{self, CORE, Config, ConfigErrors, Key, Kind, Place, Table, Values};
use http::Uri;
use http::uri::{Authority, Scheme};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Every key that the sidecar reads: its own, then the core's.
pub const TABLES: &[Table] = &[OWN, CORE];

const OWN: Table = Table {
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
        // The core's key with a default of our own: without TLS agents connect from this host.
        key(
            "kubesvc.grpc.server.address",
            Kind::Address,
            "127.0.0.1",
            "Where agents connect to; * for every IPv4 address.",
        ),
    ],
    unused: &[],
    aliases: &[],
};

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        doc,
    }
}

/// All settings, read and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients of Clouddriver connect to.
    pub listen: SocketAddr,
    /// Where `/health`, `/ready` and `/metrics` are served.
    pub admin: SocketAddr,
    /// `host:port` of Clouddriver.
    pub upstream: Authority,
    /// To connect to Clouddriver.
    pub connect_timeout: Duration,
    /// Until Clouddriver begins its answer.
    pub upstream_timeout: Duration,
    /// That a client's connection may be idle, or take for a request's head.
    pub idle_timeout: Duration,
    /// That requests in flight may take once the sidecar is told to stop.
    pub drain: Duration,
    /// How log lines look.
    pub log: LogSettings,
    /// The core's part.
    pub core: Config,
}

/// How log lines look.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// A filter in the syntax of `tracing-subscriber`.
    pub level: String,
}

/// Every key as text for `--help`.
pub fn help() -> String {
    let keys = config::help(TABLES);
    format!("Configuration keys, with the environment variable that overrides each:\n\n{keys}")
}

impl Settings {
    /// Reads `file`, if there is one, and `environment` over it: the settings and the keys that
    /// are set without effect, with the reason, or everything that is wrong.
    pub fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Settings, Vec<String>), ConfigErrors> {
        let mut values = Values::read(TABLES, file, environment);
        let upstream = upstream(&mut values);
        let place = Place {
            database: text(&mut values, "sidecar.database").into(),
            migration: None,
            clouddriver_url: Some(format!("http://{upstream}")),
        };
        let settings = Settings {
            listen: values.socket("sidecar.listen"),
            admin: values.socket("sidecar.admin.listen"),
            upstream,
            connect_timeout: values.seconds("sidecar.connectTimeoutSeconds"),
            upstream_timeout: values.seconds("sidecar.upstreamTimeoutSeconds"),
            idle_timeout: values.seconds("sidecar.idleTimeoutSeconds"),
            drain: values.seconds("sidecar.drainSeconds"),
            log: LogSettings {
                json: text(&mut values, "sidecar.log.format").eq_ignore_ascii_case("json"),
                level: level(&mut values),
            },
            core: Config::read(&mut values, place),
        };
        let unused = values.finish()?;
        Ok((settings, unused))
    }
}

fn text(values: &mut Values, name: &str) -> String {
    match values.text(name) {
        Some(text) => text.to_owned(),
        None => {
            values.refuse(name, "is empty, but has no meaning without a value");
            String::new()
        }
    }
}

fn level(values: &mut Values) -> String {
    let level = text(values, "sidecar.log.level");
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&level) {
        values.refuse("sidecar.log.level", format!("{level:?}: {error}"));
    }
    level
}

fn upstream(values: &mut Values) -> Authority {
    let url = text(values, "sidecar.upstream");
    authority(&url).unwrap_or_else(|reason| {
        values.refuse("sidecar.upstream", format!("{url:?} {reason}"));
        Authority::from_static("invalid")
    })
}

fn authority(url: &str) -> Result<Authority, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
    if uri.scheme() == Some(&Scheme::HTTPS) {
        return Err(
            "is https, which the sidecar does not speak: it runs beside Clouddriver and \
                    connects by http",
        );
    }
    let authority = uri.authority().filter(|authority| {
        uri.scheme() == Some(&Scheme::HTTP) && !authority.as_str().contains('@')
    });
    match authority {
        None => Err("is not http://host:port"),
        Some(_) if uri.path_and_query().is_some_and(|path| path != "/") => {
            Err("has a path, but requests keep the path that the client sent")
        }
        Some(authority) if authority.port().is_none() => format!("{authority}:80")
            .parse()
            .map_err(|_| "is not http://host:port"),
        Some(authority) => Ok(authority.clone()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read(environment: &[(&str, &str)]) -> Result<Settings, String> {
        let environment = environment.iter();
        let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
        Settings::read(None, environment)
            .map(|(settings, _)| settings)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn defaults_need_no_file() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:7003");
        assert_eq!(settings.admin.to_string(), "127.0.0.1:7009");
        assert_eq!(settings.upstream, "127.0.0.1:7002");
        assert_eq!(settings.core.place.database.expose_secret(), "ferry.db");
        assert_eq!(
            settings.core.place.clouddriver_url.as_deref(),
            Some("http://127.0.0.1:7002")
        );
        assert_eq!(settings.core.grpc.listen.to_string(), "127.0.0.1:9091");
        assert_eq!(settings.upstream_timeout, Duration::from_secs(300));
        assert!(!settings.log.json);
    }

    #[test]
    fn upstream_is_plain_http_without_a_path() {
        for (url, said) in [
            ("https://clouddriver:7002", "is https"),
            ("clouddriver:7002", "is not http://host:port"),
            ("http://clouddriver:7002/path", "has a path"),
            ("http://user@clouddriver:7002", "is not http://host:port"),
            ("ftp://clouddriver", "is not http://host:port"),
            ("http:// ", "is not a URL"),
        ] {
            let error = read(&[("SIDECAR_UPSTREAM", url)]).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        let settings = read(&[("SIDECAR_UPSTREAM", "http://clouddriver/")]).unwrap();
        assert_eq!(settings.upstream, "clouddriver:80");
    }

    #[test]
    fn mistakes_in_both_tables_come_together() {
        let error = read(&[
            ("SIDECAR_LISTEN", "7003"),
            ("SIDECAR_LISTENN", "1"),
            ("SIDECAR_DATABASE", ""),
            ("SIDECAR_LOG_LEVEL", "=="),
            ("KUBESVC_GRPC_SERVER_PORT", "x"),
        ])
        .unwrap_err();
        assert_eq!(error.lines().count(), 5, "{error}");
    }

    #[test]
    fn help_has_our_default_for_the_cores_key_once() {
        let help = help();
        assert_eq!(help.matches("kubesvc.grpc.server.address\n").count(), 1);
        assert!(help.contains("default: 127.0.0.1; env: KUBESVC_GRPC_SERVER_ADDRESS"));
        for key in OWN.keys {
            assert!(help.contains(key.name), "{}", key.name);
        }
    }
}
