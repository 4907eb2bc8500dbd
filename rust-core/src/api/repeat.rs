//! `Idempotency-Key`: a write that is sent again with the same key is answered as it was at first,
//! by whichever replica, for a day. `Api::route` hands every write with such a header to it.
//!
//! The key is claimed before the request is carried out, its answer kept after it. What comes of each
//! account is kept in the transaction that moves it: after a process that died, whoever is asked next
//! goes on with the rest and answers for all. While one carries the request out others wait for its
//! answer. One that says to come again is not kept. Never keeps a request: only a digest of the key,
//! and what the request is known by.

use super::answer::{self, Failure};
use super::routes::Operation;
use super::{Api, Call, dry_run};
use crate::encoding::hex;
use crate::error::causes;
use crate::lifecycle::Refusal;
use crate::store::{Claim, Stands};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Response, StatusCode};
use secrecy::SecretString;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const KEY: &str = "Idempotency-Key";

/// The longest key, in bytes.
const LONGEST: usize = 255;

/// How long another that carries the request out is waited for: longer than one that died is left in
/// its place.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is asked for its answer.
const POLL: Duration = Duration::from_millis(200);

/// How often who carries a request out says so; well within what others leave it.
const RENEW: Duration = Duration::from_millis(1500);

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
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.claim(&id, &request).await? {
                Stands::Answered(status, body) => return Ok(again(status, body)),
                Stands::UnderWay if Instant::now() > patience => return Err(Failure::under_way()),
                Stands::UnderWay => tokio::time::sleep(POLL).await,
                Stands::Claimed(claim) => {
                    let claim = Arc::new(claim);
                    let call = call.claimed(claim.clone());
                    let work = self.operate(operation, parts, &call);
                    let outcome = tokio::select! {
                        outcome = work => outcome,
                        never = self.renew(&claim) => match never {},
                    };
                    let answer = outcome.unwrap_or_else(|failure| answer::error(&failure));
                    if self.keep(&claim, &answer).await {
                        return Ok(answer);
                    }
                }
            }
        }
    }

    async fn claim(&self, id: &str, request: &SecretString) -> Result<Stands, Failure> {
        let known_by = self.lifecycle.fingerprint(request);
        let known_by = known_by.map_err(Refusal::from)?;
        let kept = self.store.claim_key(id, &known_by).await?;
        // By a key that was taken away since, the request is taken for the one it says it is.
        if self.lifecycle.knows(&kept.request, request) == Some(false) {
            if let Stands::Claimed(claim) = &kept.stands {
                self.store.release_claim(claim).await?;
            }
            return Err(Failure::other_request());
        }
        Ok(kept.stands)
    }

    /// As long as the request is carried out, nobody takes it over.
    async fn renew(&self, claim: &Claim) -> Infallible {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Err(error) = self.store.renew_claim(claim).await {
                let error = causes(&error);
                tracing::warn!(error, "another may take over a request that is carried out");
            }
        }
    }

    /// `false`: another has taken the request over, whose answer counts.
    async fn keep(&self, claim: &Claim, answer: &Response<Bytes>) -> bool {
        let kept = match answer.status() {
            status if status.is_server_error() => {
                self.store.release_claim(claim).await.map(|()| true)
            }
            status => {
                let text = String::from_utf8_lossy(answer.body());
                self.store.keep_answer(claim, status.as_u16(), &text).await
            }
        };
        kept.unwrap_or_else(|error| {
            let error = causes(&error);
            tracing::warn!(
                error,
                "an answer is not kept: it is made again when it is asked for"
            );
            true
        })
    }
}

impl<'a> Call<'a> {
    /// The same, to be carried out by who has this claim.
    fn claimed(&self, claim: Arc<Claim>) -> Call<'a> {
        Call {
            query: self.query.clone(),
            user: self.user.clone(),
            claim: Some(claim),
            ..*self
        }
    }
}

/// An answer that was given before.
fn again(status: u16, body: String) -> Response<Bytes> {
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
