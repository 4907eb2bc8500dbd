//! `ferry-sidecar` as a process, on fixed ports so that it can be restarted where it was.

use crate::database::{Schema, User};
use crate::ferry::Ferry;
use crate::place::{free_port, program};
use crate::process::{NotReady, Process};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A sidecar, running or not.
#[derive(Debug)]
pub struct Sidecar {
    process: Option<Process>,
    folder: PathBuf,
    ferry: Ferry,
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
        std::fs::create_dir_all(folder).unwrap();
        if !key_file.exists() {
            write_key(key_file);
        }
        // Tables are made by one user, all else is done by the other.
        let more = format!(
            "kubesvc.secrets.keyFile: {}\nsidecar.migration.user: {}\n\
             sidecar.migration.password: {}\n{more}",
            key_file.display(),
            User::Migrate.name(),
            User::Migrate.password()
        );
        Sidecar::with_database(folder, upstream, &schema.url(User::Service), &more)
    }

    fn with_database(folder: &Path, upstream: &str, database: &str, more: &str) -> Sidecar {
        std::fs::create_dir_all(folder).unwrap();
        let [listen, admin, grpc] = [free_port(), free_port(), free_port()];
        let address = match more.contains("server.address") {
            true => "",
            false => "kubesvc.grpc.server.address: 127.0.0.1\n",
        };
        let config = format!(
            "sidecar.listen: 127.0.0.1:{listen}\nsidecar.admin.listen: 127.0.0.1:{admin}\n\
             sidecar.upstream: {upstream}\nsidecar.database: {database}\n\
             {address}kubesvc.grpc.server.port: {grpc}\n{more}\n"
        );
        std::fs::write(folder.join("ferry.yml"), config).unwrap();
        Sidecar {
            process: None,
            folder: folder.to_owned(),
            ferry: Ferry {
                url: format!("http://127.0.0.1:{listen}"),
            },
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
        let mut process = Process::start(&mut command, &self.folder.join("sidecar.log"))?;
        process.end_with_us();
        self.process = Some(process);
        Ok(())
    }

    /// The running process.
    ///
    /// # Panics
    /// When it was not started.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the sidecar was started")
    }

    /// What it has logged since it was started last.
    pub fn log(&self) -> String {
        let process = self.process.as_ref().expect("the sidecar was started");
        process.log()
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.folder.join("ferry.db")
    }

    /// Its folder, with everything it wrote.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Deref for Sidecar {
    type Target = Ferry;

    fn deref(&self) -> &Ferry {
        &self.ferry
    }
}

/// Makes a key for cores that share a database.
pub fn write_key(path: &Path) {
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    let mut key = [0; 32];
    let mut random = std::fs::File::open("/dev/urandom").unwrap();
    random.read_exact(&mut key).unwrap();
    let mut file = std::fs::OpenOptions::new();
    let file = file.write(true).create_new(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.unwrap(), &key).unwrap();
}
