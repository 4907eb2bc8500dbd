//! The agent with the configuration and the rights that it gets in its pod.

use crate::server::{NAMESPACE, Server, object};
use crate::sidecar::Sidecar;
use ferry_tests::ferry::PATIENCE;
use ferry_tests::place::{free_port, program};
use ferry_tests::{Process, http, wait};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What it watches unless an account names its own kinds, as resources of the API.
const WATCHED: [&str; 12] = [
    "cronjobs.batch",
    "customresourcedefinitions.apiextensions.k8s.io",
    "daemonsets.apps",
    "deployments.apps",
    "ingresses.networking.k8s.io",
    "jobs.batch",
    "namespaces.",
    "networkpolicies.networking.k8s.io",
    "pods.",
    "replicasets.apps",
    "services.",
    "statefulsets.apps",
];

#[test]
fn its_account_may_list_and_watch_what_it_watches_and_nothing_else() {
    let server = Server::start();
    server.apply("agent");
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "nobody", "namespace": NAMESPACE}});
    server
        .kubectl(&["create", "-f", "-"], &account.to_string())
        .unwrap();
    let mut allowed = rights(&server, "ferry-agent");
    // Every account of a cluster may ask about itself and for the cluster's version.
    for right in rights(&server, "nobody") {
        assert!(allowed.remove(&right), "{right}");
    }
    let needed = WATCHED
        .iter()
        .flat_map(|resource| ["list", "watch"].map(|verb| format!("{verb} {resource}")));
    assert_eq!(allowed, needed.collect());
    for asked in [
        "get secrets",
        "list secrets",
        "list configmaps",
        "get pods",
        "create pods",
    ] {
        let (verb, resource) = asked.split_once(' ').unwrap();
        let who = format!("system:serviceaccount:{NAMESPACE}:ferry-agent");
        let said = server.kubectl(&["auth", "can-i", verb, resource, "-A", "--as", &who], "");
        // It says no by its exit code, too, and then nothing on stderr.
        assert_eq!(said, Err(String::new()), "{asked}");
    }
}

/// Everything that an account may do, each as verb and resource or path; all namespaces' rights are
/// those in its own, here.
fn rights(server: &Server, account: &str) -> BTreeSet<String> {
    let review = json!({"apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview", "spec": {"namespace": NAMESPACE}});
    let who = format!("system:serviceaccount:{NAMESPACE}:{account}");
    // What is validated here would first be looked up, with rights that the account need not have.
    let create = [
        "create",
        "--validate=false",
        "-o",
        "json",
        "-f",
        "-",
        "--as",
        &who,
    ];
    let answer = server.kubectl(&create, &review.to_string()).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let status = &answer["status"];
    assert_eq!(status["incomplete"], false);
    let mut rights = BTreeSet::new();
    for rule in status["resourceRules"].as_array().unwrap() {
        for (verb, group, resource) in
            product(&rule["verbs"], &rule["apiGroups"], &rule["resources"])
        {
            rights.insert(format!("{verb} {resource}.{group}"));
        }
    }
    for rule in status["nonResourceRules"].as_array().unwrap() {
        for (verb, path, _) in product(&rule["verbs"], &rule["nonResourceURLs"], &json!([""])) {
            rights.insert(format!("{verb} {path}"));
        }
    }
    rights
}

fn product<'a>(
    a: &'a Value,
    b: &'a Value,
    c: &'a Value,
) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    let texts = |list: &'a Value| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
    };
    texts(a).flat_map(move |a| texts(b).flat_map(move |b| texts(c).map(move |c| (a, b, c))))
}

#[test]
fn it_watches_its_cluster_and_reports_over_tls() {
    let server = Server::start();
    let folder = server.folder.path().join("pod");
    let sidecar = Sidecar::start(&server.apply("example/volume"), &folder);
    let objects = server.apply("agent");
    let token = sidecar.agents_token();
    let (_agent, url) = start(&server, &objects, &sidecar, &token, &folder);
    let account = wait::until(PATIENCE, || {
        let answer = sidecar.get(
            "listen",
            "/agents/kubernetes/accounts/own-cluster",
            Some("pod-token"),
        );
        match answer.status == 200 && answer.json()["kubeHost"] == server.cluster.server {
            true => Ok(answer.json()),
            false => Err(format!("{} {}", answer.status, answer.body)),
        }
    });
    let account = account.unwrap_or_else(|error| panic!("{error}\n{}", log(&folder)));
    assert_eq!(account["zoneId"], "own-cluster", "{account}");
    assert_eq!(account["errorMessage"], "", "{account}");
    // Not one kind was forbidden: each is listed.
    let kinds = wait::until(PATIENCE, || {
        let accounts = http::get(&format!("{url}/accounts"))?.json();
        let objects = accounts[0]["objects"].as_object().ok_or("no account")?;
        match objects.len() {
            12 => Ok(objects.clone()),
            _ => Err(accounts.to_string()),
        }
    });
    let kinds = kinds.unwrap_or_else(|error| panic!("{error}\n{}", log(&folder)));
    assert!(kinds["Deployment.apps"].as_u64() >= Some(2), "{kinds:?}");
    assert!(!log(&folder).contains("forbidden"), "{}", log(&folder));
}

#[test]
fn whoever_does_not_send_the_token_is_no_agent() {
    let server = Server::start();
    let folder = server.folder.path().join("pod");
    let sidecar = Sidecar::start(&server.apply("example/volume"), &folder);
    let objects = server.apply("agent");
    let other = folder.join("other-token");
    std::fs::write(&other, "other\n").unwrap();
    let (_agent, url) = start(&server, &objects, &sidecar, &other, &folder);
    let refused = wait::until(PATIENCE, || {
        let health = http::get(&format!("{url}/health"))?.json();
        let cause = health["cause"].as_str().unwrap_or_default();
        match cause.contains("the token is not that of kubesvc.grpc.auth.token") {
            true => Ok(()),
            false => Err(health.to_string()),
        }
    });
    refused.unwrap_or_else(|error| panic!("{error}\n{}", log(&folder)));
    let agents = sidecar.get("listen", "/armory/agents", Some("pod-token"));
    assert_eq!(agents.body, "[]");
    assert!(
        !sidecar.log().contains("whoever connects"),
        "{}",
        sidecar.log()
    );
}

/// Starts the agent as `objects` say, and tells where its own server is. Its pod's service account is
/// a kubeconfig here, since the mount of a pod cannot be had.
fn start(
    server: &Server,
    objects: &[Value],
    sidecar: &Sidecar,
    token: &Path,
    folder: &Path,
) -> (Process, String) {
    let port = free_port();
    let config = &object(objects, "ConfigMap", "ferry-agent")["data"]["armory-agent.yml"];
    let mut config = config.as_str().unwrap().to_owned();
    let kubeconfig = format!(
        "kubeconfigFile: {}",
        service_account(server, folder).display()
    );
    for (from, to) in [
        (
            "spin-clouddriver-grpc:9091",
            sidecar.address("grpc").replace("127.0.0.1", "localhost"),
        ),
        (
            "/etc/ferry/core/ca.crt",
            sidecar.authority().display().to_string(),
        ),
        ("/etc/ferry/agents/token", token.display().to_string()),
        ("serviceAccount: true", kubeconfig),
        ("8082", port.to_string()),
    ] {
        assert!(config.contains(from), "{from} is not in {config}");
        config = config.replace(from, &to);
    }
    std::fs::write(folder.join("armory-agent.yml"), config).unwrap();
    let mut command = Command::new(program("ferry-agent"));
    command.arg("--config").arg(folder.join("armory-agent.yml"));
    command.env("HOSTNAME", "ferry-agent-7d4b9c6f5-x2k4p");
    let agent = Process::spawn(&mut command, &folder.join("agent.log"));
    (agent, format!("http://127.0.0.1:{port}"))
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("agent.log")).unwrap()
}

/// A kubeconfig with a token of the service account.
fn service_account(server: &Server, folder: &Path) -> PathBuf {
    let admin = server
        .kubectl(&["config", "view", "--raw", "-o", "json"], "")
        .unwrap();
    let mut kubeconfig: Value = serde_json::from_str(&admin).unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": server.token("ferry-agent")});
    let path = folder.join("own.kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}
