//! `logging.file`: a file that is put aside when it is large, and forgotten when it is old.
//!
//! Used by `logging`. The files put aside have the time in their names.

use std::io;
use std::path::Path;
use std::time::Duration;

use chrono::{Local, NaiveDateTime, Utc};
use file_rotate::compression::Compression;
use file_rotate::suffix::{AppendTimestamp, FileLimit, SuffixScheme, TimestampSuffix};
use file_rotate::{ContentLimit, FileRotate};

use crate::config::LogFile;

const STAMP: &str = "%Y-%m-%dT%H-%M-%S";

/// Opens the file, which is made when it is not there, with its folders.
pub(super) fn open(file: &LogFile) -> io::Result<FileRotate<Aside>> {
    let path = std::path::absolute(&file.path)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // The library would go on without a file, silently.
    let mut open = std::fs::OpenOptions::new();
    open.create(true).append(true).open(&path)?;
    let compression = match file.compress {
        true => Compression::OnRotate(0),
        false => Compression::None,
    };
    let limit = ContentLimit::BytesSurpassed(file.max_bytes);
    let aside = Aside {
        stamps: AppendTimestamp::with_format(
            STAMP,
            FileLimit::Unlimited,
            file_rotate::suffix::DateFrom::Now,
        ),
        max_age: file.max_age,
        max_backups: file.max_backups,
        local_time: file.local_time,
    };
    Ok(FileRotate::new(path, aside, limit, compression, None))
}

/// How files are named that are put aside, and when they go.
pub(super) struct Aside {
    stamps: AppendTimestamp,
    max_age: Option<Duration>,
    max_backups: Option<usize>,
    local_time: bool,
}

impl Aside {
    fn now(&self) -> NaiveDateTime {
        match self.local_time {
            true => Local::now().naive_local(),
            false => Utc::now().naive_utc(),
        }
    }
}

impl SuffixScheme for Aside {
    type Repr = TimestampSuffix;

    fn rotate_file(
        &mut self,
        _: &Path,
        newest: Option<&TimestampSuffix>,
        _: &Option<TimestampSuffix>,
    ) -> io::Result<TimestampSuffix> {
        let timestamp = self.now().format(STAMP).to_string();
        let same = newest.filter(|newest| newest.timestamp == timestamp);
        let number = same.map(|newest| newest.number.unwrap_or(0) + 1);
        Ok(TimestampSuffix { timestamp, number })
    }

    fn parse(&self, suffix: &str) -> Option<TimestampSuffix> {
        self.stamps.parse(suffix)
    }

    fn too_old(&self, suffix: &TimestampSuffix, number: usize) -> bool {
        let put_aside = NaiveDateTime::parse_from_str(&suffix.timestamp, STAMP);
        let age = put_aside.map(|at| (self.now() - at).to_std().unwrap_or_default());
        let aged = (self.max_age.zip(age.ok())).is_some_and(|(most, age)| age > most);
        aged || self.max_backups.is_some_and(|most| number >= most)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<String> = names.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_large_file_is_put_aside_and_old_ones_go() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("new/folder");
        let mut file = LogFile {
            path: folder.join("agent.log"),
            also_stdout: false,
            max_bytes: 100,
            max_age: Some(Duration::from_secs(86_400)),
            max_backups: Some(2),
            local_time: false,
            compress: true,
        };
        let mut log = open(&file).unwrap();
        let old = folder.join("agent.log.2020-01-02T03-04-05");
        std::fs::write(&old, "old").unwrap();
        drop(log);
        log = open(&file).unwrap();
        for at in 0..5 {
            // As the log does it: a line is one write.
            log.write_all(format!("{at} {}\n", "x".repeat(150)).as_bytes())
                .unwrap();
        }
        log.write_all(b"last\n").unwrap();
        assert!(!old.exists(), "older than a day");
        let names = names(&folder);
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(
            names[1..].iter().all(|name| name.ends_with(".gz")),
            "{names:?}"
        );
        let last = std::fs::read_to_string(&file.path).unwrap();
        assert_eq!(last, "last\n");
        drop(log);

        file.path = folder;
        assert!(open(&file).is_err(), "a folder is no file");
    }
}
