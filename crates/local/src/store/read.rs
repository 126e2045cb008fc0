//! Reading beside the writer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use flow_engine::journal::{Event, Row};
use flow_engine::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use serde_json::Value;

use super::{Filter, StoreError};

/// A connection that only reads. Each call is one short read transaction.
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

/// One run as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub run: String,
    /// The workflow's name.
    pub workflow: String,
    /// `running`, `waiting`, `interrupted`, `quarantined`, `succeeded`, `failed`, `cancelled`.
    pub status: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it waits for.
    pub waits_for: Option<String>,
    /// Hash of its bundle.
    pub bundle: String,
    /// Whether it runs against the sandbox.
    pub sandbox: bool,
    /// The backfill that it was started for.
    pub backfill: Option<String>,
}

impl RunRow {
    /// Whether nothing more happens to it.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "cancelled")
    }
}

const COLUMNS: &str = "run, workflow, status, started_at, ended_at, waits_for, bundle, sandbox";

impl Reader {
    pub(super) fn new(connection: Connection, path: PathBuf) -> Reader {
        Reader { connection, path }
    }

    /// The newest runs, newest first.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        self.list(&Filter::default(), limit)
    }

    /// The columns of a run, to be read by [`row`].
    pub(super) fn columns(&self) -> Result<String, StoreError> {
        Ok(format!("{COLUMNS}, {}", self.backfill_column()?))
    }

    /// The run of this id, if there is one.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn run(&self, run: &str) -> Result<Option<RunRow>, StoreError> {
        let columns = self.columns()?;
        let sql = format!("SELECT {columns} FROM runs WHERE run = ?1");
        Ok(self.query(&sql, params![run])?.pop())
    }

    /// The runs whose id begins with a text; one of that very id alone.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn find(&self, prefix: &str) -> Result<Vec<RunRow>, StoreError> {
        let columns = self.columns()?;
        let sql = format!(
            "SELECT {columns} FROM runs WHERE run BETWEEN ?1 AND ?1 || '~' ORDER BY started_at DESC LIMIT 20"
        );
        let found = self.query(&sql, params![prefix])?;
        let exact = found.iter().find(|row| row.run == prefix).cloned();
        Ok(exact.map_or(found, |row| vec![row]))
    }

    /// The run of which a step started this one; none if that was not so, or a person tried it again.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn parent(&self, run: &str) -> Result<Option<String>, StoreError> {
        let sqlite = |error: rusqlite::Error| StoreError::sqlite(&self.path, &error);
        let sql = "SELECT body FROM events WHERE run = ?1 AND seq = 1";
        let mut first = self.connection.prepare_cached(sql).map_err(sqlite)?;
        let body: Option<String> = first
            .query_row([run], |row| row.get(0))
            .optional()
            .map_err(sqlite)?;
        let body: Value = body
            .and_then(|body| serde_json::from_str(&body).ok())
            .unwrap_or_default();
        let by = &body["started_by"];
        let of_step = by["kind"] == "workflow" && body["retry_of"].is_null();
        Ok(by["key"].as_str().filter(|_| of_step).map(str::to_owned))
    }

    /// The journal of a run, checked row by row.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a row that was changed, is missing, or is of a newer format.
    pub fn journal(&self, run: &str) -> Result<Vec<(Timestamp, Event)>, StoreError> {
        self.journal_after(run, 0)
    }

    /// The journal of a run after its first `seen` rows.
    ///
    /// # Errors
    /// As [`Reader::journal`].
    pub fn journal_after(
        &self,
        run: &str,
        seen: u64,
    ) -> Result<Vec<(Timestamp, Event)>, StoreError> {
        let rows = self.rows_after(run, seen, u32::MAX)?;
        self.checked(run, seen, &rows)
    }

    /// So many rows of the journal of a run at most, after its first `seen`.
    ///
    /// # Errors
    /// As [`Reader::journal`].
    pub fn journal_page(
        &self,
        run: &str,
        seen: u64,
        limit: u32,
    ) -> Result<Vec<(Timestamp, Event)>, StoreError> {
        let rows = self.rows_after(run, seen, limit)?;
        self.checked(run, seen, &rows)
    }

    /// Reads rows of a run as events, those after the first `seen`, each checked, none missing.
    pub(super) fn checked(
        &self,
        run: &str,
        seen: u64,
        rows: &[Row],
    ) -> Result<Vec<(Timestamp, Event)>, StoreError> {
        let mut events = Vec::with_capacity(rows.len());
        for (before, row) in rows.iter().enumerate() {
            let expected = seen + before as u64 + 1;
            if row.seq != expected {
                return Err(self.corrupt(format!("row {expected} of run {run} is missing")));
            }
            events.push((
                row.at,
                row.event()
                    .map_err(|error| self.corrupt(format!("run {run}: {error}")))?,
            ));
        }
        Ok(events)
    }

    /// The raw rows of a run's journal.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn rows(&self, run: &str) -> Result<Vec<Row>, StoreError> {
        self.rows_after(run, 0, u32::MAX)
    }

    fn rows_after(&self, run: &str, seen: u64, limit: u32) -> Result<Vec<Row>, StoreError> {
        let seen = i64::try_from(seen).unwrap_or(i64::MAX);
        let sql = "SELECT seq, format, at, kind, body, checksum FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
        self.query_with(sql, params![run, seen, limit], |row| {
            Ok(Row {
                seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                format: row.get(1)?,
                at: Timestamp(row.get(2)?),
                kind: row.get(3)?,
                body: row.get(4)?,
                checksum: row.get(5)?,
            })
        })
    }

    /// How many rows a run's journal has.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn length(&self, run: &str) -> Result<u64, StoreError> {
        let length: Option<i64> = self
            .connection
            .query_row("SELECT max(seq) FROM events WHERE run = ?1", [run], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| StoreError::sqlite(&self.path, &error))?
            .flatten();
        Ok(u64::try_from(length.unwrap_or(0)).unwrap_or(0))
    }

    pub(super) fn query(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<RunRow>, StoreError> {
        self.query_known(sql, parameters, &self.quarantined()?)
    }

    pub(super) fn query_known(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        quarantined: &BTreeMap<String, u32>,
    ) -> Result<Vec<RunRow>, StoreError> {
        let mut rows = self.query_with(sql, parameters, row)?;
        for row in rows.iter_mut().filter(|row| !row.has_ended()) {
            if quarantined.contains_key(&row.run) {
                "quarantined".clone_into(&mut row.status);
            }
        }
        Ok(rows)
    }

    pub(super) fn query_with<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let all = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(parameters, read)?.collect()
        };
        all().map_err(|error| StoreError::sqlite(&self.path, &error))
    }

    /// Whether a table is there: a store of an older version, of which nobody has become the owner since, lacks some.
    pub(super) fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
        Ok(self.query_with(sql, [name], |row| row.get::<_, i64>(0))? != [0])
    }

    pub(super) fn corrupt(&self, message: String) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            message,
        }
    }
}

/// Reads a row of [`Reader::columns`].
pub(super) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        run: row.get(0)?,
        workflow: row.get(1)?,
        status: row.get(2)?,
        started_at: Timestamp(row.get(3)?),
        ended_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
        waits_for: row.get(5)?,
        bundle: row.get(6)?,
        sandbox: row.get(7)?,
        backfill: row.get(8)?,
    })
}
