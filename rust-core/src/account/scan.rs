//! Which accounts are migrated by themselves: those whose whole name a pattern matches. `lifecycle`
//! scans by these rules, `intercept` asks them of a new account, `api` says why.

use super::bound;
use regex::Regex;
use std::time::Duration;

/// Where Clouddriver has an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In its account storage.
    Stored,
    /// In its configuration alone.
    Configured,
}

impl Origin {
    /// The configured list of the patterns for its accounts.
    pub fn list(self) -> &'static str {
        match self {
            Origin::Stored => "namePatterns",
            Origin::Configured => "credentialScanNamePatterns",
        }
    }
}

/// A pattern of account names.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Which accounts it is for.
    pub of: Origin,
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
    pub fn matching(&self, name: &str, of: Origin) -> Option<&Pattern> {
        bound::name(name).ok()?;
        let mut patterns = self.patterns.iter().filter(|pattern| pattern.of == of);
        patterns.find(|pattern| pattern.regex.is_match(name))
    }

    /// Whether there is any pattern for such accounts.
    pub fn has_any(&self, of: Origin) -> bool {
        self.patterns.iter().any(|pattern| pattern.of == of)
    }

    /// Whether any account is migrated by itself.
    pub fn take_any(&self) -> bool {
        self.enabled && !self.patterns.is_empty()
    }

    /// Whether an account of this name is migrated by itself.
    pub fn takes(&self, name: &str, of: Origin) -> bool {
        self.enabled && self.matching(name, of).is_some()
    }
}
