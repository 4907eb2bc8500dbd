//! Which accounts are migrated by themselves: those whose whole name a pattern matches. `lifecycle`
//! scans by these rules, `intercept` asks them of a new account, `api` says why.

use super::bound;
use regex::Regex;
use std::time::Duration;

/// A pattern of account names.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The configured list it stands in.
    pub list: &'static str,
    /// As written.
    pub text: String,
    /// Matches whole names.
    pub regex: Regex,
}

/// What the scan takes.
#[derive(Debug, Clone)]
pub struct ScanRules {
    /// Whether it runs.
    pub enabled: bool,
    /// In the order of the configuration.
    pub patterns: Vec<Pattern>,
    /// How many accounts one scan takes at most.
    pub batch_size: usize,
    /// Between two scans.
    pub frequency: Duration,
}

impl ScanRules {
    /// No account is migrated by itself.
    #[cfg(test)]
    pub(crate) fn off() -> ScanRules {
        ScanRules {
            enabled: false,
            patterns: Vec::new(),
            batch_size: 1,
            frequency: Duration::from_secs(120),
        }
    }

    /// The first pattern that matches this name; none matches one that cannot be kept.
    pub fn matching(&self, name: &str) -> Option<&Pattern> {
        bound::name(name).ok()?;
        let mut patterns = self.patterns.iter();
        patterns.find(|pattern| pattern.regex.is_match(name))
    }

    /// Whether any account is migrated by itself.
    pub fn take_any(&self) -> bool {
        self.enabled && !self.patterns.is_empty()
    }

    /// Whether an account of this name is migrated by itself.
    pub fn takes(&self, name: &str) -> bool {
        self.enabled && self.matching(name).is_some()
    }
}
