//! The points of the sidecar at which a test lets it die, as `kill -9` would.
//!
//! Passed by `credentials`, `own`, `forward`, `proxy`, `server` and `connection`; empty in release builds.

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
    /// A request that only passes through goes to Clouddriver now.
    BEFORE_THROUGH = "sidecar.through.before_forward";
    /// The head of Clouddriver's answer to it is here.
    AFTER_THROUGH = "sidecar.through.after_forward";
    /// Any answer at all is ready; the client knows nothing of it.
    BEFORE_ANSWER = "sidecar.answer.before";
    /// The head of an answer that has no point of its own was written to the client's socket.
    AFTER_ANSWER = "sidecar.answer.after";
    /// An answer of the admin port is ready.
    BEFORE_ADMIN = "sidecar.admin.before_reply";
    /// The head of an answer of the admin port was written.
    AFTER_ADMIN = "sidecar.admin.after_reply";
    /// The core answered a request of its own API; the client knows nothing of it.
    BEFORE_OWN_REPLY = "sidecar.own.before_reply";
    /// The head of the core's answer was written to the client's socket.
    AFTER_OWN_REPLY = "sidecar.own.after_reply";
}
