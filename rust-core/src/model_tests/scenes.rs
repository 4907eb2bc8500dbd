//! Lives that the machine found, and what each taught.

use super::*;

/// Lives `happenings`, and ends well; with `a` and `scan-1` in service at the beginning.
fn lives(settings: Settings, happenings: &[Happening]) {
    let mut outside = Outside {
        settings,
        accounts: BTreeMap::from([("a", 0), ("scan-1", 0)]),
        edits: 0,
        taken: false,
    };
    let mut life = Life::begin(outside.clone());
    for happening in happenings {
        outside = <Outside as ReferenceStateMachine>::apply(outside, happening);
        life.happens(happening.clone(), &outside);
    }
    life.ends_well();
}

#[test]
fn what_changes_while_a_row_is_on_its_way_out_reaches_the_row_that_follows() {
    let settings = Settings {
        activate: false,
        scans: true,
        replicas: false,
    };
    let happenings = [
        Manners(0, Manner::Obeys, Manner::IsSilent),
        Manners(2, Manner::Obeys, Manner::IsSilent),
        Delete(vec!["a"]),
        Work,
        Write(Write::Put, "a", Fate::Answered),
        Scan,
        Edit("a"),
        Scan,
    ];
    lives(settings, &happenings);
}

#[test]
fn what_is_sent_to_an_agent_that_went_to_another_core_reaches_it_there() {
    let settings = Settings {
        activate: false,
        scans: false,
        replicas: true,
    };
    // It goes to the other as everybody comes, before the first has heard of it or acted on it.
    lives(settings, &[Connect(1)]);
}

#[test]
fn what_one_core_left_to_be_sent_is_not_sent_when_it_was_deleted_meanwhile() {
    let settings = Settings {
        activate: false,
        scans: false,
        replicas: true,
    };
    let happenings = [
        Turn(1),
        Write(Write::Put, "scan-1", Fate::Answered),
        Work,
        Write(Write::Delete, "scan-1", Fate::Answered),
    ];
    for sends in [&[Turn(0), Work][..], &[Quiet], &[Pass(1)]] {
        lives(settings, &[&happenings, sends].concat());
    }
}

#[test]
fn what_goes_back_before_it_was_migrated_is_not_taken_by_a_scan() {
    let settings = Settings {
        activate: false,
        scans: true,
        replicas: false,
    };
    let happenings = [
        Write(Write::Delete, "scan-1", Fate::Answered),
        Quiet,
        // Clouddriver has another of its name.
        Edit("scan-1"),
        RollBack(vec!["scan-1"]),
        Scan,
    ];
    lives(settings, &happenings);
}
