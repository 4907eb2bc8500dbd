//! A real kube-apiserver with its etcd, in one process.

use crate::place::cluster_program;
use crate::process::Process;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running API server.
#[derive(Debug)]
pub struct Cluster {
    process: Process,
    folder: PathBuf,
    token: String,
    /// `https://127.0.0.1:port`.
    pub server: String,
}

impl Cluster {
    /// Starts one that keeps its state in `folder`; `token` is its admin's.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(folder: &Path, token: &str) -> Cluster {
        Cluster::start_at(folder, token, 0)
    }

    fn start_at(folder: &Path, token: &str, port: u16) -> Cluster {
        std::fs::create_dir_all(folder).unwrap();
        let mut command = Command::new(cluster_program());
        command.args(["serve", "--exit-with-stdin", "--token", token]);
        command
            .args(["--port", &port.to_string(), "--dir"])
            .arg(folder);
        let log = folder.join("start.log");
        let process = Process::start(&mut command, &log)
            .unwrap_or_else(|not| panic!("the API server does not start: {}", not.log));
        let server = process.ready["server"].as_str().unwrap().to_owned();
        Cluster {
            process,
            folder: folder.to_owned(),
            token: token.to_owned(),
            server,
        }
    }

    /// A kubeconfig of this cluster: `admin`, `token` or `reader` (who may do nothing).
    pub fn kubeconfig(&self, who: &str) -> String {
        std::fs::read_to_string(self.folder.join(format!("{who}.kubeconfig"))).unwrap()
    }

    /// The process, to look at it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same data and port after [`Cluster::kill`].
    pub fn restart(&mut self) {
        let port = self.server.rsplit(':').next().unwrap().parse().unwrap();
        *self = Cluster::start_at(&self.folder, &self.token, port);
    }
}
