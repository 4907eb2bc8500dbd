//! Documented keys without effect here: with each of them set, Ferry starts and says which they are,
//! and why.

use crate::ground::{Place, at_each_door};
use ferry_core::config::{CORE, Key, Kind};
use ferry_tests::Door;

at_each_door!(keys_without_effect_are_named_at_the_start: sidecar_that_is_strict,
    plugin_that_is_strict);

/// Each of them with its default or, where it has none, some value.
pub fn without_effect() -> String {
    let set = |key: &Key| {
        let name = key.name.replace("[]", "[0]").replace('*', "one");
        let value = match (key.default, key.kind) {
            ("", Kind::Flag) => "true",
            ("", _) => "some",
            (default, _) => default,
        };
        format!("{name}: \"{value}\"\n")
    };
    CORE.unused.iter().map(set).collect()
}

fn keys_without_effect_are_named_at_the_start(place: &Place) {
    let door: &Door = place;
    let log = match door {
        Door::Sidecar(..) => "sidecar.log",
        Door::Plugin(_) => "clouddriver.log",
    };
    let log = std::fs::read_to_string(door.folder().join(log)).unwrap();
    for key in CORE.unused {
        let said = format!("known, not used here: {} (", key.name);
        let mut lines = log.lines().filter(|line| line.contains(&said));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("{} is not named", key.name));
        assert!(line.contains(key.doc), "{line}");
        assert_eq!(lines.next(), None);
    }
}
