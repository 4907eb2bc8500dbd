//! Configured accounts alone, and beside a small Clouddriver.

use super::*;
use crate::source::test_source::TestSource;
use crate::source::{Cursor, Names, Source, SourceError};
use http::StatusCode;
use serde_json::{Value, json};

fn of(accounts: Value) -> (Configured, Vec<String>) {
    let accounts = accounts.as_array().unwrap().iter().enumerate();
    Configured::of(accounts.map(|(at, account)| {
        let definition = account.as_object().unwrap().clone();
        (format!("[{at}]"), definition, None)
    }))
}

fn beside(clouddriver: &TestSource, files: &[(&str, &str)]) -> Source {
    let accounts = files
        .iter()
        .map(|(name, file)| json!({"name": name, "kubeconfigFile": file}));
    clouddriver.source().with(of(accounts.collect()).0)
}

async fn file(source: &Source, name: &str) -> Option<String> {
    let account = source.find(name, None).await.unwrap()?;
    Some(account["kubeconfigFile"].as_str().unwrap().to_owned())
}

async fn look(source: &Source, cursor: &mut Cursor) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(page) = source.changed(cursor).await.unwrap() {
        seen.extend(
            page.iter()
                .map(|(name, account)| format!("{name} {}", account["kubeconfigFile"])),
        );
    }
    seen.into_iter().map(|seen| seen.replace('"', "")).collect()
}

#[test]
fn what_is_no_account_is_told() {
    let (accounts, notes) = of(json!([
        {"kubeconfigFile": "/k"}, {"name": 5}, {"name": ""}, {"name": "a "}, {"name": "${x}"},
        {"name": "a", "kubeconfigFile": "/first"}, {"name": "a", "kubeconfigFile": "/second"},
    ]));
    assert_eq!(accounts.names().collect::<Vec<_>>(), ["a"]);
    let first = accounts.definition("a").unwrap();
    assert_eq!(first["kubeconfigFile"], "/first");
    assert_eq!(first["type"], "kubernetes");
    for (at, said) in [
        "has no name",
        "has no name",
        "its name",
        "its name",
        "a placeholder",
    ]
    .iter()
    .enumerate()
    {
        assert!(notes[at].starts_with(&format!("[{at}]")) && notes[at].contains(said));
    }
    assert_eq!(notes[5], "[6]: an earlier one is called \"a\", too");
    assert_eq!(notes.len(), 6);
}

#[test]
fn what_ferry_cannot_serve_says_why() {
    for (fields, said, mended) in [
        (json!({"kubeconfigFile": "/k"}), None, false),
        (
            json!({"kubeconfigContents": "encrypted:k8s!n:a!k:b"}),
            None,
            false,
        ),
        (
            json!({"kubeconfigFile": "/k", "providerVersion": "V2", "serviceAccount": false}),
            None,
            false,
        ),
        (
            json!({"kubeconfigFile": "/k", "providerVersion": "v1"}),
            Some("providerVersion"),
            false,
        ),
        (
            json!({"kubeconfigFile": "/k", "serviceAccount": true}),
            Some("serviceAccount: true"),
            true,
        ),
        (
            json!({"context": "c"}),
            Some("neither kubeconfigFile"),
            true,
        ),
    ] {
        let mut account = fields.clone();
        account["name"] = json!("a");
        let unfit = of(json!([account])).0.some(&["a"]).remove("a").unwrap();
        match (&unfit, said) {
            (None, None) => {}
            (Some(unfit), Some(said)) => {
                assert!(unfit.why.contains(said), "{unfit:?}");
                assert_eq!(unfit.mended_by_kubeconfig, mended, "{unfit:?}");
            }
            _ => panic!("{fields}: {unfit:?}"),
        }
    }
    let wrong = Some("its `debug` is odd".to_owned());
    let entry = of(json!([{"name": "a", "kubeconfigFile": "/k"}])).0;
    let entry = entry.definition("a").unwrap().clone();
    let (wrong, _) = Configured::of([("[0]".to_owned(), entry, wrong)]);
    let why = wrong.some(&["a"])["a"].clone().unwrap();
    assert_eq!(
        (why.why.as_str(), why.mended_by_kubeconfig),
        ("its `debug` is odd", false)
    );
}

#[tokio::test]
async fn of_one_name_the_storage_counts() {
    let clouddriver = TestSource::start().await;
    clouddriver.put("both", json!({"kubeconfigFile": "/stored"}));
    clouddriver.put("stored", json!({"kubeconfigFile": "/stored"}));
    let source = beside(&clouddriver, &[("both", "/file"), ("alone", "/file")]);
    for (name, expected) in [
        ("both", Some("/stored")),
        ("stored", Some("/stored")),
        ("alone", Some("/file")),
        ("nobody", None),
    ] {
        assert_eq!(file(&source, name).await.as_deref(), expected, "{name}");
    }
    assert!(source.find_stored("alone", None).await.unwrap().is_none());
    let names = ["both", "alone", "nobody"];
    let mut some = source.some_stored(&names, None).await.unwrap();
    source.add_configured(&names, &mut some);
    assert_eq!(some.keys().collect::<Vec<_>>(), ["alone", "both"]);
    assert_eq!(some["both"]["kubeconfigFile"], "/stored");
    let configured = source.configured(&names, None).await.unwrap();
    assert_eq!(configured.into_keys().collect::<Vec<_>>(), ["alone"]);
    match source.names(None, false).await.unwrap() {
        Names::Listed(names) => assert_eq!(*names, ["alone", "both", "stored"].map(String::from)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_clouddriver_that_stores_none_has_the_configured_ones() {
    let clouddriver = TestSource::start().await;
    clouddriver.answer(Some(StatusCode::NOT_FOUND));
    let alone = clouddriver.source().find("a", None).await;
    assert!(matches!(alone, Err(SourceError::Refused { .. })));
    let source = beside(&clouddriver, &[("a", "/file")]);
    assert_eq!(file(&source, "a").await.as_deref(), Some("/file"));
    let mut cursor = Cursor::default();
    assert_eq!(look(&source, &mut cursor).await, ["a /file"]);
    let names = ["a", "gone"].map(String::from);
    assert_eq!(source.missing(&cursor, &names).await.unwrap(), ["gone"]);
    assert_eq!(look(&source, &mut cursor).await, [""; 0]);
    // Any other refusal leaves open what there is.
    clouddriver.answer(Some(StatusCode::FORBIDDEN));
    assert!(source.find("a", None).await.is_err());
    clouddriver.answer(Some(StatusCode::BAD_REQUEST));
    assert!(source.find("a", None).await.is_err());
}

#[tokio::test]
async fn a_configured_account_comes_once_and_again_when_the_storage_has_no_other() {
    let clouddriver = TestSource::start().await;
    clouddriver.put("both", json!({"kubeconfigFile": "/stored"}));
    let source = beside(&clouddriver, &[("both", "/file"), ("alone", "/file")]);
    let mut cursor = Cursor::default();
    let first = look(&source, &mut cursor).await;
    assert_eq!(first, ["both /stored", "alone /file"]);
    assert_eq!(look(&source, &mut cursor).await, [""; 0]);
    clouddriver.put("alone", json!({"kubeconfigFile": "/stored"}));
    assert_eq!(look(&source, &mut cursor).await, ["alone /stored"]);
    let names = ["both", "alone"].map(String::from);
    for name in names.clone() {
        clouddriver.remove(&name);
        clouddriver.put("other", json!({"kubeconfigFile": "/stored"}));
        let seen = look(&source, &mut cursor).await;
        assert!(seen.contains(&format!("{name} /file")), "{seen:?}");
    }
    assert_eq!(look(&source, &mut cursor).await, [""; 0]);
    assert!(source.missing(&cursor, &names).await.unwrap().is_empty());
}

#[tokio::test]
async fn storage_that_is_switched_off_is_told_from_a_request_that_is_wrong() {
    let clouddriver = TestSource::start().await;
    let source = beside(&clouddriver, &[("a", "/file")]);
    for (exception, storeless) in [
        (
            "com.netflix.spinnaker.kork.exceptions.ConfigurationException",
            true,
        ),
        (
            "com.netflix.spinnaker.kork.web.exceptions.InvalidRequestException",
            false,
        ),
    ] {
        clouddriver.refuse(StatusCode::BAD_REQUEST, exception);
        assert_eq!(
            source.find("a", None).await.is_ok(),
            storeless,
            "{exception}"
        );
        assert!(clouddriver.source().find("a", None).await.is_err());
    }
}
