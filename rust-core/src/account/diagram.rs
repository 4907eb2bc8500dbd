//! The state diagram of the documentation, made from the table of transitions.

use super::transition::{Effect, TABLE, To};

/// The lifecycle as a Mermaid state diagram, one arrow per pair of statuses and event.
pub fn mermaid() -> String {
    let mut arrows = Vec::new();
    for rule in TABLE {
        let to = match rule.to {
            To::Same => continue,
            To::Gone | To::Next => "[*]",
            To::Status(status) => status.as_str(),
        };
        let conditions: Vec<String> = rule.when.iter().map(|when| format!("{when:?}")).collect();
        let rest = if rule.effects.contains(&Effect::NextZone) {
            " (next zone)"
        } else {
            ""
        };
        let rest = match rule.to {
            To::Next => " (a new row begins)",
            _ => rest,
        };
        let label = match conditions.is_empty() {
            true => format!("{:?}{rest}", rule.event),
            false => format!("{:?} if {}{rest}", rule.event, conditions.join(" and ")),
        };
        if rule.from.is_empty() {
            arrows.push(format!("    [*] --> {to} : {label}"));
        }
        for from in rule.from {
            arrows.push(format!("    {from} --> {to} : {label}"));
        }
    }
    format!("stateDiagram-v2\n{}\n", arrows.join("\n"))
}

#[cfg(test)]
mod tests {
    /// `UPDATE=1 cargo test -p ferry-core diagram` writes the file instead.
    #[test]
    fn documentation_shows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lifecycle.md");
        let made = format!(
            "# The lifecycle of an account\n\nMade from the table in \
             `rust-core/src/account/transition.rs`; a test holds this page to it.\n\n\
             ```mermaid\n{}```\n",
            super::mermaid()
        );
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == made,
            "docs/lifecycle.md is stale: UPDATE=1 cargo test -p ferry-core diagram"
        );
    }
}
