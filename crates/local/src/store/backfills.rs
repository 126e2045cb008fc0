//! Backfills: runs on purpose for times of the past, as they were asked for.
//!
//! A backfill and all of its times are written before its first run starts. Its runs know it by their journals.

use flow_engine::time::Timestamp;
use rusqlite::{Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{Followed, Planned, Reader, Store, StoreError};

/// Runs on purpose for times of the past, as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Made of what makes two of them the same.
    pub backfill: String,
    /// The workflow's name.
    pub workflow: String,
    /// The trigger's name.
    pub trigger: String,
    /// The first instant of the range.
    pub from: Timestamp,
    /// Its end, itself outside.
    pub to: Timestamp,
    /// When it was asked for first.
    pub made_at: Timestamp,
    /// How many of its runs go at once.
    pub parallel: u32,
    /// The workflow file, or the name of the workflow, as it was typed.
    pub file: String,
    /// Inputs, as they were typed.
    pub inputs: Vec<(String, String)>,
    /// Whether its runs go against the sandbox.
    pub sandbox: bool,
    /// Since when no more of its runs start.
    pub cancelled_at: Option<Timestamp>,
}

const COLUMNS: &str = "backfill, workflow, trigger, since, until, made_at, parallel, file, inputs, sandbox, cancelled_at";

impl Store {
    /// Writes down a backfill with its times and their runs, unless it is known: then only how many of its runs go at once
    /// is written. On disk when this returns. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn record_backfill(
        &self,
        backfill: Backfill,
        times: Vec<Planned>,
    ) -> Result<(), StoreError> {
        self.change(move |transaction| record(transaction, &backfill, &times))
    }

    /// No more runs of a backfill are to start. On disk when this returns. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn cancel_backfill(&self, backfill: &str, at: Timestamp) -> Result<(), StoreError> {
        let backfill = backfill.to_owned();
        self.change(move |transaction| {
            let sql = "UPDATE backfills SET cancelled_at = ?2 WHERE backfill = ?1 AND cancelled_at IS NULL";
            transaction.execute(sql, params![backfill, at.0]).map(|_| ())
        })
    }

    /// Deletes the backfills from before a time of which the store has no run, and which nobody follows. Gives how many.
    /// Blocking.
    ///
    /// # Errors
    /// As the store gives them; what is left is taken the next time.
    pub fn prune_backfills(&self, before: Timestamp) -> Result<u64, StoreError> {
        let Some(reader) = Store::reader(self.folder())? else {
            return Ok(0);
        };
        let sql = format!("SELECT backfill FROM backfills WHERE made_at < ?1 AND {WITHOUT_RUN}");
        let mut deleted = 0;
        for backfill in reader.query_with(&sql, [before.0], |row| row.get::<_, String>(0))? {
            let Some(followed) = Followed::take(self.folder(), &backfill)? else {
                continue;
            };
            self.change(move |transaction| delete(transaction, &backfill))?;
            followed.forget();
            deleted += 1;
        }
        // Left by a process that was killed before it wrote the backfill down, or after it deleted it.
        for backfill in Followed::all(self.folder()) {
            if reader.backfill(&backfill)?.is_none()
                && let Some(followed) = Followed::take(self.folder(), &backfill)?
            {
                followed.forget();
            }
        }
        Ok(deleted)
    }
}

/// That the store has no run of a backfill.
const WITHOUT_RUN: &str =
    "NOT EXISTS (SELECT 1 FROM runs WHERE runs.backfill = backfills.backfill)";

fn record(
    transaction: &Transaction<'_>,
    backfill: &Backfill,
    times: &[Planned],
) -> rusqlite::Result<()> {
    let inputs = serde_json::to_string(&backfill.inputs).unwrap_or_default();
    let sql = format!(
        "INSERT INTO backfills ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (backfill) DO UPDATE SET parallel = excluded.parallel"
    );
    transaction.execute(
        &sql,
        params![
            backfill.backfill,
            backfill.workflow,
            backfill.trigger,
            backfill.from.0,
            backfill.to.0,
            backfill.made_at.0,
            backfill.parallel,
            backfill.file,
            inputs,
            backfill.sandbox,
            backfill.cancelled_at.map(|at| at.0)
        ],
    )?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO backfill_times (backfill, due, run, ended) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    for time in times {
        insert.execute(params![backfill.backfill, time.due.0, time.run, time.ended])?;
    }
    Ok(())
}

fn delete(transaction: &Transaction<'_>, backfill: &str) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM backfills WHERE backfill = ?1 AND {WITHOUT_RUN}");
    if transaction.execute(&sql, [backfill])? > 0 {
        transaction.execute("DELETE FROM backfill_times WHERE backfill = ?1", [backfill])?;
    }
    Ok(())
}

impl Reader {
    /// Whether the store knows of backfills: one of an older version, of which nobody has become the owner since, does not.
    pub(super) fn has_backfills(&self) -> Result<bool, StoreError> {
        self.has_table("backfills")
    }

    /// The column of a run that says of which backfill it is.
    pub(super) fn backfill_column(&self) -> Result<&'static str, StoreError> {
        Ok(if self.has_backfills()? {
            "backfill"
        } else {
            "NULL"
        })
    }

    /// The backfill of this id, if there is one.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn backfill(&self, backfill: &str) -> Result<Option<Backfill>, StoreError> {
        Ok(self.backfills_where("backfill = ?1", [backfill])?.pop())
    }

    /// The backfills whose id begins with a text.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn find_backfills(&self, prefix: &str) -> Result<Vec<Backfill>, StoreError> {
        self.backfills_where("backfill BETWEEN ?1 AND ?1 || '~' LIMIT 20", [prefix])
    }

    /// The newest backfills, those that come after a place in this list, if one is given; the newest first.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn backfills(
        &self,
        after: Option<&(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<Backfill>, StoreError> {
        let (at, id) = after.map(|(at, id)| (at.0, id)).unzip();
        self.backfills_where(
            "?1 IS NULL OR (made_at, backfill) < (?1, ?2) ORDER BY made_at DESC, backfill DESC LIMIT ?3",
            params![at, id, limit],
        )
    }

    fn backfills_where(
        &self,
        condition: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<Backfill>, StoreError> {
        if !self.has_backfills()? {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {COLUMNS} FROM backfills WHERE {condition}");
        self.query_with(&sql, parameters, backfill)
    }
}

fn backfill(row: &Row<'_>) -> rusqlite::Result<Backfill> {
    let inputs: String = row.get(8)?;
    Ok(Backfill {
        backfill: row.get(0)?,
        workflow: row.get(1)?,
        trigger: row.get(2)?,
        from: Timestamp(row.get(3)?),
        to: Timestamp(row.get(4)?),
        made_at: Timestamp(row.get(5)?),
        parallel: row.get(6)?,
        file: row.get(7)?,
        inputs: serde_json::from_str(&inputs).unwrap_or_default(),
        sandbox: row.get(9)?,
        cancelled_at: row.get::<_, Option<i64>>(10)?.map(Timestamp),
    })
}
