//! The sidecar's own keys, and all settings typed.
//!
//! The same mechanism as the core's: one table gives reading, checking and `--help`. Read by
//! `main.rs` once; opens and binds nothing.

mod database;
mod table;

use crate::access::{self, Access};
use database::databases;
use ferry_core::config::{self, CORE, Config, ConfigErrors, Place, Table, Values};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use table::OWN;

/// Every key that the sidecar reads: its own, then the core's.
pub const TABLES: &[Table] = &[OWN, CORE];

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

fn access(values: &mut Values) -> Access {
    let given = values.text("sidecar.api.token").map(access::token);
    let file = values.file("sidecar.api.tokenFile");
    let (name, refused) = match (given, file) {
        (None, None) => return Access::Loopback,
        (Some(Ok(token)), None) => return Access::Token(token),
        (Some(Err(reason)), None) => ("sidecar.api.token", reason.to_owned()),
        (None, Some(file)) => match access::of_file(&file, std::fs::read_to_string(&file)) {
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
        let shown = config::without_login(&url);
        values.refuse("sidecar.upstream", format!("{shown:?} {reason}"));
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
mod tests;
