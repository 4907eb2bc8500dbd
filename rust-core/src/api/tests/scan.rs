//! Why automatic migration takes an account, or does not.

use super::*;

fn rules(enabled: bool, patterns: &[&str]) -> ScanRules {
    let patterns = patterns.iter().map(|text| Pattern {
        of: Origin::Stored,
        text: (*text).to_owned(),
        regex: regex::Regex::new(&format!("\\A(?:{text})\\z")).unwrap(),
    });
    ScanRules {
        enabled,
        patterns: patterns.collect(),
        ..ScanRules::off()
    }
}

impl Desk {
    /// Whether it is taken, by which pattern, and the reason.
    async fn scanned(&self, name: &str) -> (bool, Option<String>, String) {
        let answer = self.get(&format!("/armory/accounts/{name}/scan")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let body = answer.json();
        assert_eq!(body["name"], name);
        assert_eq!(body["matches"], !body["pattern"].is_null());
        (
            body["takes"].as_bool().unwrap(),
            body["pattern"].as_str().map(str::to_owned),
            body["reason"].as_str().unwrap().to_owned(),
        )
    }
}

#[tokio::test]
async fn each_reason_is_told() {
    let desk = Desk::scanning(rules(true, &["prod-.*", ".*-eu"])).await;
    for name in ["prod-1", "a-eu", "pear", "prod-here", "prod-gone"] {
        desk.source.put(name, json!({"kubeconfigFile": "/k"}));
    }
    let entries = json!([{"name": "prod-here"}, {"name": "prod-gone"}]);
    desk.ask("POST", "/armory/accounts", entries).await;
    desk.ask("DELETE", "/armory/accounts", json!(["prod-gone"]))
        .await;
    desk.agent("agent", "Z", &[], &[("prod-static", json!({}))])
        .await;
    for (name, takes, pattern, reason) in [
        (
            "prod-1",
            true,
            Some("prod-.*"),
            "matches `prod-.*` of namePatterns",
        ),
        ("a-eu", true, Some(".*-eu"), "matches `.*-eu`"),
        ("pear", false, None, "no pattern matches the whole name"),
        (
            "prod-here",
            false,
            Some("prod-.*"),
            "migrated already and INACTIVE",
        ),
        (
            "prod-gone",
            false,
            Some("prod-.*"),
            "anna left it to Clouddriver at ",
        ),
        ("prod-static", false, Some("prod-.*"), "an agent brings"),
    ] {
        let (taken, by, said) = desk.scanned(name).await;
        assert_eq!((taken, by.as_deref()), (takes, pattern), "{name}");
        assert!(said.contains(reason), "{name}: {said}");
    }
    let dynamic = json!({"name": "own-eu", "kubeconfigFile": "/k"});
    desk.ask("POST", "/armory/accounts/dynamic", dynamic).await;
    let (_, _, said) = desk.scanned("own-eu").await;
    assert!(
        said.contains("changes at Clouddriver are not followed"),
        "{said}"
    );
    let nobody = desk.get("/armory/accounts/nobody/scan").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_scan_that_is_off_or_has_no_pattern_says_so() {
    for (rules, reason) in [
        (rules(false, &["a"]), "the scan is off"),
        (rules(true, &[]), "namePatterns is empty"),
    ] {
        let desk = Desk::scanning(rules).await;
        desk.source.put("a", json!({"kubeconfigFile": "/k"}));
        let (taken, _, said) = desk.scanned("a").await;
        assert!(!taken && said.contains(reason), "{said}");
    }
}

#[tokio::test]
async fn an_account_that_clouddriver_lost_says_so() {
    let desk = Desk::with(&["a"]).await;
    let names = ["a".to_owned()];
    desk.api.store.mark_gone(&names, true).await.unwrap();
    for (path, field) in [
        ("/armory/accounts/a", "lastAssignmentMsg"),
        ("/agents/kubernetes/accounts/a", "errorMessage"),
    ] {
        let body = desk.get(path).await.json();
        let said = body[field].as_str().unwrap();
        assert!(
            said.starts_with("Clouddriver has had no account of this name since 20"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_configured_account_is_for_its_own_patterns() {
    let mut rules = rules(true, &["prod-.*"]);
    let reason =
        "credentialScanNamePatterns is empty; it stands in Clouddriver's configuration alone";
    let accounts = json!([
        {"name": "prod-1", "kubeconfigFile": "/k"}, {"name": "pear", "kubeconfigFile": "/k"},
        {"name": "prod-own", "serviceAccount": true},
    ]);
    let desk = Desk::configured(rules.clone(), true, &accounts).await;
    let (taken, by, said) = desk.scanned("prod-1").await;
    assert!(!taken && by.is_none() && said.contains(reason), "{said}");
    rules.patterns[0].of = Origin::Configured;
    let desk = Desk::configured(rules, true, &accounts).await;
    for (name, takes, reason) in [
        (
            "prod-1",
            true,
            "it matches `prod-.*` of credentialScanNamePatterns",
        ),
        ("pear", false, "credentialScanNamePatterns is for such"),
        ("prod-own", false, "serviceAccount: true"),
    ] {
        let (taken, _, said) = desk.scanned(name).await;
        assert!(taken == takes && said.contains(reason), "{name}: {said}");
    }
}
