//! Retention: runs that ended long ago are deleted whole, then the blobs that nothing refers to any more.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_engine::time::Timestamp;
use flow_engine::value::Hash;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use super::{Reader, RunRow, Store, StoreError, log, refs, reserve};
use crate::faults;

/// How many runs are looked at in one query.
const PAGE: u32 = 500;
/// A blob younger than this is kept even if nothing refers to it: a row that does may be on its way.
const BLOB_AGE_MIN: Duration = Duration::from_secs(3600);
/// How many pages of the database are given back in one transaction.
const VACUUM_PAGES: u32 = 1000;

/// Which runs are old enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    /// Runs that ended with this status; any that has ended if `None`.
    pub status: Option<String>,
    /// And ended before this time.
    pub before: Timestamp,
}

/// What was deleted besides runs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Reader {
    /// The runs that a prune with these rules takes, the oldest first. A run that another one started stays until that one
    /// has ended too.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn old(&self, rules: &[Old]) -> Result<Vec<RunRow>, StoreError> {
        let Some(latest) = rules.iter().map(|rule| rule.before).max() else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut after: Option<(Timestamp, String)> = None;
        loop {
            let last = after.as_ref().map(|(at, run)| (*at, run.as_str()));
            let page = self.ended(latest, last, PAGE)?;
            let Some(row) = page.last() else {
                return Ok(found);
            };
            after = Some((row.ended_at.unwrap_or(latest), row.run.clone()));
            for row in page {
                let fits = |rule: &Old| {
                    rule.status
                        .as_ref()
                        .is_none_or(|status| *status == row.status)
                        && row.ended_at.is_some_and(|at| at < rule.before)
                };
                if rules.iter().any(fits) && !self.is_awaited(&row.run)? {
                    found.push(row);
                }
            }
        }
    }

    /// Whether another run started it and goes on.
    fn is_awaited(&self, run: &str) -> Result<bool, StoreError> {
        let sqlite = |error: rusqlite::Error| StoreError::sqlite(&self.path, &error);
        let Some(parent) = self.parent(run)? else {
            return Ok(false);
        };
        let sql = "SELECT ended_at IS NULL FROM runs WHERE run = ?1";
        let mut status = self.connection.prepare_cached(sql).map_err(sqlite)?;
        let goes_on = status.query_row([parent], |row| row.get(0)).optional();
        Ok(goes_on.map_err(sqlite)?.unwrap_or(false))
    }

    /// Every blob that a journal refers to, and every bundle. Each run is a query of its own: no long transaction.
    pub(super) fn referred(&self) -> Result<BTreeSet<Hash>, StoreError> {
        let mut found = BTreeSet::new();
        let mut after = String::new();
        loop {
            let sql = "SELECT DISTINCT run FROM events WHERE run > ?1 ORDER BY run LIMIT ?2";
            let runs = self.query_with(sql, (&after, PAGE), |row| row.get::<_, String>(0))?;
            let Some(last) = runs.last() else { break };
            after.clone_from(last);
            for run in &runs {
                for row in self.rows(run)? {
                    refs::of_row(&row, &mut found);
                }
            }
        }
        let bundles = self.query_with("SELECT DISTINCT bundle FROM runs", [], |row| {
            row.get::<_, String>(0)
        })?;
        found.extend(bundles.iter().filter_map(|bundle| Hash::parse(bundle)));
        let sql = "SELECT payload FROM occurrences WHERE state = 'queued'";
        if self.has_table("occurrences")? {
            for payload in self.query_with(sql, [], |row| row.get::<_, String>(0))? {
                refs::of_text(&payload, &mut found);
            }
        }
        self.refs_of_log(&mut found)?;
        Ok(found)
    }
}

impl Store {
    /// Deletes runs that have ended, in one transaction: each whole, all of them or none. Blocking.
    ///
    /// # Errors
    /// As the store gives them; then the runs are there as before.
    pub fn delete(&self, runs: &[String]) -> Result<(), StoreError> {
        reserve::with(self.folder(), || {
            let (runs, path) = (runs.to_vec(), super::open::database(self.folder()));
            self.work(move |connection| {
                delete(connection, &runs).map_err(|error| StoreError::sqlite(&path, &error))
            })
        })
    }

    /// Deletes what triggers noticed before a time, as far as it is over: it started no run, or its run is gone. The last of
    /// all stays. Gives how many rows that were. Blocking.
    ///
    /// # Errors
    /// As the store gives them; what is left is taken the next time.
    pub fn forget(&self, before: Timestamp) -> Result<usize, StoreError> {
        let (mut after, mut forgotten) = (0, 0);
        loop {
            let (page, path) = (after, super::open::database(self.folder()));
            let (last, deleted) = self.work(move |connection| {
                let forget = forget_page(connection, before, page);
                forget.map_err(|error| StoreError::sqlite(&path, &error))
            })?;
            forgotten += deleted;
            match last {
                Some(last) => after = last,
                None => return Ok(forgotten),
            }
        }
    }

    /// Deletes the blobs that nothing refers to and that were not written or asked for again within an hour. Blocking.
    ///
    /// # Errors
    /// As the store gives them; whatever is left is taken by the next sweep.
    pub fn sweep(&self) -> Result<Swept, StoreError> {
        let reader = Store::reader(self.folder())?;
        let Some(reader) = reader else {
            return Ok(Swept::default());
        };
        let kept = reader.referred()?;
        let swept = self.blobs().sweep(&kept, BLOB_AGE_MIN);
        swept.map_err(|error| StoreError::io(self.folder(), &error))
    }

    /// Gives the space of deleted rows back to the system. For an owner that drives no run. Blocking.
    ///
    /// # Errors
    /// As the store gives them; whatever is left is used again by new rows.
    pub fn give_back(&self) -> Result<(), StoreError> {
        reserve::with(self.folder(), || {
            let path = super::open::database(self.folder());
            self.work(move |connection| {
                give_back(connection).map_err(|error| StoreError::sqlite(&path, &error))
            })
        })?;
        reserve::take(self.folder());
        Ok(())
    }
}

/// Deletes runs. Where the log finds no space, it is emptied, and written from its beginning.
fn delete(connection: &mut Connection, runs: &[String]) -> rusqlite::Result<()> {
    match delete_once(connection, runs) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
            log::empty(connection)?;
            delete_once(connection, runs)
        }
        result => result,
    }
}

fn delete_once(connection: &mut Connection, runs: &[String]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for run in runs {
        super::backfill_times::keep_end(&transaction, run)?;
    }
    for table in [
        "attempts_open",
        "waits",
        "taken_up",
        "made",
        "awaited",
        "callbacks",
        "events",
        "runs",
    ] {
        let sql = format!("DELETE FROM {table} WHERE run = ?1");
        let mut delete = transaction.prepare_cached(&sql)?;
        for run in runs {
            delete.execute([run])?;
        }
    }
    faults::point("run.delete.before");
    transaction.commit()?;
    faults::point("run.delete.after");
    Ok(())
}

/// Looks at the occurrences after one, some of them, and deletes what is over. Gives the last that was looked at, if there may
/// be more of them, and how many were deleted.
fn forget_page(
    connection: &mut Connection,
    before: Timestamp,
    after: i64,
) -> rusqlite::Result<(Option<i64>, usize)> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "SELECT id, at < ?2, state = 'passed'
                   OR state = 'started' AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run = occurrences.run)
               FROM occurrences WHERE id > ?1 ORDER BY id LIMIT ?3";
    let page: Vec<(i64, bool, bool)> = transaction
        .prepare_cached(sql)?
        .query_map((after, before.0, PAGE), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let old = page.iter().take_while(|(_, is_old, _)| *is_old);
    let over = old.clone().filter(|(.., is_over)| *is_over);
    let mut deleted = 0;
    for (id, ..) in over {
        // The last one stays, so that its number is never given to another.
        let sql =
            "DELETE FROM occurrences WHERE id = ?1 AND id < (SELECT max(id) FROM occurrences)";
        deleted += transaction.prepare_cached(sql)?.execute([id])?;
    }
    // They stand in the order of their time.
    let is_whole = old.count() == PAGE as usize;
    let last = page.last().filter(|_| is_whole).map(|(id, ..)| *id);
    transaction.commit()?;
    Ok((last, deleted))
}

/// Gives free pages back to the system, a few in each transaction.
fn give_back(connection: &mut Connection) -> rusqlite::Result<()> {
    let free = |connection: &Connection| -> rusqlite::Result<u32> {
        connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))
    };
    let mut left = free(connection)?;
    while left > 0 {
        let sql = format!("PRAGMA incremental_vacuum({VACUUM_PAGES})");
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        drop(rows);
        drop(statement);
        let now = free(connection)?;
        // A store that began without this setting keeps its free pages and uses them again.
        if now >= left {
            break;
        }
        left = now;
    }
    Ok(())
}
