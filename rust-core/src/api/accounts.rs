//! Reading: the list of all accounts there are, and one account in two shapes.

use super::answer::{self, Failure};
use super::{Api, Call, batch, names::NAMES, show};
use crate::account::Status;
use crate::lifecycle::Unread;
use crate::source::{Definition, SourceError};
use crate::store::{Filter, Part, Source};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1000;
/// More names than there can be.
const ALL: u64 = 1 << 62;
/// How many there are, where an answer has not all of them.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

impl Api {
    /// GET /armory/accounts: what agents bring, what is migrated, and what Clouddriver has and
    /// nobody migrated.
    pub(super) async fn list(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let Asked {
            page,
            limit,
            filter,
        } = asked(call)?;
        let part = Part {
            after: (page - 1).saturating_mul(limit).min(ALL),
            limit,
        };
        let mut warnings = Vec::new();
        let (names, total) = self.part(&filter, part, call, &mut warnings).await?;
        let items = self.shown(&names, call, &mut warnings).await?;
        let body = json!({"items": items, "page": page, "limit": limit, "total": total});
        Ok(answer::json(StatusCode::OK, &with(warnings, body)))
    }

    /// GET /ferry/accounts/names, for the plugin: the names that the list of this query has, on
    /// whatever page, the next of them after `after`; and whether there are more.
    pub(super) async fn names(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let Asked {
            page,
            limit,
            mut filter,
        } = asked(call)?;
        filter.after = call.query.text("after").map(str::to_owned);
        let mut warnings = Vec::new();
        let mut names = self.first(&filter, call, &mut warnings).await?;
        let more = names.len() > NAMES;
        names.truncate(NAMES);
        let body = json!({"names": names, "more": more, "page": page, "limit": limit});
        Ok(answer::json(StatusCode::OK, &with(warnings, body)))
    }

    /// POST /ferry/accounts/items, for the plugin: the list's items of the names in the body; names
    /// that are gone are left out.
    pub(super) async fn items(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let names: Vec<String> = batch::array(call, "an array of account names")?;
        let items = self.shown(&names, call, &mut Vec::new()).await?;
        Ok(answer::json(StatusCode::OK, &Value::from(items)))
    }

    /// The items of these names; names that are gone are left out.
    async fn shown(
        &self,
        names: &[String],
        call: &Call<'_>,
        warnings: &mut Vec<Value>,
    ) -> Result<Vec<Value>, Failure> {
        let details = self.store.details(names).await?;
        let theirs = names.iter().filter(|name| !details.contains_key(*name));
        let theirs: Vec<&String> = theirs.collect();
        let mut accounts = match self
            .lifecycle
            .seen_at_clouddriver(&theirs, call.user())
            .await
        {
            Ok(accounts) => accounts,
            Err(Unread::Store(error)) => return Err(error.into()),
            Err(Unread::Source(error)) => {
                warnings.push(unlisted(&error));
                BTreeMap::new()
            }
        };
        let item = |name: &String| match details.get(name) {
            Some(detail) => Some(show::usage(name, detail)),
            None => Some(show::unmigrated(name, accounts.remove(name)?)),
        };
        Ok(names.iter().filter_map(item).collect())
    }

    /// GET /armory/accounts/{name}.
    pub(super) async fn account(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        if let Some(detail) = self.store.detail(name).await? {
            let mut shown = show::usage(name, &detail);
            self.say_gone(name, &mut shown["lastAssignmentMsg"]).await?;
            return Ok(answer::json(StatusCode::OK, &shown));
        }
        match self.seen_at_clouddriver(name, call).await? {
            Some(account) => Ok(answer::json(
                StatusCode::OK,
                &show::unmigrated(name, account),
            )),
            None => self.unknown(name),
        }
    }

    /// The account as Clouddriver has it and lets who asks see it.
    pub(super) async fn seen_at_clouddriver(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Option<Definition>, Failure> {
        let found = self
            .lifecycle
            .seen_at_clouddriver(&[name], call.user())
            .await;
        Ok(found?.remove(name))
    }

    /// GET /agents/kubernetes/accounts/{name}.
    pub(super) async fn kubesvc_account(&self, name: &str) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        match self.store.detail(name).await? {
            Some(detail) => {
                let mut shown = show::kubesvc_account(name, &detail);
                self.say_gone(name, &mut shown["errorMessage"]).await?;
                Ok(answer::json(StatusCode::OK, &shown))
            }
            None => self.unknown(name),
        }
    }

    /// Adds to what is said of an account that Clouddriver has it no longer.
    async fn say_gone(&self, name: &str, said: &mut Value) -> Result<(), Failure> {
        if let Some(gone_at) = self.store.gone_at(name).await? {
            let since = answer::instant(gone_at);
            let gone = format!(
                "Clouddriver has had no account of this name since {since}: POST it there again, or \
                 DELETE it here"
            );
            let said_before = said.as_str().filter(|text| !text.is_empty());
            *said = Value::from(said_before.map_or(gone.clone(), |text| format!("{text}; {gone}")));
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> Result<Response<Bytes>, Failure> {
        match self.empty_object_for_unknown {
            true => Ok(answer::json(StatusCode::OK, &json!({}))),
            false => Err(Failure::unknown_account(name)),
        }
    }

    /// GET /agents/kubernetes/accounts/{name}/namespaces.
    pub(super) async fn namespaces(&self, name: &str) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let Some(detail) = self.store.detail(name).await? else {
            return Err(Failure::unknown_account(name));
        };
        let seen = self.store.namespaces(name, &detail).await?;
        let beyond = (seen.as_ref()).filter(|seen| seen.names.len() < seen.total as usize);
        let total = beyond.map(|seen| HeaderValue::from(seen.total));
        let shown = show::namespaces(&detail, seen);
        let mut answer = answer::json(StatusCode::OK, &Value::from(shown));
        if let Some(total) = total {
            answer.headers_mut().insert(TOTAL, total);
        }
        Ok(answer)
    }
}

const LIMIT: &str = "a whole number from 1 to 1000";

/// What a list is asked for.
struct Asked {
    page: u64,
    limit: u64,
    filter: Filter,
}

fn asked(call: &Call<'_>) -> Result<Asked, Failure> {
    let query = &call.query;
    let page: u64 = query.parsed("page", "a whole number from 1")?.unwrap_or(1);
    let limit: u64 = query.parsed("limit", LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    if page == 0 || i64::try_from(page).is_err() {
        return Err(Failure::bad(format!(
            "query parameter page=`{page}`: expected a whole number from 1"
        )));
    }
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Failure::bad(format!(
            "query parameter limit=`{limit}`: expected {LIMIT}"
        )));
    }
    Ok(Asked {
        page,
        limit,
        filter: filter(call)?,
    })
}

fn filter(call: &Call<'_>) -> Result<Filter, Failure> {
    let source = match call.query.text("source") {
        None => None,
        Some("clouddriver") => Some(Source::Clouddriver),
        Some("static-agent-config") => Some(Source::StaticAgentConfig),
        Some(other) => {
            return Err(Failure::bad(format!(
                "query parameter source=`{other}`: expected clouddriver or static-agent-config"
            )));
        }
    };
    let statuses: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    let expected = format!("one of {}", statuses.join(", "));
    Ok(Filter {
        status: call.query.parsed("status", &expected)?,
        zone_id: call.query.text("zoneId").map(str::to_owned),
        source,
        agent_id: call.query.text("agentId").map(str::to_owned),
        name: call.query.text("name").map(str::to_owned),
        after: None,
    })
}

pub(super) fn unlisted(error: &SourceError) -> Value {
    let message = format!("{error}; accounts that nobody migrated are not listed");
    Value::from(message)
}

/// The body, with what stood in its way.
fn with(warnings: Vec<Value>, mut body: Value) -> Value {
    if !warnings.is_empty() {
        body["warnings"] = Value::from(warnings);
    }
    body
}
