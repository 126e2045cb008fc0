//! What an owner must take up when it starts, and nothing else: found by indexes, in pages, however many runs there are.

use flow_engine::time::Timestamp;
use rusqlite::params;

use super::{Reader, RunRow, StoreError};

impl Reader {
    /// Runs with an attempt that has not ended, in the order of their ids, after `after` (empty for the first page): the
    /// process that drove them ended first, so those attempts are lost.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn with_open_attempts(&self, after: &str, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let columns = self.columns()?;
        let sql = format!(
            "SELECT {columns} FROM (SELECT DISTINCT run FROM attempts_open WHERE run > ?1 ORDER BY run LIMIT ?2) JOIN runs USING (run) ORDER BY run"
        );
        self.query(&sql, params![after, limit])
    }

    /// Runs with something to do by `now`, the longest due first, after `after` (the due time and id of the last run of the
    /// page before).
    ///
    /// # Errors
    /// As the store gives them.
    pub fn due(
        &self,
        now: Timestamp,
        after: Option<(Timestamp, &str)>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, RunRow)>, StoreError> {
        let (at, run) = after.map_or((i64::MIN, ""), |(at, run)| (at.0, run));
        let columns = self.columns()?;
        let sql = format!(
            "SELECT {columns}, due FROM (SELECT run, due FROM waits WHERE due <= ?1 AND (due, run) > (?2, ?3) ORDER BY due, run LIMIT ?4) JOIN runs USING (run) ORDER BY due, run"
        );
        self.query_with(&sql, params![now.0, at, run, limit], |row| {
            Ok((Timestamp(row.get(9)?), super::read::row(row)?))
        })
    }

    /// When the next run has something to do, if none has before `now`.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT due FROM waits WHERE due > ?1 ORDER BY due LIMIT 1";
        let found = self.query_with(sql, params![now.0], |row| Ok(Timestamp(row.get(0)?)))?;
        Ok(found.into_iter().next())
    }

    /// Runs that had work at hand when their owner ended, open attempts or not, in the order of their ids, after `after`.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn running(&self, after: &str, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let columns = self.columns()?;
        let sql = format!(
            "SELECT {columns} FROM runs WHERE ended_at IS NULL AND status = 'running' AND run > ?1 ORDER BY run LIMIT ?2"
        );
        self.query(&sql, params![after, limit])
    }

    /// Waiting runs that may hold a place or wait for one, in the order of their ids, after `after`: others wait for what they
    /// have, and nobody gives them what they ask for while they are not driven.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn with_places(&self, after: &str, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let columns = self.columns()?;
        let sql = format!(
            "SELECT {columns} FROM (SELECT run FROM waits WHERE places = 1 AND run > ?1 ORDER BY run LIMIT ?2) JOIN runs USING (run) ORDER BY run"
        );
        self.query(&sql, params![after, limit])
    }

    /// All runs in the order of their ids, after `after`.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn page(&self, after: &str, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let columns = self.columns()?;
        let sql = format!("SELECT {columns} FROM runs WHERE run > ?1 ORDER BY run LIMIT ?2");
        self.query(&sql, params![after, limit])
    }

    /// Runs that ended before `before`, the oldest first, after `after` (end and id of the last of the page before).
    ///
    /// # Errors
    /// As the store gives them.
    pub fn ended(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, &str)>,
        limit: u32,
    ) -> Result<Vec<RunRow>, StoreError> {
        let (at, run) = after.map_or((i64::MIN, ""), |(at, run)| (at.0, run));
        let columns = self.columns()?;
        let sql = format!(
            "SELECT {columns} FROM runs WHERE ended_at < ?1 AND (ended_at, run) > (?2, ?3) ORDER BY ended_at, run LIMIT ?4"
        );
        self.query(&sql, params![before.0, at, run, limit])
    }
}
