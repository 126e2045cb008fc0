//! What can be wrong with a store.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A fault of the store. Nothing was acknowledged that is not on disk, and nothing was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum StoreError {
    /// Another process owns it.
    #[error("the store {path} is in use by process {pid}")]
    Locked {
        /// Its folder.
        path: PathBuf,
        /// The owner, as it wrote itself down.
        pid: String,
    },
    /// Another program keeps the database from being written.
    #[error("another program keeps {path} from being written")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a store of flow")]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// A newer program made it.
    #[error("the store {path} has version {found}; this program knows versions up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A part of it that must be there is not, or is empty.
    #[error("{path}, a part of this store, is {what}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// `gone` or `empty`.
        what: Cow<'static, str>,
    },
    /// The database is not that of this folder.
    #[error("{path} is not the database that belongs here: {message}")]
    Replaced {
        /// The file.
        path: PathBuf,
        /// How it is known.
        message: String,
    },
    /// Its files are of different times.
    #[error("the files of the store {path} do not belong together: {message}")]
    HalfCopied {
        /// The database.
        path: PathBuf,
        /// How it is known.
        message: String,
    },
    /// A backup would go over runs.
    #[error("there is a store {message} at {path}")]
    NotEmpty {
        /// Its folder.
        path: PathBuf,
        /// What is in it.
        message: String,
    },
    /// Its content is damaged.
    #[error("the store {path} is damaged: {message}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        message: String,
    },
    /// There is no space left for it.
    #[error("no space is left for the store {path}")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// It may not be written.
    #[error("{path} cannot be written: {message}")]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// The system's words, the owner and the mode.
        message: String,
    },
    /// The system refused.
    #[error("{path}: {message}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        message: String,
    },
}

impl StoreError {
    /// Stable code; a page in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Locked { .. } => "store.locked",
            StoreError::Busy { .. } => "store.busy",
            StoreError::NotAStore { .. } => "store.not_a_store",
            StoreError::Newer { .. } => "store.newer",
            StoreError::Missing { .. } => "store.missing",
            StoreError::Replaced { .. } => "store.replaced",
            StoreError::HalfCopied { .. } => "store.half_copied",
            StoreError::NotEmpty { .. } => "store.not_empty",
            StoreError::Corrupt { .. } => "store.corrupt",
            StoreError::Full { .. } => "store.full",
            StoreError::ReadOnly { .. } => "store.read_only",
            StoreError::Io { .. } => "store.io",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            StoreError::Locked { .. } => {
                "wait until it ends, or stop it; `--store DIR` uses another store"
            }
            StoreError::Busy { .. } => {
                "close the program that has the database open, such as `sqlite3`"
            }
            StoreError::NotAStore { .. } => {
                "it was not touched: name another folder with `--store DIR`"
            }
            StoreError::Newer { .. } => "it was not touched: use the newer flow",
            StoreError::Missing { .. } => {
                "no new store was made over it: bring the file back, or `flow restore BACKUP`; to begin anew, move the folder away"
            }
            StoreError::Replaced { .. } | StoreError::HalfCopied { .. } => {
                "nothing was written: bring all files of the folder back together, or `flow restore BACKUP`; `flow doctor --accept` takes what is there as the truth"
            }
            StoreError::NotEmpty { .. } => {
                "nothing was changed: `--force` moves it aside, `--store DIR` restores somewhere else"
            }
            StoreError::Corrupt { .. } => {
                "nothing was written: copy the folder, then `flow doctor --check`; `flow doctor --salvage DIR` saves every whole run"
            }
            StoreError::Full { .. } => {
                "make space; what was acknowledged is safe, and `flow resume RUN` goes on"
            }
            StoreError::ReadOnly { .. } => {
                "make the folder and its files yours and writable, or name another one with `--store DIR`"
            }
            StoreError::Io { .. } => "check that the folder exists, is yours and can be written",
        }
    }

    /// Whether waiting may mend it: a commit is kept and tried again.
    pub(super) fn passes(&self) -> bool {
        matches!(self, StoreError::Full { .. } | StoreError::Busy { .. })
    }

    /// Whether it is about one row, not about the whole store.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, StoreError::Corrupt { .. })
    }

    pub(crate) fn io(path: &Path, error: &std::io::Error) -> StoreError {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { path },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                let message = format!("{error}{}", owner(&path));
                StoreError::ReadOnly { path, message }
            }
            _ => StoreError::Io {
                path,
                message: error.to_string(),
            },
        }
    }

    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode;
        let extended = error.sqlite_error().map(|error| error.extended_code);
        // The memory map beside the database could not grow: there is no space for it.
        if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            return StoreError::Full {
                path: path.to_owned(),
            };
        }
        let refused = |path: PathBuf| StoreError::ReadOnly {
            message: format!("{error}{}", owner(&path)),
            path,
        };
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreError::NotAStore { path },
            // A row that is there already: the journal is not what the run believes.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation) => {
                StoreError::Corrupt {
                    path,
                    message: error.to_string(),
                }
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => refused(path),
            Some(ErrorCode::CannotOpen) if !writable(&path) => refused(path),
            _ => StoreError::Io {
                path,
                message: error.to_string(),
            },
        }
    }
}

/// Whether the folder of a file takes another file, as far as that can be told without making one.
fn writable(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(path);
    tempfile::Builder::new()
        .prefix(".flow-try")
        .tempfile_in(folder)
        .is_ok()
}

/// Who owns a file and with what mode, in words to append.
fn owner(path: &Path) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let near = path.ancestors().find_map(|path| path.metadata().ok());
        near.map_or_else(String::new, |found| {
            let (user, mode) = (found.uid(), found.mode() & 0o777);
            format!("; it belongs to user {user} with mode {mode:03o}")
        })
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        String::new()
    }
}
