//! The second agent of a zone: it failed while the first serves, and is asked again so that it is
//! ready when the first leaves.

use super::super::scene::{Scene, active};
use super::super::state::{Failure, HoldingState, Status};
use super::super::transition::Event;

const CAUSE: &str = "agent `a2`: no route";

/// `a1` serves, `a2` has just failed.
fn half() -> Scene {
    let mut scene = active();
    scene.connect("a2", "A");
    assert_eq!(scene.settle(), ["save a2"]);
    scene.reports("a2", HoldingState::Failed, "no route");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!((scene.status(), scene.message()), (Status::Active, CAUSE));
    scene
}

#[test]
fn an_agent_that_failed_is_asked_again_at_growing_waits() {
    let mut scene = half();
    for wait in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
        assert_eq!(scene.after(wait - 1), [""; 0], "{wait}");
        assert_eq!(scene.after(1), ["save a2"], "{wait}");
        assert_eq!(scene.after(30), [""; 0], "it has its time");
        scene.reports("a2", HoldingState::Failed, "no route");
        assert_eq!(scene.settle(), [""; 0]);
        assert_eq!((scene.status(), scene.message()), (Status::Active, CAUSE));
    }
    scene.after(600);
    scene.reports("a2", HoldingState::Ready, "");
    assert_eq!(scene.settle(), [""; 0]);
    let account = &scene.view.account;
    assert_eq!((account.failed_count, account.due_at), (0, None));
    assert_eq!((account.failure, scene.message()), (None, ""));
}

#[test]
fn when_the_first_loses_the_cluster_the_second_is_asked_at_once_and_has_the_whole_deadline() {
    let mut scene = half();
    scene.reports("a1", HoldingState::Lost, "gone");
    assert_eq!(scene.settle(), ["save a2"]);
    assert_eq!(scene.after(59), [""; 0]);
    assert_eq!(scene.status(), Status::Active);
    scene.reports("a2", HoldingState::Ready, "");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.status(), Status::Active);
    assert_eq!(scene.view.account.due_at, None);

    // With neither, it is FAILED at the deadline, with every attempt still before it.
    let mut scene = half();
    scene.after(5);
    scene.reports("a2", HoldingState::Failed, "no route");
    scene.settle();
    scene.reports("a1", HoldingState::Lost, "gone");
    scene.settle();
    scene.reports("a2", HoldingState::Failed, "no route");
    assert_eq!(scene.after(59), [""; 0]);
    assert_eq!(scene.status(), Status::Active);
    scene.after(1);
    assert_eq!(scene.status(), Status::Failed);
    let account = &scene.view.account;
    assert_eq!(
        (account.failed_count, account.failure),
        (1, Some(Failure::Agents))
    );
}

#[test]
fn when_the_first_is_away_the_second_is_asked_at_the_usual_pace() {
    let mut scene = half();
    for wait in [5, 10, 20, 40] {
        assert_eq!(scene.after(wait), ["save a2"]);
        scene.reports("a2", HoldingState::Failed, "no route");
        scene.settle();
    }
    // Its lease goes on; 80 s would be the next wait.
    scene.disconnect("a1");
    assert_eq!(scene.settle(), [""; 0]);
    for _ in 0..3 {
        assert_eq!(scene.after(5), ["save a2"]);
        scene.reports("a2", HoldingState::Failed, "no route");
        assert_eq!(scene.settle(), [""; 0]);
    }
    assert_eq!(scene.after(5), ["save a2"]);
    scene.reports("a2", HoldingState::Ready, "");
    scene.settle();
    scene.releases("a1");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.status(), Status::Active);
}

#[test]
fn who_is_not_connected_is_not_asked() {
    let mut scene = half();
    scene.disconnect("a2");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.view.account.due_at, None);
    assert_eq!(scene.after(1000), [""; 0]);
    scene.connect("a2", "A");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.after(5), ["save a2"]);
}

#[test]
fn what_is_changed_or_switched_off_meanwhile_goes_before() {
    let mut scene = half();
    scene.asks(Event::Update);
    assert_eq!(scene.settle(), ["save a1", "save a2"]);
    scene.reports("a1", HoldingState::Ready, "");
    scene.reports("a2", HoldingState::Ready, "");
    assert_eq!(scene.after(100), [""; 0]);
    assert_eq!(scene.view.account.due_at, None);
    let mut scene = half();
    scene.asks(Event::Deactivate);
    assert_eq!(scene.settle(), ["delete a1", "delete a2"]);
    assert_eq!(scene.after(30), [""; 0]);
    assert_eq!(scene.view.account.failure, None);
}

#[test]
fn what_the_second_failed_is_not_counted_against_the_account() {
    let failed_often = || {
        let mut scene = half();
        for _ in 0..4 {
            assert_eq!(scene.after(600), ["save a2"]);
            scene.reports("a2", HoldingState::Failed, "no route");
            scene.settle();
        }
        assert_eq!(scene.view.account.failed_count, 4);
        scene
    };
    // A new definition that no agent takes has every attempt before it.
    let mut scene = failed_often();
    scene.asks(Event::Update);
    assert_eq!(scene.view.account.failed_count, 0);
    scene.settle();
    for agent in ["a1", "a2"] {
        scene.reports(agent, HoldingState::Failed, "no such user");
    }
    scene.settle();
    scene.after(60);
    let account = &scene.view.account;
    assert_eq!((account.status, account.failed_count), (Status::Failed, 1));
    assert!(account.due_at.is_some(), "it is tried again");

    // So has one that cannot be prepared once the first is gone.
    let mut scene = failed_often();
    scene.unpreparable = Some("the source is away");
    scene.disconnect("a1");
    scene.releases("a1");
    scene.after(600);
    let account = &scene.view.account;
    assert_eq!((account.status, account.failed_count), (Status::Active, 1));

    // So has one whose agents are all gone.
    let mut scene = failed_often();
    for agent in ["a1", "a2"] {
        scene.disconnect(agent);
        scene.releases(agent);
    }
    scene.settle();
    let account = &scene.view.account;
    assert_eq!(
        (account.status, account.failed_count),
        (Status::Orphaned, 0)
    );
}
