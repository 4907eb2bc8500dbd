//! docs/configuration.md: made of the tables of keys that the programs read, and held to them.
//!
//! `UPDATE=1 cargo test -p ferry-tests --test configuration` writes it anew.

#![allow(clippy::unwrap_used)]

use ferry_core::config::{CORE, markdown};
use ferry_tests::ferry::PATIENCE;
use ferry_tests::{Agent, wait};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "# Configuration

Made of the tables of keys in the code, and held to them by a test: do not edit by hand.

## The core

In the sidecar's `ferry.yml`, or in `clouddriver.yml` for the plugin. Names are bound as Spring binds
them: letter case, `-` and `_` do not count, `armory.kubesvc.` is another spelling of `kubesvc.` and
wins over it, and the environment wins over files. Lists are YAML lists, or texts with commas. A key
below `kubesvc` that is not listed here stops the start, with the nearest one that is.

";

const AGENT: &str = "## The agent

In `armory-agent.yml`. Letter case does not count. A key that is not listed here stops the start, with
the nearest one that is.

| key | default | meaning |
|---|---|---|
";

fn made() -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&markdown(&CORE));
    text.push_str("\n## The sidecar besides\n\n");
    for table in ferry_sidecar::TABLES {
        if table.roots != CORE.roots {
            text.push_str(&markdown(table));
        }
    }
    text.push_str(
        "\nThe plugin has besides `kubesvc.log.level`: a level, or levels by module.\n\n",
    );
    text.push_str(AGENT);
    for used in [true, false] {
        if !used {
            text.push_str(
                "\nKnown, so that a configuration of Armory's agent can be used as it is, and \
                 without effect here:\n\n| key | default | why |\n|---|---|---|\n",
            );
        }
        for key in ferry_agent::config::KEYS
            .iter()
            .filter(|key| key.used == used)
        {
            let doc = key.doc.replace('|', "\\|");
            writeln!(text, "| `{}` | {} | {doc} |", key.name, key.default).unwrap();
        }
    }
    text
}

#[test]
fn the_page_is_what_the_tables_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let made = made();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == made,
        "docs/configuration.md is stale: run UPDATE=1 cargo test -p ferry-tests --test configuration"
    );
}

/// The words of what the contract's table says is documented, as far as they may be keys.
fn in_the_table() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract/table.tsv");
    let table = std::fs::read_to_string(file).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let said = rows.filter_map(|line| line.split('\t').nth(1));
    let words = said.flat_map(|said| said.split([' ', ',', ':', ';', '(', ')']));
    words.map(|word| bare(word).to_owned()).collect()
}

/// A key without what says that it is a list, or has anything below it.
fn bare(key: &str) -> &str {
    key.trim_end_matches(".*").trim_end_matches("[]")
}

#[test]
fn every_documented_key_has_a_line_of_the_contracts_table() {
    let table = in_the_table();
    let cores = CORE.keys.iter().chain(CORE.unused);
    let cores = cores.map(|key| (key.name, key.doc));
    let older = CORE.aliases.iter().map(|(older, _)| (*older, ""));
    let agents = ferry_agent::config::KEYS.iter();
    let agents = agents.map(|key| (key.name, key.doc));
    let documented = cores.chain(older).chain(agents);
    let documented = documented.filter(|(_, doc)| !doc.contains("(Ferry's own)"));
    let missing = documented.filter(|(name, _)| !table.contains(bare(name)));
    let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
    assert!(
        missing.is_empty(),
        "tests/contract/table.tsv names no test of {missing:#?}: give each a line, or a word in one"
    );
}

/// Documented keys of the agent that have no effect here, with their defaults; and one account.
const WITHOUT_EFFECT: &str = "
server: {host: 127.0.0.1, port: 0}
clouddriver: {grpc: '127.0.0.1:1', insecure: true}
dynamicAccounts:
  enabled: false
  interceptor: {enabled: true}
  scanBatchSize: 572
  scanFrequencySeconds: 120
  namePatterns: []
  credentialScanNamePatterns: []
hub: {auth: {armory: {clientId: '', secret: ''}}}
kubernetes:
  serverSideApply: {enabled: true, clearManagedFields: false, manifestDefaults: allowed, kinds: [{kind: ConfigMap, enabled: true}]}
  accounts:
  - name: one
    kubeconfigFile: /nowhere
    serviceAccountName: spinnaker
    oAuthScopes: []
    customResourceDefinitions: [{kind: Rollout.argoproj.io, scope: Namespaced}]
    onlySpinnakerManaged: false
    metrics: false
    maxResumableResourceAgeMs: 300000
    skipServerSideApply: false
    skipManifestDefaults: false
pprof: {enabled: false, port: 6060}
tasks: {totalBudget: 1000, budgetPerAccount: 50, queueCheckFrequencyMs: 2000}
";

#[test]
fn the_agents_keys_without_effect_are_named_at_the_start() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut agent = Agent::new(folder.path(), "agent-keys", "zone", "127.0.0.1:1", "");
    let settings = folder.path().join("armory-agent.yml");
    std::fs::write(settings, WITHOUT_EFFECT).unwrap();
    agent.start(&[]);
    let log = wait::until(PATIENCE, || {
        let log = std::fs::read_to_string(folder.path().join("agent.log")).unwrap();
        match log.contains(" starts") {
            true => Ok(log),
            false => Err(log),
        }
    });
    let log = log.unwrap();
    for key in ferry_agent::config::KEYS.iter().filter(|key| !key.used) {
        let name = key.name.trim_end_matches(".*").replace("[]", "[0]");
        let said = format!("known, not used here: {name}: {}", key.doc);
        assert!(log.contains(&said), "{said}\n{log}");
    }
}
