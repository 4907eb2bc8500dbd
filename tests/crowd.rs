//! Two thousand accounts at once, a quarter of them dead. A program of its own, so that no other test
//! takes the machine meanwhile. `FERRY_CROWD` is how many, if not so many.

use ferry_tests::crowd::{self, Size};
use std::io::Write;
use std::time::Duration;

#[test]
fn the_dead_hold_up_none_of_those_that_live() {
    let accounts = std::env::var("FERRY_CROWD").map_or(2000, |text| text.parse().unwrap());
    let size = Size {
        accounts,
        dead: accounts / 4,
        servers: 2,
    };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let outcome = crowd::run(folder.path(), size);
    // Past what keeps a passing test's output back.
    let said = format!("{size:?}: {outcome:#?}\n");
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    assert_eq!(outcome.risen, 0, "no dead account is ACTIVE");
    // Were each of those that hang waited for, in whatever places there are, it would be minutes.
    let most = outcome.by_themselves.mul_f64(1.5) + Duration::from_secs(5);
    assert!(outcome.beside_dead <= most, "{:?}", outcome.beside_dead);
}
