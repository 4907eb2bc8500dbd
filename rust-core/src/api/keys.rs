//! The keys that secrets are sealed with: which there are, and their change. Keys themselves come
//! from files alone, by the configuration; no answer has one.

use super::answer::{self, Failure};
use super::{Api, Call};
use crate::lifecycle::{Keys, NotRotated};
use crate::store::KeyUse;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

impl Api {
    /// GET /armory/keys.
    pub(super) async fn keys(&self) -> Result<Response<Bytes>, Failure> {
        let Keys {
            key_id,
            others,
            uses,
        } = self.lifecycle.keys().await?;
        let keys = json!({"keyId": key_id, "otherKeyIds": others, "secrets": secrets(&uses)});
        Ok(answer::json(StatusCode::OK, &keys))
    }

    /// POST /armory/keys/rotate.
    pub(super) async fn rotate_keys(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        let rotated = self.lifecycle.rotate_keys().await;
        let rotated = rotated.map_err(|not| match not {
            NotRotated::Store(error) => error.into(),
            not => Failure::batch(StatusCode::CONFLICT, not.to_string(), Vec::new()),
        })?;
        let resealed = rotated.resealed;
        tracing::info!(resealed, who = call.user(), "secrets are sealed anew");
        if rotated.closed > 0 {
            let message = format!(
                "{resealed} secrets are sealed anew, {} do not open; name the files of their keys \
                 in kubesvc.secrets.otherKeyFiles and restart, or PUT these accounts anew",
                rotated.closed
            );
            let accounts = rotated.named.iter();
            let accounts = accounts.map(|(name, reason)| json!({"name": name, "reason": reason}));
            let accounts = accounts.collect();
            return Err(Failure::batch(StatusCode::CONFLICT, message, accounts));
        }
        let keys = self.lifecycle.keys().await?;
        let rotated = json!({
            "keyId": keys.key_id,
            "resealed": resealed,
            "secrets": secrets(&keys.uses),
        });
        Ok(answer::json(StatusCode::OK, &rotated))
    }
}

fn secrets(uses: &[KeyUse]) -> Value {
    let uses = uses.iter();
    uses.map(|used| json!({"keyId": used.key_id, "count": used.secrets}))
        .collect()
}
