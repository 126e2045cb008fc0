//! The write-ahead log, and how it stays small.
//!
//! The writer empties it when it is longer than [`BYTES_TO_EMPTY`] and when nothing was written for a second. Readers hold
//! no transaction for longer than one query, so there is always soon a moment in which that can be done.

use std::time::Duration;

use rusqlite::Connection;

use crate::faults;

/// A log longer than this is emptied after the commit that made it so.
pub(super) const BYTES_TO_EMPTY: u64 = 12 << 20;

/// How long readers are waited for; if they are not done by then, the next commit tries again.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long a writer waits for another program before it says so.
pub(super) const BUSY: Duration = Duration::from_secs(2);

/// Moves what is in the log into the database and cuts the log to nothing, as far as readers let it.
pub(super) fn empty(connection: &Connection) -> rusqlite::Result<()> {
    faults::point("store.checkpoint.before");
    connection.busy_timeout(PATIENCE)?;
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.busy_timeout(BUSY)?;
    faults::point("store.checkpoint.after");
    emptied
}
