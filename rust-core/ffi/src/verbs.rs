//! The verbs of both doors, in Rust's terms.
//!
//! Called by `jni` and `c` inside the guard, on the caller's thread; what takes time runs as a task
//! of the core. Knows neither JNI nor C.

use crate::config;
use crate::failure::{Failure, Kind};
use crate::owner::Owner;
use crate::table;
use bytes::Bytes;
use ferry_core::Outcome;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use std::time::Duration;

/// How long the database may take to answer that it is there.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request as it crosses: `target` is path and query as they were received.
pub(crate) struct Crossing {
    pub(crate) method: String,
    pub(crate) target: String,
    /// name, value, name, value, ...
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) body: Vec<u8>,
}

/// Starts a core: its handle.
pub(crate) fn start(json: &[u8]) -> Result<i64, Failure> {
    let settings = config::read(json)?;
    Ok(table::insert(Owner::start(settings)?))
}

/// Looks at a write before Clouddriver does it: an id for [`intercept_end`], 0 when it cannot
/// concern an account. A failure of kind NotJournaled or NotRecordable: the write is not to happen.
pub(crate) fn intercept_begin(core: i64, request: Crossing) -> Result<i64, Failure> {
    let owner = table::get(core)?;
    let method = method(&request.method)?;
    let headers = headers(&request.headers)?;
    let body = Bytes::from(request.body);
    owner.call("interceptBegin", move |inside| async move {
        let path = &request.target;
        let begun = inside.core.intercept(&method, path, &headers, &body).await;
        Ok(begun?.map_or(0, |interception| inside.interceptions.open(interception)))
    })
}

/// Tells what became of a write: an HTTP status, 0 for unknown. Again: nothing.
pub(crate) fn intercept_end(core: i64, interception: i64, status: i32) -> Result<(), Failure> {
    let owner = table::get(core)?;
    let outcome = match u16::try_from(status) {
        Ok(0) => Outcome::Unknown,
        Ok(status) => Outcome::Answered(
            StatusCode::from_u16(status)
                .map_err(|_| Failure::argument(format!("{status} is no HTTP status")))?,
        ),
        Err(_) => return Err(Failure::argument(format!("{status} is no HTTP status"))),
    };
    owner.call("interceptEnd", move |inside| async move {
        let taken = inside.interceptions.take(interception).map_err(|()| {
            let message = format!("core {core} never had an interception {interception}");
            Failure::new(Kind::StaleHandle, message)
        })?;
        if let Some(interception) = taken {
            interception.settle(outcome).await;
        }
        Ok(())
    })
}

/// Answers a request to `/armory/**` or `/agents/**`.
pub(crate) fn handle(core: i64, request: Crossing) -> Result<Response<Bytes>, Failure> {
    let owner = table::get(core)?;
    let mut built = Request::builder()
        .method(method(&request.method)?)
        .uri(request.target)
        .body(Bytes::from(request.body))
        .map_err(|error| Failure::argument(format!("the target is not valid: {error}")))?;
    *built.headers_mut() = headers(&request.headers)?;
    owner.call("handle", move |inside| async move {
        Ok(inside.core.handle(built).await)
    })
}

/// All metrics in Prometheus' text format.
pub(crate) fn metrics(core: i64) -> Result<String, Failure> {
    table::get(core)?.call("metrics", |inside| async move {
        Ok(inside.core.metrics().await)
    })
}

/// Why the core cannot serve now; `None`: it can. Whoever asks for Clouddriver's health waits for
/// it, and not for a database that is away.
pub(crate) fn not_ready(core: i64) -> Result<Option<String>, Failure> {
    table::get(core)?.call("notReady", |inside| async move {
        let ready = tokio::time::timeout(PATIENCE, inside.core.ready()).await;
        Ok(match ready {
            Ok(ready) => ready.err(),
            Err(_) => Some("the database has not answered for a second".to_owned()),
        })
    })
}

/// Where agents connect to.
pub(crate) fn grpc_address(core: i64) -> Result<String, Failure> {
    table::get(core)?.call("grpcAddress", |inside| async move {
        Ok(inside.core.grpc_address().to_string())
    })
}

/// The largest body that [`handle`] takes, in bytes.
pub(crate) fn max_body(core: i64) -> Result<i64, Failure> {
    table::get(core)?.call("maxBody", |inside| async move {
        Ok(i64::try_from(inside.core.max_body()).unwrap_or(i64::MAX))
    })
}

/// Takes a core down; again: nothing.
pub(crate) fn shutdown(core: i64) -> Result<(), Failure> {
    table::close(core)
}

fn method(name: &str) -> Result<Method, Failure> {
    name.parse()
        .map_err(|_| Failure::argument(format!("{name:?} is no HTTP method")))
}

fn headers(flat: &[Vec<u8>]) -> Result<HeaderMap, Failure> {
    let pairs = flat.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(Failure::argument("a header has no value"));
    }
    let mut headers = HeaderMap::with_capacity(flat.len() / 2);
    for pair in pairs {
        let name = HeaderName::from_bytes(&pair[0])
            .map_err(|_| Failure::argument("a header's name is not valid"))?;
        // A value may be a secret: it is not shown.
        let value = HeaderValue::from_bytes(&pair[1])
            .map_err(|_| Failure::argument(format!("the value of header {name} is not valid")))?;
        headers.append(name, value);
    }
    Ok(headers)
}
