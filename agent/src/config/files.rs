//! Which files a configuration is read from, and whether they have changed.
//!
//! `main` says which; `config` reads them, and `reload` asks again. armory-agent-local.yml lies over
//! armory-agent.yml; the names of before Armory's agent 0.6 count where there is no newer one.

use std::path::{Path, PathBuf};

use ferry_tls::Stamps;

use super::ConfigError;

const NAMES: [&str; 2] = ["armory-agent.yml", "armory-agent.yaml"];
const OVERLAYS: [&str; 2] = ["armory-agent-local.yml", "armory-agent-local.yaml"];
const LEGACY_NAMES: [&str; 2] = ["kubesvc.yml", "kubesvc.yaml"];

/// Where a configuration is read from.
#[derive(Debug, Clone)]
pub struct Files {
    /// Of each row, the first file that is there.
    rows: Vec<Vec<PathBuf>>,
    /// The file that must be there.
    named: bool,
}

impl Files {
    /// One file, which must be there.
    pub fn named(file: &Path) -> Self {
        Self {
            rows: vec![vec![file.to_owned()]],
            named: true,
        }
    }

    /// Where Armory's agent has them, below `root`; there may be none.
    pub fn usual(root: &Path) -> Self {
        let new = root.join("opt/armory/config");
        let old = root.join("opt/spinnaker/config");
        let in_folder = |folder: &Path, names: [&str; 2]| names.map(|name| folder.join(name));
        let mut first = Vec::from(in_folder(&new, NAMES));
        first.extend(in_folder(&old, LEGACY_NAMES));
        Self {
            rows: vec![first, Vec::from(in_folder(&new, OVERLAYS))],
            named: false,
        }
    }

    /// The files' names and texts; a later one goes before an earlier one.
    pub(super) fn read(&self) -> Result<Vec<(String, String)>, ConfigError> {
        let mut texts = Vec::new();
        for row in &self.rows {
            let there = row.iter().find(|file| self.named || file.exists());
            let Some(file) = there else { continue };
            let name = file.display().to_string();
            match std::fs::read_to_string(file) {
                Ok(text) => texts.push((name, text)),
                Err(source) => return Err(ConfigError::Read { file: name, source }),
            }
        }
        Ok(texts)
    }

    /// By which it is seen that a file has changed, come or gone.
    pub(crate) fn stamps(&self) -> Stamps {
        Stamps::of(self.rows.iter().flatten().map(PathBuf::as_path))
    }
}
