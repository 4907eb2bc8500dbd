//! Sends a request on to Clouddriver and makes its answer the client's.
//!
//! Called by `proxy` for what passes through and by `credentials` for what was looked at. Changes
//! only what a proxy must (`headers`); bodies stream, in both directions at once.

use crate::answer;
use crate::body::{Body, Claimed};
use crate::failpoint;
use crate::headers;
use crate::metrics::Outcome;
use crate::proxy::Proxy;
use crate::reply;
use crate::tunnel;
use crate::upload::{Progress, Upload};
use crate::upstream::Failure;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Version, request};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::net::IpAddr;
use std::sync::Arc;

/// The head of a request to Clouddriver.
pub(crate) struct Head {
    pub(crate) parts: request::Parts,
    /// The client's connection, when it offers it for another protocol.
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Head {
    /// Makes a client's request one to Clouddriver, or says why that cannot be done.
    pub(crate) fn new(
        mut parts: request::Parts,
        peer: IpAddr,
        proxy: &Proxy,
    ) -> Result<Head, Response<Body>> {
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade.filter(|_| headers::offers_upgrade(&parts.headers));
        let upstream = proxy.upstream.authority();
        headers::for_upstream(&mut parts, peer, upstream, upgrade.is_some()).map_err(|_| {
            let message = "the body has a transfer coding that is not chunked: send it without";
            answer::error(StatusCode::NOT_IMPLEMENTED, message)
        })?;
        let slash = || PathAndQuery::from_static("/");
        let target = parts.uri.path_and_query().cloned().unwrap_or_else(slash);
        parts.uri = proxy.upstream.uri(target);
        parts.version = Version::HTTP_11;
        Ok(Head { parts, upgrade })
    }
}

/// Passes a request through, as it is.
pub(crate) async fn through(
    proxy: &Proxy,
    peer: IpAddr,
    parts: request::Parts,
    body: Body,
) -> Response<Body> {
    let expected = parts.headers.get(EXPECT);
    let waits = expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
        // An HTTP/1.0 client waits for nothing: it does not know what that means.
        && parts.version == Version::HTTP_11;
    let Head { parts, upgrade } = match Head::new(parts, peer, proxy) {
        Ok(head) => head,
        Err(refusal) => return proxy.refused(refusal),
    };
    failpoint::hit(failpoint::BEFORE_THROUGH);
    if body.is_end_stream() {
        let answer = proxy.upstream.send_bodyless(parts).await;
        failpoint::hit(failpoint::AFTER_THROUGH);
        return respond(proxy, answer, upgrade, Outcome::Forwarded);
    }
    let (upload, progress) = Upload::new(body, waits);
    let request = Request::from_parts(parts, upload.boxed_unsync());
    let answer = proxy.upstream.send(request, Some(&progress)).await;
    failpoint::hit(failpoint::AFTER_THROUGH);
    let response = respond(proxy, answer, upgrade, Outcome::Forwarded);
    reply::guard(response, Abandons(progress))
}

/// Tells an upload that its answer is complete.
struct Abandons(Arc<Progress>);

impl Drop for Abandons {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Clouddriver's answer as the client's, counted as `outcome`, or what to tell when there is none.
pub(crate) fn respond(
    proxy: &Proxy,
    answer: Result<Response<Incoming>, Failure>,
    client: Option<OnUpgrade>,
    outcome: Outcome,
) -> Response<Body> {
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return proxy.failed(&failure),
    };
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upstream = hyper::upgrade::on(&mut answer);
        match client {
            Some(client) => tunnel::start(proxy, client, upstream),
            None => {
                let authority = proxy.upstream.authority().clone();
                let reason = "it changed the protocol unasked".to_owned();
                return proxy.failed(&Failure::Broken(authority, reason));
            }
        }
    }
    proxy.metrics.count(outcome);
    let (mut parts, body) = answer.into_parts();
    headers::for_client(&mut parts);
    let claimed = parts.headers.get(CONTENT_LENGTH);
    let claimed = claimed.and_then(|length| length.to_str().ok()?.parse().ok());
    let body = match claimed {
        Some(length) if parts.status == StatusCode::NOT_MODIFIED => Claimed(length).boxed_unsync(),
        _ => body.map_err(Into::into).boxed_unsync(),
    };
    Response::from_parts(parts, body)
}
