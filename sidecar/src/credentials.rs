//! A write to `/credentials`: the core looks at it before it goes to Clouddriver, and learns what
//! became of it before the client does.
//!
//! Called by `proxy`. What Clouddriver gets and what the client gets are the same bytes as without
//! us. Once the body is here the rest happens in a task of its own, so that a client that goes away
//! takes no outcome with it.

use crate::answer;
use crate::body::{Body, Replay};
use crate::collect::{Collected, collect};
use crate::connection::Announcement;
use crate::failpoint;
use crate::forward::{self, Head};
use crate::headers::without;
use crate::metrics::Outcome as Counted;
use crate::proxy::{Client, Proxy};
use crate::reply;
use bytes::Bytes;
use ferry_core::{NotJournaled, Outcome};
use http::header::EXPECT;
use http::{HeaderMap, Request, Response, StatusCode, request};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use tracing::warn;

/// The largest body that is looked at, in bytes.
const BOUND: usize = 32 << 20;

/// `path` is that of the request as the core reads it.
pub(crate) async fn intercept(
    proxy: Arc<Proxy>,
    client: Client,
    path: String,
    request: Request<Incoming>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let collected = collect(body, BOUND, proxy.idle_timeout).await;
    // It was us who asked for the body; Clouddriver need not.
    parts.headers = without(&parts.headers, &EXPECT);
    match collected {
        Collected::Whole(body, trailers) => {
            let task = looked_at(proxy.clone(), client, path, parts, body, trailers);
            proxy.detached(task).await
        }
        Collected::Larger(_) if proxy.core.is_strict() => proxy.refused(answer::error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "nothing was done: the body is too large for Ferry to record the write, and \
             kubesvc.dynamicAccounts.interceptor.strict lets none pass unrecorded",
        )),
        Collected::Larger(body) => {
            proxy.metrics.uncollected.inc();
            warn!(
                method = %parts.method,
                bound = BOUND,
                "a write to /credentials is too large to be looked at: Ferry does not take it over"
            );
            forward::through(&proxy, client.peer, parts, body.boxed_unsync()).await
        }
        Collected::Broken => proxy.broken(),
        Collected::Stalled => proxy.stalled(),
    }
}

async fn looked_at(
    proxy: Arc<Proxy>,
    client: Client,
    path: String,
    parts: request::Parts,
    body: Bytes,
    trailers: Option<HeaderMap>,
) -> Response<Body> {
    let intercepted = proxy
        .core
        .intercept(&parts.method, &path, &parts.headers, &body);
    let interception = match intercepted.await {
        Ok(interception) => interception,
        Err(refusal) => {
            let message = refusal.to_string();
            return proxy.refused(match refusal {
                NotJournaled::Now(_) => answer::not_journaled(&message),
                NotJournaled::Ever(_) => answer::error(StatusCode::BAD_REQUEST, &message),
            });
        }
    };
    failpoint::hit(failpoint::BEFORE_FORWARD);
    let Head { parts, upgrade } = match Head::new(parts, client.peer, &proxy) {
        Ok(head) => head,
        Err(refusal) => return proxy.refused(refusal),
    };
    let body = Replay {
        read: body,
        trailers,
        rest: None,
    };
    let answer = if body.is_end_stream() {
        proxy.upstream.send_bodyless(parts).await
    } else {
        let request = Request::from_parts(parts, body.boxed_unsync());
        proxy.upstream.send(request, None).await
    };
    failpoint::hit(failpoint::BEFORE_SETTLE);
    if let Some(interception) = interception {
        let outcome = match &answer {
            Ok(answer) => Outcome::Answered(answer.status()),
            Err(_) => Outcome::Unknown,
        };
        interception.settle(outcome).await;
    }
    failpoint::hit(failpoint::BEFORE_REPLY);
    let announcement = Announcement {
        delivery: client.delivery,
        point: failpoint::AFTER_REPLY,
    };
    let response = forward::respond(&proxy, answer, upgrade, Counted::Intercepted);
    reply::guard(response, announcement)
}
