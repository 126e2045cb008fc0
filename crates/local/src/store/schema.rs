//! The tables. A version never changes once released; a newer one is reached by a migration.

use rusqlite::Connection;

/// Marks the file as ours (`flow` in ASCII).
pub(super) const APPLICATION_ID: i64 = 0x666c_6f77;

/// The version of the tables below.
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE runs (
    run        TEXT PRIMARY KEY,
    workflow   TEXT NOT NULL,
    status     TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    waits_for  TEXT,
    bundle     TEXT NOT NULL,
    sandbox    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_time ON runs (started_at);

CREATE TABLE events (
    run      TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    format   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    body     TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE waits (
    run TEXT PRIMARY KEY,
    due INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX waits_by_due ON waits (due);

CREATE TABLE attempts_open (
    run     TEXT NOT NULL,
    step    TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
";

/// Settings of every connection: WAL, a sync at every commit, and distrust of what is in the file.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )
}

/// Makes the tables of an empty file.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    ))
}
