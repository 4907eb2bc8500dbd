//! The JSON that a door is started with: Clouddriver's own properties, flattened.
//!
//! `{"properties": {"kubesvc.grpc.server.port": "9091", ...}}`. Keys under our roots are checked as
//! the sidecar's are; all others are ignored, and never shown: they may be secrets.

use crate::failure::Failure;
use crate::place::place;
use ferry_core::config::{CORE, Config, ConfigErrors, Key, Kind, Table, Values};
use serde_json::Value;
use std::collections::BTreeMap;
use tracing_subscriber::filter::Targets;

/// This crate's keys; then the core's.
const TABLES: &[Table] = &[OWN, CORE];

const OWN: Table = Table {
    roots: &[],
    shared_roots: &[],
    keys: &[Key {
        name: "kubesvc.log.level",
        kind: Kind::Text,
        default: "info",
        doc: "A level, or levels by module such as info,ferry_core=debug (Ferry's own).",
    }],
    unused: &[],
    aliases: &[],
};

/// What a core is started with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) core: Config,
    /// What is logged.
    pub(crate) log: Targets,
    /// Keys that are set without effect, and why.
    pub(crate) unused: Vec<String>,
}

/// Reads the JSON.
pub(crate) fn read(json: &[u8]) -> Result<Settings, Failure> {
    let properties = properties(json)?;
    let by_name: BTreeMap<String, String> = properties.iter().cloned().collect();
    let mut values = Values::of_clouddriver(TABLES, properties);
    let log = log(&mut values);
    let place = place(&by_name)
        .map_err(|error| Failure::new(crate::failure::Kind::Config, error.to_string()))?;
    let core = Config::read(&mut values, place);
    let unused = values.finish().map_err(|errors: ConfigErrors| errors)?;
    Ok(Settings { core, log, unused })
}

fn log(values: &mut Values) -> Targets {
    let name = "kubesvc.log.level";
    let level = values.text(name).unwrap_or("info").to_owned();
    level.parse().unwrap_or_else(|_| {
        values.refuse(
            name,
            format!("{level:?} is not a level, or levels by module"),
        );
        Targets::new()
    })
}

fn properties(json: &[u8]) -> Result<Vec<(String, String)>, Failure> {
    let shape = || Failure::argument(r#"the configuration is not {"properties": {name: value}}"#);
    let parsed: Value = serde_json::from_slice(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::argument(format!(
            "the configuration is not JSON: line {line}, column {column}"
        ))
    })?;
    let Value::Object(mut parts) = parsed else {
        return Err(shape());
    };
    let Some(Value::Object(properties)) = parts.remove("properties") else {
        return Err(shape());
    };
    if let Some(other) = parts.keys().next() {
        return Err(Failure::argument(format!(
            "the configuration has a part {other:?} that this version does not know"
        )));
    }
    let mut flat = Vec::with_capacity(properties.len());
    for (name, value) in properties {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(Failure::argument(format!(
                    "property {name} is not flat: it must be one text"
                )));
            }
        };
        flat.push((name, value));
    }
    Ok(flat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind as FailureKind;

    fn refused(json: &str) -> (FailureKind, String) {
        let failure = read(json.as_bytes()).unwrap_err();
        (failure.kind, failure.message)
    }

    #[test]
    fn defaults_listen_on_every_address() {
        let settings = read(
            br#"{"properties": {"sql.connectionPools.default.jdbcUrl": "jdbc:mysql://db/c"}}"#,
        );
        let settings = settings.unwrap();
        assert_eq!(settings.core.grpc.listen.to_string(), "0.0.0.0:9091");
        assert!(settings.unused.is_empty());
    }

    #[test]
    fn properties_of_other_roots_are_ignored() {
        let settings = read(
            br#"{"properties": {"kubesvc.grpc.server.port": "0", "server.port": 7002,
                "sql.connectionPools.default.password": "hunter2", "java.home": null,
                "sql.connectionPools.default.jdbcUrl": "jdbc:mysql://db/c",
                "kubesvc.cache.cacheAll": true, "kubesvc.log.level": "warn"}}"#,
        );
        let settings = settings.unwrap();
        assert_eq!(settings.core.grpc.listen.port(), 0);
        assert_eq!(settings.unused.len(), 1, "{:?}", settings.unused);
    }

    #[test]
    fn mistakes_in_our_keys_are_told_at_once() {
        let (kind, message) = refused(
            r#"{"properties": {"kubesvc.grpc.server.prot": "1", "kubesvc.heartbeat.perod": "x",
                "sql.connectionPools.default.jdbcUrl": "jdbc:mysql://db/c",
                "kubesvc.log.level": "=="}}"#,
        );
        assert_eq!(kind, FailureKind::Config);
        assert_eq!(message.lines().count(), 3, "{message}");
    }

    #[test]
    fn what_is_no_configuration_is_told_without_its_text() {
        for json in [
            "",
            "[]",
            "{\"properties\": \"hunter2\"}",
            "{\"properties\": {\"a\": [\"hunter2\"]}}",
            "{\"properties\": {}, \"x\": \"hunter2\"}",
            "{\"properties\": {\"a\": \"hunter2",
        ] {
            let (kind, message) = refused(json);
            assert_eq!(kind, FailureKind::BadArgument, "{json}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
