//! Answers: JSON bodies, and errors in Clouddriver's shape, with a message that says what to do.

use crate::error::causes;
use crate::lifecycle::{Refusal, Unread};
use crate::source::SourceError;
use crate::store::StoreError;
use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

/// A request that is not answered as asked.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    exception: &'static str,
    message: String,
    /// Per account what was wrong, for batches.
    accounts: Option<Vec<Value>>,
    /// What came of every item, for batches whose request asks for it.
    items: Option<Vec<Value>>,
    header: Option<(header::HeaderName, String)>,
}

const INVALID: &str = "com.netflix.spinnaker.kork.web.exceptions.InvalidRequestException";
const NOT_FOUND: &str = "com.netflix.spinnaker.kork.web.exceptions.NotFoundException";

impl Failure {
    fn new(status: StatusCode, exception: &'static str, message: String) -> Failure {
        Failure {
            status,
            exception,
            message,
            accounts: None,
            items: None,
            header: None,
        }
    }

    pub(super) fn bad(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, INVALID, message.into())
    }

    pub(super) fn unknown_account(name: &str) -> Failure {
        let message = format!("Account does not exist (name: {name})");
        Failure::new(StatusCode::NOT_FOUND, NOT_FOUND, message)
    }

    pub(super) fn unknown_path(path: &str) -> Failure {
        let message = format!("there is no {path} here");
        Failure::new(StatusCode::NOT_FOUND, NOT_FOUND, message)
    }

    pub(super) fn method(method: &Method, path: &str, allowed: &[&str]) -> Failure {
        let allowed = allowed.join(", ");
        let message = format!("{method} is not for {path}; use one of {allowed}");
        let mut failure = Failure::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "org.springframework.web.HttpRequestMethodNotSupportedException",
            message,
        );
        failure.header = Some((header::ALLOW, allowed));
        failure
    }

    pub(super) fn unknown_agent(agent_id: &str) -> Failure {
        let message = format!("no agent of this id is connected (id: {agent_id})");
        Failure::new(StatusCode::NOT_FOUND, NOT_FOUND, message)
    }

    pub(super) fn unknown_operation(id: &str) -> Failure {
        let message = format!(
            "there is no operation of this id, or it is older than \
             kubesvc.jobs.operation-history.purge.weeks (id: {id})"
        );
        Failure::new(StatusCode::NOT_FOUND, NOT_FOUND, message)
    }

    pub(super) fn unknown_core(core_id: &str) -> Failure {
        let message = format!("no core of this id is up (id: {core_id})");
        Failure::new(StatusCode::NOT_FOUND, NOT_FOUND, message)
    }

    pub(super) fn too_large(bound: usize) -> Failure {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "org.springframework.web.multipart.MaxUploadSizeExceededException",
            format!(
                "the body is larger than {bound} bytes: send it in several requests, or raise \
                 kubesvc.api.maxBodySize"
            ),
        )
    }

    pub(super) fn media(media: &str) -> Failure {
        // Clouddriver's server adds parameters of its own.
        let media = media.split(';').next().unwrap_or_default().trim();
        Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "org.springframework.web.HttpMediaTypeNotSupportedException",
            format!("Content-Type {media} is not read here; send application/json"),
        )
    }

    pub(super) fn unpublished() -> Failure {
        Failure::new(
            StatusCode::NOT_IMPLEMENTED,
            "io.ferry.Unpublished",
            "this path is for messages between replicas of Armory's plugin, whose text is \
             unpublished; Ferry's replicas speak through their database"
                .into(),
        )
    }

    pub(super) fn disabled() -> Failure {
        Failure::new(
            StatusCode::NOT_IMPLEMENTED,
            "io.ferry.Disabled",
            "dynamic accounts are switched off: set kubesvc.dynamicAccounts.enabled: true".into(),
        )
    }

    /// A batch in which these accounts could not be taken: (400) or (409).
    pub(super) fn batch(status: StatusCode, message: String, accounts: Vec<Value>) -> Failure {
        let exception = if status == StatusCode::CONFLICT {
            "io.ferry.Conflict"
        } else {
            INVALID
        };
        let mut failure = Failure::new(status, exception, message);
        failure.accounts = Some(accounts);
        failure
    }

    /// With what came of every item, in place of what could not be done.
    pub(super) fn with_items(mut self, items: Vec<Value>) -> Failure {
        self.accounts = None;
        self.items = Some(items);
        self
    }

    /// With more to say.
    pub(super) fn but(mut self, more: &str) -> Failure {
        self.message = format!("{}; {more}", self.message);
        self
    }

    pub(super) fn other_request() -> Failure {
        Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            INVALID,
            "this Idempotency-Key was sent with another request within the last day: send a new key \
             with a new request; nothing was done"
                .into(),
        )
    }

    pub(super) fn under_way() -> Failure {
        let message = "the request with this Idempotency-Key is still being carried out: send it \
                       again in a few seconds, with the same key";
        let message = message.to_owned();
        let mut failure = Failure::new(StatusCode::CONFLICT, "io.ferry.UnderWay", message);
        failure.header = Some((header::RETRY_AFTER, "5".to_owned()));
        failure
    }

    fn unavailable(exception: &'static str, message: String) -> Failure {
        let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, exception, message);
        failure.header = Some((header::RETRY_AFTER, "5".to_owned()));
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        if matches!(error, StoreError::Taken) {
            return Failure::under_way();
        }
        tracing::error!(error = causes(&error), "a request is not answered");
        Failure::unavailable("io.ferry.DatabaseAway", format!("{error}; see Ferry's log"))
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Failure {
        Failure::unavailable("io.ferry.SourceAway", error.to_string())
    }
}

impl From<Unread> for Failure {
    fn from(error: Unread) -> Failure {
        match error {
            Unread::Source(error) => error.into(),
            Unread::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Store(error) => error.into(),
            Refusal::Secret(error) => {
                tracing::error!(error = causes(&error), "a request is not answered");
                Failure::unavailable("io.ferry.KeyUnusable", error.to_string())
            }
            Refusal::Unreadable(_) => {
                Failure::unavailable("io.ferry.Unreadable", refusal.to_string())
            }
            Refusal::Unknown | Refusal::NoKey | Refusal::Unfit(_) => {
                Failure::bad(refusal.to_string())
            }
            Refusal::Illegal { .. } | Refusal::Static | Refusal::Unmigrated => {
                Failure::batch(StatusCode::CONFLICT, refusal.to_string(), Vec::new())
            }
        }
    }
}

/// A failure as Clouddriver would answer it.
pub(super) fn error(failure: &Failure) -> Response<Bytes> {
    let mut body = json!({
        "error": failure.status.canonical_reason().unwrap_or_default(),
        "exception": failure.exception,
        "message": failure.message,
        "status": failure.status.as_u16(),
        "timestamp": now(),
    });
    if let Some(accounts) = &failure.accounts {
        body["accounts"] = Value::from(accounts.clone());
    }
    if let Some(items) = &failure.items {
        body["items"] = Value::from(items.clone());
    }
    let mut response = json(failure.status, &body);
    if let Some((name, value)) = &failure.header {
        let value = value.parse().expect("made of plain letters and digits");
        response.headers_mut().insert(name, value);
    }
    response
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: &Value) -> Response<Bytes> {
    text(status, body.to_string())
}

/// A body that is JSON already.
pub(super) fn text(status: StatusCode, body: String) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body))
        .expect("status and header are valid")
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00")
        .to_string()
}

/// Unix milliseconds as ISO 8601 with milliseconds and `Z`.
pub(super) fn instant(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default()
}
