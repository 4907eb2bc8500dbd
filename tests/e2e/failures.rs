//! What cannot be reached, or must not be: each FAILED with a sentence of its own, in time, while
//! the agent serves others.

use crate::ground::{PLANTED, Pair, QUICK, dead_kubeconfig, ground, kubeconfig_of};
use ferry_tests::{Cluster, clouddriver};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// The configured deadline of [`QUICK`], and the time that its bookkeeping takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(15 + 10);

/// A kubeconfig of the good cluster, edited.
fn edited(edit: impl Fn(&mut Value)) -> String {
    let mut kubeconfig: Value =
        serde_json::from_str(&kubeconfig_of("https://127.0.0.1:1")).unwrap();
    edit(&mut kubeconfig);
    kubeconfig.to_string()
}

#[test]
fn every_failure_has_its_own_sentence_and_delays_nobody() {
    let pair = Pair::start(QUICK);
    let other = Cluster::start(&ground().folder.path().join("other"), PLANTED);
    // The good cluster's CA and token, but the other's server.
    let other_ca = ground()
        .kubeconfig
        .lines()
        .map(|line| match line.split_once("server:") {
            Some((before, _)) => format!("{before}server: {}\n", other.server),
            None => format!("{line}\n"),
        });
    // It listens, and nobody ever answers.
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let hole = (format!("https://{}", hole.local_addr().unwrap()), hole);
    let cases = [
        (
            "garbage",
            "certainly: [not, a kubeconfig".to_owned(),
            "not valid YAML",
        ),
        (
            "noclusters",
            edited(|k| k["clusters"] = json!([])),
            "no cluster",
        ),
        (
            "nocontext",
            edited(|k| k["current-context"] = json!("away")),
            "context `away`",
        ),
        ("closed", dead_kubeconfig(), "refuses connections"),
        ("hole", kubeconfig_of(&hole.0), "did not answer"),
        ("otherca", other_ca.collect(), "certificate"),
        ("forbidden", reader(), "may list none"),
    ];
    let names: Vec<String> = cases
        .iter()
        .map(|(name, kubeconfig, _)| pair.post(name, kubeconfig))
        .collect();
    let good = pair.post("good", &ground().kubeconfig);
    let begun = Instant::now();
    for name in names.iter().chain([&good]) {
        pair.patch(name, "ACTIVE");
    }
    pair.reaches(&good, "ACTIVE");
    let mut sentences = Vec::new();
    for (name, (case, _, part)) in names.iter().zip(&cases) {
        let account = pair.reaches(name, "FAILED");
        assert!(
            begun.elapsed() < DEADLINE,
            "{case} took {} s",
            begun.elapsed().as_secs()
        );
        let sentence = account["errorMessage"].as_str().unwrap().to_owned();
        assert!(sentence.contains(part), "{case}: {sentence}");
        sentences.push(sentence.replace(name, ""));
    }
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), cases.len(), "{sentences:#?}");
    assert_eq!(pair.account(&good).unwrap()["status"], "ACTIVE");
}

fn reader() -> String {
    let folder = ground().folder.path().join("cluster");
    std::fs::read_to_string(folder.join("reader.kubeconfig")).unwrap()
}

#[test]
fn kubeconfigs_that_would_act_at_the_agent_are_refused_by_name() {
    let pair = Pair::start(QUICK);
    let user = |field: &'static str, value: Value| {
        // In an entry that nobody uses: it is refused all the same.
        let entry = json!({"name": "other", "user": {(field): value}});
        let edit = |k: &mut Value| k["users"].as_array_mut().unwrap().push(entry.clone());
        (field, edited(edit))
    };
    let cluster = |field: &'static str, value: &'static str| {
        (
            field,
            edited(|k| k["clusters"][0]["cluster"][field] = json!(value)),
        )
    };
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/true"});
    let cases = [
        user("exec", exec),
        user("auth-provider", json!({"name": "gcp"})),
        user(
            "tokenFile",
            json!("/var/run/secrets/kubernetes.io/serviceaccount/token"),
        ),
        user("client-certificate", json!("/tmp/cert.pem")),
        user("client-key", json!("/tmp/key.pem")),
        cluster(
            "certificate-authority",
            "/etc/ssl/certs/ca-certificates.crt",
        ),
        cluster("proxy-url", "http://127.0.0.1:3128"),
    ];
    for (field, kubeconfig) in cases {
        let name = pair.post(field, &kubeconfig);
        pair.patch(&name, "ACTIVE");
        let account = pair.reaches(&name, "FAILED");
        let sentence = account["errorMessage"].as_str().unwrap();
        assert!(
            sentence.contains(&format!("`{field}`")),
            "{field}: {sentence}"
        );
    }
}

#[test]
fn a_requested_kubeconfig_file_lies_in_an_allowed_folder() {
    let mut pair = Pair::new(QUICK);
    let folder = pair.agent.folder().join("kubeconfigs");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("good"), &ground().kubeconfig).unwrap();
    std::fs::write(pair.agent.folder().join("outside"), &ground().kubeconfig).unwrap();
    std::os::unix::fs::symlink("../outside", folder.join("link")).unwrap();
    let config = pair.agent.folder().join("armory-agent.yml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str(&format!(
        "kubernetes:\n  kubeconfigFolders: ['{}']\n",
        folder.display()
    ));
    std::fs::write(&config, text).unwrap();
    pair.sidecar.start(&[]).unwrap();
    pair.agent.start(&[]);

    let name = pair.post("file", &dead_kubeconfig());
    let patch = |path: &str| {
        let path = folder.join(path);
        let body = json!([{"name": name, "state": "ACTIVE", "kubeconfigFile": path}]);
        let answer = pair
            .sidecar
            .request("PATCH", "/armory/accounts", Some(&body))
            .unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
    };
    for path in ["../outside", "link", "/etc/passwd"] {
        patch(path);
        let account = pair.reaches(&name, "FAILED");
        let sentence = account["errorMessage"].as_str().unwrap();
        assert!(sentence.contains("kubeconfigFolders"), "{path}: {sentence}");
        pair.patch(&name, "INACTIVE");
        pair.reaches(&name, "INACTIVE");
    }
    patch("good");
    pair.reaches(&name, "ACTIVE");
}

#[test]
fn an_account_name_is_never_part_of_a_path() {
    let pair = Pair::start(QUICK);
    let before = files(pair.sidecar.folder().parent().unwrap());
    for (name, encoded) in [
        ("../up", "..%2Fup"),
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("line\nbreak", "line%0Abreak"),
        ("bell\u{7}", "bell%07"),
    ] {
        let name = format!("{}{name}", pair.name);
        let account = clouddriver::account(&name, &ground().kubeconfig);
        let posted = pair
            .sidecar
            .request("POST", "/credentials", Some(&account))
            .unwrap();
        assert_eq!(posted.status, 200, "{}", posted.body);
        pair.patch(&name, "ACTIVE");
        let path = format!("{}{encoded}", pair.name);
        let reached = ferry_tests::wait::until(crate::ground::PATIENCE, || {
            let account = pair.account(&path)?;
            assert_eq!(account["name"], name);
            if account["status"] == "ACTIVE" {
                Ok(())
            } else {
                Err(account.to_string())
            }
        });
        reached.unwrap();
    }
    let after = files(pair.sidecar.folder().parent().unwrap());
    let ours =
        |name: &&String| name.contains("up") || name.contains("break") || name.contains("bell");
    assert_eq!(
        before.iter().filter(ours).count(),
        after.iter().filter(ours).count()
    );
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let listed = std::process::Command::new("find")
        .arg(folder)
        .output()
        .unwrap();
    String::from_utf8_lossy(&listed.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}
