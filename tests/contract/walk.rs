//! An account's way with a real agent and a real API server.

use crate::ground::{Place, at_each_door, dead_kubeconfig, kubeconfig};

at_each_door!(
    an_account_becomes_active_and_inactive_again,
    a_dead_cluster_is_told_with_its_cause,
);

fn an_account_becomes_active_and_inactive_again(place: &Place) {
    place.post("walk-good", &kubeconfig());
    place.reaches("walk-good", "INACTIVE");
    assert_eq!(place.patch("walk-good", "ACTIVE").unwrap().status, 202);
    let account = place.reaches("walk-good", "ACTIVE");
    assert_eq!(account["zoneId"], "zone-a");
    assert_eq!(place.patch("walk-good", "INACTIVE").unwrap().status, 202);
    place.reaches("walk-good", "INACTIVE");
}

fn a_dead_cluster_is_told_with_its_cause(place: &Place) {
    place.post("walk-dead", &dead_kubeconfig());
    assert_eq!(place.patch("walk-dead", "ACTIVE").unwrap().status, 202);
    let account = place.reaches("walk-dead", "FAILED");
    let cause = account["errorMessage"].as_str().unwrap();
    assert!(cause.contains("refuses connections"), "{cause}");
}
