//! Clouddriver's host: the real account parts of Clouddriver, in a JVM.

use crate::database::{Schema, User};
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
        let database = folder.join("clouddriver.db");
        let url = format!("{POOL}.jdbcUrl=jdbc:sqlite:{}", database.display());
        Clouddriver::start_with(folder, vec![url])
    }

    /// Starts one whose tables are in `schema`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_on(schema: &Schema, folder: &Path) -> Clouddriver {
        Clouddriver::start_with(folder, database_of(schema))
    }

    fn start_with(folder: &Path, mut settings: Vec<String>) -> Clouddriver {
        std::fs::create_dir_all(folder).unwrap();
        settings.push("server.port=0".to_owned());
        let mut command = command(folder, &settings);
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

    /// Deletes an account here, past Ferry.
    ///
    /// # Panics
    /// When Clouddriver does not answer.
    pub fn delete(&self, name: &str) -> Answer {
        http::request("DELETE", &format!("{}/credentials/{name}", self.url), None).unwrap()
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.process.rss_kib()
    }
}

const POOL: &str = "sql.connectionPools.default";

/// The settings of a Clouddriver whose tables are in `schema`: each of Spinnaker's two users where
/// it documents it.
pub(crate) fn database_of(schema: &Schema) -> Vec<String> {
    let users = [(POOL, User::Service), ("sql.migration", User::Migrate)];
    let settings = users.map(|(key, user)| {
        [
            format!("{key}.jdbcUrl={}", schema.jdbc_url()),
            format!("{key}.user={}", user.name()),
            format!("{key}.password={}", user.password()),
        ]
    });
    settings.concat()
}

/// What starts a host in `folder`, with `settings` as `key=value`; it ends with this process.
pub(crate) fn command(folder: &Path, settings: &[String]) -> Command {
    let mut command = Command::new(clouddriver_program());
    command.current_dir(folder).env("TMPDIR", folder);
    command.arg("--host.exit-with-stdin=true");
    command.args(settings.iter().map(|setting| format!("--{setting}")));
    command
}

/// A Kubernetes account as a person POSTs it.
pub fn account(name: &str, kubeconfig: &str) -> Value {
    json!({"type": "kubernetes", "name": name, "kubeconfigContents": kubeconfig})
}
