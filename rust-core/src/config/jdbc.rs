//! Clouddriver's database as its configuration names it: `sql.connectionPools.default` and
//! `sql.migration`, JDBC URLs with the drivers' options, made into the URLs that the store takes.
//!
//! An option that has no meaning here is passed over; one that would change how or where to we
//! connect and cannot be translated is an error that names it. No value is ever shown.

use secrecy::SecretString;
use std::collections::BTreeMap;
use url::Url;

/// The databases of Clouddriver's configuration, as URLs.
#[derive(Debug, Clone)]
pub struct Databases {
    /// With the service user.
    pub service: SecretString,
    /// With the user who may make and alter tables.
    pub migration: SecretString,
}

/// A JDBC URL that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key}: {reason}")]
pub struct JdbcError {
    key: String,
    reason: String,
}

/// Reads the databases from Clouddriver's properties, whose names are spelled as Spring allows.
pub fn databases(properties: &BTreeMap<String, String>) -> Result<Databases, JdbcError> {
    let plain = properties
        .iter()
        .map(|(name, value)| (plain(name), value.clone()));
    let properties = &plain.collect();
    let service = pool(properties, "sql.connectionPools.default")?.ok_or_else(|| JdbcError {
        key: "sql.connectionPools.default.jdbcUrl".to_owned(),
        reason: "is not set; Ferry keeps its tables in Clouddriver's database".to_owned(),
    })?;
    let migration = pool(properties, "sql.migration")?;
    Ok(Databases {
        migration: migration.unwrap_or_else(|| service.clone()),
        service,
    })
}

/// A name without what its spellings differ in: case, dashes, and the dots that variables lack.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn pool(
    properties: &BTreeMap<String, String>,
    prefix: &str,
) -> Result<Option<SecretString>, JdbcError> {
    let key = format!("{prefix}.jdbcUrl");
    let property = |name: &str| {
        let name = plain(&format!("{prefix}.{name}"));
        properties
            .get(&name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    };
    let Some(jdbc) = property("jdbcUrl") else {
        return Ok(None);
    };
    translate(jdbc, property("user"), property("password"))
        .map(Some)
        .map_err(|reason| JdbcError { key, reason })
}

/// What becomes of an option.
enum Meaning {
    /// Our URL has it too, by this name and value.
    Is(&'static str, String),
    /// It has no meaning here.
    Nothing,
    /// It cannot be translated, for this reason.
    Refused(&'static str),
}

/// The store's URL for a JDBC URL; an error is a sentence without any value of it.
fn translate(
    jdbc: &str,
    user: Option<&str>,
    password: Option<&str>,
) -> Result<SecretString, String> {
    let expected = "expected jdbc:mysql://host/schema, jdbc:mariadb://host/schema or \
                    jdbc:postgresql://host/database";
    let rest = jdbc.strip_prefix("jdbc:").ok_or(expected)?;
    if rest.starts_with("sqlite:") {
        return Ok(SecretString::from(rest));
    }
    let (driver, address) = rest.split_once("://").ok_or(expected)?;
    let (scheme, option): (_, fn(&str, &str) -> Meaning) = match driver {
        "mysql" => ("mysql", mysql),
        "mariadb" => ("mysql", mariadb),
        "postgresql" => ("postgres", postgresql),
        _ => return Err(format!("the driver `{driver}` is not known; {expected}")),
    };
    let hosts = address.split(['/', '?']).next().unwrap_or_default();
    if hosts.contains([',', '(']) {
        return Err("several hosts in one URL cannot be translated; name one".to_owned());
    }
    let parsed = Url::parse(&format!("{scheme}://{address}")).map_err(|_| expected)?;
    let mut url = parsed.clone();
    url.set_query(None);
    let (mut user, mut password) = (user.map(str::to_owned), password.map(str::to_owned));
    let mut translated = BTreeMap::new();
    if driver == "mariadb" {
        // This driver speaks TLS only when it is told to; the other tries it first.
        translated.insert("ssl-mode", "DISABLED".to_owned());
    }
    for (name, value) in parsed.query_pairs() {
        match name.as_ref() {
            "user" => user = user.or(Some(value.into_owned())),
            "password" => password = password.or(Some(value.into_owned())),
            _ => match option(&name, &value) {
                Meaning::Is(name, value) => {
                    translated.insert(name, value);
                }
                Meaning::Nothing => {}
                Meaning::Refused(why) => {
                    return Err(format!("option `{name}` cannot be translated: {why}"));
                }
            },
        }
    }
    let no_host = |()| expected.to_owned();
    url.set_username(user.as_deref().unwrap_or_default())
        .map_err(no_host)?;
    url.set_password(password.as_deref()).map_err(no_host)?;
    if !translated.is_empty() {
        url.query_pairs_mut().extend_pairs(translated);
    }
    Ok(SecretString::from(String::from(url)))
}

const JAVA_STORE: &str = "it names a Java key store; give certificates as PEM files";
const UNKNOWN: &str = "it is not known here; take it out, or ask for it";

/// Options of drivers that concern the driver alone: pooling of statements, batching, time-outs,
/// metadata, character sets and time zones of values that we do not use.
const OF_THE_DRIVER: &[&str] = &[
    "allowmultiqueries",
    "allowpublickeyretrieval",
    "applicationname",
    "autoreconnect",
    "binarytransfer",
    "cachecallablestmts",
    "cacheprepstmts",
    "cacheresultsetmetadata",
    "cacheserverconfiguration",
    "characterencoding",
    "connectionattributes",
    "connectioncollation",
    "connectiontimezone",
    "connecttimeout",
    "createdatabaseifnotexist",
    "defaultfetchsize",
    "defaultrowfetchsize",
    "elidesetautocommits",
    "failoverreadonly",
    "initialtimeout",
    "jdbccompliantruncation",
    "jdbccomplianttruncation",
    "logintimeout",
    "maintaintimestats",
    "maxreconnects",
    "noaccesstoprocedurebodies",
    "nullcatalogmeanscurrent",
    "permitmysqlscheme",
    "preparedstatementcachequeries",
    "preparedstatementcachesizemib",
    "preparethreshold",
    "prepstmtcachesize",
    "prepstmtcachesqllimit",
    "rewritebatchedinserts",
    "rewritebatchedstatements",
    "servertimezone",
    "sessionvariables",
    "sockettimeout",
    "stringtype",
    "tcpkeepalive",
    "timezone",
    "tinyint1isbit",
    "useaffectedrows",
    "usebulkstmts",
    "usecursorfetch",
    "uselegacydatetimecode",
    "uselocalsessionstate",
    "uselocaltransactionstate",
    "useserverprepstmts",
    "useunicode",
    "zerodatetimebehavior",
];

fn of_the_driver(name: &str) -> Meaning {
    match OF_THE_DRIVER.contains(&name.to_ascii_lowercase().as_str()) {
        true => Meaning::Nothing,
        false => Meaning::Refused(UNKNOWN),
    }
}

fn mysql(name: &str, value: &str) -> Meaning {
    let mode = |mode: &str| Meaning::Is("ssl-mode", mode.to_owned());
    match (
        name.to_ascii_lowercase().as_str(),
        value.to_ascii_uppercase().as_str(),
    ) {
        ("sslmode", "DISABLED") => mode("DISABLED"),
        ("sslmode", "PREFERRED") => mode("PREFERRED"),
        ("sslmode", "REQUIRED") => mode("REQUIRED"),
        ("sslmode", "VERIFY_CA") => mode("VERIFY_CA"),
        ("sslmode", "VERIFY_IDENTITY") => mode("VERIFY_IDENTITY"),
        ("sslmode", _) => Meaning::Refused("expected DISABLED … VERIFY_IDENTITY"),
        ("usessl", "FALSE") => mode("DISABLED"),
        ("usessl" | "requiressl", "TRUE") => mode("REQUIRED"),
        ("verifyservercertificate", "TRUE") => mode("VERIFY_CA"),
        ("requiressl" | "verifyservercertificate", "FALSE") => Meaning::Nothing,
        ("trustcertificatekeystoreurl" | "clientcertificatekeystoreurl", _) => {
            Meaning::Refused(JAVA_STORE)
        }
        _ => of_the_driver(name),
    }
}

fn mariadb(name: &str, value: &str) -> Meaning {
    let mode = |mode: &str| Meaning::Is("ssl-mode", mode.to_owned());
    match (
        name.to_ascii_lowercase().as_str(),
        value.to_ascii_lowercase().as_str(),
    ) {
        ("sslmode", "disable") => mode("DISABLED"),
        ("sslmode", "trust") => mode("REQUIRED"),
        ("sslmode", "verify-ca") => mode("VERIFY_CA"),
        ("sslmode", "verify-full") => mode("VERIFY_IDENTITY"),
        ("serversslcert", _) => Meaning::Is("ssl-ca", value.to_owned()),
        ("truststore" | "keystore", _) => Meaning::Refused(JAVA_STORE),
        _ => mysql(name, value),
    }
}

fn postgresql(name: &str, value: &str) -> Meaning {
    match (name.to_ascii_lowercase().as_str(), value) {
        ("sslmode", _) => Meaning::Is("sslmode", value.to_owned()),
        ("ssl", "true") => Meaning::Is("sslmode", "verify-full".to_owned()),
        ("ssl", "false") => Meaning::Nothing,
        ("sslrootcert", _) => Meaning::Is("sslrootcert", value.to_owned()),
        ("sslcert", _) => Meaning::Is("sslcert", value.to_owned()),
        ("sslkey", _) if value.ends_with(".pem") || value.ends_with(".key") => {
            Meaning::Is("sslkey", value.to_owned())
        }
        ("sslkey", _) => Meaning::Refused("a key in DER form; give it as PEM (.pem or .key)"),
        ("sslfactory" | "sslhostnameverifier" | "sslpasswordcallback" | "socketfactory", _) => {
            Meaning::Refused("it names a Java class; use sslmode and sslrootcert")
        }
        ("currentschema", _) => Meaning::Is("options[search_path]", value.to_owned()),
        ("targetservertype", _) => Meaning::Nothing,
        _ => of_the_driver(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn translated(jdbc: &str) -> Result<String, String> {
        translate(jdbc, Some("us er"), Some("p@ss/w")).map(|url| url.expose_secret().to_owned())
    }

    #[test]
    fn urls_of_the_three_drivers_are_translated() {
        assert_eq!(
            translated("jdbc:mysql://db:3306/clouddriver?useSSL=false&serverTimezone=UTC").unwrap(),
            "mysql://us%20er:p%40ss%2Fw@db:3306/clouddriver?ssl-mode=DISABLED"
        );
        assert_eq!(
            translated("jdbc:mariadb://db/clouddriver").unwrap(),
            "mysql://us%20er:p%40ss%2Fw@db/clouddriver?ssl-mode=DISABLED"
        );
        assert_eq!(
            translated("jdbc:mariadb://db/c?sslMode=verify-full&serverSslCert=/ca.pem").unwrap(),
            "mysql://us%20er:p%40ss%2Fw@db/c?ssl-ca=%2Fca.pem&ssl-mode=VERIFY_IDENTITY"
        );
        assert_eq!(
            translated("jdbc:postgresql://db/c?sslmode=require&ApplicationName=x").unwrap(),
            "postgres://us%20er:p%40ss%2Fw@db/c?sslmode=require"
        );
    }

    #[test]
    fn users_in_the_url_count_when_none_is_beside_it() {
        let url = translate("jdbc:mysql://db/c?user=a&password=b", None, None).unwrap();
        assert_eq!(url.expose_secret(), "mysql://a:b@db/c");
    }

    #[test]
    fn what_cannot_be_translated_is_named_without_its_value() {
        for (jdbc, named) in [
            ("jdbc:mysql://a,b/c", "several hosts"),
            ("jdbc:oracle:thin:@x", "expected jdbc:mysql"),
            ("jdbc:mysql:aurora://db/c", "`mysql:aurora`"),
            (
                "jdbc:mysql://db/c?trustCertificateKeyStoreUrl=file:s3cret",
                "`trustCertificateKeyStoreUrl`",
            ),
            ("jdbc:mysql://db/c?nobody=s3cret", "`nobody`"),
            ("jdbc:postgresql://db/c?sslkey=s3cret.pk8", "`sslkey`"),
            ("jdbc:postgresql://db/c?sslfactory=s3cret", "`sslfactory`"),
            ("s3cret", "expected jdbc:mysql"),
        ] {
            let reason = translated(jdbc).unwrap_err();
            assert!(
                reason.contains(named) && !reason.contains("s3cret"),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_migration_user_is_the_services_when_none_is_set() {
        let mut properties = BTreeMap::new();
        let error = databases(&properties).unwrap_err().to_string();
        assert!(
            error.starts_with("sql.connectionPools.default.jdbcUrl: is not set"),
            "{error}"
        );
        let mut set = |key: &str, value: &str| properties.insert(key.to_owned(), value.to_owned());
        set("sql.connectionPools.default.jdbcUrl", "jdbc:mysql://db/c");
        set("sql.connectionPools.default.user", "service");
        set("sql.migration.user", "migrate");
        let users = |properties: &BTreeMap<String, String>| {
            let Databases { service, migration } = databases(properties).unwrap();
            [service, migration].map(|url| url.expose_secret().to_owned())
        };
        assert_eq!(
            users(&properties),
            ["mysql://service@db/c", "mysql://service@db/c"]
        );
        properties.insert(
            "SQL_MIGRATION_JDBC_URL".to_owned(),
            "jdbc:mysql://db/c".to_owned(),
        );
        assert_eq!(
            users(&properties),
            ["mysql://service@db/c", "mysql://migrate@db/c"]
        );
    }
}
