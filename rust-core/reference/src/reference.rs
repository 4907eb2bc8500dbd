//! References to secrets as Spinnaker writes them: `encrypted:ENGINE!k:v!…` for a value,
//! `encryptedFile:ENGINE!k:v!…` for the content of a file. `resolve` asks the engines; here they are
//! only read. A reference is no secret, and shown in errors.

use std::collections::BTreeMap;

/// With what a reference begins.
pub(super) const PREFIXES: [&str; 2] = ["encrypted:", "encryptedFile:"];

/// A reference, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// `k8s` or `vault`, as written.
    pub(super) engine: &'a str,
    parameters: BTreeMap<&'a str, &'a str>,
}

impl<'a> Reference<'a> {
    /// An error is a sentence about it.
    pub(super) fn parse(text: &'a str) -> Result<Reference<'a>, String> {
        let rest = PREFIXES
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .ok_or("it begins with neither encrypted: nor encryptedFile:")?;
        let mut parts = rest.split('!');
        let engine = parts.next().unwrap_or_default();
        let mut parameters = BTreeMap::new();
        for part in parts {
            let (name, value) = part.split_once(':').ok_or_else(|| {
                format!("`{part}` in it is no parameter: expected letter:value between the `!`")
            })?;
            if parameters.insert(name, value).is_some() {
                return Err(format!("it has the parameter `{name}` twice"));
            }
        }
        Ok(Reference { engine, parameters })
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let value = self.parameters.get(name).copied();
        value.filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there, by any of its names.
    pub(super) fn need(&self, names: &[&str]) -> Result<&'a str, String> {
        let found = names.iter().find_map(|name| self.get(name));
        found.ok_or_else(|| format!("it lacks the parameter `{}`", names[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let text = "encryptedFile:k8s!n:kubeconfigs!k:it.yml!ns:spin";
        let reference = Reference::parse(text).unwrap();
        assert_eq!(reference.engine, "k8s");
        assert_eq!(reference.need(&["n"]), Ok("kubeconfigs"));
        assert_eq!(reference.get("ns"), Some("spin"));
        let vault = Reference::parse("encrypted:vault!e:secret!n:a/b!k:x:y").unwrap();
        assert_eq!(vault.need(&["p", "n"]), Ok("a/b"));
        assert_eq!(vault.get("k"), Some("x:y"));
    }

    #[test]
    fn what_is_wrong_with_one_is_said() {
        let wrong = |text| Reference::parse(text).unwrap_err();
        assert!(wrong("secret://x").contains("neither"));
        assert!(wrong("encrypted:k8s!n").contains("`n`"));
        assert!(wrong("encrypted:k8s!n:a!n:b").contains("twice"));
        let lacking = Reference::parse("encrypted:k8s!n:").unwrap();
        assert!(lacking.need(&["n"]).unwrap_err().contains("`n`"));
    }
}
