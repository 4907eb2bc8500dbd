//! Ferry's two doors behind one face: the sidecar in front of a Clouddriver, the plugin inside one.
//! What is tested through a `Door` is to be the same at both.

use crate::clouddriver::Clouddriver;
use crate::database::Schema;
use crate::ferry::Ferry;
use crate::plugin::Plugin;
use crate::process::{NotReady, Process};
use crate::sidecar::Sidecar;
use std::ops::Deref;
use std::path::Path;

/// A Clouddriver with Ferry.
#[derive(Debug)]
pub enum Door {
    /// `ferry-sidecar` and the Clouddriver behind it.
    Sidecar(Sidecar, Clouddriver),
    /// The plugin's jar in Clouddriver's host.
    Plugin(Plugin),
}

impl Door {
    /// A sidecar, not started, in front of a Clouddriver, which is. Their tables are in `schema`; else
    /// each has an SQLite file. `more` is YAML for both.
    ///
    /// # Panics
    /// When Clouddriver does not start.
    pub fn sidecar(schema: Option<&Schema>, folder: &Path, more: &str) -> Door {
        let home = folder.join("clouddriver");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("clouddriver.yml"), more).unwrap();
        let (sidecar, clouddriver);
        match schema {
            None => {
                clouddriver = Clouddriver::start(&home);
                sidecar = Sidecar::new(folder, &clouddriver.url, more);
            }
            Some(schema) => {
                clouddriver = Clouddriver::start_on(schema, &home);
                let key = folder.join("ferry.key");
                sidecar = Sidecar::on(schema, &key, folder, &clouddriver.url, more);
            }
        }
        Door::Sidecar(sidecar, clouddriver)
    }

    /// The plugin in a Clouddriver whose tables are in `schema`, not started. `more` is YAML for
    /// its clouddriver.yml. It needs a database server: Clouddriver's SQLite driver brings a library of its
    /// own, and two of them in one process undo each other's locks on a file.
    pub fn plugin(schema: &Schema, folder: &Path, more: &str) -> Door {
        Door::Plugin(Plugin::new(schema, folder, more))
    }

    /// Starts Ferry with these environment variables: for the first time, or where it was.
    pub fn start(&mut self, environment: &[(&str, &str)]) -> Result<(), NotReady> {
        match self {
            Door::Sidecar(sidecar, _) => sidecar.start(environment),
            Door::Plugin(plugin) => plugin.start(environment),
        }
    }

    /// The process that Ferry runs in; with the plugin it is Clouddriver's. To stop Ferry is to end
    /// it, by its `terminate` or `kill`.
    ///
    /// # Panics
    /// When it was not started.
    pub fn process(&mut self) -> &mut Process {
        match self {
            Door::Sidecar(sidecar, _) => sidecar.process(),
            Door::Plugin(plugin) => plugin.process(),
        }
    }

    /// `127.0.0.1:port`, for agents.
    pub fn grpc(&self) -> &str {
        match self {
            Door::Sidecar(sidecar, _) => &sidecar.grpc,
            Door::Plugin(plugin) => &plugin.grpc,
        }
    }

    /// Where Ferry keeps what it writes, its log among it.
    pub fn folder(&self) -> &Path {
        match self {
            Door::Sidecar(sidecar, _) => sidecar.folder(),
            Door::Plugin(plugin) => plugin.folder(),
        }
    }
}

/// The address of Clouddriver with Ferry.
impl Deref for Door {
    type Target = Ferry;

    fn deref(&self) -> &Ferry {
        match self {
            Door::Sidecar(sidecar, _) => sidecar,
            Door::Plugin(plugin) => plugin,
        }
    }
}
