//! `ferry-sidecar` as a process, on fixed ports so that it can be restarted where it was.

use crate::http::{self, Answer};
use crate::place::{free_port, program};
use crate::process::{NotReady, Process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

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
        std::fs::create_dir_all(folder).unwrap();
        let [listen, admin, grpc] = [free_port(), free_port(), free_port()];
        let database = folder.join("ferry.db");
        let config = format!(
            "sidecar.listen: 127.0.0.1:{listen}\nsidecar.admin.listen: 127.0.0.1:{admin}\n\
             sidecar.upstream: {upstream}\nsidecar.database: {}\nkubesvc.grpc.server.port: {grpc}\n\
             {more}\n",
            database.display()
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
}
