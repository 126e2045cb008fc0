//! What can be wrong with a store.

use std::path::{Path, PathBuf};

/// A fault of the store. Nothing was acknowledged that is not on disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process owns it.
    #[error("the store {path} is in use by process {pid}")]
    Locked {
        /// Its folder.
        path: PathBuf,
        /// The owner, as it wrote itself down.
        pid: String,
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
            StoreError::NotAStore { .. } => "store.not_a_store",
            StoreError::Newer { .. } => "store.newer",
            StoreError::Corrupt { .. } => "store.corrupt",
            StoreError::Full { .. } => "store.full",
            StoreError::Io { .. } => "store.io",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            StoreError::Locked { .. } => {
                "wait until it ends, or stop it; `--store DIR` uses another store"
            }
            StoreError::NotAStore { .. } => {
                "it was not touched: name another folder with `--store DIR`"
            }
            StoreError::Newer { .. } => "it was not touched: use the newer flow",
            StoreError::Corrupt { .. } => {
                "nothing was written: copy the folder before you try anything"
            }
            StoreError::Full { .. } => {
                "make space; what was acknowledged is safe, and `flow resume RUN` goes on"
            }
            StoreError::Io { .. } => "check that the folder exists, is yours and can be written",
        }
    }

    pub(super) fn io(path: &Path, error: &std::io::Error) -> StoreError {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return StoreError::Full {
                path: path.to_owned(),
            };
        }
        StoreError::Io {
            path: path.to_owned(),
            message: error.to_string(),
        }
    }

    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreError::NotAStore { path },
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
                path,
                message: error.to_string(),
            },
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            _ => StoreError::Io {
                path,
                message: error.to_string(),
            },
        }
    }
}
