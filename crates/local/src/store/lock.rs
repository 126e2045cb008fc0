//! One process owns a store at a time: an operating-system lock, gone when the process is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::StoreError;

/// The held lock.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder and writes down who holds it.
    pub(super) fn take(folder: &Path) -> Result<Lock, StoreError> {
        let path = folder.join("lock");
        let io = |error: &std::io::Error| StoreError::io(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| io(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = if pid.trim().is_empty() {
                    "unknown".to_owned()
                } else {
                    pid.trim().to_owned()
                };
                return Err(StoreError::Locked {
                    path: folder.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(error)) => return Err(io(&error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .map_err(|error| io(&error))?;
        writeln!(file, "{}", std::process::id()).map_err(|error| io(&error))?;
        Ok(Lock { _file: file })
    }
}

/// Who holds the lock of a folder, as it wrote itself down.
pub(super) fn holder(folder: &Path) -> Option<String> {
    let held = is_held(folder);
    let pid = std::fs::read_to_string(folder.join("lock")).ok()?;
    held.then(|| pid.trim().to_owned())
}

/// Whether some process holds the lock of a folder.
pub(super) fn is_held(folder: &Path) -> bool {
    let file = File::open(folder.join("lock"));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
