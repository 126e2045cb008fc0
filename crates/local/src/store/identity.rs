//! Which database belongs to a folder, told twice: in a table of the database, and in two small files beside it.
//!
//! `identity.json` has the store's id and its epoch, which grows whenever an owner opens the store; it is replaced
//! atomically and synced. `mark` has the number of the last commit; it is written after each commit and never synced, so
//! it may be late but is never ahead. A database that is behind either of them has lost something.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::StoreError;
use crate::faults;

/// A store's name and how often it was opened by an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) epoch: u64,
}

/// What the database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    pub(super) identity: Identity,
    /// Number of its last commit.
    pub(super) mark: u64,
}

/// What the files beside the database say.
#[derive(Debug, Default)]
pub(super) struct Outside {
    pub(super) identity: Option<Identity>,
    /// Number of the last commit of the store with that id, if it is known.
    mark: Option<(String, u64)>,
}

impl Outside {
    /// Reads both files. One that cannot be read as a mark tells nothing.
    pub(super) fn read(folder: &Path) -> Result<Outside, StoreError> {
        let path = folder.join("identity.json");
        let identity = match fs::read(&path) {
            Ok(text) => {
                Some(
                    serde_json::from_slice(&text).map_err(|error| StoreError::Corrupt {
                        path,
                        message: error.to_string(),
                    })?,
                )
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io(&path, &error)),
        };
        let mark = fs::read_to_string(folder.join("mark")).ok();
        let mark = mark.and_then(|text| {
            let (id, mark) = text.trim().split_once(' ')?;
            Some((id.to_owned(), mark.parse().ok()?))
        });
        Ok(Outside { identity, mark })
    }

    /// Compares with the database at `path`.
    ///
    /// A process that was killed between the two writes left the database one epoch ahead; a reader may see it further ahead.
    pub(super) fn check(&self, inside: Option<&Inside>, path: &Path) -> Result<(), StoreError> {
        let half = |message: String| {
            Err(StoreError::HalfCopied {
                path: path.to_owned(),
                message,
            })
        };
        let replaced = |message: String| {
            Err(StoreError::Replaced {
                path: path.to_owned(),
                message,
            })
        };
        let (inside, outside) = match (inside, &self.identity) {
            (None, None) => return Ok(()),
            (None, Some(outside)) => {
                return replaced(format!(
                    "it has no id, `identity.json` names {}",
                    outside.id
                ));
            }
            (Some(inside), None) if inside.identity.epoch <= 1 => return Ok(()),
            (Some(_), None) => return half("`identity.json` is gone".to_owned()),
            (Some(inside), Some(outside)) => (inside, outside),
        };
        if inside.identity.id != outside.id {
            return replaced(format!(
                "its id is {}, `identity.json` names {}",
                inside.identity.id, outside.id
            ));
        }
        if inside.identity.epoch < outside.epoch {
            return half(format!(
                "the database is of epoch {}, `identity.json` of epoch {}",
                inside.identity.epoch, outside.epoch
            ));
        }
        if let Some((id, mark)) = &self.mark
            && *id == outside.id
            && *mark > inside.mark
        {
            return half(format!(
                "{} commits that were acknowledged are not in the database",
                mark - inside.mark
            ));
        }
        Ok(())
    }

    /// The same for an owner, who alone moves the epoch on.
    pub(super) fn check_owned(
        &self,
        inside: Option<&Inside>,
        path: &Path,
    ) -> Result<(), StoreError> {
        self.check(inside, path)?;
        if let (Some(inside), Some(outside)) = (inside, &self.identity)
            && inside.identity.epoch > outside.epoch + 1
        {
            return Err(StoreError::HalfCopied {
                path: path.to_owned(),
                message: format!(
                    "the database is of epoch {}, `identity.json` of epoch {}",
                    inside.identity.epoch, outside.epoch
                ),
            });
        }
        Ok(())
    }
}

/// Reads the table; the database must have one.
pub(super) fn inside(connection: &Connection) -> rusqlite::Result<Option<Inside>> {
    let sql = "SELECT id, epoch, mark FROM identity";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Inside {
            identity: Identity {
                id: row.get(0)?,
                epoch: row.get::<_, i64>(1)?.unsigned_abs(),
            },
            mark: row.get::<_, i64>(2)?.unsigned_abs(),
        })
    };
    connection.query_row(sql, [], read).optional()
}

/// Replaces `identity.json`, atomically and durably.
pub(super) fn write(folder: &Path, identity: &Identity) -> Result<(), StoreError> {
    let path = folder.join("identity.json");
    let write = || -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, identity)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        faults::point("store.identity.before");
        file.persist(&path).map_err(|error| error.error)?;
        sync_folder(folder)?;
        faults::point("store.identity.after");
        Ok(())
    };
    write().map_err(|error| StoreError::io(&path, &error))
}

/// Makes what was made, renamed or removed in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The file that counts commits.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    id: String,
}

impl Mark {
    pub(super) fn open(folder: &Path, id: &str) -> Result<Mark, StoreError> {
        let path = folder.join("mark");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::io(&path, &error))?;
        Ok(Mark {
            file,
            id: id.to_owned(),
        })
    }

    /// Notes the last commit. One that cannot be noted makes the file late, which is allowed.
    pub(super) fn note(&mut self, mark: u64) {
        let text = format!("{} {mark:020}\n", self.id);
        #[cfg(unix)]
        let _ = std::os::unix::fs::FileExt::write_all_at(&self.file, text.as_bytes(), 0);
        #[cfg(not(unix))]
        let _ = std::io::Seek::rewind(&mut self.file)
            .and_then(|()| self.file.write_all(text.as_bytes()));
    }
}
