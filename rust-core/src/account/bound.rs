//! How long a text may be that every database is to keep, and what it may not hold. Whatever comes in
//! by a name passes here: accounts, zones, agents, who asked.

use super::definition::is_kubeconfig;
use ferry_reference::is_open;

/// The longest name or id, in characters, as Clouddriver's own table counts.
const LONGEST: usize = 255;

/// Refuses what cannot be a name or an id; the reason is the end of a sentence that begins with what
/// it is.
pub fn name(text: &str) -> Result<(), &'static str> {
    match text.is_empty() {
        true => Err("must have 1 to 255 characters"),
        false => optional(text),
    }
}

/// The same for what may be left out.
pub fn optional(text: &str) -> Result<(), &'static str> {
    if text.chars().nth(LONGEST).is_some() {
        return Err("must have at most 255 characters");
    }
    match text.ends_with(' ') {
        true => Err("must not end with a space, without which some databases take it for the same"),
        false => no_nul(text),
    }
}

/// Refuses what not every database keeps, however short.
pub fn no_nul(text: &str) -> Result<(), &'static str> {
    match text.contains('\0') {
        true => Err("has a NUL character"),
        false => Ok(()),
    }
}

/// Refuses what cannot say where a kubeconfig is, which is kept and shown as it is: a path, or a
/// reference to a secret.
pub fn kubeconfig_file(text: &str) -> Result<(), &'static str> {
    if is_open(text) || is_kubeconfig(text) {
        return Err(
            "holds the kubeconfig itself: give a path at the agent, or a reference to a secret",
        );
    }
    no_nul(text)
}

/// As much of it as can be kept: for what only tells who asked.
pub fn cut(text: &str) -> String {
    let plain: String = text.chars().filter(|letter| *letter != '\0').collect();
    plain[..plain.floor_char_boundary(LONGEST)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_bounds() {
        let long = "ü".repeat(LONGEST);
        assert!(name("a").is_ok() && name(&long).is_ok() && optional("").is_ok());
        let longer = format!("{long}x");
        for wrong in ["", longer.as_str(), "a\0b", "a ", " "] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
        assert!(name(" a").is_ok() && optional("zone ").is_err());
        assert!(optional(&longer).is_err() && optional("\0").is_err());
        assert!(kubeconfig_file("encryptedFile:vault!e:kv!p:a!k:b").is_ok());
        for wrong in [
            "/k\0",
            "encrypted:noop!v:s3cret",
            "{\"users\": []}",
            "users:\n- a",
        ] {
            assert!(kubeconfig_file(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn who_asked_is_cut_between_letters() {
        assert_eq!(cut("anna"), "anna");
        assert_eq!(cut("an\0na"), "anna");
        let cut = cut(&"ü".repeat(200));
        assert_eq!((cut.len(), cut.chars().count()), (254, 127));
    }
}
