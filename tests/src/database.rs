//! Clouddriver's real databases, MariaDB and PostgreSQL: private servers on loopback. Each test has
//! a schema of its own, and in it the two users that Spinnaker documents: one makes tables, the
//! other works on them. A server ends with its value, or with the process that started it.

use crate::place::{free_port, repository};
use crate::process::Process;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MariaDB.
    MariaDb,
    /// PostgreSQL.
    Postgres,
}

/// A user of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// `clouddriver_service`: reads and writes rows.
    Service,
    /// `clouddriver_migrate`: makes and alters tables, too.
    Migrate,
}

impl User {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            User::Service => "clouddriver_service",
            User::Migrate => "clouddriver_migrate",
        }
    }

    /// Its password.
    pub fn password(self) -> &'static str {
        match self {
            User::Service => "service-password",
            User::Migrate => "migrate-password",
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Database {
    kind: Kind,
    port: u16,
    /// Starts the server and ends it.
    guard: Process,
    schemas: AtomicU32,
}

impl Database {
    /// Starts a server of its own.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    pub fn start(kind: Kind) -> Database {
        let port = free_port();
        let word = match kind {
            Kind::MariaDb => "mariadb",
            Kind::Postgres => "postgres",
        };
        let mut command = Command::new(repository().join("tests/database/serve.sh"));
        command.args([word, &port.to_string()]);
        // A signal to the group of this process is not to hit it: it cleans up when its input closes.
        command.process_group(0);
        let log = std::env::temp_dir().join(format!("ferry-{word}-{port}.log"));
        let guard = Process::start(&mut command, &log);
        // What is worth reading is in the error.
        std::fs::remove_file(&log).ok();
        let guard = guard.unwrap_or_else(|not| panic!("no {word}: {}", not.log.trim()));
        Database {
            kind,
            port,
            guard,
            schemas: AtomicU32::new(0),
        }
    }

    /// The server that this process's tests share, started by the first that needs it.
    pub fn shared(kind: Kind) -> &'static Database {
        static MARIADB: OnceLock<Database> = OnceLock::new();
        static POSTGRES: OnceLock<Database> = OnceLock::new();
        let shared = match kind {
            Kind::MariaDb => &MARIADB,
            Kind::Postgres => &POSTGRES,
        };
        shared.get_or_init(|| Database::start(kind))
    }

    /// An empty schema.
    pub fn schema(&self) -> Schema {
        let number = self.schemas.fetch_add(1, Ordering::Relaxed);
        let mut schema = Schema {
            kind: self.kind,
            port: self.port,
            folder: PathBuf::from(self.guard.ready["folder"].as_str().unwrap()),
            name: String::new(),
        };
        let name = format!("clouddriver_{number}");
        match self.kind {
            Kind::MariaDb => schema.query(&format!("CREATE DATABASE {name}")),
            Kind::Postgres => schema.query(&format!(
                "CREATE DATABASE {name} OWNER {}",
                User::Migrate.name()
            )),
        };
        schema.name = name;
        schema
    }

    /// Sends every process of the server this signal: `STOP`, `CONT` or `KILL`.
    pub fn signal(&self, signal: &str) {
        let id = self.guard.ready["pid"].to_string();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let sent = Command::new("kill")
            .args(["-s", signal, &id])
            .args(children.split_whitespace())
            .status();
        assert!(sent.unwrap().success());
    }

    /// Starts it again, on the same data and port, after it was killed.
    pub fn restart(&mut self) {
        self.guard.ready = self.guard.ask("start").expect("the database starts again");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.guard.close();
    }
}

/// A schema, in PostgreSQL's words a database.
#[derive(Debug, Clone)]
pub struct Schema {
    kind: Kind,
    port: u16,
    folder: PathBuf,
    name: String,
}

impl Schema {
    /// Which database it is on.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its URL as Ferry takes it.
    pub fn url(&self, user: User) -> String {
        let scheme = match self.kind {
            Kind::MariaDb => "mysql",
            Kind::Postgres => "postgres",
        };
        let Schema { port, name, .. } = self;
        let (user, password) = (user.name(), user.password());
        format!("{scheme}://{user}:{password}@127.0.0.1:{port}/{name}")
    }

    /// Its URL as Clouddriver takes it, beside user and password.
    pub fn jdbc_url(&self) -> String {
        let scheme = match self.kind {
            Kind::MariaDb => "mariadb",
            Kind::Postgres => "postgresql",
        };
        format!("jdbc:{scheme}://127.0.0.1:{}/{}", self.port, self.name)
    }

    /// Runs this SQL as the server's owner; answers its rows as lines, their columns divided by
    /// tabs.
    ///
    /// # Panics
    /// When it fails.
    pub fn query(&self, sql: &str) -> Vec<String> {
        let mut client = self.client();
        let mut running = client
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(sql.as_bytes()).unwrap();
        drop(stdin);
        let output = running.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {error}");
        let rows = String::from_utf8_lossy(&output.stdout);
        rows.lines().map(str::to_owned).collect()
    }

    fn client(&self) -> Command {
        // Before it has a name, the statement is about the server.
        let name = Some(&self.name).filter(|name| !name.is_empty());
        let mut client;
        match self.kind {
            Kind::MariaDb => {
                client = Command::new("mariadb");
                client.args(["--no-defaults", "--default-character-set=utf8mb4"]);
                client.args(["-u", "root", "-N", "-B", "-S"]);
                client.arg(self.folder.join("socket")).args(name);
            }
            Kind::Postgres => {
                client = Command::new("psql");
                client.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]);
                client.args(["-U", "postgres", "-p", &self.port.to_string(), "-h"]);
                client.arg(&self.folder).arg("-d");
                client.arg(name.map_or("postgres", String::as_str));
            }
        }
        client
    }
}
