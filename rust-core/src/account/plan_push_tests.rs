//! Pushes that cannot be prepared: the source is away, or a secret cannot be read.

use super::super::scene::{active, scene};
use super::super::state::{Failure, HoldingState, Status};
use super::super::transition::Event;

const GONE: &str = "the source has no kubeconfig";

#[test]
fn a_push_that_cannot_be_prepared_is_tried_again_while_the_account_is_served() {
    let mut scene = active();
    scene.unpreparable = Some(GONE);
    scene.asks(Event::Update);
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!((scene.status(), scene.message()), (Status::Active, GONE));
    for _ in 0..10 {
        assert_eq!(scene.after(5), [""; 0]);
        assert_eq!((scene.status(), scene.message()), (Status::Active, GONE));
    }
    assert_eq!(scene.view.account.failed_count, 11, "each push counts");
    scene.unpreparable = None;
    assert_eq!(scene.after(4), [""; 0], "its time has not come");
    assert_eq!(scene.after(1), ["save a1"]);
    scene.reports("a1", HoldingState::Ready, "");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!((scene.status(), scene.message()), (Status::Active, ""));
    let account = &scene.view.account;
    assert_eq!((account.failed_count, account.due_at), (0, None));
}

#[test]
fn a_new_definition_is_pushed_at_once() {
    let mut scene = active();
    scene.unpreparable = Some(GONE);
    scene.asks(Event::Update);
    scene.settle();
    scene.unpreparable = None;
    scene.asks(Event::Update);
    assert_eq!(scene.settle(), ["save a1"]);
}

#[test]
fn an_account_that_nobody_serves_and_that_cannot_be_pushed_fails_after_its_attempts() {
    let mut scene = active();
    scene.unpreparable = Some(GONE);
    scene.releases("a1");
    for _ in 0..2 {
        scene.after(5);
        assert_eq!((scene.status(), scene.message()), (Status::Active, GONE));
    }
    scene.after(5);
    assert_eq!((scene.status(), scene.message()), (Status::Failed, GONE));
    assert_eq!(scene.view.account.failure, Some(Failure::Definition));
}

#[test]
fn an_orphan_that_cannot_be_pushed_waits_and_is_tried_again() {
    let mut scene = scene(Status::Orphaned);
    scene.view.account.zone_id = Some("A".to_owned());
    scene.unpreparable = Some(GONE);
    scene.connect("a1", "A");
    scene.settle();
    assert_eq!((scene.status(), scene.message()), (Status::Orphaned, GONE));
    scene.after(5);
    assert_eq!(scene.view.account.failed_count, 2);
    scene.unpreparable = None;
    assert_eq!(scene.settle(), [""; 0], "its time has not come");
    assert_eq!(scene.after(5), ["save a1"]);
    assert_eq!(scene.status(), Status::Activating);
}

#[test]
fn who_is_not_there_is_not_pushed_to() {
    let mut scene = active();
    scene.unpreparable = Some(GONE);
    scene.releases("a1");
    scene.settle();
    scene.disconnect("a1");
    scene.settle();
    assert_eq!(scene.status(), Status::Orphaned);
    assert_eq!(scene.view.account.due_at, None);
}

#[test]
fn a_zone_is_not_left_because_of_what_no_zone_can_help() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    scene.connect("b1", "B");
    scene.unpreparable = Some(GONE);
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!((scene.status(), scene.message()), (Status::Failed, GONE));
}
