//! Whether the files that are open are still those in the folder.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::StoreError;

/// The database and its log as they were when the owner opened them.
#[derive(Debug)]
pub(super) struct Guard {
    database: (PathBuf, FileId),
    log: (PathBuf, FileId),
}

type FileId = (u64, u64);

impl Guard {
    /// Remembers the files; both must be there.
    pub(super) fn new(database: &Path) -> Result<Guard, StoreError> {
        let log = log_of(database);
        let id = |path: &Path| {
            let found = path.metadata();
            found
                .map(|found| file_id(&found))
                .map_err(|error| StoreError::io(path, &error))
        };
        Ok(Guard {
            database: (database.to_owned(), id(database)?),
            log: (log.clone(), id(&log)?),
        })
    }

    /// What is written into a file that is no longer in the folder is lost when the process ends.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Replaced`].
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for (path, known) in [&self.database, &self.log] {
            let missing = |what: &'static str| StoreError::Missing {
                path: path.clone(),
                what: what.into(),
            };
            let found = path.metadata().map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => missing("gone"),
                _ => StoreError::io(path, &error),
            })?;
            if *path == self.database.0 && found.len() == 0 {
                return Err(missing("empty"));
            }
            if file_id(&found) != *known {
                return Err(StoreError::Replaced {
                    path: path.clone(),
                    message: "another file was put in its place while flow was running".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Length of the log.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log.0.metadata().map_or(0, |found| found.len())
    }
}

/// The write-ahead log of a database.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

#[cfg(unix)]
fn file_id(found: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Where files have no number, only whether they are there is seen.
#[cfg(not(unix))]
fn file_id(_: &Metadata) -> FileId {
    (0, 0)
}
