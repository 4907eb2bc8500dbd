//! The points of the sidecar at which a test lets it die, as `kill -9` would.
//!
//! Passed by `credentials`, `own` and `connection`; empty in release builds.

pub(crate) use ferry_failpoint::hit;

ferry_failpoint::failpoints! {
    /// A write to `/credentials` was journaled; nothing of it was sent to Clouddriver.
    BEFORE_FORWARD = "sidecar.credentials.before_forward";
    /// The head of Clouddriver's answer is here; the core does not know of it.
    BEFORE_SETTLE = "sidecar.credentials.before_settle";
    /// The core knows the outcome; the client does not.
    BEFORE_REPLY = "sidecar.credentials.before_reply";
    /// The head of the answer was written to the client's socket.
    AFTER_REPLY = "sidecar.credentials.after_reply";
    /// The core answered a request of its own API; the client knows nothing of it.
    BEFORE_OWN_REPLY = "sidecar.own.before_reply";
    /// The head of the core's answer was written to the client's socket.
    AFTER_OWN_REPLY = "sidecar.own.after_reply";
}
