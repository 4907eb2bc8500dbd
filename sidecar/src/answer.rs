//! Answers that are the sidecar's own: errors in Clouddriver's shape, with what to do.
//!
//! `{"error","exception","message","status","timestamp"}`, as Spring writes them; `exception` is
//! kork's class where it has one for the failure. Never says what a request contained.

use crate::body::{self, Body};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

/// An error answer.
pub(crate) fn error(status: StatusCode, message: &str) -> Response<Body> {
    of_exception(status, exception(status), message)
}

/// A write to `/credentials` that is refused, since it cannot be recorded.
pub(crate) fn not_journaled(message: &str) -> Response<Body> {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = of_exception(status, "io.ferry.NotJournaled", message);
    let soon = HeaderValue::from_static("5");
    response.headers_mut().insert(RETRY_AFTER, soon);
    response
}

fn of_exception(status: StatusCode, exception: &str, message: &str) -> Response<Body> {
    let text = json!({
        "error": status.canonical_reason().unwrap_or("Error"),
        "exception": exception,
        "message": message,
        "status": status.as_u16(),
        "timestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string(),
    });
    let mut response = Response::new(body::full(text.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn exception(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => "io.ferry.ClouddriverAway",
        StatusCode::SERVICE_UNAVAILABLE => "io.ferry.Stopping",
        StatusCode::PAYLOAD_TOO_LARGE => {
            "org.springframework.web.multipart.MaxUploadSizeExceededException"
        }
        status if status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED => {
            "com.netflix.spinnaker.kork.web.exceptions.InvalidRequestException"
        }
        _ => "io.ferry.Internal",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn errors_have_clouddrivers_shape() {
        let response = error(StatusCode::BAD_GATEWAY, "start it");
        assert_eq!(response.status(), 502);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], "Bad Gateway");
        assert_eq!(body["message"], "start it");
        assert_eq!(body["status"], 502);
        let timestamp = body["timestamp"].as_str().unwrap();
        assert_eq!(
            timestamp.len(),
            "2026-11-22T10:08:22.786+00:00".len(),
            "{timestamp}"
        );
        assert!(
            body["exception"]
                .as_str()
                .unwrap()
                .ends_with("ClouddriverAway")
        );
    }
}
