//! How long a text may be that every database is to keep, and what it may not hold. Whatever comes in
//! by a name passes here: accounts, zones, agents, who asked.

/// The longest name or id, in bytes.
pub const LONGEST: usize = 255;

/// Refuses what cannot be a name or an id; the reason is the end of a sentence that begins with what
/// it is.
pub fn name(text: &str) -> Result<(), &'static str> {
    match text.len() {
        1..=LONGEST => fits(text),
        _ => Err("must have 1 to 255 bytes"),
    }
}

/// The same for what may be left out.
pub fn optional(text: &str) -> Result<(), &'static str> {
    match text.len() {
        0..=LONGEST => fits(text),
        _ => Err("must have at most 255 bytes"),
    }
}

fn fits(text: &str) -> Result<(), &'static str> {
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
        let long = "x".repeat(LONGEST);
        assert!(name("a").is_ok() && name(&long).is_ok() && optional("").is_ok());
        let longer = format!("{long}x");
        for wrong in ["", longer.as_str(), "a\0b", "a ", " "] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
        assert!(name(" a").is_ok() && optional("zone ").is_err());
        assert!(optional(&longer).is_err() && optional("\0").is_err());
    }

    #[test]
    fn who_asked_is_cut_between_letters() {
        assert_eq!(cut("anna"), "anna");
        assert_eq!(cut("an\0na"), "anna");
        let cut = cut(&"ü".repeat(200));
        assert_eq!((cut.len(), cut.chars().count()), (254, 127));
    }
}
