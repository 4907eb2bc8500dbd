//! Many accounts at once, a quarter of them dead. `FERRY_CROWD` is how many; `make bench` takes 2,000,
//! of which two cores are busy for many minutes.

use ferry_tests::crowd::{self, Size};

#[test]
fn the_dead_hold_up_none_of_those_that_live() {
    let accounts = std::env::var("FERRY_CROWD").map_or(160, |text| text.parse().unwrap());
    let size = Size {
        accounts,
        dead: accounts / 16 * 4,
        servers: 2,
    };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let outcome = crowd::run(folder.path(), size);
    eprintln!("{size:?}: {outcome:#?}");
    assert_eq!(outcome.risen, 0, "no dead account is ACTIVE");
    // All that live were served while every one that hangs was still being tried: none waited for
    // the end of another's try.
    assert_eq!(outcome.given_up, 0);
}
