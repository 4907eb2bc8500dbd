//! Scenes on the way out: switched off, claimed, deleted, held by those who should not.

use super::*;
use crate::account::scene::{LIMITS, active, scene};
use crate::account::state::Wanted;

#[test]
fn switching_off_ends_with_the_last_holding() {
    let mut scene = active().held("a2", "A", HoldingState::Ready);
    scene.connect("a2", "A");
    scene.asks(Event::Deactivate);
    assert_eq!(scene.settle(), ["delete a1", "delete a2"]);
    assert_eq!(scene.status(), Status::Deactivating);
    scene.releases("a1");
    scene.settle();
    assert_eq!(scene.status(), Status::Deactivating);
    scene.releases("a2");
    scene.settle();
    assert_eq!(
        (scene.status(), scene.view.account.due_at),
        (Status::Inactive, None)
    );
}

#[test]
fn a_holder_that_is_away_is_waited_for_and_asked_when_it_is_back() {
    let mut scene = active();
    scene.disconnect("a1");
    scene.asks(Event::Deactivate);
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.status(), Status::ToDeactivate);
    scene.after(60);
    assert_eq!(scene.status(), Status::Failed);
    assert!(
        scene.message().contains("`a1` (zone `A`, away)"),
        "{}",
        scene.message()
    );
    scene.connect("a1", "A");
    assert_eq!(scene.settle(), ["delete a1"]);
    scene.releases("a1");
    scene.settle();
    assert_eq!(scene.status(), Status::Inactive);
}

#[test]
fn what_was_switched_off_is_never_switched_on_by_a_retry() {
    let mut scene = active();
    scene.asks(Event::Deactivate);
    scene.settle();
    scene.reports("a1", HoldingState::Refused, "it is busy");
    scene.settle();
    assert_eq!(scene.status(), Status::Failed);
    assert!(
        scene
            .message()
            .contains("agent `a1` did not stop it: it is busy")
    );
    scene.connect("b1", "B");
    for _ in 0..2 {
        assert_eq!(scene.after(5), ["delete a1"]);
        assert_eq!(scene.status(), Status::Deactivating);
        scene.reports("a1", HoldingState::Refused, "it is busy");
        scene.settle();
    }
    assert_eq!(scene.after(3600), [""; 0]);
    assert_eq!(
        (scene.status(), scene.view.account.failed_count),
        (Status::Failed, 3)
    );
    assert_eq!(scene.view.account.wanted, Wanted::Inactive);
    scene.releases("a1");
    scene.settle();
    assert_eq!(scene.status(), Status::Inactive);
}

#[test]
fn a_change_of_mind_sends_it_again_to_those_asked_to_drop_it() {
    let mut scene = active().held("b1", "B", HoldingState::Refused);
    scene.connect("b1", "B");
    scene.asks(Event::Deactivate);
    scene.settle();
    scene.reports("b1", HoldingState::Refused, "it is busy");
    scene.asks(Event::Activate);
    assert_eq!(scene.settle(), ["delete b1"], "who refused is asked anew");
    scene.releases("b1");
    assert_eq!(scene.settle(), ["save a1"]);
    assert_eq!(scene.holding("a1").state, HoldingState::Pending);
}

#[test]
fn a_claim_switches_off_and_says_why() {
    let mut held = active();
    held.view.claimed = true;
    assert_eq!(held.settle(), ["delete a1"]);
    assert_eq!(held.status(), Status::Deactivating);
    assert_eq!(held.message(), CLAIMED);
    held.releases("a1");
    assert_eq!(held.settle(), [""; 0]);
    assert_eq!((held.status(), held.message()), (Status::Inactive, CLAIMED));
    assert_eq!(held.view.account.wanted, Wanted::Inactive);
    let mut free = scene(Status::Orphaned);
    free.view.claimed = true;
    free.settle();
    assert_eq!((free.status(), free.message()), (Status::Inactive, CLAIMED));
    // Nothing is switched on when the claim is gone.
    free.view.claimed = false;
    free.connect("a1", "A");
    assert_eq!(free.after(3600), [""; 0]);
}

#[test]
fn a_claimed_account_that_is_refused_is_retried_at_its_pace() {
    let mut scene = active();
    scene.view.claimed = true;
    scene.settle();
    scene.reports("a1", HoldingState::Refused, "it is busy");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.status(), Status::Failed);
    assert_eq!(scene.after(5), ["delete a1"]);
}

#[test]
fn who_holds_what_it_should_not_is_told_to_drop_it() {
    for status in [
        Status::Inactive,
        Status::Failed,
        Status::Orphaned,
        Status::Deactivating,
    ] {
        let mut scene = scene(status).held("b1", "B", HoldingState::Ready);
        scene.view.account.zone_id = Some("A".to_owned());
        scene.connect("b1", "B");
        assert_eq!(scene.settle(), ["delete b1"], "{status}");
        assert_eq!(scene.settle(), [""; 0], "{status}: told once");
    }
    let mut active = active().held("b1", "B", HoldingState::Ready);
    active.connect("b1", "B");
    assert_eq!(active.settle(), ["delete b1"]);
    assert_eq!(active.status(), Status::Active);
}

#[test]
fn an_orphan_is_not_served_while_another_zone_holds_it() {
    let mut scene = scene(Status::Orphaned).held("b1", "B", HoldingState::Ready);
    scene.view.account.zone_id = Some("A".to_owned());
    scene.connect("a1", "A");
    assert_eq!(scene.settle(), [""; 0]);
    scene.releases("b1");
    assert_eq!(scene.settle(), ["save a1"]);
}

#[test]
fn a_delete_ends_with_the_row() {
    let mut scene = active();
    scene.asks(Event::Delete);
    assert_eq!(scene.settle(), ["delete a1"]);
    assert_eq!(scene.status(), Status::Deleting);
    scene.releases("a1");
    assert!(scene.goes());
}

#[test]
fn a_refused_delete_is_tried_again_by_a_holder_that_connects() {
    let mut scene = active().held("a2", "A", HoldingState::Ready);
    scene.asks(Event::Delete);
    assert_eq!(scene.settle(), ["delete a1"]);
    scene.reports("a1", HoldingState::Refused, "it is busy");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.status(), Status::DeleteFailed);
    assert!(
        scene
            .message()
            .contains("agent `a1` did not stop it: it is busy")
    );
    assert_eq!(scene.after(3600), [""; 0], "no timer tries it again");
    scene.connect("a2", "A");
    assert_eq!(scene.settle(), ["delete a1", "delete a2"]);
    assert_eq!(scene.status(), Status::Deleting);
    scene.releases("a2");
    scene.reports("a1", HoldingState::Refused, "it is busy");
    scene.settle();
    assert_eq!(scene.status(), Status::DeleteFailed);
    scene.asks(Event::Delete);
    assert_eq!(scene.settle(), ["delete a1"], "another DELETE asks again");
    scene.after(60);
    assert_eq!(scene.status(), Status::DeleteFailed);
    scene.releases("a1");
    assert!(scene.goes());
}

#[test]
fn what_cannot_be_prepared_fails_with_its_cause() {
    let mut scene = scene(Status::ToMigrate);
    let cause = "it has no kubeconfig".to_owned();
    let step = unpreparable(&scene.view, cause.clone(), &LIMITS).unwrap();
    scene.take(step);
    assert_eq!(
        (scene.status(), scene.message()),
        (Status::Failed, cause.as_str())
    );
    assert_eq!(scene.view.account.failure, Some(Failure::Definition));
    // What is served goes on being served.
    let mut served = active();
    let step = unpreparable(&served.view, cause.clone(), &LIMITS).unwrap();
    assert!(step.event.is_none());
    served.take(step);
    assert_eq!(
        (served.status(), served.message()),
        (Status::Active, cause.as_str())
    );
}

#[test]
fn what_is_switched_off_and_claimed_says_so_as_long_as_it_is() {
    let mut scene = scene(Status::Inactive);
    scene.view.claimed = true;
    scene.settle();
    assert_eq!(scene.message(), CLAIMED);
    scene.view.claimed = false;
    scene.settle();
    assert_eq!((scene.status(), scene.message()), (Status::Inactive, ""));
    scene.view.account.message = Some("taken over".to_owned());
    scene.settle();
    assert_eq!(scene.message(), "taken over", "that is not ours");
}

#[test]
fn one_that_an_agent_of_its_own_zone_brings_is_handed_over() {
    let mut scene = active();
    scene.connect("a2", "A");
    assert_eq!(scene.settle(), ["save a2"]);
    scene.reports("a2", HoldingState::Failed, "it has one of its own");
    scene.settle();
    assert_eq!(scene.status(), Status::Active);
    scene.view.claimed = true;
    assert_eq!(scene.settle(), ["delete a1", "delete a2"]);
    for agent in ["a1", "a2"] {
        scene.releases(agent);
    }
    scene.settle();
    assert_eq!(
        (scene.status(), scene.message()),
        (Status::Inactive, CLAIMED)
    );
}
