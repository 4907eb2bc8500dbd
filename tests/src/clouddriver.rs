//! Clouddriver's host: the real account parts of Clouddriver, in a JVM.

use crate::http::{self, Answer};
use crate::place::clouddriver_program;
use crate::process::Process;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// A running Clouddriver.
#[derive(Debug)]
pub struct Clouddriver {
    process: Process,
    /// `http://127.0.0.1:port`.
    pub url: String,
}

impl Clouddriver {
    /// Starts one that keeps its database and log in `folder`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(folder: &Path) -> Clouddriver {
        std::fs::create_dir_all(folder).unwrap();
        let mut command = Command::new(clouddriver_program());
        let database = folder.join("clouddriver.db");
        command
            .current_dir(folder)
            .args(["--server.port=0", "--host.exit-with-stdin=true"]);
        command.arg(format!(
            "--sql.connectionPools.default.jdbcUrl=jdbc:sqlite:{}",
            database.display()
        ));
        let process = Process::start(&mut command, &folder.join("clouddriver.log"))
            .unwrap_or_else(|not| panic!("Clouddriver does not start: {}", not.log));
        let url = process.ready["url"].as_str().unwrap().to_owned();
        Clouddriver { process, url }
    }

    /// The account as Clouddriver stores it.
    ///
    /// # Panics
    /// When Clouddriver does not answer.
    pub fn stored(&self, name: &str) -> Option<Value> {
        let url = format!(
            "{}/credentials/type/kubernetes?limit=1&startingAccountName={name}",
            self.url
        );
        let found = http::get(&url).unwrap().json();
        found
            .as_array()
            .unwrap()
            .iter()
            .find(|account| account["name"] == name)
            .cloned()
    }

    /// Creates an account here, past Ferry.
    ///
    /// # Panics
    /// When Clouddriver does not answer.
    pub fn create(&self, account: &Value) -> Answer {
        http::request("POST", &format!("{}/credentials", self.url), Some(account)).unwrap()
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.process.rss_kib()
    }
}

/// A Kubernetes account as a person POSTs it.
pub fn account(name: &str, kubeconfig: &str) -> Value {
    json!({"type": "kubernetes", "name": name, "kubeconfigContents": kubeconfig})
}
