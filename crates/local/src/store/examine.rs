//! What lies where a store should be: looked at before anything is written.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::guard::log_of;
use super::identity::{self, Inside, Outside};
use super::{StoreError, schema};

/// Looks at what is there, without writing, and refuses to begin anew where something was lost.
pub(super) fn examine(
    folder: &Path,
    path: &Path,
    outside: &Outside,
) -> Result<Option<Inside>, StoreError> {
    if let Some((_, found)) = look(path)? {
        return Ok(found);
    }
    let what = if path.exists() { "empty" } else { "gone" };
    // A database without a table, and no word of a store beside it: a process was killed while it made the first.
    let is_new = path.metadata().is_ok_and(|found| found.len() > 0) && outside.identity.is_none();
    if !is_new && log_of(path).metadata().is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::HalfCopied {
            path: path.to_owned(),
            message: format!("the database is {what}, but its log `flow.db-wal` is there"),
        });
    }
    if outside.identity.is_some() || has_blobs(folder) {
        return Err(StoreError::Missing {
            path: path.to_owned(),
            what: what.into(),
        });
    }
    Ok(None)
}

fn has_blobs(folder: &Path) -> bool {
    let Ok(listed) = fs::read_dir(folder.join("blobs")) else {
        return false;
    };
    let folders = listed.filter_map(Result::ok);
    folders.into_iter().any(|entry| entry.file_name() != "new")
}

/// A journal for going back lies beside the database only while that is made: later it has a log. A process was killed
/// just then, or does so now.
fn is_half_made(path: &Path) -> bool {
    let journal = path.with_extension("db-journal");
    journal.metadata().is_ok_and(|found| found.len() > 0)
}

/// Takes back what a process began that was killed while it made the database. Only the owner of the store may.
pub(super) fn take_back_half_made(path: &Path) -> Result<(), StoreError> {
    if !is_half_made(path) {
        return Ok(());
    }
    // Reading is what makes SQLite go back.
    Connection::open(path)
        .and_then(|connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                row.get::<_, i64>(0)
            })
        })
        .map(|_| ())
        .map_err(|error| StoreError::sqlite(path, &error))
}

/// Opens the database to read. `None` if there is none, or nothing in it.
pub(super) fn look(path: &Path) -> Result<Option<(Connection, Option<Inside>)>, StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    if path.metadata().map_or(0, |found| found.len()) == 0 || is_half_made(path) {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .map_err(sqlite)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(sqlite)?;
    if tables == 0 {
        return Ok(None);
    }
    let found = version(&connection, path)?;
    let inside = match found {
        1 => None,
        _ => identity::inside(&connection).map_err(sqlite)?,
    };
    Ok(Some((connection, inside)))
}

/// Refuses what is not ours, or newer than we are; gives the version.
fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let pragma = |name: &str| {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            .map_err(|error| StoreError::sqlite(path, &error))
    };
    if pragma("application_id")? != schema::APPLICATION_ID {
        return Err(StoreError::NotAStore {
            path: path.to_owned(),
        });
    }
    let found = pragma("user_version")?;
    if found > schema::VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: schema::VERSION,
        });
    }
    Ok(found)
}
