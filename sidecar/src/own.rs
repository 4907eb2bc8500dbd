//! A request to the core's own API: `/armory`, `/armory/**` and `/agents/**`.
//!
//! Called by `proxy`. Refuses whom `access` does not let in, collects the body and hands it to the core, in a task of its own: what the
//! core began is not cut off because a client went away.

use crate::answer;
use crate::body::{Body, full};
use crate::collect::{Collected, collect};
use crate::connection::Announcement;
use crate::failpoint;
use crate::metrics::Outcome;
use crate::proxy::{Client, Proxy};
use crate::reply;
use crate::upload::drain;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;

pub(crate) async fn handle(
    proxy: Arc<Proxy>,
    client: Client,
    request: Request<Incoming>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if let Err(reason) = proxy.access.check(client.peer, &parts.headers).await {
        drain(body.map_err(Into::into).boxed_unsync());
        return proxy.refused(answer::error(StatusCode::FORBIDDEN, reason));
    }
    let bound = proxy.core.max_body();
    let body = match collect(body, bound, proxy.idle_timeout).await {
        Collected::Whole(body, _) => body,
        Collected::Larger(body) => {
            drain(body.boxed_unsync());
            let message = format!(
                "the body is larger than {bound} bytes: send it in several requests, or raise \
                 kubesvc.api.maxBodySize"
            );
            return proxy.refused(answer::error(StatusCode::PAYLOAD_TOO_LARGE, &message));
        }
        Collected::Broken => return proxy.broken(),
        Collected::Stalled => return proxy.stalled(),
    };
    let task = {
        let proxy = proxy.clone();
        async move {
            let response = proxy.core.handle(Request::from_parts(parts, body)).await;
            failpoint::hit(failpoint::BEFORE_OWN_REPLY);
            proxy.metrics.count(Outcome::Own);
            let announcement = Announcement {
                delivery: client.delivery,
                point: failpoint::AFTER_OWN_REPLY,
            };
            reply::guard(response.map(full), announcement)
        }
    };
    proxy.detached(task).await
}
