//! Opening a store: by its owner, or to read beside the owner.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use flow_engine::run::Callbacks;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{broadcast, watch};

use super::examine::{examine, look, take_back_half_made};
use super::guard::Guard;
use super::identity::{self, Inside, Mark, Outside};
use super::lock::Lock;
use super::writer::{Target, Write, Writer};
use super::{BlobFolder, Commit, Happened, Notice, Reader, StoreError, reserve, schema};

/// A store that this process owns.
pub struct Store {
    folder: PathBuf,
    writer: Writer,
    blobs: Arc<BlobFolder>,
    epoch: u64,
    /// Where steps are called back, once somebody takes callbacks.
    pub(super) callbacks: OnceLock<Arc<Callbacks>>,
    _lock: Lock,
}

impl Store {
    /// Opens the store in a folder, making it (0700) if there is none. Blocking.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process owns it; the others as they say. Nothing is destroyed, and no new store
    /// is made where one was lost.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        private_folder(folder)?;
        let lock = Lock::take(folder)?;
        let outside = Outside::read(folder)?;
        let path = database(folder);
        take_back_half_made(&path)?;
        let found = examine(folder, &path, &outside)?;
        outside.check_owned(found.as_ref(), &path)?;
        let (connection, now) = take_over(folder, &path, &outside)?;
        Store::owning(folder, lock, connection, &now)
    }

    /// The same for whoever makes space: where there is none, the reserve is given back for it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_to_prune(folder: &Path) -> Result<Store, StoreError> {
        reserve::with(folder, || Store::open(folder))
    }

    /// Takes the database that is there as the one that belongs there, whatever `identity.json` says: for a person who
    /// knows that nothing better is to be had.
    ///
    /// # Errors
    /// As [`Store::open`], but for those about which database it is.
    pub fn accept(folder: &Path) -> Result<Store, StoreError> {
        let lock = Lock::take(folder)?;
        let outside = Outside::read(folder).unwrap_or_default();
        let path = database(folder);
        if examine(folder, &path, &Outside::default())?.is_none() && !path.exists() {
            return Err(StoreError::Missing {
                path,
                what: "gone".into(),
            });
        }
        let (connection, now) = take_over(folder, &path, &outside)?;
        Store::owning(folder, lock, connection, &now)
    }

    fn owning(
        folder: &Path,
        lock: Lock,
        connection: Connection,
        now: &Inside,
    ) -> Result<Store, StoreError> {
        let path = database(folder);
        let mut mark = Mark::open(folder, &now.identity.id)?;
        mark.note(now.mark);
        let blobs = Arc::new(BlobFolder::open(&folder.join("blobs"))?);
        reserve::take(folder);
        let target = Target {
            guard: Guard::new(&path)?,
            path,
            connection,
            mark,
        };
        Ok(Store {
            folder: folder.to_owned(),
            writer: Writer::start(target, now.mark),
            blobs,
            epoch: now.identity.epoch,
            callbacks: OnceLock::new(),
            _lock: lock,
        })
    }

    /// Reads beside the owner, whoever it is. `None` if there is no store yet. Without an owner this needs a little space,
    /// and takes it from the reserve if there is no other.
    ///
    /// # Errors
    /// As the file gives them.
    pub fn reader(folder: &Path) -> Result<Option<Reader>, StoreError> {
        reserve::with(folder, || Store::read(folder))
    }

    fn read(folder: &Path) -> Result<Option<Reader>, StoreError> {
        let path = database(folder);
        // The files before the database: it may move on in between, they may not.
        let outside = Outside::read(folder)?;
        if !path.exists() && outside.identity.is_none() {
            return Ok(None);
        }
        let Some((connection, found)) = look(&path)? else {
            let what = if path.exists() { "empty" } else { "gone" };
            return match outside.identity {
                Some(_) => Err(StoreError::Missing {
                    path,
                    what: what.into(),
                }),
                None => Ok(None),
            };
        };
        outside.check(found.as_ref(), &path)?;
        Ok(Some(Reader::new(connection, path)))
    }

    /// Reads beside the owner, where there must be a store.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none; else as [`Store::reader`].
    pub fn reader_of(folder: &Path) -> Result<Reader, StoreError> {
        Store::reader(folder)?.ok_or_else(|| StoreError::Missing {
            path: folder.to_owned(),
            what: "gone".into(),
        })
    }

    /// Reads a store whose files may not belong together: for looking at what can be saved.
    ///
    /// # Errors
    /// As the file gives them.
    pub fn reader_of_any(folder: &Path) -> Result<Option<Reader>, StoreError> {
        let path = database(folder);
        if !path.exists() {
            return Ok(None);
        }
        Ok(look(&path)?.map(|(connection, _)| Reader::new(connection, path)))
    }

    /// Whether some process owns the store in a folder: without one no run in it goes on.
    pub fn is_owned(folder: &Path) -> bool {
        super::lock::is_held(folder)
    }

    /// The process that owns the store in a folder.
    pub fn owner(folder: &Path) -> Option<String> {
        super::lock::holder(folder)
    }

    /// Hands a commit to the writer; its `done` is called after it is on disk, or could not be put there. Where there is
    /// no space the writer keeps it and tries again.
    pub fn commit(&self, commit: Commit) {
        self.writer.send(Write::Run(commit));
    }

    pub(super) fn write_notice(&self, notice: Notice) {
        self.writer.send(Write::Notice(notice));
    }

    /// Changes tables in a transaction of its own. Blocking.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let path = database(&self.folder);
        self.work(move |connection| {
            let changed = || -> rusqlite::Result<()> {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                change(&transaction)?;
                transaction.commit()
            };
            changed().map_err(|error| StoreError::sqlite(&path, &error))
        })
    }

    /// Does something with the database between two commits, on the writer's thread. Blocking.
    pub(super) fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.work(work)
    }

    /// As [`Store::work`], and nobody waits for it.
    pub(super) fn later(&self, work: impl FnOnce(&mut Connection) + Send + 'static) {
        self.writer.later(work);
    }

    /// Which of its owners this process is, as the database counts them.
    pub(super) fn epoch(&self) -> i64 {
        i64::try_from(self.epoch).unwrap_or(i64::MAX)
    }

    /// What the writer waits for, if it waits: [`StoreError::Full`] or [`StoreError::Busy`].
    pub fn trouble(&self) -> watch::Receiver<Option<StoreError>> {
        self.writer.trouble()
    }

    /// Hears of every event and callback as soon as it is in the log.
    pub fn happened(&self) -> broadcast::Receiver<Happened> {
        self.writer.happened()
    }

    pub(super) fn tell(&self, happened: Happened) {
        self.writer.tell(happened);
    }

    /// A commit that waits is given up, and so is every later one that would have to wait.
    pub fn stop_waiting(&self) {
        self.writer.give_up();
    }

    /// Bounds the size of the database in pages of 4 KiB; beyond it the disk counts as full. 0 takes the bound away.
    pub fn limit_pages(&self, pages: u32) {
        self.writer.limit_pages(pages);
    }

    /// The blobs.
    pub fn blobs(&self) -> Arc<BlobFolder> {
        self.blobs.clone()
    }

    /// How long the database is with its log, in bytes.
    pub fn bytes(&self) -> u64 {
        let path = database(&self.folder);
        let files = [path.with_extension("db-wal"), path];
        let sizes = files.iter().filter_map(|file| file.metadata().ok());
        sizes.map(|file| file.len()).sum()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The database of a store.
pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("flow.db")
}

/// Opens the database to write, brings it to our version, and moves the epoch on: inside first, then beside it.
fn take_over(
    folder: &Path,
    path: &Path,
    outside: &Outside,
) -> Result<(Connection, Inside), StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let mut connection = Connection::open(path).map_err(sqlite)?;
    restrict(path);
    schema::configure(&connection).map_err(sqlite)?;
    keep_older(&connection, path)?;
    let id = ulid::Ulid::generate().to_string().to_lowercase();
    schema::migrate(&mut connection, &id).map_err(sqlite)?;
    let beside = outside.identity.as_ref().map_or(0, |known| known.epoch);
    connection
        .execute(
            // One that is ahead was moved on by a process that was killed before it could write so beside the database.
            "UPDATE identity SET epoch = iif(epoch > ?1, epoch, ?1 + 1), mark = mark + 1",
            [i64::try_from(beside).unwrap_or(0)],
        )
        .map_err(sqlite)?;
    let now = identity::inside(&connection).map_err(sqlite)?;
    let now = now.ok_or_else(|| StoreError::Corrupt {
        path: path.to_owned(),
        message: "it has no id".to_owned(),
    })?;
    identity::write(folder, &now.identity)?;
    Ok((connection, now))
}

/// Copies a database of an older version to `flow.db.v1` and so on, before it is changed.
fn keep_older(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(sqlite)?;
    if found == 0 || found == schema::VERSION {
        return Ok(());
    }
    let kept = path.with_extension(format!("db.v{found}"));
    let half = path.with_extension(format!("db.v{found}.half"));
    let io = |error: std::io::Error| StoreError::io(&kept, &error);
    if kept.exists() {
        return Ok(());
    }
    // Left by a process that was killed here.
    if half.exists() {
        fs::remove_file(&half).map_err(io)?;
    }
    let name = half.to_string_lossy().into_owned();
    connection
        .execute("VACUUM INTO ?1", [name])
        .map_err(sqlite)?;
    restrict(&half);
    fs::File::open(&half)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&half, &kept))
        .map_err(io)
}

/// Makes the folder of a store, for nobody else and not for Git, if there is none.
///
/// # Errors
/// [`StoreError`] as the system gives it.
pub fn private_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| StoreError::io(folder, &error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .map_err(|error| StoreError::io(folder, &error))?;
    }
    fs::write(folder.join(".gitignore"), "*\n").map_err(|error| StoreError::io(folder, &error))
}

fn restrict(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
    }
}
