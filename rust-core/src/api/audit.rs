//! The audit: of one account in pages, of all as JSON Lines. It outlives the account.

use super::answer::{self, Failure};
use super::query::Query;
use super::{Api, Call};
use crate::store::{AuditRow, Export};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

const PAGE: u64 = 100;
const EXPORTED: u64 = 1000;

impl Api {
    /// GET /armory/accounts/{name}/audit.
    pub(super) async fn audit(
        &self,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        let page = page(&call.query, "limit")?;
        let (rows, total) = self.store.audit(name, page.offset(), page.limit).await?;
        let items: Value = rows.iter().map(row).collect();
        let Page { page, limit } = page;
        let body = json!({"items": items, "page": page, "limit": limit, "total": total});
        Ok(answer::json(StatusCode::OK, &body))
    }

    /// GET /armory/audit.
    pub(super) async fn export(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let query = &call.query;
        let time = |name| {
            let time = number(query, name, 0, i64::MAX as u64)?;
            Ok::<_, Failure>(time.and_then(|time| i64::try_from(time).ok()))
        };
        let account = query.text("account").map(str::to_owned);
        let export = Export {
            after: query.text("after").map(str::to_owned),
            settled: account.is_none(),
            account,
            from: time("from")?,
            until: time("until")?,
            limit: number(query, "limit", 1, 10_000)?.unwrap_or(EXPORTED),
        };
        let mut lines = String::new();
        for exported in self.store.export(&export).await? {
            lines.push_str(&row(&exported).to_string());
            lines.push('\n');
        }
        let mut response = Response::new(Bytes::from(lines));
        let media = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(header::CONTENT_TYPE, media);
        Ok(response)
    }
}

/// Which part of a history is asked for.
pub(super) struct Page {
    /// From 1.
    page: u64,
    pub(super) limit: u64,
}

impl Page {
    /// What no table can have is past the end, too.
    pub(super) fn offset(&self) -> u64 {
        let offset = (self.page - 1).saturating_mul(self.limit);
        offset.min(i64::MAX as u64)
    }
}

/// `page`, and the parameter that says how much is in one.
pub(super) fn page(query: &Query, limit: &str) -> Result<Page, Failure> {
    Ok(Page {
        page: number(query, "page", 1, i64::MAX as u64)?.unwrap_or(1),
        limit: number(query, limit, 1, 1000)?.unwrap_or(PAGE),
    })
}

fn number(query: &Query, name: &str, min: u64, max: u64) -> Result<Option<u64>, Failure> {
    let expected = format!("a whole number from {min} to {max}");
    let number: Option<u64> = query.parsed(name, &expected)?;
    match number {
        Some(number) if !(min..=max).contains(&number) => Err(Failure::bad(format!(
            "query parameter {name}=`{number}`: expected {expected}"
        ))),
        number => Ok(number),
    }
}

/// What a row has not is left out.
fn row(row: &AuditRow) -> Value {
    let mut shown = json!({
        "id": row.id,
        "account": row.account,
        "event": row.event,
        "who": row.who,
        "at": answer::instant(row.at),
    });
    let fields = [
        ("from", &row.from),
        ("to", &row.to),
        ("requestId", &row.request_id),
        ("why", &row.message),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            shown[name] = json!(value);
        }
    }
    shown
}
