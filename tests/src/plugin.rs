//! Clouddriver's host with the plugin in it, as a process, on fixed ports so that it can be restarted
//! where it was. Its database is Clouddriver's, with the two users that Spinnaker documents.

use crate::clouddriver;
use crate::database::Schema;
use crate::ferry::Ferry;
use crate::http;
use crate::place::{free_port, plugin_jar, program};
use crate::process::{NotReady, Process};
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A Clouddriver with the plugin, running or not.
#[derive(Debug)]
pub struct Plugin {
    process: Option<Process>,
    folder: PathBuf,
    settings: Vec<String>,
    ferry: Ferry,
    /// `127.0.0.1:port`, for agents.
    pub grpc: String,
}

impl Plugin {
    /// Installs the plugin that `make plugin` left, with the library that cargo built beside the
    /// running program, in a Clouddriver whose tables are in `schema`. `more` is YAML that is added
    /// to its clouddriver.yml. It is not started.
    pub fn new(schema: &Schema, folder: &Path, more: &str) -> Plugin {
        let library = program("libferry_ffi.so");
        let more = format!("kubesvc.nativeLibrary: {}\n{more}", library.display());
        Plugin::install(&plugin_jar("-bare"), schema, folder, &more)
    }

    /// The same with a jar that brings the library of this machine, as the demo makes it.
    pub fn packed(schema: &Schema, folder: &Path, more: &str) -> Plugin {
        Plugin::install(&plugin_jar("-host"), schema, folder, more)
    }

    fn install(jar: &Path, schema: &Schema, folder: &Path, more: &str) -> Plugin {
        let plugins = folder.join("plugins");
        std::fs::create_dir_all(&plugins).unwrap();
        std::fs::copy(jar, plugins.join("ferry.jar")).unwrap();
        let [port, grpc] = [free_port(), free_port()];
        let config = format!(
            "spinnaker.extensibility.plugins.Ferry.Accounts.enabled: true\n\
             kubesvc.grpc.server.address: 127.0.0.1\nkubesvc.grpc.server.port: {grpc}\n{more}\n"
        );
        std::fs::write(folder.join("clouddriver.yml"), config).unwrap();
        let mut settings = clouddriver::database_of(schema);
        settings.push(format!("server.port={port}"));
        Plugin {
            process: None,
            folder: folder.to_owned(),
            settings,
            ferry: Ferry {
                url: format!("http://127.0.0.1:{port}"),
            },
            grpc: format!("127.0.0.1:{grpc}"),
        }
    }

    /// Starts it with these environment variables. A Clouddriver in which Ferry does not run is
    /// ended again, and is `Err`, too.
    pub fn start(&mut self, environment: &[(&str, &str)]) -> Result<(), NotReady> {
        let mut command = clouddriver::command(&self.folder, &self.settings);
        command.envs(environment.iter().copied());
        let log = self.folder.join("clouddriver.log");
        let mut process = Process::start(&mut command, &log)?;
        let health = http::get(&format!("{}/health", self.ferry.url)).map(|health| health.json());
        match health {
            Ok(health) if health["components"]["ferry"]["status"] == "UP" => {
                self.process = Some(process);
                Ok(())
            }
            health => {
                process.kill();
                Err(NotReady {
                    status: None,
                    log: format!("{health:?}\n{}", process.log()),
                })
            }
        }
    }

    /// The running process.
    ///
    /// # Panics
    /// When it was not started.
    pub fn process(&mut self) -> &mut Process {
        self.process
            .as_mut()
            .expect("the plugin's host was started")
    }

    /// Its folder, with its configuration and its log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Deref for Plugin {
    type Target = Ferry;

    fn deref(&self) -> &Ferry {
        &self.ferry
    }
}
