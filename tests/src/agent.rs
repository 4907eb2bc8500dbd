//! `ferry-agent` as a process.

use crate::place::program;
use crate::process::Process;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An agent, running or not.
#[derive(Debug)]
pub struct Agent {
    process: Option<Process>,
    folder: PathBuf,
    id: String,
    /// `http://127.0.0.1:port` of its own server.
    pub url: String,
}

impl Agent {
    /// Writes the configuration of agent `id` of `zone`, which connects to `grpc`, into `folder`;
    /// `more` is YAML that is added to it. It is not started.
    pub fn new(folder: &Path, id: &str, zone: &str, grpc: &str, more: &str) -> Agent {
        std::fs::create_dir_all(folder).unwrap();
        let port = crate::place::free_port();
        // Backoff times are nanoseconds.
        let config = format!(
            "clouddriver:\n  grpc: {grpc}\n  insecure: true\n  backoff:\n    baseDelay: 100000000\n    \
             maxDelay: 1000000000\nzoneId: {zone}\nserver:\n  host: 127.0.0.1\n  port: {port}\n{more}\n"
        );
        std::fs::write(folder.join("armory-agent.yml"), config).unwrap();
        let url = format!("http://127.0.0.1:{port}");
        Agent {
            process: None,
            folder: folder.to_owned(),
            id: id.to_owned(),
            url,
        }
    }

    /// Starts it with these environment variables, and waits for nothing.
    pub fn start(&mut self, environment: &[(&str, &str)]) {
        let mut command = Command::new(program("ferry-agent"));
        command
            .current_dir(&self.folder)
            .args(["--config", "armory-agent.yml"]);
        command
            .env("HOSTNAME", &self.id)
            .envs(environment.iter().copied());
        let mut process = Process::spawn(&mut command, &self.folder.join("agent.log"));
        process.end_with_us();
        self.process = Some(process);
    }

    /// The running process.
    ///
    /// # Panics
    /// When it was not started.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the agent was started")
    }

    /// Its folder, with everything it wrote.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
