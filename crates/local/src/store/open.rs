//! Opening a store: by its owner, or to read beside the owner.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::lock::Lock;
use super::writer::Writer;
use super::{BlobFolder, Commit, Reader, StoreError, schema};

/// A store that this process owns.
pub struct Store {
    folder: PathBuf,
    writer: Writer,
    blobs: Arc<BlobFolder>,
    _lock: Lock,
}

impl Store {
    /// Opens the store in a folder, making it (0700) if there is none. Blocking.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process owns it; the others as they say. Nothing is destroyed.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        private_folder(folder)?;
        let lock = Lock::take(folder)?;
        let path = database(folder);
        let connection =
            Connection::open(&path).map_err(|error| StoreError::sqlite(&path, &error))?;
        restrict(&path);
        prepare(&connection, &path)?;
        let blobs = Arc::new(BlobFolder::open(&folder.join("blobs"))?);
        Ok(Store {
            folder: folder.to_owned(),
            writer: Writer::start(connection, path),
            blobs,
            _lock: lock,
        })
    }

    /// Reads beside the owner, whoever it is. `None` if there is no store yet.
    ///
    /// # Errors
    /// As the file gives them.
    pub fn reader(folder: &Path) -> Result<Option<Reader>, StoreError> {
        let path = database(folder);
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .map_err(|error| StoreError::sqlite(&path, &error))?;
        version(&connection, &path)?;
        Ok(Some(Reader::new(connection, path)))
    }

    /// Whether some process owns the store in a folder: without one no run in it goes on.
    pub fn is_owned(folder: &Path) -> bool {
        super::lock::is_held(folder)
    }

    /// Hands a commit to the writer; its `done` is called after it is on disk, or could not be put there.
    pub fn commit(&self, commit: Commit) {
        self.writer.send(commit);
    }

    /// The blobs.
    pub fn blobs(&self) -> Arc<BlobFolder> {
        self.blobs.clone()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn database(folder: &Path) -> PathBuf {
    folder.join("flow.db")
}

fn prepare(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let sqlite = |error: &rusqlite::Error| StoreError::sqlite(path, error);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| sqlite(&error))?;
    if tables > 0 {
        version(connection, path)?;
    }
    schema::configure(connection).map_err(|error| sqlite(&error))?;
    if tables == 0 {
        schema::create(connection).map_err(|error| sqlite(&error))?;
    }
    Ok(())
}

/// Refuses what is not ours, or newer than we are.
fn version(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
    };
    let id = pragma("application_id").map_err(|error| StoreError::sqlite(path, &error))?;
    let found = pragma("user_version").map_err(|error| StoreError::sqlite(path, &error))?;
    if id != schema::APPLICATION_ID {
        return Err(StoreError::NotAStore {
            path: path.to_owned(),
        });
    }
    if found > schema::VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: schema::VERSION,
        });
    }
    Ok(())
}

/// Makes a folder that only its owner can enter, and keeps version control from looking into it.
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
