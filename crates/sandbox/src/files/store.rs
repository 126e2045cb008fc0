//! The files: a `.json` and a `.bin` each, with an index in memory.
//!
//! The content is put in place first and removed last, so a file that is known has its content.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::upload::Uploaded;
use crate::disk;
use crate::error::ApiError;
use crate::ids::{Mint, now_us, rfc3339};

const SECOND_US: i64 = 1_000_000;
/// How long the metadata of an expired file can still be read.
const FORGOTTEN_US: i64 = 30 * 24 * 3600 * SECOND_US;

/// What is known of a file. Times are microseconds since the epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) id: String,
    filename: String,
    mime_type: String,
    pub(crate) size_bytes: u64,
    created_us: i64,
    expires_us: Option<i64>,
    pub(crate) downloadable: bool,
}

impl File {
    /// Whether its content can no longer be read.
    pub(crate) fn expired(&self, now_us: i64) -> bool {
        self.expires_us.is_some_and(|at| now_us >= at)
    }

    /// Whether nothing of it can be read any more.
    pub(crate) fn forgotten(&self, now_us: i64) -> bool {
        self.expires_us
            .is_some_and(|at| now_us >= at + FORGOTTEN_US)
    }

    /// The object as the service shows it, in the newer or the older shape.
    pub(crate) fn object(&self, old: bool) -> Value {
        let mut object = json!({
            "id": self.id,
            "type": "file",
            "filename": self.filename,
            "mime_type": self.mime_type,
            "size_bytes": self.size_bytes,
            "created_at": rfc3339(self.created_us),
            "downloadable": self.downloadable,
        });
        if !old {
            object["expires_at"] = json!(self.expires_us.map(rfc3339));
        }
        object
    }
}

/// All files of a state folder.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    scratch: PathBuf,
    files: RwLock<BTreeMap<String, File>>,
}

impl Store {
    /// Reads the files in `folder`, made if missing. Content that no file knows of is removed.
    pub(crate) fn open(folder: &Path, scratch: &Path) -> io::Result<Store> {
        disk::make_folder(folder)?;
        let mut files = BTreeMap::new();
        let mut others = HashSet::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let file: File = disk::read_json(&path)?;
                files.insert(file.id.clone(), file);
            } else {
                others.insert(path);
            }
        }
        let store = Store {
            folder: folder.to_owned(),
            scratch: scratch.to_owned(),
            files: RwLock::new(files),
        };
        for id in store.read().keys() {
            others.remove(&store.content_path(id));
        }
        others.iter().try_for_each(|path| disk::remove_file(path))?;
        Ok(store)
    }

    /// Where uploads are received.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Where the content of a file lies.
    pub(crate) fn content_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.bin"))
    }

    /// Adds a file. It is durable when this returns.
    pub(crate) fn add(
        &self,
        ids: &Mint,
        uploaded: Uploaded,
        downloadable: bool,
    ) -> Result<File, ApiError> {
        let (id, created_us) = ids.mint_at("file");
        let Uploaded {
            content,
            filename,
            mime_type,
            expires_in_seconds,
        } = uploaded;
        disk::move_into_place(&content.path, &self.content_path(&id))?;
        let file = File {
            filename,
            mime_type,
            size_bytes: content.size_bytes,
            created_us,
            expires_us: expires_in_seconds.map(|seconds| created_us + seconds * SECOND_US),
            downloadable,
            id,
        };
        disk::write_json(&self.metadata_path(&file.id), &file)?;
        self.write().insert(file.id.clone(), file.clone());
        Ok(file)
    }

    /// One file.
    ///
    /// # Errors
    /// 404 if there is none with this identifier.
    pub(crate) fn get(&self, id: &str) -> Result<File, ApiError> {
        let files = self.read();
        files
            .get(id)
            .filter(|file| !file.forgotten(now_us()))
            .cloned()
            .ok_or_else(|| missing(id))
    }

    /// All files, newest first.
    pub(crate) fn newest_first(&self) -> Vec<File> {
        self.read().values().rev().cloned().collect()
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn delete(&self, id: &str) -> Result<(), ApiError> {
        let mut files = self.write();
        if !files.contains_key(id) {
            return Err(missing(id));
        }
        disk::remove_file(&self.metadata_path(id))?;
        disk::remove_file(&self.content_path(id))?;
        files.remove(id);
        Ok(())
    }

    fn metadata_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, File>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, File>> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("File not found: {id}"))
}
