//! Models that a test let appear.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::disk;

/// The models that were added, the newest first. They are listed and read; messages do not know them.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    models: Mutex<Vec<Value>>,
}

impl Store {
    /// Reads what was added before.
    pub(crate) fn open(path: &Path) -> io::Result<Store> {
        let models = match disk::read_json(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            models => models?,
        };
        Ok(Store {
            path: path.to_owned(),
            models: Mutex::new(models),
        })
    }

    pub(crate) fn newest_first(&self) -> Vec<Value> {
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.clone()
    }

    /// Adds a model; on disk when this returns. Blocks.
    pub(crate) fn add(&self, model: Value) -> io::Result<()> {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = models.clone();
        next.insert(0, model);
        disk::write_json(&self.path, &next)?;
        *models = next;
        Ok(())
    }
}
