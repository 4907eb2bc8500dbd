//! How much of an answer is read: an API server that never ends one must not use up the memory that
//! all accounts share.
//!
//! `connect` bounds every answer. One that is read as a whole is bounded as a whole; a watch, which is
//! meant to go on, by line. `trouble` has the sentence.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Response, Uri};
use hyper::body::{Body, Bytes, Frame};
use thiserror::Error;
use tower::BoxError;

/// The most of an answer, in bytes. The largest are pages of lists, of 500 objects' metadata.
const ANSWER: usize = 64 << 20;
/// The most of a watch's line, in bytes: one object's metadata. An object has about 1.5 MiB at most.
const LINE: usize = 8 << 20;

/// More came than this many bytes.
#[derive(Debug, Error)]
#[error("more than {0} bytes came")]
pub(super) struct TooLarge(pub(super) usize);

/// Whether the answer to a request for `uri` is read line by line.
pub(super) fn is_watch(uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    parameters.any(|parameter| matches!(parameter, "watch=true" | "watch=1"))
}

/// Bounds an answer. `watch`: that to a watch.
pub(super) fn bounded<B>(answer: Response<B>, watch: bool) -> Response<Bounded<B>> {
    // What is wrong with a watch is read as a whole.
    let lines = watch && answer.status().is_success();
    let most = if lines { LINE } else { ANSWER };
    answer.map(|body| Bounded::new(body, most, lines))
}

/// A body that ends with [`TooLarge`] when too much comes.
pub(super) struct Bounded<B> {
    body: B,
    most: usize,
    lines: bool,
    left: usize,
}

impl<B> Bounded<B> {
    fn new(body: B, most: usize, lines: bool) -> Self {
        Self {
            body,
            most,
            lines,
            left: most,
        }
    }

    fn count(&mut self, data: &[u8]) -> Result<(), TooLarge> {
        for line in data.split_inclusive(|byte| *byte == b'\n') {
            let left = self.left.checked_sub(line.len());
            self.left = left.ok_or(TooLarge(self.most))?;
            if self.lines && line.ends_with(b"\n") {
                self.left = self.most;
            }
        }
        Ok(())
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.count(data)?;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;

    use futures_util::{TryStreamExt, stream};
    use http::{Request, StatusCode};
    use http_body_util::{BodyExt, Full, StreamBody};
    use kube::Client;
    use kube::api::DynamicObject;

    use super::super::trouble::of_request;
    use super::*;
    use crate::cause::Trouble;

    /// What of these frames is read.
    async fn read(frames: &[&'static str], most: usize, lines: bool) -> Result<Bytes, BoxError> {
        let frame = |text: &&'static str| Ok::<_, Infallible>(Frame::data(Bytes::from(*text)));
        let frames: Vec<_> = frames.iter().map(frame).collect();
        let body = Bounded::new(StreamBody::new(stream::iter(frames)), most, lines);
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn an_answer_is_bounded_as_a_whole_and_a_watch_by_line() {
        assert_eq!(read(&["12\n", "45"], 5, false).await.unwrap(), "12\n45");
        for (frames, lines) in [
            (["12\n", "456"].as_slice(), false),
            (&["1\n2\n3\n"], false),
            (&["12\n", "456", "789"], true),
            (&["12\n456789\n"], true),
        ] {
            let error = read(frames, 5, lines).await.unwrap_err();
            assert!(error.is::<TooLarge>(), "{frames:?}: {error}");
        }
        for frames in [["1234\n", "1234\n"].as_slice(), &["12", "34\n12", "345"]] {
            let all = frames.concat();
            assert_eq!(read(frames, 5, true).await.unwrap(), all.as_str());
        }
    }

    #[test]
    fn a_refused_watch_is_bounded_as_a_whole() {
        let answer = |status| Response::builder().status(status).body(()).unwrap();
        let lines = |status, watch| bounded(answer(status), watch).into_body().lines;
        assert!(lines(StatusCode::OK, true));
        assert!(!lines(StatusCode::OK, false));
        assert!(!lines(StatusCode::INTERNAL_SERVER_ERROR, true));
        for (uri, watch) in [
            ("/api/v1/pods?watch=true&limit=1", true),
            ("/api/v1/pods?limit=1&watch=1", true),
            ("/api/v1/pods?watch=false", false),
            ("/api/v1/pods", false),
        ] {
            assert_eq!(is_watch(&uri.parse().unwrap()), watch, "{uri}");
        }
    }

    #[tokio::test]
    async fn that_an_answer_is_too_large_is_said_through_kubes_errors() {
        let service = |lines| {
            tower::service_fn(move |_: Request<kube::client::Body>| async move {
                let body = Full::new(Bytes::from("x".repeat((1 << 20) + 1)));
                Ok::<_, BoxError>(Response::new(Bounded::new(body, 1 << 20, lines)))
            })
        };
        let said = |error: kube::Error| match of_request(&error, "https://a", "/b") {
            trouble @ Trouble::TooLarge { .. } => trouble.to_string(),
            other => panic!("{other:?}"),
        };
        let words = "https://a answered /b with more than 1 MiB";
        let client = Client::new(service(false), "default");
        let error = client.apiserver_version().await.unwrap_err();
        assert!(said(error).starts_with(words));

        let client = Client::new(service(true), "default");
        let request = Request::get("/?watch=1").body(Vec::new()).unwrap();
        let events = client.request_events::<DynamicObject>(request).await;
        let error = Box::pin(events.unwrap()).try_next().await.unwrap_err();
        assert!(said(error).starts_with(words));
    }
}
