//! One configuration key: its name, the kind of value it takes, its default and a line of help.
//!
//! The tables of keys are made of these (`table.rs` for the core, the sidecar's own beside it);
//! `values.rs` checks what was set against them, `help.rs` prints them. Knows no file and no
//! environment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A key that can be set.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name as documented; `[]` stands for a list's index, `*` for any name.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// The value when nobody sets it; empty: unset.
    pub default: &'static str,
    /// One line for people: what it does, with the unit.
    pub doc: &'static str,
}

/// Keys that belong together: the core's, the sidecar's.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Below these names everything is ours, so an unknown key is an error.
    pub roots: &'static [&'static str],
    /// Below these names some keys are ours; what else is there is somebody else's.
    pub shared_roots: &'static [&'static str],
    /// Keys that do something.
    pub keys: &'static [Key],
    /// Documented keys without effect: accepted, checked, and said so at start. Their `doc` is the
    /// reason.
    pub unused: &'static [Key],
    /// Older names: (old, current).
    pub aliases: &'static [(&'static str, &'static str)],
}

/// What a key's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, also `yes`, `on`, `1`, `no`, `off`, `0`.
    Flag,
    /// A whole number within these bounds.
    Number {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// Bytes: a number, or a number with B, KB, MB, GB or TB (powers of 1024).
    Size,
    /// Any text; an empty one counts as unset.
    Text,
    /// A list of texts.
    List,
    /// A list of regular expressions, each for a whole name.
    Patterns,
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// An IP address to listen on, or `*` for all of IPv4.
    Address,
    /// `IP:port` to listen on.
    Socket,
}

impl Kind {
    /// How many.
    pub const COUNT: Kind = Kind::Number {
        min: 0,
        max: u32::MAX as u64,
    };
    /// A time in whole seconds, up to a year: a clock plus it never overflows.
    pub const SECONDS: Kind = Kind::Number {
        min: 1,
        max: 31_536_000,
    };
    /// A TCP port; 0 lets the system choose.
    pub const PORT: Kind = Kind::Number {
        min: 0,
        max: u16::MAX as u64,
    };

    /// Its name in `--help`.
    pub(super) fn title(self) -> String {
        match self {
            Kind::Flag => "true|false".into(),
            Kind::Number { .. } => "number".into(),
            Kind::Size => "size".into(),
            Kind::Text => "text".into(),
            Kind::List => "list".into(),
            Kind::Patterns => "list of patterns".into(),
            Kind::OneOf(words) => words.join("|"),
            Kind::Address => "IP address or *".into(),
            Kind::Socket => "IP:port".into(),
        }
    }

    /// The end of the sentence "this value is not ...".
    pub(super) fn expectation(self) -> String {
        match self {
            Kind::Flag => "true or false".into(),
            Kind::Number { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Size => "a size in bytes, such as 4194304 or 4MB".into(),
            Kind::Text => "a text".into(),
            Kind::List | Kind::Patterns => "a list".into(),
            Kind::OneOf(words) => format!("one of {}", words.join(", ")),
            Kind::Address => "an IP address, or * for every IPv4 address".into(),
            Kind::Socket => "an IP address and a port, such as 127.0.0.1:7003".into(),
        }
    }

    /// Whether `raw` is such a value. Lists are checked entry by entry elsewhere.
    pub(super) fn accepts(self, raw: &str) -> bool {
        match self {
            Kind::Flag => flag(raw).is_some(),
            Kind::Number { min, max } => number(raw).is_some_and(|n| (min..=max).contains(&n)),
            Kind::Size => size(raw).is_some(),
            Kind::Text | Kind::List | Kind::Patterns => true,
            Kind::OneOf(words) => words.iter().any(|word| word.eq_ignore_ascii_case(raw)),
            Kind::Address => address(raw).is_some(),
            Kind::Socket => socket(raw).is_some(),
        }
    }

    /// Whether an empty text is a value of it; of other kinds it sets nothing.
    pub(super) fn has_empty(self) -> bool {
        self == Kind::Text || self.is_list()
    }

    /// Whether it takes several values.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Kind::List | Kind::Patterns)
    }
}

/// As Spring reads a boolean.
pub(super) fn flag(raw: &str) -> Option<bool> {
    match raw.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn number(raw: &str) -> Option<u64> {
    raw.trim().parse().ok()
}

/// As Spring's `DataSize`: without a unit it is bytes.
pub(super) fn size(raw: &str) -> Option<usize> {
    let raw = raw.trim();
    let digits = raw.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match raw[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "KB" => 10,
        "MB" => 20,
        "GB" => 30,
        "TB" => 40,
        _ => return None,
    };
    let bytes = digits.parse::<usize>().ok()?.checked_mul(1 << shift)?;
    (bytes > 0).then_some(bytes)
}

pub(super) fn address(raw: &str) -> Option<IpAddr> {
    match raw.trim() {
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        address => address.parse().ok(),
    }
}

pub(super) fn socket(raw: &str) -> Option<SocketAddr> {
    raw.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        assert_eq!(size("4MB"), Some(4 << 20));
        assert_eq!(size("512kb"), Some(512 << 10));
        assert_eq!(size(" 100 "), Some(100));
        assert_eq!(size("100B"), Some(100));
        for wrong in ["", "MB", "4 MB", "-1", "4MiB", "0", "99999999999999999GB"] {
            assert_eq!(size(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn flags_are_read_as_spring_reads_them() {
        for (on, off) in [
            ("TRUE", "False"),
            ("on", "off"),
            ("yes", "no"),
            (" 1 ", "0"),
        ] {
            assert_eq!(
                (flag(on), flag(off)),
                (Some(true), Some(false)),
                "{on} {off}"
            );
        }
        for neither in ["", "2", "y", "enabled"] {
            assert_eq!(flag(neither), None, "{neither}");
        }
    }

    #[test]
    fn a_star_listens_everywhere() {
        assert_eq!(address("*"), Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        assert_eq!(address("::1"), "::1".parse().ok());
        assert_eq!(address("localhost"), None);
    }

    #[test]
    fn numbers_keep_to_their_bounds() {
        assert!(Kind::PORT.accepts("0"));
        assert!(!Kind::PORT.accepts("65536"));
        assert!(!Kind::SECONDS.accepts("0"));
        assert!(!Kind::COUNT.accepts("-1"));
        assert!(!Kind::COUNT.accepts("3.5"));
    }
}
