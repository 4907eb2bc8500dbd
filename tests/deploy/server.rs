//! An API server and kubectl against it. Nothing runs what is applied: there is no kubelet.

use ferry_tests::{Cluster, place};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The namespace that the manifests name.
pub const NAMESPACE: &str = "spinnaker";

/// A server with that namespace.
pub struct Server {
    pub folder: TempDir,
    pub cluster: Cluster,
}

impl Server {
    pub fn start() -> Server {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let cluster = Cluster::start(&folder.path().join("cluster"), "admin-token");
        let kubeconfig = cluster.kubeconfig("admin");
        std::fs::write(folder.path().join("admin.kubeconfig"), kubeconfig).unwrap();
        let server = Server { folder, cluster };
        server
            .kubectl(&["create", "namespace", NAMESPACE], "")
            .unwrap();
        server
    }

    /// What kubectl prints, as the admin; `Err`: what it complains of.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new(place::cluster_program());
        command.arg("kubectl").args(arguments);
        command.arg("--kubeconfig");
        command.arg(self.folder.path().join("admin.kubeconfig"));
        command
            .arg("--cache-dir")
            .arg(self.folder.path().join("cache"));
        run(command, input)
    }

    /// Applies what `deploy/FOLDER` renders to, fields checked strictly; answers the objects as the
    /// server has them.
    pub fn apply(&self, folder: &str) -> Vec<Value> {
        let rendered = render(folder);
        let applied = self.apply_text(&rendered).unwrap();
        let list: Value = serde_json::from_str(&applied).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// The same with a text.
    pub fn apply_text(&self, text: &str) -> Result<String, String> {
        let apply = [
            "apply",
            "--server-side",
            "--validate=strict",
            "-o",
            "json",
            "-f",
            "-",
        ];
        self.kubectl(&apply, text)
    }

    /// A token of a service account, as its pod would get it.
    pub fn token(&self, account: &str) -> String {
        let create = ["create", "token", account, "-n", NAMESPACE];
        self.kubectl(&create, "").unwrap().trim().to_owned()
    }
}

/// What `kubectl kustomize` makes of `deploy/FOLDER`.
pub fn render(folder: &str) -> String {
    let mut command = Command::new(place::cluster_program());
    command.args(["kubectl", "kustomize"]);
    command.arg(place::repository().join("deploy").join(folder));
    run(command, "").unwrap()
}

fn run(mut command: Command, input: &str) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The object of this kind whose name begins so.
pub fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| {
        let its = object["metadata"]["name"].as_str().unwrap();
        object["kind"] == kind && its.starts_with(name)
    });
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// A container of a Deployment.
pub fn container<'a>(deployment: &'a Value, name: &str) -> &'a Value {
    let containers = &deployment["spec"]["template"]["spec"]["containers"];
    let found = containers
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("there is no container {name}: {containers}"))
}
