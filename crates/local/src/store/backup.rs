//! A copy of a store in a folder of its own, made beside a running owner, and the way back.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flow_engine::value::Hash;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::doctor::Complaint;
use super::identity::{self, Identity, Outside, sync_folder};
use super::lock::Lock;
use super::open::database;
use super::{BlobFolder, Reader, Store, StoreError, private_folder};
use crate::faults;

/// What a backup holds.
#[derive(Debug, Default)]
pub struct Copied {
    /// Runs.
    pub runs: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Blobs that are not in it, and why.
    pub lost: Vec<Complaint>,
}

impl Reader {
    /// Copies the store in `folder` to `target`, which must not be there yet: first the database as it is at one moment,
    /// then the blobs that it refers to. It is whole under its name, or not there at all. Blocking; the owner goes on.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn backup(&self, folder: &Path, target: &Path) -> Result<Copied, StoreError> {
        let io = |error: std::io::Error| StoreError::io(target, &error);
        if target.exists() {
            return Err(io(std::io::ErrorKind::AlreadyExists.into()));
        }
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let half = tempfile::Builder::new()
            .prefix(".flow-backup-")
            .tempdir_in(parent)
            .map_err(io)?;
        let mut copied = Copied::default();
        self.copy_database(&database(half.path()))?;
        let copy = Store::reader_of_any(half.path())?;
        let Some(copy) = copy else {
            return Ok(copied);
        };
        copied.runs = copy.count()?;
        copy_blobs(&copy, folder, half.path(), &mut copied).map_err(io)?;
        // A store of the first version has no identity, and needs none beside it.
        let inside = identity::inside(&copy.connection).unwrap_or_default();
        drop(copy);
        for beside in ["flow.db-wal", "flow.db-shm"] {
            let _ = fs::remove_file(half.path().join(beside));
        }
        if let Some(inside) = inside {
            identity::write(half.path(), &inside.identity)?;
        }
        copied.bytes += database(half.path()).metadata().map_err(io)?.len();
        faults::point("backup.rename.before");
        sync_folder(half.path()).map_err(io)?;
        fs::rename(half.path(), target).map_err(io)?;
        // It has another name now: there is nothing left to remove.
        let _ = half.keep();
        sync_folder(parent).map_err(io)?;
        faults::point("backup.rename.after");
        Ok(copied)
    }

    fn copy_database(&self, to: &Path) -> Result<(), StoreError> {
        let copy = || -> rusqlite::Result<bool> {
            let mut target = Connection::open(to)?;
            let copied = {
                let backup = Backup::new(&self.connection, &mut target)?;
                // All in one step: one moment of the store, whatever is written meanwhile.
                let mut tries = 0;
                loop {
                    match backup.step(-1)? {
                        StepResult::Done => break true,
                        _ if tries == 100 => break false,
                        _ => std::thread::sleep(std::time::Duration::from_millis(50)),
                    }
                    tries += 1;
                }
            };
            Ok(copied)
        };
        let copied = copy().map_err(|error| StoreError::sqlite(to, &error))?;
        if !copied {
            return Err(StoreError::Busy {
                path: self.path.clone(),
            });
        }
        let synced = File::open(to).and_then(|file| file.sync_all());
        synced.map_err(|error| StoreError::io(to, &error))
    }

    /// How many runs there are.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn count(&self) -> Result<u64, StoreError> {
        let found = self.query_with("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0))?;
        Ok(found.first().map_or(0, |count| count.unsigned_abs()))
    }
}

fn copy_blobs(copy: &Reader, from: &Path, to: &Path, copied: &mut Copied) -> std::io::Result<()> {
    let referred = copy.referred().map_err(std::io::Error::other)?;
    let source = BlobFolder::reading(from);
    fs::create_dir_all(to.join("blobs/new"))?;
    let target = BlobFolder::reading(to);
    for hash in referred {
        match target.take_from(&source, hash) {
            Ok(bytes) => {
                copied.blobs += 1;
                copied.bytes += bytes;
            }
            Err(error) => copied.lost.push(lost(hash, &error)?),
        }
    }
    Ok(())
}

/// A blob that is damaged in the store itself; any other error is one of the copy.
fn lost(hash: Hash, error: &std::io::Error) -> std::io::Result<Complaint> {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => "store.blob_missing",
        std::io::ErrorKind::InvalidData => "store.blob_changed",
        kind => return Err(std::io::Error::new(kind, error.to_string())),
    };
    Ok(Complaint {
        code,
        run: None,
        message: format!("the stored value {hash}: {error}"),
        rebuilds: false,
    })
}

/// Puts a backup in the place of the store in `folder`. What was there is moved aside into a folder that is named in the
/// answer; nothing is deleted. Blocking.
///
/// # Errors
/// [`StoreError::Locked`] if a process owns the store; [`StoreError::NotEmpty`] if the store has runs, or cannot be read,
/// and `force` is not given; what is wrong with the backup itself. Nothing was changed then.
pub fn restore(backup: &Path, folder: &Path, force: bool) -> Result<Option<PathBuf>, StoreError> {
    let path = database(backup);
    let missing = || StoreError::Missing {
        path: path.clone(),
        what: "gone".into(),
    };
    let copy = Store::reader_of_any(backup)?.ok_or_else(missing)?;
    private_folder(folder)?;
    let lock = Lock::take(folder)?;
    let runs =
        Store::reader_of_any(folder).and_then(|reader| reader.map_or(Ok(0), |it| it.count()));
    if !force && !matches!(runs, Ok(0)) {
        let runs = runs.map_or_else(
            |_| "that cannot be read".to_owned(),
            |runs| format!("with {runs} runs"),
        );
        return Err(StoreError::NotEmpty {
            path: folder.to_owned(),
            message: runs,
        });
    }
    let outside = Outside::read(folder).unwrap_or_default();
    let io = |error: std::io::Error| StoreError::io(folder, &error);
    let stamp = ulid::Ulid::generate().to_string().to_lowercase();
    let coming = folder.join(format!("restoring-{stamp}"));
    fs::create_dir(&coming).map_err(io)?;
    copy.copy_database(&database(&coming))?;
    let mut copied = Copied::default();
    copy_blobs(&copy, backup, &coming, &mut copied).map_err(io)?;
    let identity = rename(&database(&coming), &outside)?;
    // From here to the last line `identity.json` names a database that is not there: a crash is seen, never taken for a
    // new store.
    identity::write(folder, &identity)?;
    let aside = folder.join(format!("before-restore-{stamp}"));
    let mut moved = None;
    for name in ["flow.db", "flow.db-wal", "flow.db-shm", "mark", "blobs"] {
        if folder.join(name).exists() {
            fs::create_dir_all(&aside).map_err(io)?;
            fs::rename(folder.join(name), aside.join(name)).map_err(io)?;
            moved = Some(aside.clone());
        }
    }
    for name in ["blobs", "flow.db"] {
        fs::rename(coming.join(name), folder.join(name)).map_err(io)?;
    }
    sync_folder(folder).map_err(io)?;
    fs::remove_dir_all(&coming).map_err(io)?;
    drop(lock);
    Ok(moved)
}

/// Gives a restored database an epoch that no database of the folder had.
fn rename(path: &Path, outside: &Outside) -> Result<Identity, StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let mut connection = Connection::open(path).map_err(sqlite)?;
    super::schema::configure(&connection).map_err(sqlite)?;
    let id = ulid::Ulid::generate().to_string().to_lowercase();
    super::schema::migrate(&mut connection, &id).map_err(sqlite)?;
    let beside = outside.identity.as_ref().map_or(0, |known| known.epoch);
    connection
        .execute(
            "UPDATE identity SET epoch = max(epoch, ?1) + 1",
            [i64::try_from(beside).unwrap_or(0)],
        )
        .map_err(sqlite)?;
    let inside = identity::inside(&connection).map_err(sqlite)?;
    let inside = inside.ok_or_else(|| StoreError::Corrupt {
        path: path.to_owned(),
        message: "it has no id".to_owned(),
    })?;
    super::log::empty(&connection).map_err(sqlite)?;
    Ok(inside.identity)
}
