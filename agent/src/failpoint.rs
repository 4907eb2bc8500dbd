//! The points at which a test may let the agent die: around every message of its walk.
//!
//! `session` passes them, and `admin` those of its answers. In release builds all of this is empty.

ferry_failpoint::failpoints! {
    /// Register is about to be sent.
    REGISTER_SENDING = "agent.register.sending";
    /// Register has been sent.
    REGISTER_SENT = "agent.register.sent";
    /// Registered has come.
    REGISTERED_RECEIVED = "agent.registered.received";
    /// A heartbeat is about to be sent.
    HEARTBEAT_SENDING = "agent.heartbeat.sending";
    /// A heartbeat has been sent.
    HEARTBEAT_SENT = "agent.heartbeat.sent";
    /// SaveAccounts has come; nothing is done yet.
    SAVE_RECEIVED = "agent.save.received";
    /// SaveAccounts has been taken: its accounts are held.
    SAVE_TAKEN = "agent.save.taken";
    /// DeleteAccounts has come; nothing is done yet.
    DELETE_RECEIVED = "agent.delete.received";
    /// DeleteAccounts has been taken: its accounts are stopping.
    DELETE_TAKEN = "agent.delete.taken";
    /// Probe has come; nothing is tried yet.
    PROBE_RECEIVED = "agent.probe.received";
    /// What an account came to when it was tried is about to be sent.
    PROBED_SENDING = "agent.probed.sending";
    /// What an account came to when it was tried has been sent.
    PROBED_SENT = "agent.probed.sent";
    /// A report that an account is not reached yet is about to be sent.
    CONNECTING_SENDING = "agent.report.connecting.sending";
    /// A report that an account is not reached yet has been sent.
    CONNECTING_SENT = "agent.report.connecting.sent";
    /// A report that an account is ready is about to be sent.
    READY_SENDING = "agent.report.ready.sending";
    /// A report that an account is ready has been sent.
    READY_SENT = "agent.report.ready.sent";
    /// A report that an account failed is about to be sent.
    FAILED_SENDING = "agent.report.failed.sending";
    /// A report that an account failed has been sent.
    FAILED_SENT = "agent.report.failed.sent";
    /// A report that an account's cluster is lost is about to be sent.
    LOST_SENDING = "agent.report.lost.sending";
    /// A report that an account's cluster is lost has been sent.
    LOST_SENT = "agent.report.lost.sent";
    /// A report that an account was dropped is about to be sent.
    DROPPED_SENDING = "agent.report.dropped.sending";
    /// A report that an account was dropped has been sent.
    DROPPED_SENT = "agent.report.dropped.sent";
    /// A request to the agent's own server is about to be answered.
    ADMIN_ANSWERING = "agent.admin.answering";
    /// A request to the agent's own server has been answered.
    ADMIN_ANSWERED = "agent.admin.answered";
}

pub(crate) use ferry_failpoint::hit;

/// Passes a point that says that a message has been sent.
///
/// The transport writes in a task of its own, so a process that is to die here first gives it time:
/// otherwise "sent" and "sending" would be the same crash.
#[cfg(debug_assertions)]
pub(crate) async fn hit_sent(name: &'static str) {
    static DEADLY: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let deadly = DEADLY.get_or_init(|| std::env::var("FERRY_FAILPOINT").ok());
    if deadly.as_deref() == Some(name) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    hit(name);
}

/// Passes a point that says that a message has been sent: nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) async fn hit_sent(_name: &'static str) {}
