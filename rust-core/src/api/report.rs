//! What came of each item of a batch. With `?report=items` the answer says it of every one, by name;
//! else only of those that could not be done, as the contract has it. `batch`, `dynamic` and
//! `rollback` fill one in and end with its answer.

use super::answer::{self, Failure};
use super::{Api, Call, dry_run};
use crate::account::Status;
use crate::lifecycle::{Moved, Refusal};
use crate::store::StoreError;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What came of a batch so far.
#[derive(Default)]
pub(super) struct Report {
    itemised: bool,
    done: Vec<Value>,
    wrong: Vec<Value>,
    conflicts: Vec<Value>,
    /// Those that were here already, as they were asked for.
    present: Vec<Value>,
}

impl Report {
    /// As the request asks for it.
    pub(super) fn of(call: &Call<'_>) -> Result<Report, Failure> {
        match call.query.text("report") {
            None if dry_run::is_asked(call)? => Ok(Report::itemised()),
            None => Ok(Report::default()),
            Some("items") => Ok(Report::itemised()),
            Some(other) => {
                let message = format!("query parameter report=`{other}`: expected items");
                Err(Failure::bad(message))
            }
        }
    }

    /// One that says it of every item.
    pub(super) fn itemised() -> Report {
        Report {
            itemised: true,
            ..Report::default()
        }
    }

    pub(super) fn wrong(&mut self, name: &str, reason: impl Into<String>) {
        self.wrong
            .push(json!({"name": name, "reason": reason.into()}));
    }

    /// Not carried out, for what the account is; one with a row stands in this status.
    pub(super) fn conflict(
        &mut self,
        name: &str,
        asked: &str,
        status: Option<Status>,
        reason: impl Into<String>,
    ) {
        let mut conflict = json!({"name": name, "asked": asked, "reason": reason.into()});
        if let Some(status) = status {
            conflict["state"] = json!(status.as_str());
        }
        self.conflicts.push(conflict);
    }

    /// Keeps what concerns this account alone; the rest ends the request.
    pub(super) fn refused(
        &mut self,
        name: &str,
        asked: &str,
        refusal: Refusal,
    ) -> Result<(), Failure> {
        match refusal {
            Refusal::Illegal { status, reason } => {
                self.conflict(name, asked, Some(status), reason);
            }
            Refusal::Static | Refusal::Unmigrated => {
                self.conflict(name, asked, None, refusal.to_string());
            }
            other => return Err(other.into()),
        }
        Ok(())
    }

    pub(super) fn created(&mut self, name: &str) {
        self.item(name, "created", None, Some(Status::Inactive));
    }

    /// Notes the accounts that an earlier attempt at the same request made, and answers them.
    pub(super) fn made_already(&mut self, call: &Call<'_>) -> BTreeSet<String> {
        let made = call.claim.iter().flat_map(|claim| claim.made());
        let made: BTreeSet<String> = made.map(str::to_owned).collect();
        made.iter().for_each(|name| self.created(name));
        made
    }

    pub(super) fn moved(&mut self, name: &str, moved: &Moved) {
        let outcome = if moved.changed {
            "changed"
        } else {
            "unchanged"
        };
        self.item(name, outcome, Some(moved.before), moved.after);
    }

    /// It has no row, and was to have none.
    pub(super) fn absent(&mut self, name: &str) {
        self.item(name, "unchanged", None, None);
    }

    fn item(&mut self, name: &str, outcome: &str, before: Option<Status>, after: Option<Status>) {
        let status = |status: Option<Status>| status.map(Status::as_str);
        self.done.push(json!({
            "name": name, "outcome": outcome, "before": status(before), "after": status(after),
        }));
    }

    /// The failure that it comes to, if something could not be done.
    pub(super) fn failure(&mut self) -> Option<Failure> {
        let (status, accounts) = match (self.wrong.is_empty(), self.conflicts.is_empty()) {
            (true, true) => return None,
            (true, false) => (StatusCode::CONFLICT, self.conflicts.clone()),
            (false, _) => (
                StatusCode::BAD_REQUEST,
                [self.wrong.clone(), self.conflicts.clone()].concat(),
            ),
        };
        let others = match self.done.is_empty() && self.present.is_empty() {
            true => "",
            false => "; everything else was",
        };
        let message = format!("not done for {}{others}", some_of(&accounts));
        let failure = Failure::batch(status, message, accounts);
        Some(match self.itemised {
            true => failure.with_items(self.items()),
            false => failure,
        })
    }

    /// The failure that keeps it from being said of these what they are; all others are told of.
    pub(super) fn cut_short(&mut self, names: Vec<String>, failure: Failure) -> Failure {
        for name in names {
            let reason = format!(
                "{}; what it is instead cannot be said now",
                Refusal::Unknown
            );
            self.wrong(&name, reason);
        }
        let failure = match self.done.is_empty() {
            true => failure,
            false => failure.but("what was asked of the migrated accounts is done"),
        };
        match self.itemised {
            true => failure.with_items(self.items()),
            false => failure,
        }
    }

    /// 202, or the failure.
    pub(super) fn accepted(mut self) -> Result<Response<Bytes>, Failure> {
        match self.failure() {
            Some(failure) => Err(failure),
            None if self.itemised => Ok(self.listed()),
            None => Ok(answer::empty(StatusCode::ACCEPTED)),
        }
    }

    /// The answer of a POST: 202 and `[]`, 409 and those that were here already, or the failure.
    pub(super) fn posted(mut self) -> Result<Response<Bytes>, Failure> {
        match self.failure() {
            Some(failure) => Err(failure),
            None if self.present.is_empty() && self.itemised => Ok(self.listed()),
            None if self.present.is_empty() => Ok(answer::json(StatusCode::ACCEPTED, &json!([]))),
            None if self.itemised => {
                let message =
                    "some were here already, and stay as they are; everything else was done";
                let failure = Failure::batch(StatusCode::CONFLICT, message.to_owned(), Vec::new());
                Err(failure.with_items(self.items()))
            }
            None => {
                let present = Value::from(self.present);
                Ok(answer::json(StatusCode::CONFLICT, &present))
            }
        }
    }

    fn listed(&mut self) -> Response<Bytes> {
        answer::json(StatusCode::ACCEPTED, &json!({"items": self.items()}))
    }

    /// Every item, by name.
    pub(super) fn items(&mut self) -> Vec<Value> {
        let mut items = std::mem::take(&mut self.done);
        for refused in [&self.wrong, &self.conflicts].into_iter().flatten() {
            let mut item = json!({
                "name": refused["name"], "outcome": "refused", "before": refused["state"],
                "after": refused["state"], "reason": refused["reason"],
            });
            if let Some(asked) = refused.get("asked") {
                item["asked"] = asked.clone();
            }
            items.push(item);
        }
        items.sort_by(|one, other| text(&one["name"]).cmp(text(&other["name"])));
        items
    }
}

impl Api {
    /// Notes accounts of a POST that are here already, each as it was asked for.
    pub(super) async fn note_present(
        &self,
        report: &mut Report,
        present: Vec<(&str, Value)>,
    ) -> Result<(), StoreError> {
        if report.itemised {
            let names: Vec<&str> = present.iter().map(|(name, _)| *name).collect();
            let views = self.store.views(&names).await?;
            for name in names {
                let status = views.get(name).map(|view| view.account.status);
                report.item(name, "present", status, status);
            }
        }
        report.present = present.into_iter().map(|(_, asked)| asked).collect();
        Ok(())
    }
}

/// The first five, with their reasons.
fn some_of(accounts: &[Value]) -> String {
    let names: Vec<String> = (accounts.iter().take(5))
        .map(|account| format!("{}: {}", text(&account["name"]), text(&account["reason"])))
        .collect();
    let names = names.join("; ");
    match accounts.len().saturating_sub(5) {
        0 => names,
        more => format!("{names} (and {more} more)"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
