//! A dynamic account as Armory's plugin kept it, made into one of ours: where it stands, what was
//! asked for, and its definition, whose kubeconfig they keep in base64. `lifecycle` asks for each
//! row that it takes over; nothing here reads or writes.

use super::definition::Definition;
use super::model::{Account, Cluster, Limits};
use super::state::{Failure, Status, Wanted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// A row of their `kubesvc_accounts`.
#[derive(Debug, Clone, Default)]
pub struct ArmoryRow {
    /// The account's name.
    pub name: String,
    /// A dynamic account; else one that an agent's own configuration brought.
    pub dynamic: bool,
    /// One of the contract's words, in any case.
    pub status: Option<String>,
    /// The zone that was asked for, or that worked: they do not tell these apart.
    pub zone_id: Option<String>,
    /// JSON, with the kubeconfig inside.
    pub definition: Option<String>,
    /// Why it is FAILED.
    pub error_message: Option<String>,
    /// Tries that failed.
    pub failed_count: i64,
    /// What their agents found out.
    pub cluster: Cluster,
}

/// What becomes of a row.
#[derive(Debug, Clone)]
pub struct TakenOver {
    /// The row as ours.
    pub account: Account,
    /// Its definition. What is no JSON object is kept as a secret of this name: [`UNREADABLE`].
    pub definition: Definition,
    /// Armory's agents serve it: they are counted as holding it until their lease is over.
    pub held: bool,
}

/// Where the text of a definition lies that is no JSON object.
pub const UNREADABLE: &str = "/unreadableDefinition";

/// Makes a row of Armory's one of ours, at `now` in Unix milliseconds.
pub fn take_over(row: &ArmoryRow, limits: &Limits, now: i64) -> TakenOver {
    let read = definition(row.definition.as_deref());
    let mut account = Account {
        zone_id: row.zone_id.clone(),
        failed_count: u32::try_from(row.failed_count).unwrap_or_default(),
        message: row.error_message.clone().filter(|text| !text.is_empty()),
        cluster: row.cluster.clone(),
        ..Account::adopted(&row.name, row.zone_id.clone(), now)
    };
    let word = row.status.as_deref().unwrap_or_default().trim();
    let unknown = match word.to_ascii_uppercase().parse::<Status>() {
        Ok(status) => {
            (account.status, account.wanted) = stands(status, row.zone_id.is_some());
            false
        }
        Err(_) => !word.is_empty(),
    };
    match account.status {
        Status::Failed => {
            account.failure = Some(Failure::Agents);
            let tries = account.failed_count < limits.max_retries;
            account.due_at = tries.then(|| limits.retry_at(now));
        }
        status if status.is_transient() => account.due_at = Some(limits.deadline(now)),
        _ => {}
    }
    if unknown {
        fail(
            &mut account,
            format!(
                "Armory's plugin left it in the state `{word}`, which is none of the documented ones; PATCH \
             it to ACTIVE or INACTIVE"
            ),
        );
    }
    let definition = match read {
        Ok(definition) => definition,
        Err((reason, definition)) => {
            // What is on its way out needs none.
            if account.wanted != Wanted::Deleted {
                fail(&mut account, reason.to_owned());
            }
            definition
        }
    };
    TakenOver {
        held: account.status == Status::Active,
        account,
        definition,
    }
}

/// Where an account goes on, and what was asked for. What was on its way to an agent begins anew:
/// Armory's agents hear nothing from us.
fn stands(status: Status, zoned: bool) -> (Status, Wanted) {
    match status {
        Status::Inactive => (status, Wanted::Inactive),
        Status::Active if zoned => (status, Wanted::Active),
        Status::Failed => (status, Wanted::Active),
        Status::Orphaned if zoned => (status, Wanted::Active),
        // Which zone served it is not known.
        Status::Active | Status::Orphaned | Status::ToMigrate | Status::Activating => {
            (Status::ToMigrate, Wanted::Active)
        }
        Status::ToDeactivate | Status::Deactivating => (Status::ToDeactivate, Wanted::Inactive),
        Status::Deleting | Status::DeleteFailed => (status, Wanted::Deleted),
    }
}

/// FAILED until a person does something about it.
fn fail(account: &mut Account, reason: String) {
    account.status = Status::Failed;
    account.failure = Some(Failure::Definition);
    account.due_at = None;
    account.message = Some(reason);
}

const EMPTY: &str = "Armory's plugin left it without a definition; PUT its definition anew, or \
    DELETE it here and migrate it again";
const BROKEN: &str = "Armory's plugin left a definition that is not a JSON object; PUT its \
    definition anew, or DELETE it here and migrate it again";

fn definition(text: Option<&str>) -> Result<Definition, (&'static str, Definition)> {
    let text = text.unwrap_or_default();
    if text.trim().is_empty() {
        return Err((EMPTY, Definition::part(Map::new())));
    }
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(text) else {
        let text = Map::from_iter([(UNREADABLE.to_owned(), Value::from(text))]);
        let mut definition = Definition::part(Map::new());
        definition.secrets = Some(Value::Object(text).to_string().into());
        return Err((BROKEN, definition));
    };
    if let Some(Value::String(contents)) = object.get_mut("kubeconfigContents")
        && let Some(plain) = plain(contents)
    {
        *contents = plain;
    }
    Ok(Definition::part(object))
}

/// The text that is base64 here. A kubeconfig itself never is: it has colons; nor is a reference.
fn plain(contents: &str) -> Option<String> {
    let letters: String = contents.split_whitespace().collect();
    if letters.is_empty() {
        return None;
    }
    String::from_utf8(STANDARD.decode(letters).ok()?).ok()
}

#[cfg(test)]
#[path = "armory_tests.rs"]
mod tests;
