//! Reads a request's body into memory, up to a bound.
//!
//! Called for the few requests whose body is looked at: the core's own API and writes to
//! `/credentials`. A body over the bound is given back whole: what was read, and the rest.

use crate::body::Replay;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;

/// What came of it.
pub(crate) enum Collected {
    /// All of it.
    Whole(Bytes, Option<HeaderMap>),
    /// It is larger than the bound.
    Larger(Replay),
    /// The client broke off, or its framing is wrong.
    Broken,
    /// The client sent nothing for too long.
    Stalled,
}

/// Reads `body` if it is no larger than `bound` and no piece of it takes longer than `patience`.
pub(crate) async fn collect(mut body: Incoming, bound: usize, patience: Duration) -> Collected {
    let mut read = BytesMut::new();
    if body.size_hint().lower() > bound as u64 {
        return Collected::Larger(Replay {
            rest: Some(body),
            ..Replay::default()
        });
    }
    let mut trailers = None;
    loop {
        let frame = match tokio::time::timeout(patience, body.frame()).await {
            Err(_) => return Collected::Stalled,
            Ok(None) => return Collected::Whole(read.freeze(), trailers),
            Ok(Some(Err(_))) => return Collected::Broken,
            Ok(Some(Ok(frame))) => frame,
        };
        match frame.into_data() {
            Ok(data) => read.extend_from_slice(&data),
            Err(other) => trailers = other.into_trailers().ok(),
        }
        if read.len() > bound {
            return Collected::Larger(Replay {
                read: read.freeze(),
                trailers,
                rest: Some(body),
            });
        }
    }
}
