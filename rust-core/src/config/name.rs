//! When two spellings name the same key: Spring's relaxed binding.
//!
//! `kubesvc.dynamicAccounts.maxRetries`, `kubesvc.dynamic-accounts.max-retries` and
//! `KUBESVC_DYNAMIC_ACCOUNTS_MAX_RETRIES` are one key; `armory.kubesvc.` is another spelling of
//! `kubesvc.`. Pure; `values.rs` asks it.

/// A name without its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Lower-case letters and digits only, without indices.
    segments: Vec<String>,
    /// The index at the very end: an entry of a list.
    pub(super) index: Option<usize>,
    /// There are indices before the end: a list on the way to the value.
    pub(super) through_list: bool,
    /// It was spelled `armory.kubesvc`, which wins over `kubesvc`.
    pub(super) armory: bool,
}

impl Name {
    /// Of a dotted path, as in a file or in a table of keys. In brackets is an index, or a name that
    /// has letters of its own, as in `accounts[prod.eu].namespaced`.
    pub(super) fn of_path(path: &str) -> Name {
        let mut segments = Vec::new();
        let mut index: Option<usize> = None;
        let mut through_list = false;
        let mut rest = path;
        while !rest.is_empty() {
            let (part, number);
            (part, rest) = if let Some(bracket) = rest.strip_prefix('[') {
                let (inner, after) = bracket.split_once(']').unwrap_or((bracket, ""));
                number = inner.parse().ok();
                (inner, after)
            } else {
                let name = rest.strip_prefix('.').unwrap_or(rest);
                number = None;
                name.split_at(name.find(['.', '[']).unwrap_or(name.len()))
            };
            if part.is_empty() {
                continue;
            }
            // The index before turned out not to be at the end.
            through_list |= index.is_some();
            index = number;
            if number.is_none() {
                segments.push(plain(part));
            }
        }
        Name::new(segments, index, through_list)
    }

    /// Of an environment variable. Where one segment ends and the next begins cannot be told from
    /// it, so the segments are its words, and names are compared joined.
    pub(super) fn of_variable(variable: &str) -> Name {
        let mut words: Vec<&str> = variable.split('_').collect();
        let is_index = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        let mut index = None;
        if words.len() > 1 && words.last().is_some_and(|word| is_index(word)) {
            index = words.pop().and_then(|word| word.parse().ok());
        }
        let through_list = words.iter().any(|word| is_index(word));
        words.retain(|word| !is_index(word));
        Name::new(words.into_iter().map(plain).collect(), index, through_list)
    }

    fn new(mut segments: Vec<String>, index: Option<usize>, through_list: bool) -> Name {
        let armory = segments.len() > 1 && segments[0] == "armory" && segments[1] == "kubesvc";
        if armory {
            segments.remove(0);
        }
        Name {
            segments,
            index,
            through_list,
            armory,
        }
    }

    /// Whether it lies at or below `root`.
    pub(super) fn is_under(&self, root: &Name) -> bool {
        self.segments.starts_with(&root.segments)
    }

    /// Whether it lies above `key`, where a `*` of the key stands for one name or more, and at the end
    /// of what is above for one.
    pub(super) fn is_above(&self, key: &Name) -> bool {
        (1..key.segments.len()).any(|end| {
            let above = &key.segments[..end];
            let is_open = above.last().is_some_and(|last| last == "*");
            (!is_open || self.segments.len() == end) && matches(&self.joined(), &above.concat())
        })
    }

    /// Whether it names `key`, indices aside, where a `*` of the key stands for one name or more.
    pub(super) fn names(&self, key: &Name) -> bool {
        matches(&self.joined(), &key.joined())
    }

    /// Without any separator.
    pub(super) fn joined(&self) -> String {
        self.segments.concat()
    }
}

/// Whether a joined name is this key, joined.
fn matches(name: &str, key: &str) -> bool {
    match key.split_once('*') {
        None => name == key,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|between| !between.is_empty()),
    }
}

fn plain(segment: &str) -> String {
    segment
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '*')
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether `name` is spelled as environment variables are: no key of ours looks so in a file.
pub(super) fn is_variable(name: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    name.contains('_') && name.bytes().all(is_letter)
}

/// The environment variable of a key, as `--help` shows it.
pub(super) fn variable(key: &str) -> String {
    key.replace("[]", ".0")
        .replace(['.', '-'], "_")
        .to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(spelling: Name, key: &str) -> bool {
        spelling.names(&Name::of_path(key))
    }

    #[test]
    fn spellings_of_a_key_are_one_name() {
        let key = "kubesvc.dynamicAccounts.maxRetries";
        for path in [
            "kubesvc.dynamicAccounts.maxRetries",
            "kubesvc.dynamic-accounts.max-retries",
            "KUBESVC.dynamicaccounts.max_retries",
            "armory.kubesvc.dynamicAccounts.maxRetries",
        ] {
            assert!(same(Name::of_path(path), key), "{path}");
        }
        for variable in [
            "KUBESVC_DYNAMICACCOUNTS_MAXRETRIES",
            "KUBESVC_DYNAMIC_ACCOUNTS_MAX_RETRIES",
            "ARMORY_KUBESVC_DYNAMICACCOUNTS_MAXRETRIES",
        ] {
            assert!(same(Name::of_variable(variable), key), "{variable}");
        }
        assert!(!same(Name::of_path("kubesvc.dynamicAccounts.max"), key));
    }

    #[test]
    fn indices_are_told_apart() {
        let entry = Name::of_path("kubesvc.namePatterns[3]");
        assert_eq!((entry.index, entry.through_list), (Some(3), false));
        let through = Name::of_path("[0].account[0].storage[1].enabled");
        assert_eq!((through.index, through.through_list), (None, true));
        assert!(same(through, "account.storage.enabled"));
        let nested = Name::of_path("a.b[1][2]");
        assert_eq!((nested.index, nested.through_list), (Some(2), true));
        let variable = Name::of_variable("KUBESVC_RUNTIME_DEFAULTS_CUSTOMRESOURCES_0_VERSIONED");
        assert!(variable.through_list);
        assert_eq!(Name::of_variable("KUBESVC_NAMEPATTERNS_12").index, Some(12));
    }

    #[test]
    fn a_star_stands_for_names() {
        let key = "kubesvc.runtime.accounts.*.onlySpinnakerManaged";
        for account in [".prod.eu", "[prod.eu]", ".[prod.eu]", "[prod]"] {
            let path = format!("kubesvc.runtime.accounts{account}.onlySpinnakerManaged");
            let name = Name::of_path(&path);
            assert!(!name.through_list && same(name, key), "{path}");
        }
        assert!(!same(
            Name::of_path("kubesvc.runtime.accounts.onlySpinnakerManaged"),
            key
        ));
    }

    #[test]
    fn what_lies_above_a_key_is_known() {
        let key = Name::of_path("a.accounts.*.resources[].kind");
        for above in [
            "a",
            "a.accounts",
            "a.accounts.prod",
            "a.accounts[prod.eu]",
            "a.accounts.prod.eu.resources",
            "a.accounts[prod].resources[0]",
        ] {
            assert!(Name::of_path(above).is_above(&key), "{above}");
        }
        for other in [
            "a.accounts.prod.sources",
            "a.account",
            "a.accounts.p.resources.kind",
        ] {
            assert!(!Name::of_path(other).is_above(&key), "{other}");
        }
        assert!(Name::of_variable("A_ACCOUNTS_PROD_RESOURCES").is_above(&key));
    }

    #[test]
    fn variables_are_shown_in_springs_style() {
        assert_eq!(
            variable("kubesvc.cluster-kubernetes.verifySsl"),
            "KUBESVC_CLUSTER_KUBERNETES_VERIFYSSL"
        );
    }
}
