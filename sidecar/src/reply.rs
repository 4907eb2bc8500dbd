//! An answer's body on its way to the client, with something that ends when it ends.
//!
//! hyper drops a body when its last byte is written, or when the client goes away. What must be
//! told of that (`proxy`: one request less in flight; `forward`: the upload is not wanted any more)
//! is told by dropping the guard.

use crate::body::{Body, BodyError};
use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::task::{Context, Poll};

struct Guarded<G> {
    body: Body,
    _guard: G,
}

/// Makes `guard` live as long as the body of `response`.
pub(crate) fn guard<G>(response: Response<Body>, guard: G) -> Response<Body>
where
    G: Send + Unpin + 'static,
{
    response.map(|body| {
        let guarded = Guarded {
            body,
            _guard: guard,
        };
        guarded.boxed_unsync()
    })
}

impl<G: Unpin> HttpBody for Guarded<G> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
