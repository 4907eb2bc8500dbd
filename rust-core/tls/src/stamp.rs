//! Whether files have changed: their times, sizes and inodes.
//!
//! Kubernetes renews a mounted secret by moving a link, so links are followed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How some files were when they were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamps(Vec<Option<(i64, i64, u64, u64)>>);

impl Stamps {
    /// Looks at each; one that is not there counts as that.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Stamps {
        let stamp = |file: &Path| {
            let about = std::fs::metadata(file).ok()?;
            Some((about.mtime(), about.mtime_nsec(), about.size(), about.ino()))
        };
        Stamps(files.into_iter().map(stamp).collect())
    }
}
