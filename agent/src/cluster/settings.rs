//! How clusters are treated, whatever account they belong to: `kubernetes.*` and `timeoutSeconds`.
//!
//! `config` reads it; the tasks of accounts share it.

use std::time::Duration;

use crate::cause::Trouble;
use crate::dial::Dialer;

/// `kubernetes.*`
#[derive(Debug, Clone)]
pub struct Settings {
    /// Straight, or by the operator's proxy.
    pub dialer: Dialer,
    /// `timeoutSeconds`: the most that one step towards a cluster may take.
    pub timeout: Duration,
    /// `reconnectTimeoutMs`: the first wait before a lost cluster is tried again.
    pub reconnect: Duration,
    /// `retries`; `None`: they are off.
    pub retries: Option<Retries>,
    /// `cacheGroupSize` and `cacheGroupDelayMs`: so many watches start together, and the next ones
    /// that much later.
    pub groups: Option<(usize, Duration)>,
}

/// `kubernetes.retries.*`: questions that are asked again while an account is activated.
#[derive(Debug, Clone)]
pub struct Retries {
    /// How often.
    pub times: u32,
    /// The wait before.
    pub wait: Duration,
    /// Also when the answer is an error.
    pub any: bool,
    /// Words of the faults that count, in lower case.
    pub words: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialer: Dialer::straight(),
            timeout: Duration::from_secs(10),
            reconnect: Duration::from_secs(5),
            retries: None,
            groups: None,
        }
    }
}

impl Retries {
    /// Whether a question that came to this is asked again. That there is no connection is for
    /// the account to wait out, not for a question.
    pub(crate) fn apply_to(&self, trouble: &Trouble) -> bool {
        let said = match trouble {
            Trouble::NoAnswer { .. } => "timeout, deadline exceeded".to_owned(),
            Trouble::ServerError { .. } | Trouble::Connection { .. } => trouble.to_string(),
            _ => return false,
        };
        let said = said.to_lowercase();
        self.any || self.words.iter().any(|word| said.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unanswered_questions_are_asked_again_unless_any_error_counts() {
        let mut retries = Retries {
            times: 3,
            wait: Duration::ZERO,
            any: false,
            words: vec!["timeout".into(), "(503)".into()],
        };
        let server = || "https://a".to_owned();
        let late = Trouble::NoAnswer {
            server: server(),
            what: "/version",
            limit: Duration::ZERO,
        };
        let error = |code| Trouble::ServerError {
            server: server(),
            what: "/apis",
            code,
        };
        let refused = Trouble::ConnectionRefused { server: server() };
        assert!(retries.apply_to(&late) && retries.apply_to(&error(503)));
        assert!(!retries.apply_to(&error(500)) && !retries.apply_to(&refused));
        retries.any = true;
        assert!(retries.apply_to(&error(500)) && !retries.apply_to(&refused));
    }
}
