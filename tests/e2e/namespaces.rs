//! The namespaces of accounts, as an agent sees them in front of a real API server: as they come and
//! go, while it is away, and where it may not see them.

use crate::ground::{PATIENCE, PLANTED, Pair, QUICK, kubeconfig_of};
use ferry_tests::place::cluster_program;
use ferry_tests::{Cluster, clouddriver, wait};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A cluster of a test's own.
struct Own {
    cluster: Cluster,
    folder: PathBuf,
}

impl Own {
    fn start(folder: PathBuf) -> Own {
        let cluster = Cluster::start(&folder, PLANTED);
        Own { cluster, folder }
    }

    fn kubectl(&self, arguments: &[&str], input: &str) {
        let mut kubectl = Command::new(cluster_program())
            .args(["kubectl", "--kubeconfig"])
            .arg(self.folder.join("token.kubeconfig"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = kubectl.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        assert!(kubectl.wait().unwrap().success(), "kubectl {arguments:?}");
    }

    fn create(&self, namespace: &str) {
        self.kubectl(&["create", "namespace", namespace], "");
    }

    /// Removes a namespace, which nobody here would finish otherwise.
    fn remove(&self, namespace: &str) {
        let unfinished = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace},
            "spec": {"finalizers": []},
        });
        let finalize = format!("/api/v1/namespaces/{namespace}/finalize");
        self.kubectl(&["delete", "namespace", namespace, "--wait=false"], "");
        let replace = ["replace", "--raw", &finalize, "-f", "-"];
        self.kubectl(&replace, &unfinished.to_string());
    }

    /// A kubeconfig of somebody who may see pods, and no namespaces.
    fn of_pods(&self) -> String {
        let role = ["create", "clusterrole", "pods", "--resource=pods"];
        self.kubectl(&[&role[..], &["--verb=get,list,watch"]].concat(), "");
        let bind = ["create", "clusterrolebinding", "pods", "--clusterrole=pods"];
        self.kubectl(&[&bind[..], &["--user=of-pods"]].concat(), "");
        let mut kubeconfig: Value =
            serde_json::from_str(&kubeconfig_of(&self.cluster.server)).unwrap();
        kubeconfig["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(true);
        kubeconfig["users"][0]["user"]["as"] = json!("of-pods");
        kubeconfig.to_string()
    }
}

impl Pair {
    fn namespaces(&self, account: &str) -> Vec<String> {
        let path = format!("/agents/kubernetes/accounts/{account}/namespaces");
        let answer = self.sidecar.request("GET", &path, None).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let names = answer.json();
        let names = names.as_array().unwrap().iter();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until these are an account's namespaces.
    fn sees(&self, account: &str, expected: &[&str]) {
        let seen = wait::until(PATIENCE, || match self.namespaces(account) {
            same if same == expected => Ok(()),
            other => Err(format!("{other:?}")),
        });
        seen.unwrap_or_else(|error| panic!("{account}: {error}, and not {expected:?}"));
    }

    /// POSTs an account that its definition narrows; answers its name.
    fn post_narrowed(&self, name: &str, kubeconfig: &str, narrowed: &Value) -> String {
        let name = format!("{}-{name}", self.name);
        let mut account = clouddriver::account(&name, kubeconfig);
        for (key, value) in narrowed.as_object().unwrap() {
            account[key] = value.clone();
        }
        let answer = self.sidecar.request("POST", "/credentials", Some(&account));
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        name
    }
}

const SYSTEM: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

#[test]
fn what_the_cluster_has_is_seen_as_it_changes() {
    let mut pair = Pair::new(QUICK);
    let own = Own::start(pair.sidecar.folder().join("cluster"));
    let kubeconfig = own.cluster.kubeconfig("token");
    let fixed = pair.sidecar.folder().join("fixed.kubeconfig");
    std::fs::write(&fixed, &kubeconfig).unwrap();
    pair.configure_agent(&format!(
        "kubernetes: {{accounts: [{{name: fixed, kubeconfigFile: {}, omitNamespaces: [default]}}]}}",
        fixed.display()
    ));
    pair.sidecar.start(&[]).unwrap();
    pair.agent.start(&[]);
    let all = pair.post("all", &kubeconfig);
    let two = json!({"namespaces": ["team-b", "team-a"]});
    let narrowed = pair.post_narrowed("narrowed", &kubeconfig, &two);
    let omitting = json!({"omitNamespaces": ["kube-public", "kube-system", "kube-node-lease"]});
    let omitting = pair.post_narrowed("omitting", &kubeconfig, &omitting);
    let hidden = pair.post_narrowed("hidden", &own.of_pods(), &two);
    // Nobody has looked yet.
    assert_eq!(pair.namespaces(&all), [""; 0]);
    assert_eq!(pair.namespaces(&narrowed), ["team-b", "team-a"]);
    own.create("team-a");
    for account in [&all, &narrowed, &omitting, &hidden] {
        pair.patch(account, "ACTIVE");
        pair.reaches(account, "ACTIVE");
    }
    let with = |teams: &[&'static str]| [&SYSTEM[..], teams].concat();
    pair.sees(&all, &with(&["team-a"]));
    pair.sees(&narrowed, &["team-a"]);
    pair.sees(&omitting, &["default", "team-a"]);
    pair.sees(&hidden, &["team-a", "team-b"]);
    pair.sees("fixed", &with(&["team-a"])[1..]);

    own.create("team-b");
    pair.sees(&all, &with(&["team-a", "team-b"]));
    pair.sees(&narrowed, &["team-a", "team-b"]);
    pair.sees(&omitting, &["default", "team-a", "team-b"]);
    pair.sees("fixed", &with(&["team-a", "team-b"])[1..]);

    // Switched off it is as it was last.
    pair.patch(&omitting, "INACTIVE");
    pair.reaches(&omitting, "INACTIVE");
    own.remove("team-b");
    pair.sees(&all, &with(&["team-a"]));
    pair.sees(&narrowed, &["team-a"]);
    pair.sees("fixed", &with(&["team-a"])[1..]);
    assert_eq!(pair.namespaces(&omitting), ["default", "team-a", "team-b"]);

    // What happens while the agent or the sidecar is away is told when they are back.
    pair.agent.process().kill();
    own.create("team-c");
    pair.agent.start(&[]);
    pair.sees(&all, &with(&["team-a", "team-c"]));
    pair.sees("fixed", &with(&["team-a", "team-c"])[1..]);
    pair.sidecar.process().kill();
    own.create("team-d");
    pair.sidecar.start(&[]).unwrap();
    pair.sees(&all, &with(&["team-a", "team-c", "team-d"]));
    pair.sees("fixed", &with(&["team-a", "team-c", "team-d"])[1..]);

    let gone = json!([all]);
    let answer = pair
        .sidecar
        .request("DELETE", "/armory/accounts", Some(&gone));
    assert_eq!(answer.unwrap().status, 202);
    let path = format!("/agents/kubernetes/accounts/{all}/namespaces");
    let gone = wait::until(PATIENCE, || {
        match pair.sidecar.request("GET", &path, None)? {
            answer if answer.status == 404 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    gone.unwrap();
}
