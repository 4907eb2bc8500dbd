//! Files that kubeconfigs are, or name, and the folders below which the core may name some.
//!
//! Used by the rest of `kubeconfig`. Paths come from people only, never from an account's name.

use std::path::{Component, Path, PathBuf};

use ferry_reference::is_content;
use secrecy::SecretString;

use super::Trust;
use crate::cause::{Names, Refusal, printable};

/// The largest kubeconfig, certificate or key that is read.
const LARGEST: u64 = 1024 * 1024;

/// The folders that `kubernetes.kubeconfigFolders` allows.
pub(super) struct Folders<'a>(&'a [PathBuf]);

impl<'a> Folders<'a> {
    pub(super) fn new(folders: &'a [PathBuf]) -> Self {
        Self(folders)
    }

    /// The path without symbolic links, if it lies below an allowed folder.
    pub(super) fn admit(&self, path: &Path) -> Result<PathBuf, Refusal> {
        if is_content(&path.to_string_lossy()) {
            return Err(Refusal::ContentForPath);
        }
        let outside = || Refusal::OutsideFolders(show(path), self.names());
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err(outside());
        }
        // Whether a file exists outside of the folders is nothing that the sender may learn.
        if !self.0.iter().any(|folder| path.starts_with(folder)) {
            return Err(outside());
        }
        let real = path
            .canonicalize()
            .map_err(|error| unreadable(path, &error))?;
        if self.contain(&real) {
            Ok(real)
        } else {
            Err(outside())
        }
    }

    /// Whether a path that has no symbolic links lies below an allowed folder.
    pub(super) fn contain(&self, real: &Path) -> bool {
        self.0
            .iter()
            .filter_map(|folder| folder.canonicalize().ok())
            .any(|folder| real.starts_with(&folder))
    }

    pub(super) fn names(&self) -> Names {
        Names(self.0.iter().map(|folder| show(folder)).collect())
    }
}

/// A whole file as text.
pub(super) fn read(path: &Path) -> Result<SecretString, Refusal> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| Refusal::NotText)
}

pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Refusal> {
    let about = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    // A pipe or a device would never end.
    if !about.is_file() {
        return Err(Refusal::File(show(path), "it is not a file".into()));
    }
    if about.len() > LARGEST {
        return Err(Refusal::FileTooLarge(show(path), LARGEST));
    }
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

pub(super) fn show(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::File(show(path), error.kind().to_string())
}

/// Files that a kubeconfig names.
pub(super) struct NamedFiles<'a> {
    pub(super) trust: Trust,
    pub(super) beside: &'a Path,
    pub(super) folders: &'a Folders<'a>,
}

impl NamedFiles<'_> {
    pub(super) fn resolve(
        &self,
        entry: &str,
        field: &'static str,
        path: &str,
    ) -> Result<PathBuf, Refusal> {
        debug_assert!(self.trust != Trust::Sent, "refused before");
        if is_content(path) {
            return Err(Refusal::Field {
                entry: entry.to_owned(),
                field,
                reason: "it is no path but what should be in the file; give its path",
            });
        }
        let path = self.beside.join(path);
        if self.trust == Trust::Operator {
            return Ok(path);
        }
        let outside = || Refusal::NamedFileOutside {
            entry: entry.to_owned(),
            field,
            path: show(&path),
            allowed: self.folders.names(),
        };
        let real = path.canonicalize().map_err(|error| Refusal::NamedFile {
            entry: entry.to_owned(),
            field,
            path: show(&path),
            why: error.kind().to_string(),
        })?;
        if self.folders.contain(&real) {
            Ok(real)
        } else {
            Err(outside())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn only_files_below_a_folder_are_admitted_whatever_links_say() {
        let root = tempfile::tempdir().unwrap();
        let allowed = root.path().join("allowed");
        std::fs::create_dir(&allowed).unwrap();
        std::fs::write(allowed.join("good"), "a").unwrap();
        std::fs::write(root.path().join("secret"), "b").unwrap();
        std::os::unix::fs::symlink(root.path().join("secret"), allowed.join("link")).unwrap();
        std::os::unix::fs::symlink(allowed.join("good"), allowed.join("inner")).unwrap();
        let list = [allowed.clone()];
        let folders = Folders::new(&list);

        assert!(folders.admit(&allowed.join("good")).is_ok());
        assert!(folders.admit(&allowed.join("inner")).is_ok());
        for wrong in [
            root.path().join("secret"),
            allowed.join("../secret"),
            allowed.join("link"),
            PathBuf::from("allowed/good"),
            PathBuf::from("/etc/passwd"),
        ] {
            let refusal = folders.admit(&wrong).unwrap_err();
            assert!(
                matches!(refusal, Refusal::OutsideFolders(..)),
                "{wrong:?}: {refusal}"
            );
        }
        let missing = folders.admit(&allowed.join("missing")).unwrap_err();
        assert!(missing.to_string().contains("cannot be read"), "{missing}");
    }

    #[test]
    fn folders_and_endless_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            read(folder.path())
                .unwrap_err()
                .to_string()
                .contains("not a file")
        );
        assert!(
            read(Path::new("/dev/zero"))
                .unwrap_err()
                .to_string()
                .contains("not a file")
        );
        let text = folder.path().join("text");
        std::fs::write(&text, "apiVersion: v1").unwrap();
        assert_eq!(read(&text).unwrap().expose_secret(), "apiVersion: v1");
    }
}
