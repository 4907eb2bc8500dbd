//! `kubernetes.accounts`: the accounts that the agent brings by itself.
//!
//! Used by `config`. An entry that cannot be used is an error that names the account.

use std::collections::HashSet;
use std::path::PathBuf;

use ferry_reference::{is_content, is_open, is_reference};
use ferry_wire::MAX_ACCOUNT_BYTES;
use serde_json::Value;

use super::ConfigError;
use super::read::Document;
use crate::accounts::FixedAccount;
use crate::accounts::definition::Definition;
use crate::cause::printable;
use crate::kubeconfig::Source;

const KEY: &str = "kubernetes.accounts";

pub(super) fn read(document: &Document) -> Result<Vec<FixedAccount>, ConfigError> {
    let mut names = HashSet::new();
    let mut accounts = Vec::new();
    for (at, entry) in document.list(KEY)?.iter().enumerate() {
        let key = format!("{KEY}[{at}].name");
        let name = match entry["name"]
            .as_str()
            .filter(|name| !name.trim().is_empty())
        {
            Some(name) => name.to_owned(),
            None => return Err(document.wrong_value(&key, &entry["name"], "a name")),
        };
        let wrong = |wrong: String| ConfigError::Account {
            account: printable(&name),
            file: document.file.clone(),
            wrong,
        };
        if !names.insert(name.clone()) {
            return Err(wrong(
                "the name is there twice; an account's name is unique".into(),
            ));
        }
        let definition = Definition::from_json(entry)
            .map_err(|(key, expected)| wrong(format!("{key} must be {expected}")))?;
        let source = source(entry).map_err(wrong)?;
        let entry = entry.to_string();
        if entry.len() > MAX_ACCOUNT_BYTES {
            let size = entry.len();
            return Err(wrong(format!(
                "it takes {size} bytes, and the core takes at most {MAX_ACCOUNT_BYTES}; make it smaller"
            )));
        }
        accounts.push(FixedAccount {
            name,
            entry,
            definition,
            source,
        });
    }
    Ok(accounts)
}

fn source(entry: &Value) -> Result<Source, String> {
    let path = |key: &str| match &entry[key] {
        Value::Null => Ok(None),
        Value::String(path) if path.is_empty() => Ok(None),
        Value::String(path) if is_content(path) => Err(format!(
            "{key} must be the path of a kubeconfig, not the kubeconfig itself"
        )),
        Value::String(path) if is_open(path) => Err(format!(
            "{key} is written for the secret engine `noop`, which holds the secret itself; use k8s or vault"
        )),
        Value::String(path) => Ok(Some(path)),
        _ => Err(format!("{key} must be a path")),
    };
    let file = path("kubeconfigFile")?;
    let service_account = match &entry["serviceAccount"] {
        Value::Null => false,
        Value::Bool(service_account) => *service_account,
        _ => return Err("serviceAccount must be true or false".into()),
    };
    match (file, service_account) {
        (Some(reference), false) if is_reference(reference) => {
            Ok(Source::Referenced(reference.clone()))
        }
        (Some(path), false) => Ok(Source::NamedByOperator(PathBuf::from(path))),
        (None, true) => Ok(Source::ServiceAccount),
        (Some(_), true) => Err("kubeconfigFile and serviceAccount exclude each other".into()),
        (None, false) => Err("kubeconfigFile or serviceAccount: true is missing".into()),
    }
}
