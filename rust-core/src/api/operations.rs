//! The history of operations: what agents were told about accounts, and what came of it. The
//! contract's OperationHistoryRecord (section 3).

use super::answer::{self, Failure};
use super::audit::page;
use super::{Api, Call};
use crate::store::{Moment, OperationRow};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

impl Api {
    /// GET /armory/agent/operations.
    pub(super) async fn operations(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let page = page(&call.query, "items")?;
        let rows = self.store.operations(page.offset(), page.limit).await?;
        let records: Value = rows.iter().map(record).collect();
        Ok(answer::json(StatusCode::OK, &records))
    }

    /// GET /armory/agent/operations/{opId}.
    pub(super) async fn operation(&self, id: &str) -> Result<Response<Bytes>, Failure> {
        let row = self.store.operation(id).await?;
        let row = row.ok_or_else(|| Failure::unknown_operation(id))?;
        Ok(answer::json(StatusCode::OK, &record(&row)))
    }
}

/// What has not happened yet is left out.
fn record(row: &OperationRow) -> Value {
    let mut shown = json!({
        "operationId": row.id,
        "operationType": row.operation,
        "account": row.account,
        "startTime": answer::instant(row.received.at),
        "opReceivedByClouddriver": moment(&row.received),
    });
    if let Some(sent) = &row.sent {
        shown["opProcessedByClouddriver"] = moment(sent);
        shown["opSentToAgent"] = json!({"agentId": row.agent_id, "time": answer::instant(sent.at)});
    }
    let Some(ended_at) = row.ended_at else {
        return shown;
    };
    shown["endTime"] = json!(answer::instant(ended_at));
    shown["totalDurationMs"] = json!(took(row.received.at, ended_at));
    shown["finalOutcome"] = json!(row.outcome);
    if let Some(core_id) = &row.reported_to {
        let time = answer::instant(ended_at);
        let sent_at = row.sent.as_ref().map_or(row.received.at, |sent| sent.at);
        let done = row.outcome.as_deref() == Some("completed");
        shown["resultReceivedByClouddriver"] = json!({"clouddriverId": core_id, "time": time});
        shown["resultReceivedFromAgent"] = json!({
            "agentId": row.agent_id,
            "clouddriverId": core_id,
            "time": time,
            "result": {
                "status": if done { 200 } else { 500 },
                "durationMs": took(sent_at, ended_at),
            },
        });
    }
    shown
}

fn moment(moment: &Moment) -> Value {
    json!({"clouddriverId": moment.core_id, "time": answer::instant(moment.at)})
}

/// Clocks may be set back meanwhile.
fn took(from: i64, to: i64) -> i64 {
    (to - from).max(0)
}
