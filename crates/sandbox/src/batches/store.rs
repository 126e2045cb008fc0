//! The batches, one folder each, with an index in memory.
//!
//! A folder holds `batch.json`, `requests.jsonl` (one request a line) and `index` (see `entry`). It
//! is made elsewhere and renamed into place, and renamed away before it is deleted.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::batch::Batch;
use super::entry;
use crate::disk;
use crate::error::ApiError;
use crate::ids::now_us;

/// All batches of a state folder.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    scratch: PathBuf,
    batches: RwLock<BTreeMap<String, Batch>>,
}

impl Store {
    /// Reads the batches in `folder`, made if missing.
    pub(crate) fn open(folder: &Path, scratch: &Path) -> io::Result<Store> {
        disk::make_folder(folder)?;
        let mut batches = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !path.is_dir() {
                continue;
            }
            let batch: Batch = disk::read_json(&path.join("batch.json"))?;
            batches.insert(batch.id.clone(), batch);
        }
        Ok(Store {
            folder: folder.to_owned(),
            scratch: scratch.to_owned(),
            batches: RwLock::new(batches),
        })
    }

    /// Where drafts are made.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Where a batch lies.
    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// Adds a batch whose requests are durable in `draft`. It is durable itself when this returns.
    pub(crate) fn add(&self, batch: Batch, draft: &Path) -> Result<Batch, ApiError> {
        disk::write_json(&draft.join("batch.json"), &batch)?;
        disk::move_into_place(draft, &self.folder(&batch.id))?;
        self.write().insert(batch.id.clone(), batch.clone());
        Ok(batch)
    }

    /// One batch.
    ///
    /// # Errors
    /// 404 if there is none with this identifier.
    pub(crate) fn get(&self, id: &str) -> Result<Batch, ApiError> {
        self.read().get(id).cloned().ok_or_else(|| missing(id))
    }

    /// All batches, newest first.
    pub(crate) fn newest_first(&self) -> Vec<Batch> {
        self.read().values().rev().cloned().collect()
    }

    /// Cancels a batch; one that is being canceled stays as it is.
    ///
    /// # Errors
    /// 404; 400 if it has ended.
    pub(crate) fn cancel(&self, id: &str, seconds: f64) -> Result<Batch, ApiError> {
        let mut batches = self.write();
        let batch = batches.get_mut(id).ok_or_else(|| missing(id))?;
        let now = now_us();
        if batch.ended(now) {
            return Err(ApiError::invalid(format!(
                "Batch `{id}` has ended and cannot be canceled"
            )));
        }
        if batch.cancel.is_none() {
            let entries = entry::read(&self.folder(id).join("index"))?;
            let canceled = batch.canceled(now, seconds, &entries);
            disk::write_json(&self.folder(id).join("batch.json"), &canceled)?;
            *batch = canceled;
        }
        Ok(batch.clone())
    }

    /// Deletes a batch and its results.
    ///
    /// # Errors
    /// 404; 400 if it has not ended.
    pub(crate) fn delete(&self, id: &str) -> Result<(), ApiError> {
        let mut batches = self.write();
        let batch = batches.get(id).ok_or_else(|| missing(id))?;
        if !batch.ended(now_us()) {
            return Err(ApiError::invalid(format!(
                "Batch `{id}` cannot be deleted before it has ended; cancel it first"
            )));
        }
        let away = disk::scratch_path(&self.scratch);
        disk::move_into_place(&self.folder(id), &away)?;
        disk::sync_folder(&self.folder)?;
        batches.remove(id);
        drop(batches);
        fs::remove_dir_all(&away)?;
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Batch>> {
        self.batches.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Batch>> {
        self.batches.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("No message batch with the ID `{id}`"))
}
