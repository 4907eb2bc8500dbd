//! The API against its own OpenAPI document: schemathesis makes requests that fit it and requests
//! that do not, and holds every answer to it. The configurations beside this say what is asked of it.
//!
//! `make test SUITES=api` installs schemathesis and names it in FERRY_SCHEMATHESIS.

#![allow(clippy::unwrap_used)]

use ferry_tests::ferry::PATIENCE;
use ferry_tests::{Agent, Clouddriver, Sidecar, clouddriver, place, wait};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// As the configuration's dictionary has them.
const NAMES: [&str; 4] = ["api-1", "api-2", "api-3", "api-4"];

#[test]
#[ignore = "needs schemathesis: make test SUITES=api"]
fn every_answer_is_as_the_document_says() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let upstream = Clouddriver::start(&folder.path().join("clouddriver"));
    let mut sidecar = Sidecar::new(folder.path(), &upstream.url, "");
    sidecar.start(&[]).unwrap();
    let mut agent = Agent::new(
        &folder.path().join("agent"),
        "api-agent",
        "zone-a",
        &sidecar.grpc,
        "",
    );
    agent.start(&[]);
    let dead = format!("https://127.0.0.1:{}", place::free_port());
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": dead}}],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    });
    for name in NAMES {
        let account = clouddriver::account(name, &kubeconfig.to_string());
        let posted = sidecar.request("POST", "/credentials", Some(&account));
        assert_eq!(posted.unwrap().status, 200);
    }
    // Something to be seen by whoever lists operations and audits.
    assert_eq!(sidecar.patch(NAMES[0], "ACTIVE").unwrap().status, 202);
    let told = wait::until(PATIENCE, || {
        let operations = sidecar.request("GET", "/armory/agent/operations", None)?;
        match operations.json()[0].get("finalOutcome") {
            Some(_) => Ok(()),
            None => Err(operations.body),
        }
    });
    told.unwrap();

    let said = schemathesis(folder.path(), &sidecar.url, "schemathesis.toml", &[]);
    // It has looked at every operation, and not only asked for the document.
    let document = sidecar
        .request("GET", "/armory/openapi.json", None)
        .unwrap()
        .json();
    let paths = document["paths"].as_object().unwrap().values();
    let operations: usize = paths.map(|path| path.as_object().unwrap().len()).sum();
    // All but the one that it has the document from.
    let tested = format!("Tested: {}", operations - 1);
    assert!(said.contains(&tested), "{tested}: {said}");
    let writes = "^/armory/accounts(/dynamic)?$";
    let only = ["--include-path-regex", writes, "--exclude-method", "GET"];
    let said = schemathesis(folder.path(), &sidecar.url, "writes.toml", &only);
    let tested = "Tested: 6";
    assert!(said.contains(tested), "{tested}: {said}");
    assert_eq!(
        sidecar
            .request("GET", "/armory/agents", None)
            .unwrap()
            .status,
        200
    );
}

/// Has it ask the API what this configuration says, and gives its report of a run without a finding.
fn schemathesis(folder: &Path, url: &str, config: &str, only: &[&str]) -> String {
    let program = std::env::var_os("FERRY_SCHEMATHESIS").expect("FERRY_SCHEMATHESIS names it");
    let config = place::repository().join("tests/api").join(config);
    let run = Command::new(program)
        .current_dir(folder)
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("{url}/armory/openapi.json"), "--no-color"])
        .args(only)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        run.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    said
}
