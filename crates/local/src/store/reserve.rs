//! Space kept for when there is none: enough to look at the runs and to delete old ones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::StoreError;

/// How much is kept.
const BYTES: u64 = 1 << 20;

/// It is taken only where so much more is free: the last of the space is for runs.
const FREE_MIN: u64 = 4 << 20;

fn path(folder: &Path) -> PathBuf {
    folder.join("reserve")
}

/// Takes the reserve, if it is not there and there is space. Where the system cannot say how much there is, or cannot set
/// space aside, there is none. Writes nothing if it is there.
pub(super) fn take(folder: &Path) {
    let path = path(folder);
    if path.exists() {
        return;
    }
    let free =
        rustix::fs::statvfs(folder).map(|space| space.f_bavail.saturating_mul(space.f_frsize));
    if !free.is_ok_and(|free| free >= BYTES + FREE_MIN) {
        return;
    }
    let flags = rustix::fs::FallocateFlags::empty();
    let taken =
        File::create(&path).is_ok_and(|file| rustix::fs::fallocate(&file, flags, 0, BYTES).is_ok());
    if !taken {
        let _ = fs::remove_file(&path);
    }
}

/// Does something; if there is no space for it, gives the reserve back to the system and does it again.
pub(super) fn with<T>(
    folder: &Path,
    mut work: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match work() {
        Err(StoreError::Full { .. }) if fs::remove_file(path(folder)).is_ok() => work(),
        result => result,
    }
}
