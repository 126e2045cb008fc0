//! Who follows a backfill: an operating-system lock, gone when the process is, so that nobody has to be believed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StoreError;

/// Whoever only looks holds the lock for an instant: it is tried again for so long.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

/// A backfill that this process follows, as long as this lives.
#[derive(Debug)]
pub struct Followed {
    path: PathBuf,
    _file: File,
}

impl Followed {
    /// Follows a backfill of the store in a folder; `None` if another process does. Blocking.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn take(folder: &Path, backfill: &str) -> Result<Option<Followed>, StoreError> {
        let path = path(folder, backfill);
        let taken = || -> io::Result<Option<Followed>> {
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            let deadline = Instant::now() + PATIENCE;
            loop {
                if let Some(followed) = try_take(&path)? {
                    return Ok(Some(followed));
                }
                if Instant::now() >= deadline {
                    return Ok(None);
                }
                std::thread::sleep(PAUSE);
            }
        };
        taken().map_err(|error| StoreError::io(&path, &error))
    }

    /// Whether some process follows a backfill.
    pub fn is(folder: &Path, backfill: &str) -> bool {
        let file = File::open(path(folder, backfill));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Every backfill that was followed once, as far as its file is there.
    pub(super) fn all(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder.join("backfills"));
        let entries = entries.into_iter().flatten().filter_map(Result::ok);
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.collect()
    }

    /// Lets go of a backfill that is no more.
    pub(super) fn forget(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn path(folder: &Path, backfill: &str) -> PathBuf {
    folder.join("backfills").join(backfill)
}

/// A lock on a file that was removed meanwhile is none: nobody else would see it.
fn try_take(path: &Path) -> io::Result<Option<Followed>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let ours = file.metadata()?.ino();
    let is_there = path.metadata().is_ok_and(|there| there.ino() == ours);
    Ok(is_there.then(|| Followed {
        path: path.to_owned(),
        _file: file,
    }))
}
