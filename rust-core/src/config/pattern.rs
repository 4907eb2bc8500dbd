//! Patterns of account names: regular expressions that must match the whole name.
//!
//! Checked when the configuration is read. `regex` renders an error for people; the position as a
//! number comes from `regex-syntax`, its own parser. Look-around and back references of Java's
//! dialect do not exist here and are errors.

use regex::Regex;
use regex_syntax::Error as SyntaxError;

/// Why a pattern does not compile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PatternError {
    /// The character, counted from 1.
    pub(super) position: usize,
    /// What is wrong there.
    pub(super) reason: String,
}

/// Compiles `pattern` so that it matches whole names only.
pub(super) fn compile(pattern: &str) -> Result<Regex, PatternError> {
    // By itself first: `a)(b` is wrong, but would compile once it is put into a group.
    regex_syntax::Parser::new()
        .parse(pattern)
        .map_err(|error| match error {
            SyntaxError::Parse(error) => at(pattern, error.span().start.offset, error.kind()),
            SyntaxError::Translate(error) => at(pattern, error.span().start.offset, error.kind()),
            other => at(pattern, 0, &other),
        })?;
    // The line break ends a comment that `(?x)` allows at the pattern's end.
    let closing = if pattern.contains("(?x") { "\n)" } else { ")" };
    Regex::new(&format!(r"\A(?:{pattern}{closing}\z"))
        .map_err(|error| at(pattern, 0, &error.to_string()))
}

/// Java's patterns have what an engine in linear time has not.
fn explain(reason: &str) -> String {
    let hint = if reason.contains("look-around") {
        "; write what is wanted instead of what is not: a pattern matches the whole name, so \
         `^(?!test-).*` becomes one pattern per wanted beginning, such as `(prod|stage)-.*`"
    } else if reason.contains("backreference") {
        "; write out what the group may be"
    } else {
        ""
    };
    format!("{reason}{hint}")
}

fn at(pattern: &str, offset: usize, reason: &impl std::fmt::Display) -> PatternError {
    PatternError {
        position: pattern[..offset].chars().count() + 1,
        reason: explain(&reason.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names_only() {
        let pattern = compile("apple|pear").unwrap();
        assert!(pattern.is_match("apple"));
        assert!(pattern.is_match("pear"));
        assert!(!pattern.is_match("apples"));
        assert!(!pattern.is_match("a pear"));
        assert!(!pattern.is_match("apple\n"));
    }

    #[test]
    fn the_samples_patterns_match_as_they_say() {
        assert!(compile("^apple.*").unwrap().is_match("apple-1"));
        assert!(compile("^.*depot.*").unwrap().is_match("home-depot-7"));
    }

    #[test]
    fn an_error_names_the_character() {
        assert_eq!(compile("^ä(b$").unwrap_err().position, 3);
        assert_eq!(compile("a)(b").unwrap_err().position, 2);
        assert_eq!(compile("*").unwrap_err().position, 1);
        assert_eq!(compile("^(?!prod).*").unwrap_err().position, 2);
    }

    #[test]
    fn what_only_java_has_is_refused_with_a_hint() {
        for pattern in ["^(?!prod).*", "(?<=a)b", "a(?=b)"] {
            let reason = compile(pattern).unwrap_err().reason;
            assert!(reason.contains("(prod|stage)-.*"), "{pattern}: {reason}");
        }
        let reason = compile(r"(a)\1").unwrap_err().reason;
        assert!(reason.contains("write out"), "{reason}");
    }

    #[test]
    fn a_comment_at_the_end_does_not_swallow_the_bounds() {
        assert!(compile("(?x) apple # fruit").unwrap().is_match("apple"));
    }

    #[test]
    fn a_pattern_that_grows_too_big_is_refused() {
        assert!(compile("(?:a{1000}){1000}").is_err());
    }
}
