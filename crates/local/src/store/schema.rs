//! The tables. A version never changes once released; a newer one is reached by a migration.

use rusqlite::{Connection, TransactionBehavior};

use crate::faults;

/// Marks the file as ours (`flow` in ASCII).
pub(super) const APPLICATION_ID: i64 = 0x666c_6f77;

/// The version of the tables below.
pub(super) const VERSION: i64 = 8;

/// What leads from each version to the next, beginning with version 1.
const MIGRATIONS: [&str; 7] = [
    IDENTITY, TAKEN_UP, MADE, NOTICED, EVENT_LOG, BACKFILLS, PLACES,
];

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

/// Version 2: the store knows itself, and runs that have not ended are found without looking at those that have.
const IDENTITY: &str = "
CREATE TABLE identity (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    id    TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    mark  INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_live ON runs (status, run) WHERE ended_at IS NULL;
CREATE INDEX runs_ended ON runs (ended_at, run) WHERE ended_at IS NOT NULL;
";

/// Version 3: which runs were taken up and not let go, so that one that keeps killing the process is noticed.
const TAKEN_UP: &str = "
CREATE TABLE taken_up (
    run    TEXT PRIMARY KEY,
    epoch  INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    deaths INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX taken_up_often ON taken_up (run) WHERE deaths > 0;
";

/// Version 4: what steps made outside, and what they may be making (`id` is null then), so that one thing is never the
/// value of two steps.
const MADE: &str = "
CREATE TABLE made (
    run   TEXT NOT NULL,
    step  TEXT NOT NULL,
    what  TEXT NOT NULL,
    id    TEXT,
    count INTEGER,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX made_by_id ON made (what, id);
";

/// Version 5: what triggers noticed, and what they remember.
const NOTICED: &str = "
CREATE TABLE occurrences (
    id       INTEGER PRIMARY KEY,
    workflow TEXT NOT NULL,
    trigger  TEXT NOT NULL,
    key      TEXT NOT NULL,
    at       INTEGER NOT NULL,
    due      INTEGER,
    payload  TEXT NOT NULL,
    digest   TEXT,
    state    TEXT NOT NULL,
    reason   TEXT,
    run      TEXT
) STRICT;
CREATE UNIQUE INDEX occurrences_once ON occurrences (workflow, trigger, key);
CREATE INDEX occurrences_queued ON occurrences (workflow, id) WHERE state = 'queued';
CREATE INDEX occurrences_by_run ON occurrences (run) WHERE run IS NOT NULL;

CREATE TABLE triggers (
    workflow  TEXT NOT NULL,
    trigger   TEXT NOT NULL,
    meaning   TEXT NOT NULL,
    position  TEXT,
    paused_at INTEGER,
    looked_at INTEGER,
    saw_at    INTEGER,
    found_at  INTEGER,
    failures  INTEGER NOT NULL DEFAULT 0,
    error     TEXT,
    PRIMARY KEY (workflow, trigger)
) STRICT, WITHOUT ROWID;
";

/// Version 6: what happened that workflows may hear of, in one order that never repeats a number; how many such events led
/// to what a trigger noticed; for whose word steps wait; what they were called back with, and the key that signs their
/// addresses.
const EVENT_LOG: &str = "
CREATE TABLE event_log (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    name     TEXT NOT NULL,
    data     TEXT NOT NULL,
    workflow TEXT,
    run      TEXT,
    sandbox  INTEGER,
    causes   INTEGER NOT NULL,
    key      TEXT
) STRICT;
CREATE INDEX event_log_by_name ON event_log (name, id);
CREATE UNIQUE INDEX event_log_once ON event_log (key) WHERE key IS NOT NULL;
ALTER TABLE occurrences ADD COLUMN causes INTEGER NOT NULL DEFAULT 0;

CREATE TABLE awaited (
    run   TEXT NOT NULL,
    step  TEXT NOT NULL,
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX awaited_by_name ON awaited (kind, name);

CREATE TABLE callbacks (
    run  TEXT NOT NULL,
    step TEXT NOT NULL,
    at   INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    key  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO keys (name, key) VALUES ('callbacks', randomblob(32));
";

/// Version 7: runs made on purpose for times of the past, as what they are together. A time knows how its run ended once that
/// run is deleted.
const BACKFILLS: &str = "
CREATE TABLE backfills (
    backfill     TEXT PRIMARY KEY,
    workflow     TEXT NOT NULL,
    trigger      TEXT NOT NULL,
    since        INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    made_at      INTEGER NOT NULL,
    parallel     INTEGER NOT NULL,
    file         TEXT NOT NULL,
    inputs       TEXT NOT NULL,
    sandbox      INTEGER NOT NULL,
    cancelled_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX backfills_by_time ON backfills (made_at, backfill);

CREATE TABLE backfill_times (
    backfill TEXT NOT NULL,
    due      INTEGER NOT NULL,
    run      TEXT NOT NULL,
    ended    TEXT,
    PRIMARY KEY (backfill, due)
) STRICT, WITHOUT ROWID;
CREATE INDEX backfill_times_by_run ON backfill_times (run);

ALTER TABLE runs ADD COLUMN backfill TEXT;
CREATE INDEX runs_of_backfill ON runs (backfill, started_at, run) WHERE backfill IS NOT NULL;
";

/// Version 8: which waiting runs may hold a place, or wait for one. Of those that wait already it is not known.
const PLACES: &str = "
ALTER TABLE waits ADD COLUMN places INTEGER NOT NULL DEFAULT 0;
UPDATE waits SET places = 1;
CREATE INDEX waits_with_places ON waits (run) WHERE places = 1;
";

/// Settings of every connection that writes: WAL, a sync at every commit, and distrust of what is in the file. The writer
/// itself decides when the log is emptied. Space can be given back, in stores that began with this setting.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(super::log::BUSY)?;
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 4194304;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )
}

/// Makes the tables of an empty file, or brings those of an older version to ours, in one transaction: a process that is
/// killed leaves either version whole. `id` names a store that has no name yet.
pub(super) fn migrate(connection: &mut Connection, id: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == VERSION {
        return Ok(());
    }
    if found == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
    }
    let done = usize::try_from(found.max(1) - 1).unwrap_or(0);
    for step in &MIGRATIONS[done.min(MIGRATIONS.len())..] {
        transaction.execute_batch(step)?;
    }
    transaction.execute(
        "INSERT INTO identity (one, id, epoch, mark) VALUES (1, ?1, 0, 0) ON CONFLICT DO NOTHING",
        [id],
    )?;
    transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
    faults::point("store.migrate.before");
    transaction.commit()?;
    faults::point("store.migrate.after");
    Ok(())
}
