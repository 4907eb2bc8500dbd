//! Every state Armory's plugin may have left, and every shape of definition.

use super::*;
use secrecy::ExposeSecret;
use std::time::Duration;

const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};
const NOW: i64 = 1_000_000;
const KUBECONFIG: &str = "apiVersion: v1\nusers: [{user: {token: s3cret}}]\n";

fn row(status: &str, definition: &str) -> ArmoryRow {
    ArmoryRow {
        name: "a".to_owned(),
        dynamic: true,
        status: Some(status.to_owned()),
        zone_id: Some("z".to_owned()),
        definition: Some(definition.to_owned()),
        ..ArmoryRow::default()
    }
}

#[test]
fn every_state_goes_on_where_it_stood() {
    let good = r#"{"name":"a"}"#;
    for (word, status, wanted, due) in [
        ("INACTIVE", Status::Inactive, Wanted::Inactive, None),
        ("active", Status::Active, Wanted::Active, None),
        ("ORPHANED", Status::Orphaned, Wanted::Active, None),
        ("FAILED", Status::Failed, Wanted::Active, Some(NOW + 5_000)),
        (
            "TO_MIGRATE",
            Status::ToMigrate,
            Wanted::Active,
            Some(NOW + 60_000),
        ),
        (
            "ACTIVATING",
            Status::ToMigrate,
            Wanted::Active,
            Some(NOW + 60_000),
        ),
        (
            "TO_DEACTIVATE",
            Status::ToDeactivate,
            Wanted::Inactive,
            Some(NOW + 60_000),
        ),
        (
            "DEACTIVATING",
            Status::ToDeactivate,
            Wanted::Inactive,
            Some(NOW + 60_000),
        ),
        (
            "DELETING",
            Status::Deleting,
            Wanted::Deleted,
            Some(NOW + 60_000),
        ),
        ("DELETE_FAILED", Status::DeleteFailed, Wanted::Deleted, None),
        ("", Status::Inactive, Wanted::Inactive, None),
    ] {
        let taken = take_over(&row(word, good), &LIMITS, NOW);
        let account = taken.account;
        assert_eq!(
            (account.status, account.wanted, account.due_at),
            (status, wanted, due),
            "{word}"
        );
        assert_eq!(account.requested_zone.as_deref(), Some("z"));
        assert_eq!(taken.held, status == Status::Active, "{word}");
    }
    let taken = take_over(&row("LOADING", good), &LIMITS, NOW).account;
    assert_eq!((taken.status, taken.due_at), (Status::Failed, None));
    assert!(taken.message.unwrap().contains("`LOADING`"));
}

#[test]
fn an_account_that_was_in_service_and_has_no_zone_looks_for_one() {
    for status in ["ACTIVE", "ORPHANED"] {
        let mut served = row(status, "{}");
        served.zone_id = None;
        let taken = take_over(&served, &LIMITS, NOW);
        assert_eq!(taken.account.status, Status::ToMigrate, "{status}");
        assert!(!taken.held);
    }
}

#[test]
fn what_has_failed_for_good_is_not_tried_again() {
    let mut failed = row("FAILED", "{}");
    failed.failed_count = 3;
    failed.error_message = Some("no route to host".to_owned());
    let account = take_over(&failed, &LIMITS, NOW).account;
    assert_eq!((account.failed_count, account.due_at), (3, None));
    assert_eq!(account.message.as_deref(), Some("no route to host"));
}

#[test]
fn a_kubeconfig_is_found_in_base64_folded_or_plain() {
    let encoded = STANDARD.encode(KUBECONFIG);
    let folded = format!("{}\n{}\n", &encoded[..20], &encoded[20..]);
    for contents in [encoded.as_str(), &folded, KUBECONFIG] {
        let text = serde_json::json!({"name": "a", "kubeconfigContents": contents}).to_string();
        let taken = take_over(&row("ACTIVE", &text), &LIMITS, NOW).definition;
        let found = taken.kubeconfig_contents().unwrap();
        assert_eq!(found.expose_secret(), KUBECONFIG);
        assert_eq!(taken.public["kubeconfigContents"], "[redacted]");
    }
    let reference = r#"{"kubeconfigContents":"encryptedFile:k8s!n:kc!k:a"}"#;
    let taken = take_over(&row("ACTIVE", reference), &LIMITS, NOW).definition;
    assert_eq!(
        taken.public["kubeconfigContents"],
        "encryptedFile:k8s!n:kc!k:a"
    );
}

#[test]
fn a_definition_that_cannot_be_read_fails_with_a_sentence_and_is_kept_as_a_secret() {
    for (text, said) in [
        ("", "without a definition"),
        ("  ", "without a definition"),
        (
            "{\"kubeconfigContents\": \"s3cret",
            "that is not a JSON object",
        ),
        ("[\"s3cret\"]", "that is not a JSON object"),
    ] {
        for status in ["ACTIVE", "INACTIVE", "FAILED", "ACTIVATING"] {
            let taken = take_over(&row(status, text), &LIMITS, NOW);
            let account = taken.account;
            assert_eq!((account.status, account.due_at), (Status::Failed, None));
            let message = account.message.unwrap();
            assert!(
                message.contains(said) && !message.contains("s3cret"),
                "{message}"
            );
            assert!(!taken.held);
            let kept = taken.definition.secrets.map(|secrets| {
                let kept: Map<String, Value> =
                    serde_json::from_str(secrets.expose_secret()).unwrap();
                kept[UNREADABLE].as_str().unwrap().to_owned()
            });
            assert_eq!(kept.as_deref(), Some(text).filter(|t| !t.trim().is_empty()));
        }
    }
    let deleting = take_over(&row("DELETING", ""), &LIMITS, NOW).account;
    assert_eq!(deleting.status, Status::Deleting);
}
