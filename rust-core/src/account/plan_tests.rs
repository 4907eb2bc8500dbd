//! Scenes on the way to ACTIVE and back to it.

use super::*;
use crate::account::scene::{LIMITS, active, scene};

#[test]
fn zones_are_tried_in_order_with_the_stored_one_first() {
    let mut scene = scene(Status::ToMigrate);
    scene.view.account.zone_id = Some("C".to_owned());
    for (id, zone) in [("b1", "B"), ("a1", "A"), ("c1", "C"), ("c2", "C")] {
        scene.connect(id, zone);
    }
    assert_eq!(scene.settle(), ["save c1", "save c2"]);
    assert_eq!((scene.status(), scene.target()), (Status::Activating, "C"));
    scene.reports("c1", HoldingState::Failed, "no route");
    assert_eq!(scene.settle(), [""; 0], "c2 may still reach it");
    scene.reports("c2", HoldingState::Failed, "no route");
    assert_eq!(scene.settle(), ["delete c1", "delete c2"]);
    assert_eq!(scene.status(), Status::ToMigrate);
    scene.releases("c1");
    assert_eq!(scene.settle(), [""; 0], "c2 may still have it");
    scene.releases("c2");
    assert_eq!(scene.settle(), ["save a1"]);
    assert_eq!((scene.status(), scene.target()), (Status::Activating, "A"));
    scene.reports("a1", HoldingState::Failed, "refused");
    scene.settle();
    scene.releases("a1");
    assert_eq!(scene.settle(), ["save b1"]);
    scene.reports("b1", HoldingState::Failed, "its certificate is not known");
    assert_eq!(scene.settle(), ["delete b1"]);
    assert_eq!(scene.status(), Status::Failed);
    assert_eq!(scene.view.account.failed_count, 1);
    assert!(
        scene
            .message()
            .contains("agent `b1` of zone `B`: its certificate is not known")
    );
}

#[test]
fn each_zone_has_its_generation_and_an_older_result_serves_nobody() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    scene.connect("b1", "B");
    scene.settle();
    let first = scene.view.account.generation;
    scene.reports("a1", HoldingState::Failed, "");
    scene.settle();
    scene.releases("a1");
    assert_eq!(scene.settle(), ["save b1"]);
    assert!(scene.view.account.generation > first);
    let current = scene.view.account.generation;
    assert_eq!(scene.holding("b1").generation, current);
    // A report of what b1 had before.
    let held = scene.holding("b1");
    (held.state, held.generation) = (HoldingState::Ready, first);
    assert_eq!(scene.settle(), ["save b1"], "the newer one is sent again");
    assert_eq!(scene.status(), Status::Activating);
}

#[test]
fn a_tour_whose_next_zone_leaves_ends_at_once_with_its_cause() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    for count in 1..=3 {
        // It fails while there is another zone, which then leaves: each time anew.
        scene.connect("b1", "B");
        assert_eq!(scene.after(5), ["save a1"]);
        scene.reports("a1", HoldingState::Failed, "no route");
        assert_eq!(scene.settle(), ["delete a1"]);
        assert_eq!(scene.status(), Status::ToMigrate);
        scene.disconnect("b1");
        scene.settle();
        let account = &scene.view.account;
        assert_eq!(
            (account.status, account.failure, account.failed_count),
            (Status::Failed, Some(Failure::Agents), count)
        );
        assert!(scene.message().contains("agent `a1` of zone `A`: no route"));
        scene.releases("a1");
    }
    scene.connect("b1", "B");
    assert_eq!(scene.after(3600), [""; 0], "no attempts are left");
}

#[test]
fn what_has_no_attempt_left_after_all_is_looked_at_no_more() {
    let mut scene = scene(Status::Failed);
    let now = scene.view.now;
    let account = &mut scene.view.account;
    (account.failed_count, account.due_at) = (7, Some(now + 5000));
    account.failure = Some(Failure::Agents);
    scene.settle();
    assert!(scene.view.account.due_at.is_some(), "its time is to come");
    assert_eq!(scene.after(5), [""; 0]);
    let account = &scene.view.account;
    assert_eq!((account.status, account.due_at), (Status::Failed, None));
}

#[test]
fn a_requested_zone_is_the_only_one() {
    let mut scene = scene(Status::ToMigrate);
    scene.view.account.requested_zone = Some("B".to_owned());
    scene.view.account.zone_id = Some("A".to_owned());
    scene.connect("a1", "A");
    assert_eq!(scene.settle(), [""; 0]);
    scene.connect("b1", "B");
    assert_eq!(scene.settle(), ["save b1"]);
    scene.reports("b1", HoldingState::Failed, "no route");
    scene.settle();
    assert_eq!(scene.status(), Status::Failed);
}

#[test]
fn what_worked_is_kept() {
    let mut scene = scene(Status::ToMigrate);
    scene.view.account.failed_count = 2;
    scene.connect("a1", "A");
    scene.settle();
    scene.reports("a1", HoldingState::Ready, "");
    scene.holding("a1").cluster.kube_host = Some("https://k".to_owned());
    scene.settle();
    let account = &scene.view.account;
    assert_eq!(account.status, Status::Active);
    assert_eq!(account.zone_id.as_deref(), Some("A"));
    assert_eq!(account.cluster.kube_host.as_deref(), Some("https://k"));
    assert_eq!((account.failed_count, account.due_at), (0, None));
}

#[test]
fn a_zone_waits_until_nobody_elsewhere_holds_the_account() {
    let mut scene = active();
    scene.view.account.requested_zone = Some("B".to_owned());
    let step = Step::of(&scene.view, Event::Activate, false, true, &LIMITS).unwrap();
    scene.take(step);
    scene.connect("b1", "B");
    assert_eq!(scene.settle(), ["delete a1"]);
    assert_eq!(scene.status(), Status::ToMigrate);
    scene.releases("a1");
    assert_eq!(scene.settle(), ["save b1"]);
}

#[test]
fn a_zone_that_waited_in_vain_names_who_stands_in_the_way() {
    let mut scene = scene(Status::ToMigrate).held("a1", "A", HoldingState::Ready);
    scene.view.account.requested_zone = Some("B".to_owned());
    scene.connect("b1", "B");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.after(60), [""; 0]);
    assert_eq!(scene.status(), Status::Failed);
    assert!(
        scene.message().contains("zone `B` must wait"),
        "{}",
        scene.message()
    );
    assert!(
        scene.message().contains("agent `a1` of zone `A`"),
        "{}",
        scene.message()
    );
    // b1 is no reason to try at once: what is missing is a1's word.
    assert_eq!(scene.view.account.failure, Some(Failure::Agents));
    // It gives it when it is back.
    scene.connect("a1", "A");
    assert_eq!(scene.settle(), ["delete a1"]);
    scene.releases("a1");
    assert_eq!(scene.after(5), ["save b1"]);
}

#[test]
fn a_deadline_says_which_zone_has_no_agent() {
    let mut asked = scene(Status::ToMigrate);
    asked.view.account.requested_zone = Some("B".to_owned());
    asked.connect("a1", "A");
    asked.after(59);
    assert_eq!(asked.status(), Status::ToMigrate);
    asked.after(1);
    assert_eq!(asked.status(), Status::Failed);
    assert!(
        asked
            .message()
            .contains("no agent of zone `B` is connected")
    );
    let mut any = scene(Status::ToMigrate);
    any.after(60);
    assert!(
        any.message().contains("no agent is connected"),
        "{}",
        any.message()
    );
    assert_eq!(any.view.account.failure, Some(Failure::NoAgent));
}

#[test]
fn what_failed_for_lack_of_an_agent_goes_on_when_one_connects() {
    let mut scene = scene(Status::ToMigrate);
    scene.view.account.requested_zone = Some("B".to_owned());
    for _ in 0..3 {
        scene.after(60);
        scene.after(5);
    }
    let account = &scene.view.account;
    assert_eq!((account.status, account.failed_count), (Status::Failed, 3));
    scene.after(3600);
    assert_eq!(scene.status(), Status::Failed, "no attempts are left");
    scene.connect("a1", "A");
    assert_eq!(scene.settle(), [""; 0]);
    assert_eq!(scene.status(), Status::Failed, "it does not fit");
    scene.connect("b1", "B");
    assert_eq!(scene.settle(), ["save b1"]);
    assert_eq!(scene.status(), Status::Activating);
    assert_eq!(scene.view.account.failed_count, 0);
}

#[test]
fn agents_that_fail_are_retried_while_attempts_are_left() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    for count in 1..=3 {
        assert_eq!(scene.after(5), ["save a1"]);
        scene.reports("a1", HoldingState::Failed, "no route");
        assert_eq!(scene.settle(), ["delete a1"]);
        scene.releases("a1");
        assert_eq!(scene.view.account.failed_count, count);
    }
    assert_eq!(scene.after(3600), [""; 0]);
    assert_eq!(scene.status(), Status::Failed);
}

#[test]
fn a_silent_agent_meets_the_deadline() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    scene.settle();
    assert_eq!(scene.after(60), ["delete a1"]);
    assert_eq!(scene.status(), Status::Failed);
    assert!(
        scene.message().contains("did not say within 60 s"),
        "{}",
        scene.message()
    );
}

#[test]
fn an_agent_that_leaves_while_activating_ends_its_zone() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    scene.connect("b1", "B");
    scene.settle();
    scene.disconnect("a1");
    assert_eq!(scene.settle(), [""; 0], "a1 may still serve it");
    assert_eq!(scene.status(), Status::ToMigrate);
    scene.releases("a1");
    assert_eq!(scene.settle(), ["save b1"]);
    assert_eq!(scene.target(), "B");
}

#[test]
fn a_new_tour_begins_with_every_zone() {
    let mut scene = scene(Status::ToMigrate);
    scene.view.account.zone_id = Some("A".to_owned());
    scene.connect("a1", "A");
    scene.connect("b1", "B");
    scene.settle();
    scene.reports("a1", HoldingState::Failed, "no route");
    scene.settle();
    scene.releases("a1");
    scene.settle();
    scene.reports("b1", HoldingState::Ready, "");
    scene.settle();
    assert_eq!(scene.status(), Status::Active);
    scene.disconnect("b1");
    scene.releases("b1");
    scene.settle();
    assert_eq!(scene.status(), Status::Orphaned);
    scene.connect("b1", "B");
    assert_eq!(scene.settle(), ["save b1"]);
    scene.reports("b1", HoldingState::Failed, "no route");
    scene.settle();
    scene.releases("b1");
    assert_eq!(
        scene.settle(),
        ["save a1"],
        "A is no longer the zone that failed"
    );
}

#[test]
fn a_change_is_pushed_to_those_who_hold_what_was() {
    let mut scene = active().held("a2", "A", HoldingState::Ready);
    scene.connect("a3", "A");
    assert_eq!(
        scene.settle(),
        ["save a3"],
        "a new replica of the zone gets it"
    );
    scene.reports("a3", HoldingState::Ready, "");
    scene.settle();
    scene.asks(Event::Update);
    assert_eq!(scene.settle(), ["save a1", "save a3"], "a2 is away");
    assert_eq!(scene.status(), Status::Active);
    scene.connect("a2", "A");
    assert_eq!(scene.settle(), ["save a2"]);
    scene.reports("a1", HoldingState::Failed, "the new kubeconfig has no user");
    scene.reports("a2", HoldingState::Ready, "");
    scene.settle();
    assert_eq!(scene.status(), Status::Active);
    assert!(
        scene
            .message()
            .contains("agent `a1`: the new kubeconfig has no user")
    );
    assert_eq!(scene.after(3600), ["save a1"], "it may do by now");
    assert_eq!(scene.status(), Status::Active);
}

#[test]
fn a_push_that_nobody_takes_fails_the_account_after_the_deadline() {
    let mut scene = active();
    scene.asks(Event::Update);
    assert_eq!(scene.settle(), ["save a1"]);
    scene.reports("a1", HoldingState::Failed, "the new kubeconfig has no user");
    scene.after(59);
    assert_eq!(scene.status(), Status::Active);
    assert_eq!(scene.after(1), ["delete a1"]);
    assert_eq!(
        (scene.status(), scene.view.account.failed_count),
        (Status::Failed, 1)
    );
    assert!(scene.message().contains("the new kubeconfig has no user"));
}

#[test]
fn a_cluster_that_is_lost_for_long_fails_the_account_and_a_short_loss_does_not() {
    let mut scene = active();
    scene.reports("a1", HoldingState::Lost, "no route");
    scene.settle();
    assert!(scene.message().contains("agent `a1`: no route"));
    scene.after(30);
    scene.reports("a1", HoldingState::Ready, "");
    scene.after(40);
    assert_eq!((scene.status(), scene.message()), (Status::Active, ""));
    scene.reports("a1", HoldingState::Lost, "no route");
    scene.settle();
    scene.after(60);
    assert_eq!(scene.status(), Status::Failed);
    assert!(scene.message().contains("no route"), "{}", scene.message());
}

#[test]
fn an_account_without_holders_is_orphaned_and_its_zone_brings_it_back() {
    let mut scene = active();
    scene.disconnect("a1");
    assert_eq!(scene.after(600), [""; 0]);
    assert_eq!(scene.status(), Status::Active, "a1 may still serve it");
    scene.releases("a1");
    scene.view.account.failed_count = 2;
    scene.settle();
    assert_eq!(scene.status(), Status::Orphaned);
    assert!(scene.message().contains("zone `A`"), "{}", scene.message());
    scene.connect("b1", "B");
    assert_eq!(scene.after(3600), [""; 0]);
    scene.connect("a2", "A");
    assert_eq!(scene.settle(), ["save a2"]);
    assert_eq!(scene.status(), Status::Activating);
    assert_eq!(scene.view.account.failed_count, 2);
    scene.reports("a2", HoldingState::Ready, "");
    scene.settle();
    assert_eq!((scene.status(), scene.message()), (Status::Active, ""));
}

#[test]
fn an_account_that_waits_for_its_turn_has_its_deadline_anew_with_each_word_of_it() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    scene.settle();
    for waited in ["30 s", "60 s", "90 s"] {
        scene.after(30);
        scene.reports("a1", HoldingState::Pending, waited);
        scene.settle();
        assert_eq!(scene.status(), Status::Activating, "{waited}");
        assert!(scene.message().contains(waited), "{}", scene.message());
    }
    scene.after(59);
    assert_eq!(scene.status(), Status::Activating, "one word counts once");
    scene.after(1);
    assert_eq!(scene.status(), Status::Failed);
    assert!(
        scene.message().contains("did not say"),
        "{}",
        scene.message()
    );
}

#[test]
fn a_word_of_waiting_in_an_older_generation_or_of_an_agent_that_left_prolongs_nothing() {
    let mut scene = scene(Status::ToMigrate);
    scene.connect("a1", "A");
    scene.settle();
    scene.reports("a1", HoldingState::Pending, "30 s");
    scene.holding("a1").generation -= 1;
    let sent = scene.after(30);
    assert_eq!(sent, ["save a1"], "it is told of the newer one");
    scene.reports("a1", HoldingState::Pending, "");
    scene.after(30);
    assert_eq!(scene.status(), Status::Failed);
}

#[test]
fn a_lost_account_that_waits_for_its_turn_fails_not_meanwhile() {
    let mut scene = active();
    scene.reports("a1", HoldingState::Lost, "no route");
    scene.settle();
    for waited in ["40 s", "80 s"] {
        scene.after(40);
        scene.reports("a1", HoldingState::Pending, waited);
        scene.settle();
        assert_eq!(scene.status(), Status::Active, "{waited}");
        assert!(scene.message().contains(waited), "{}", scene.message());
    }
    scene.reports("a1", HoldingState::Ready, "");
    scene.settle();
    assert_eq!((scene.status(), scene.message()), (Status::Active, ""));
    assert_eq!(scene.view.account.due_at, None);
    scene.reports("a1", HoldingState::Lost, "no route");
    scene.after(40);
    scene.reports("a1", HoldingState::Pending, "40 s");
    scene.settle();
    scene.after(60);
    assert_eq!(scene.status(), Status::Failed, "one word counts once");
}

#[test]
fn an_account_that_ends_its_agent_each_time_has_no_more_than_its_attempts() {
    let mut scene = scene(Status::ToMigrate);
    for count in 1..=3 {
        scene.connect("a1", "A");
        assert_eq!(scene.after(5), ["save a1"], "{count}");
        scene.disconnect("a1");
        scene.releases("a1");
        scene.settle();
        let account = &scene.view.account;
        assert_eq!(
            (account.status, account.failure, account.failed_count),
            (Status::Failed, Some(Failure::Agents), count)
        );
        assert!(
            scene.message().contains("left before"),
            "{}",
            scene.message()
        );
    }
    scene.connect("a1", "A");
    assert_eq!(scene.after(3600), [""; 0], "no attempts are left");
}

#[test]
fn a_try_is_newer_than_what_agents_hold_although_the_row_is_from_a_backup() {
    let mut scene = scene(Status::Orphaned);
    scene.view.account.zone_id = Some("A".to_owned());
    scene = scene.held("a1", "A", HoldingState::Ready);
    scene.holding("a1").generation += 9;
    let held = scene.holding("a1").generation;
    scene.connect("a1", "A");
    assert_eq!(scene.settle(), ["save a1"]);
    assert_eq!(scene.view.account.generation, held + 1);
    assert_eq!(scene.holding("a1").generation, held + 1);
}

#[test]
fn what_is_held_in_a_generation_that_nobody_knows_is_dropped_and_sent_anew() {
    for status in [Status::Active, Status::Activating] {
        let mut scene = active();
        scene.view.account.status = status;
        scene.holding("a1").generation += 9;
        let known = scene.view.account.generation;
        assert_eq!(scene.settle(), ["delete a1", "save a1"]);
        assert_eq!(scene.holding("a1").generation, known);
        scene.reports("a1", HoldingState::Ready, "");
        assert_eq!(scene.after(60), [""; 0]);
        assert_eq!(scene.status(), Status::Active);
    }
}
