//! The sidecar's own keys, and all settings typed.
//!
//! The same mechanism as the core's: one table gives reading, checking and `--help`. Read by
//! `main.rs` once; opens and binds nothing.

use crate::access::{self, Access};
use ferry_core::config::{self, CORE, Config, ConfigErrors, Key, Kind, Place, Table, Values};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    /// What the core's API asks of those who use it.
    pub access: Access,
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
        let (database, migration) = databases(&mut values);
        let place = Place {
            database,
            migration,
            clouddriver_url: Some(format!("http://{upstream}")),
            source_user: source_user(&mut values),
        };
        let settings = Settings {
            listen: values.socket("sidecar.listen"),
            admin: values.socket("sidecar.admin.listen"),
            access: access(&mut values),
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

/// The database's URLs, for the service user and for the one who makes tables.
fn databases(values: &mut Values) -> (SecretString, Option<SecretString>) {
    let url = text(values, "sidecar.database");
    let own = login(values, "sidecar.databaseUser", "sidecar.databasePassword");
    let service = with_login(values, "sidecar.database", &url, own.clone());
    let other = optional(values, "sidecar.migration.database");
    let migrating = login(
        values,
        "sidecar.migration.user",
        "sidecar.migration.password",
    );
    let migration = match (other, migrating) {
        (None, (None, None)) => None,
        (None, migrating) => Some(with_login(
            values,
            "sidecar.migration.user",
            &url,
            migrating,
        )),
        (Some(url), migrating) => Some(with_login(
            values,
            "sidecar.migration.database",
            &url,
            migrating,
        )),
    };
    if let Some(migration) = &migration
        && !config::same_kind(&service, migration)
    {
        values.refuse(
            "sidecar.migration.database",
            "is not of the same kind as sidecar.database",
        );
    }
    (service, migration)
}

type Login = (Option<String>, Option<SecretString>);

/// User and password that stand beside a URL, the password perhaps in a file.
fn login(values: &mut Values, user: &str, password: &'static str) -> Login {
    let file_key = match password {
        "sidecar.databasePassword" => "sidecar.databasePasswordFile",
        _ => "sidecar.migration.passwordFile",
    };
    let written = optional(values, password).map(SecretString::from);
    let file = optional(values, file_key);
    let password = match (written, file) {
        (Some(_), Some(_)) => {
            values.refuse(
                file_key,
                format!("is set beside {password}; set one of them"),
            );
            None
        }
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => Some(SecretString::from(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                values.refuse(file_key, format!("{path:?} cannot be read: {error}"));
                None
            }
        },
        (written, None) => written,
    };
    (optional(values, user), password)
}

fn with_login(values: &mut Values, key: &'static str, url: &str, login: Login) -> SecretString {
    config::with_login(url, login.0.as_deref(), login.1.as_ref()).unwrap_or_else(|reason| {
        values.refuse(key, reason);
        SecretString::default()
    })
}

fn optional(values: &mut Values, name: &str) -> Option<String> {
    values.text(name).map(str::to_owned)
}

fn access(values: &mut Values) -> Access {
    let given = values.text("sidecar.api.token").map(access::token);
    let file = values.text("sidecar.api.tokenFile").map(PathBuf::from);
    let (name, refused) = match (given, file) {
        (None, None) => return Access::Loopback,
        (Some(Ok(token)), None) => return Access::Token(token),
        (Some(Err(reason)), None) => ("sidecar.api.token", reason.to_owned()),
        (None, Some(file)) => match access::read(&file) {
            Ok(_) => return Access::TokenFile(file),
            Err(reason) => ("sidecar.api.tokenFile", reason),
        },
        (Some(_), Some(_)) => (
            "sidecar.api.tokenFile",
            "is set beside sidecar.api.token: take one of them away".to_owned(),
        ),
    };
    values.refuse(name, refused);
    Access::Loopback
}

fn source_user(values: &mut Values) -> Option<String> {
    let user = values.text("sidecar.source.user")?.to_owned();
    if HeaderValue::from_str(&user).is_err() {
        let reason = "cannot be the value of a header: it has control characters";
        values.refuse("sidecar.source.user", reason);
    }
    Some(user)
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
    fn users_and_passwords_may_stand_beside_the_url() {
        let url = (
            "SIDECAR_DATABASE",
            "mysql://db/clouddriver?ssl-mode=REQUIRED",
        );
        let urls = |more: &[(&str, &str)]| {
            let place = read(&[&[url], more].concat())?.core.place;
            let shown = |url: SecretString| url.expose_secret().to_owned();
            Ok::<_, String>((shown(place.database), place.migration.map(shown)))
        };
        let plain = url.1.to_owned();
        assert_eq!(urls(&[]).unwrap(), (plain.clone(), None));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "p@ss/word\n").unwrap();
        let file = file.to_str().unwrap();
        let (service, migration) = urls(&[
            ("SIDECAR_DATABASEUSER", "service"),
            ("SIDECAR_DATABASEPASSWORDFILE", file),
            ("SIDECAR_MIGRATION_USER", "migrate"),
            ("SIDECAR_MIGRATION_PASSWORD", "s3cret"),
        ])
        .unwrap();
        let at = "db/clouddriver?ssl-mode=REQUIRED";
        assert_eq!(service, format!("mysql://service:p%40ss%2Fword@{at}"));
        assert_eq!(migration.unwrap(), format!("mysql://migrate:s3cret@{at}"));
        let other = [("SIDECAR_MIGRATION_DATABASE", "mysql://m:n@db2/clouddriver")];
        let (service, migration) = urls(&other).unwrap();
        assert_eq!(service, plain);
        assert_eq!(migration.unwrap(), "mysql://m:n@db2/clouddriver");
        for (wrong, said) in [
            (
                ("SIDECAR_DATABASE", "ferry.db"),
                "an SQLite file has no users",
            ),
            (
                ("SIDECAR_MIGRATION_PASSWORDFILE", "/none"),
                "cannot be read",
            ),
            (
                ("SIDECAR_MIGRATION_DATABASE", "postgres://db/x"),
                "is not of the same kind",
            ),
        ] {
            let more = [("SIDECAR_MIGRATION_USER", "migrate"), wrong];
            let error = urls(&more).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
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
    fn the_token_is_a_key_or_a_file_and_is_not_printed() {
        assert!(matches!(read(&[]).unwrap().access, Access::Loopback));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let path = file.to_str().unwrap();
        std::fs::write(&file, "s3cret\n").unwrap();
        let key = ("SIDECAR_API_TOKEN", "s3cret");
        let in_file = ("SIDECAR_API_TOKENFILE", path);
        let settings = read(&[key]).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        match settings.access {
            Access::Token(token) => assert_eq!(token.expose_secret(), "s3cret"),
            other => panic!("{other:?}"),
        }
        match read(&[in_file]).unwrap().access {
            Access::TokenFile(named) => assert_eq!(named, file),
            other => panic!("{other:?}"),
        }
        let error = |set: &[(&str, &str)]| read(set).unwrap_err();
        let both = error(&[key, in_file]);
        assert!(both.contains("beside sidecar.api.token") && !both.contains("s3cret"));
        assert!(error(&[("SIDECAR_API_TOKEN", "s3 cret")]).contains("one line"));
        for content in ["", "\n", "s3cret s3"] {
            std::fs::write(&file, content).unwrap();
            let error = error(&[in_file]);
            assert!(
                error.contains("one line") && !error.contains("s3cret"),
                "{error}"
            );
        }
        std::fs::remove_file(&file).unwrap();
        assert!(error(&[in_file]).contains(path));
    }

    #[test]
    fn a_user_is_one_that_a_header_can_carry() {
        let user = |user| read(&[("SIDECAR_SOURCE_USER", user)]);
        let settings = user("ferry").unwrap();
        assert_eq!(settings.core.place.source_user.as_deref(), Some("ferry"));
        assert!(user("fer\nry").unwrap_err().contains("control characters"));
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
