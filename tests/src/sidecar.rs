//! `ferry-sidecar` as a process, on fixed ports so that it can be restarted where it was.

use crate::database::{Schema, User};
use crate::http::{self, Answer};
use crate::place::{free_port, program};
use crate::process::{NotReady, Process};
use crate::wait;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Long enough for anything that is to come about, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A sidecar, running or not.
#[derive(Debug)]
pub struct Sidecar {
    process: Option<Process>,
    folder: PathBuf,
    /// `http://127.0.0.1:port`, for Clouddriver's clients.
    pub url: String,
    /// `http://127.0.0.1:port`, for /health, /ready and /metrics.
    pub admin: String,
    /// `127.0.0.1:port`, for agents.
    pub grpc: String,
}

impl Sidecar {
    /// Writes the configuration of a sidecar in front of `upstream` into `folder`; `more` is YAML
    /// that is added to it. It is not started.
    pub fn new(folder: &Path, upstream: &str, more: &str) -> Sidecar {
        let database = folder.join("ferry.db").display().to_string();
        Sidecar::with_database(folder, upstream, &database, more)
    }

    /// The same on a database that others use, too; `key_file` is the key that all of them have.
    pub fn on(
        schema: &Schema,
        key_file: &Path,
        folder: &Path,
        upstream: &str,
        more: &str,
    ) -> Sidecar {
        let more = format!("kubesvc.secrets.keyFile: {}\n{more}", key_file.display());
        Sidecar::with_database(folder, upstream, &schema.url(User::Migrate), &more)
    }

    fn with_database(folder: &Path, upstream: &str, database: &str, more: &str) -> Sidecar {
        std::fs::create_dir_all(folder).unwrap();
        let [listen, admin, grpc] = [free_port(), free_port(), free_port()];
        let config = format!(
            "sidecar.listen: 127.0.0.1:{listen}\nsidecar.admin.listen: 127.0.0.1:{admin}\n\
             sidecar.upstream: {upstream}\nsidecar.database: {database}\n\
             kubesvc.grpc.server.port: {grpc}\n{more}\n"
        );
        std::fs::write(folder.join("ferry.yml"), config).unwrap();
        Sidecar {
            process: None,
            folder: folder.to_owned(),
            url: format!("http://127.0.0.1:{listen}"),
            admin: format!("http://127.0.0.1:{admin}"),
            grpc: format!("127.0.0.1:{grpc}"),
        }
    }

    /// Starts it with these environment variables.
    pub fn start(&mut self, environment: &[(&str, &str)]) -> Result<(), NotReady> {
        let mut command = Command::new(program("ferry-sidecar"));
        command
            .current_dir(&self.folder)
            .args(["--config", "ferry.yml"]);
        command.envs(environment.iter().copied());
        self.process = Some(Process::start(
            &mut command,
            &self.folder.join("sidecar.log"),
        )?);
        Ok(())
    }

    /// The running process.
    ///
    /// # Panics
    /// When it was not started.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the sidecar was started")
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.folder.join("ferry.db")
    }

    /// Its folder, with everything it wrote.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sends a request through it.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        http::request(method, &format!("{}{path}", self.url), body)
    }

    /// PATCHes an account to `state`.
    pub fn patch(&self, name: &str, state: &str) -> Result<Answer, String> {
        let body = json!([{"name": name, "state": state}]);
        self.request("PATCH", "/armory/accounts", Some(&body))
    }

    /// The account as KubesvcAccount; `Err` with what came instead.
    pub fn account(&self, name: &str) -> Result<Value, String> {
        let answer = self.request("GET", &format!("/agents/kubernetes/accounts/{name}"), None)?;
        match answer.status {
            200 => Ok(answer.json()),
            _ => Err(format!("{} {}", answer.status, answer.body)),
        }
    }

    /// Waits until the account has this status.
    ///
    /// # Panics
    /// When it does not come to it.
    pub fn reaches(&self, name: &str, status: &str) -> Value {
        let reached = wait::until(PATIENCE, || {
            let account = self.account(name)?;
            match account["status"] == status {
                true => Ok(account),
                false => Err(format!(
                    "{name} is {}: {}",
                    account["status"], account["errorMessage"]
                )),
            }
        });
        reached.unwrap_or_else(|error| panic!("{name} does not become {status} {error}"))
    }
}
