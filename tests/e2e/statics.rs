//! An agent brings, by its own configuration, an account of a name that is in service already: one
//! of another cluster is ignored, and whoever looks is told so; one of the same cluster goes before.

use crate::ground::{PATIENCE, PLANTED, Pair, QUICK, ground};
use ferry_tests::{Agent, Cluster, wait};
use serde_json::Value;
use std::path::Path;

/// An agent of `zone` that brings `account` with this kubeconfig.
fn bringing(pair: &Pair, zone: &str, account: &str, kubeconfig: &str) -> Agent {
    let folder = pair.sidecar.folder().join(zone);
    write(&folder, kubeconfig);
    let more = format!(
        "kubernetes: {{accounts: [{{name: {account}, kubeconfigFile: {}}}]}}",
        folder.join("kubeconfig").display()
    );
    let id = format!("{}-{zone}", pair.name);
    let mut agent = Agent::new(&folder, &id, zone, &pair.sidecar.grpc, &more);
    agent.start(&[]);
    agent
}

fn write(folder: &Path, kubeconfig: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("kubeconfig"), kubeconfig).unwrap();
}

/// Waits until what is shown at `path` is as it should be.
fn shows(pair: &Pair, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    let shown = wait::until(PATIENCE, || {
        let shown = pair.sidecar.request("GET", path, None)?.json();
        is(&shown)
            .then(|| shown.clone())
            .ok_or_else(|| shown.to_string())
    });
    shown.unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn says(shown: &Value, field: &str, parts: &[&str]) -> bool {
    let said = shown[field].as_str().unwrap_or_default();
    parts.iter().all(|part| said.contains(part))
}

#[test]
fn one_of_another_cluster_is_ignored_and_one_of_the_same_goes_before() {
    let mut pair = Pair::start(QUICK);
    let folder = pair.sidecar.folder().join("other");
    let other = Cluster::start(&folder, PLANTED);
    let account = pair.post("both", &ground().kubeconfig);
    pair.patch(&account, "ACTIVE");
    let host = pair.reaches(&account, "ACTIVE")["kubeHost"].clone();
    let host = host.as_str().unwrap();

    let mut own = bringing(&pair, "zone-b", &account, &other.kubeconfig("token"));
    let parts = ["zone-b", "another cluster", &other.server, host];
    let path = format!("/armory/accounts/{account}");
    let kubesvc = format!("/agents/kubernetes/accounts/{account}");
    let shown = shows(&pair, &path, |shown| {
        says(shown, "lastAssignmentMsg", &parts)
    });
    assert_eq!(
        (&shown["status"], &shown["source"]),
        (&"ACTIVE".into(), &"clouddriver".into())
    );
    let shown = shows(&pair, &kubesvc, |shown| says(shown, "errorMessage", &parts));
    assert_eq!(
        (&shown["status"], &shown["kubeHost"]),
        (&"ACTIVE".into(), &host.into())
    );
    let agent = format!("/armory/agents/{}-zone-b", pair.name);
    let shown = shows(&pair, &agent, |shown| shown["ignoredAccounts"].is_array());
    let ignored = &shown["ignoredAccounts"][0];
    assert!(ignored["name"] == account.as_str() && says(ignored, "reason", &parts));
    assert_eq!(shown["accounts"].as_array().unwrap().len(), 0);
    let log = pair.sidecar.process().log();
    let warned = |line: &str| line.contains("is ignored") && line.contains(&other.server);
    assert!(log.lines().any(warned), "{log}");

    // Its operator mends it: now it is of the cluster that is served.
    own.process().kill();
    write(own.folder(), &ground().kubeconfig);
    own.start(&[]);
    shows(&pair, &path, |shown| {
        shown["source"] == "static-agent-config"
    });
    let first = format!("/armory/agents/agent-{}", pair.name);
    shows(&pair, &first, |shown| {
        let accounts = shown["accounts"].as_array();
        accounts.is_some_and(Vec::is_empty)
    });
    assert_eq!(pair.sidecar.patch(&account, "ACTIVE").unwrap().status, 409);

    // Of two zones the first stays, although the other is there alone for a while.
    let _late = bringing(&pair, "zone-c", &account, &ground().kubeconfig);
    let parts = ["zone-c", "zone `zone-b` brought one before"];
    shows(&pair, &path, |shown| {
        says(shown, "lastAssignmentMsg", &parts)
    });
    own.process().kill();
    shows(&pair, "/armory/agents", |shown| {
        let agents = shown.as_array().unwrap();
        !agents.iter().any(|agent| agent["zoneId"] == "zone-b")
    });
    let shown = shows(&pair, &path, |shown| shown["zoneId"].is_string());
    assert_eq!(shown["zoneId"], "zone-b");
}
