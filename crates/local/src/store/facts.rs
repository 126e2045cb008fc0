//! What there is to know about a store before anything is wrong with it.

use std::path::Path;

use super::guard::log_of;
use super::identity::{self, Outside};
use super::open::database;
use super::{BlobFolder, Store, StoreError};

/// Facts about a store.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// How often an owner opened it.
    pub epoch: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Runs.
    pub runs: u64,
    /// Of these, those that have not ended.
    pub live: u64,
    /// The process that owns it.
    pub owner: Option<String>,
}

/// The version of `SQLite` that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

impl Store {
    /// Looks at the store in a folder. `None` if there is none.
    ///
    /// # Errors
    /// As [`Store::reader`].
    pub fn facts(folder: &Path) -> Result<Option<Facts>, StoreError> {
        let Some(reader) = Store::reader(folder)? else {
            return Ok(None);
        };
        let size = |path: &Path| path.metadata().map_or(0, |found| found.len());
        let path = database(folder);
        // A folder of blobs is made with the first of them.
        let blobs = BlobFolder::reading(folder).all().unwrap_or_default();
        let inside = identity::inside(&reader.connection).unwrap_or_default();
        let known = inside.map(|inside| inside.identity);
        let known = known.or(Outside::read(folder)?.identity);
        let live = "SELECT count(*) FROM runs WHERE ended_at IS NULL";
        let live = reader.query_with(live, [], |row| row.get::<_, i64>(0))?;
        Ok(Some(Facts {
            epoch: known.as_ref().map_or(0, |known| known.epoch),
            id: known.map(|known| known.id),
            database_bytes: size(&path),
            log_bytes: size(&log_of(&path)),
            blobs: blobs.len() as u64,
            blob_bytes: blobs.iter().map(|(_, path)| size(path)).sum(),
            runs: reader.count()?,
            live: live.first().map_or(0, |count| count.unsigned_abs()),
            owner: Store::owner(folder),
        }))
    }
}
