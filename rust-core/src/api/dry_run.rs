//! `?dryRun=true` on POST and PATCH of accounts: what would come of each, and what stands in its way.
//! `batch` finds out who is meant; here the answer is made. Changes nothing, whatever the answer.

use super::answer::{self, Failure};
use super::report::Report;
use super::{Api, Call};
use crate::account::Account;
use crate::account::definition::Definition;
use crate::lifecycle::{Ask, Moved, Refusal, Verb};
use crate::store::StoreError;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// Whether the request asks for it.
pub(super) fn is_asked(call: &Call<'_>) -> Result<bool, Failure> {
    match call.query.text("dryRun") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Failure::bad(format!(
            "query parameter dryRun=`{other}`: expected true or false"
        ))),
    }
}

impl Api {
    /// What would come of these asks; of those that switch on, the accounts as they would be.
    pub(super) async fn would(
        &self,
        asks: &[Ask],
        on: &mut Vec<(Account, Option<Definition>)>,
    ) -> Result<Vec<Result<Moved, Refusal>>, StoreError> {
        let would = self.lifecycle.would_all(asks).await?;
        let outcomes = asks.iter().zip(would).map(|(ask, would)| {
            let would = would?;
            if let (Verb::Activate(_), Some(account)) = (&ask.verb, would.account) {
                on.push((account, None));
            }
            Ok(would.moved)
        });
        Ok(outcomes.collect())
    }

    /// The answer: the report's items, with what those met that would be served.
    pub(super) async fn rehearsed(
        &self,
        mut report: Report,
        accounts: Vec<(Account, Option<Definition>)>,
    ) -> Response<Bytes> {
        let tried = self.lifecycle.rehearse_all(accounts).await;
        let mut items = report.items();
        for item in &mut items {
            let name = item["name"].as_str().unwrap_or_default();
            let Some(rehearsal) = tried.get(name) else {
                continue;
            };
            if let Some((agent, cluster)) = &rehearsal.reached {
                item["reached"] = json!({
                    "agentId": agent.id, "zoneId": agent.zone_id, "kubeHost": cluster.kube_host,
                    "kubeVersion": cluster.kube_version, "kinds": cluster.kinds,
                });
            }
            item["obstacles"] = Value::from(rehearsal.obstacles.clone());
        }
        answer::json(StatusCode::OK, &json!({"dryRun": true, "items": items}))
    }
}
