//! `Idempotency-Key`: a write that is sent again with the same key is answered as it was at first,
//! by whichever replica, for a day. `Api::route` hands every write with such a header to it.
//!
//! The key is claimed before the request is carried out, its answer kept after it. Whoever finds a
//! claim without an answer carries the request out again: a write does nothing twice, since it asks
//! for a state. Of two at the same time the first answer counts. An answer that says to come again
//! is not kept. Never keeps a request: only a digest of the key, and what the request is known by.

use super::answer::{self, Failure};
use super::routes::Operation;
use super::{Api, Call, dry_run};
use crate::encoding::hex;
use crate::error::causes;
use crate::lifecycle::Refusal;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Response, StatusCode};
use secrecy::SecretString;

const KEY: &str = "Idempotency-Key";

/// The longest key, in bytes.
const LONGEST: usize = 255;

/// The request's key, if it has one.
pub(super) fn key<'a>(call: &Call<'a>) -> Result<Option<&'a str>, Failure> {
    let mut keys = call.headers.get_all(KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let bad = |reason: &str| Failure::bad(format!("{KEY} {reason}; nothing was done"));
    if keys.next().is_some() {
        return Err(bad("is there twice"));
    }
    match key.to_str() {
        Ok("") => Err(bad("is empty; send a text of your own, or leave it out")),
        Ok(key) if key.len() > LONGEST => Err(bad("is longer than 255 bytes")),
        // What changes nothing is done as often as it is asked for.
        Ok(_) if dry_run::is_asked(call)? => Ok(None),
        Ok(key) => Ok(Some(key)),
        Err(_) => Err(bad("has letters that are not ASCII")),
    }
}

impl Api {
    /// Carries the request out unless its key says that it was, and keeps what it answers.
    pub(super) async fn once(
        &self,
        key: &str,
        method: &Method,
        operation: Operation,
        parts: &[&str],
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        let who = call.user().unwrap_or_default();
        let id = digest(&SHA256, format!("{who}\n{key}").as_bytes());
        let id = hex(id.as_ref());
        let body = String::from_utf8_lossy(call.body);
        let request = SecretString::from(format!("{method} {}\n{body}", call.target));
        let known_by = self.lifecycle.fingerprint(&request);
        let known_by = known_by.map_err(Refusal::from)?;
        if let Some(kept) = self.store.claim_key(&id, &known_by).await? {
            // By a key that was taken away since, the request is taken for the one it says it is.
            if self.lifecycle.knows(&kept.request, &request) == Some(false) {
                return Err(Failure::other_request());
            }
            if let Some(answer) = kept.answer {
                return Ok(again(answer));
            }
        }
        let outcome = self.operate(operation, parts, call).await;
        let answer = outcome.unwrap_or_else(|failure| answer::error(&failure));
        if answer.status().is_server_error() {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(answer.body());
        match self
            .store
            .keep_answer(&id, answer.status().as_u16(), &text)
            .await
        {
            Ok(true) => Ok(answer),
            Ok(false) => {
                let kept = self.store.claim_key(&id, &known_by).await?;
                let first = kept.and_then(|kept| kept.answer);
                Ok(first.map_or(answer, again))
            }
            Err(error) => {
                let error = causes(&error);
                tracing::warn!(
                    error,
                    "an answer is not kept: its request, repeated, is done again"
                );
                Ok(answer)
            }
        }
    }
}

/// An answer that was given before.
fn again((status, body): (u16, String)) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::ACCEPTED);
    let mut response = match body.is_empty() {
        true => answer::empty(status),
        false => answer::text(status, body),
    };
    let replayed = HeaderValue::from_static("true");
    response
        .headers_mut()
        .insert("Idempotent-Replayed", replayed);
    response
}
