//! Runs that are still to start: they have an id from the moment at which what starts them was noticed, and no journal yet.

use flow_engine::time::Timestamp;
use rusqlite::types::FromSql;
use rusqlite::{OptionalExtension, Row, params};

use super::{Reader, StoreError};

/// A run that is still to start, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The run.
    pub run: String,
    /// The workflow's name.
    pub workflow: String,
    /// The trigger that noticed something.
    pub trigger: String,
    /// When it did.
    pub at: Timestamp,
    /// How many runs of its workflow are to start before it.
    pub behind: u64,
}

const WAITING: &str = "SELECT run, workflow, trigger, at,
    (SELECT count(*) FROM occurrences AS before
     WHERE before.state = 'queued' AND before.workflow = occurrences.workflow AND before.id < occurrences.id)
    FROM occurrences WHERE state = 'queued'";

impl Reader {
    /// Runs that are still to start and whose id begins with a text; one of that very id alone.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn find_waiting(&self, prefix: &str, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(Vec::new());
        }
        let sql = format!("{WAITING} AND run BETWEEN ?1 AND ?1 || '~' ORDER BY id LIMIT ?2");
        let found = self.query_with(&sql, params![prefix, limit], waiting)?;
        let exact = found.iter().find(|one| one.run == prefix).cloned();
        Ok(exact.map_or(found, |one| vec![one]))
    }

    /// The first runs that are still to start, of one workflow if it is named, in the order in which they were noticed, those
    /// behind a place alone; each place is above 0.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn waiting(
        &self,
        workflow: Option<&str>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Waiting>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(Vec::new());
        }
        let sql = format!(
            "{WAITING} AND (?1 IS NULL OR workflow = ?1)
             AND id > ?2 ORDER BY id LIMIT ?3"
        );
        self.query_with(&sql, params![workflow, after, limit], waiting)
    }

    /// The place in the queue of a run that a trigger started or is to start, or was to.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn place_of(&self, run: &str) -> Result<Option<i64>, StoreError> {
        self.of_occurrence("SELECT id FROM occurrences WHERE run = ?1", run)
    }

    /// Why the run of this id never started, if it was to.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn never_started(&self, run: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT reason FROM occurrences WHERE run = ?1 AND state = 'passed'";
        self.of_occurrence(sql, run)
    }

    fn of_occurrence<T: FromSql>(&self, sql: &str, run: &str) -> Result<Option<T>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(None);
        }
        self.connection
            .prepare_cached(sql)
            .and_then(|mut found| found.query_row([run], |row| row.get(0)).optional())
            .map_err(|error| StoreError::sqlite(&self.path, &error))
    }
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let behind: i64 = row.get(4)?;
    Ok(Waiting {
        run: row.get(0)?,
        workflow: row.get(1)?,
        trigger: row.get(2)?,
        at: Timestamp(row.get(3)?),
        behind: u64::try_from(behind).unwrap_or(0),
    })
}
