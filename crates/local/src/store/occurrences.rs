//! What triggers noticed: one row for everything that happened, so that nothing starts two runs, nothing is forgotten, and
//! what started none has its reason.
//!
//! A row is written before anybody is told that something was taken. Its run gets its id at once and is started later: the
//! first commit of the run and the row's change to `started` are one transaction, so a row that is `queued` has no run yet.

use flow_engine::time::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::triggers::{Look, write_look};
use super::{Reader, Store, StoreError};

/// What a trigger noticed together, to be recorded as one: all of it, or nothing.
pub struct Notice {
    /// The workflow's name.
    pub workflow: String,
    /// The trigger's name under `on:`.
    pub trigger: String,
    /// What happened, in its order. What is known already is left as it is.
    pub occurrences: Vec<Occurrence>,
    /// What the trigger remembers from now on, if it looked.
    pub look: Option<Look>,
    /// Called by the writer's thread after the transaction, with an answer for each occurrence; must not block.
    pub done: Box<dyn FnOnce(Result<Vec<Noted>, StoreError>) + Send>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    /// Tells it from everything else that this trigger ever notices.
    pub key: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// The time at which it was due, of a schedule.
    pub due: Option<Timestamp>,
    /// What `trigger` means in its run, in the journal's form.
    pub payload: String,
    /// Tells two contents under one key apart.
    pub digest: Option<String>,
    /// How many events led to it.
    pub causes: u32,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// What becomes of something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A run of this id is to be started.
    Queued {
        /// The run.
        run: String,
    },
    /// It starts no run.
    Passed {
        /// Why, in words.
        reason: String,
    },
}

/// What the store says to an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// It is new, and on disk.
    New,
    /// It was there already.
    Known {
        /// The run that it started, or is to start.
        run: Option<String>,
        /// Why it started none.
        reason: Option<String>,
        /// Whether its content is the same.
        same: bool,
    },
}

/// An occurrence whose run is to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// Its place among all that was noticed.
    pub id: i64,
    /// The workflow's name.
    pub workflow: String,
    /// The trigger's name.
    pub trigger: String,
    /// What tells it apart.
    pub key: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// The time at which it was due, of a schedule.
    pub due: Option<Timestamp>,
    /// What `trigger` means, in the journal's form.
    pub payload: String,
    /// The run to start.
    pub run: String,
    /// How many events led to it.
    pub causes: u32,
}

/// An occurrence as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its place among all that was noticed.
    pub id: i64,
    /// What tells it apart.
    pub key: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// The time at which it was due, of a schedule.
    pub due: Option<Timestamp>,
    /// `queued`, `started` or `passed`.
    pub state: String,
    /// Why it started no run.
    pub reason: Option<String>,
    /// The run.
    pub run: Option<String>,
}

/// Writes a notice; the answers are in the order of its occurrences.
pub(super) fn write(
    transaction: &Transaction<'_>,
    notice: &Notice,
) -> rusqlite::Result<Vec<Noted>> {
    let mut noted = Vec::with_capacity(notice.occurrences.len());
    for occurrence in &notice.occurrences {
        noted.push(write_one(transaction, notice, occurrence)?);
    }
    if let Some(look) = &notice.look {
        write_look(transaction, &notice.workflow, &notice.trigger, look)?;
    }
    Ok(noted)
}

fn write_one(
    transaction: &Transaction<'_>,
    notice: &Notice,
    occurrence: &Occurrence,
) -> rusqlite::Result<Noted> {
    let (state, run, reason) = match &occurrence.outcome {
        Outcome::Queued { run } => ("queued", Some(run), None),
        Outcome::Passed { reason } => ("passed", None, Some(reason)),
    };
    let payload = if run.is_some() {
        &*occurrence.payload
    } else {
        ""
    };
    let new = transaction
        .prepare_cached(
            "INSERT INTO occurrences (workflow, trigger, key, at, due, payload, digest, state, reason, run, causes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (workflow, trigger, key) DO NOTHING",
        )?
        .execute(params![
            notice.workflow,
            notice.trigger,
            occurrence.key,
            occurrence.at.0,
            occurrence.due.map(|due| due.0),
            payload,
            occurrence.digest,
            state,
            reason,
            run,
            occurrence.causes
        ])?;
    if new > 0 {
        return Ok(Noted::New);
    }
    transaction
        .prepare_cached(
            "SELECT iif(state = 'passed', NULL, run), digest IS ?4, reason FROM occurrences WHERE workflow = ?1 AND trigger = ?2 AND key = ?3",
        )?
        .query_row(
            params![notice.workflow, notice.trigger, occurrence.key, occurrence.digest],
            |row| {
                Ok(Noted::Known {
                    run: row.get(0)?,
                    same: row.get(1)?,
                    reason: row.get(2)?,
                })
            },
        )
}

/// A run has begun: what it was started for needs no run any more, and its payload stands in the journal.
pub(super) fn started(transaction: &Transaction<'_>, run: &str) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE occurrences SET state = 'started', payload = '' WHERE run = ?1 AND state = 'queued'",
        )?
        .execute([run])?;
    Ok(())
}

impl Store {
    /// Hands a notice to the writer; its `done` is called after it is on disk, or could not be put there.
    pub fn notice(&self, notice: Notice) {
        self.write_notice(notice);
    }

    /// What was to start a run starts none after all; whether it was still to start. On disk when this returns. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn pass(&self, id: i64, reason: &str) -> Result<bool, StoreError> {
        let reason = reason.to_owned();
        let (sender, passed) = std::sync::mpsc::channel();
        self.change(move |transaction| {
            let changed = transaction.execute(
                "UPDATE occurrences SET state = 'passed', payload = '', reason = ?2 WHERE id = ?1 AND state = 'queued'",
                params![id, reason],
            )?;
            let _ = sender.send(changed > 0);
            Ok(())
        })?;
        Ok(passed.recv().unwrap_or(false))
    }
}

const QUEUED: &str = "id, workflow, trigger, key, at, due, payload, run, causes";

impl Reader {
    /// The workflows with something queued.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn with_queued(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT workflow FROM occurrences WHERE state = 'queued'";
        self.query_with(sql, [], |row| row.get(0))
    }

    /// What is queued of a workflow after `after`, in order.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn queued(
        &self,
        workflow: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Queued>, StoreError> {
        let sql = format!(
            "SELECT {QUEUED} FROM occurrences WHERE state = 'queued' AND workflow = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
        );
        self.query_with(&sql, params![workflow, after, limit], queued)
    }

    /// What the run of this id is to start for, if it has not begun.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn queued_run(&self, run: &str) -> Result<Option<Queued>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(None);
        }
        let sql = format!("SELECT {QUEUED} FROM occurrences WHERE state = 'queued' AND run = ?1");
        Ok(self.query_with(&sql, [run], queued)?.pop())
    }

    /// How much is queued of each trigger made of times.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn queued_times(&self, workflow: &str) -> Result<Vec<(String, usize)>, StoreError> {
        let sql = "SELECT trigger, count(*) FROM occurrences
                   WHERE state = 'queued' AND workflow = ?1 AND due IS NOT NULL GROUP BY trigger";
        self.query_with(sql, [workflow], |row| {
            Ok((
                row.get(0)?,
                usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
            ))
        })
    }

    /// What a trigger noticed, the newest first.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn occurrences(
        &self,
        workflow: &str,
        trigger: &str,
        limit: u32,
    ) -> Result<Vec<Seen>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, key, at, due, state, reason, iif(state = 'passed', NULL, run) FROM occurrences
                   WHERE workflow = ?1 AND trigger = ?2 ORDER BY id DESC LIMIT ?3";
        self.query_with(sql, params![workflow, trigger, limit], |row| {
            Ok(Seen {
                id: row.get(0)?,
                key: row.get(1)?,
                at: Timestamp(row.get(2)?),
                due: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                state: row.get(4)?,
                reason: row.get(5)?,
                run: row.get(6)?,
            })
        })
    }

    /// The workflow and the trigger that a run was started by, if one did.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn noticed_by(&self, run: &str) -> Result<Option<(String, String)>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(None);
        }
        let sql = "SELECT workflow, trigger FROM occurrences WHERE run = ?1";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.connection
            .prepare_cached(sql)
            .and_then(|mut found| found.query_row([run], read).optional())
            .map_err(|error| StoreError::sqlite(&self.path, &error))
    }
}

fn queued(row: &Row<'_>) -> rusqlite::Result<Queued> {
    Ok(Queued {
        id: row.get(0)?,
        workflow: row.get(1)?,
        trigger: row.get(2)?,
        key: row.get(3)?,
        at: Timestamp(row.get(4)?),
        due: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        payload: row.get(6)?,
        run: row.get(7)?,
        causes: row.get(8)?,
    })
}
