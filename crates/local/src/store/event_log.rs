//! What happened that workflows may hear of, in one order: events that runs emit or a person says, ends of runs, successes
//! of operations for which a trigger waits.
//!
//! What a run lets others know is written in the transaction of the round in which it does so, so that it is heard exactly
//! if it happened. Numbers are never used twice: whoever remembers one sees everything after it once.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_engine::run::announce::{ANY_END, RESERVED};
use flow_engine::time::Timestamp;
use flow_engine::value::Hash;
use rusqlite::{Row, Transaction, params};

use super::triggers::LISTENS;
use super::{Reader, Store, StoreError, refs, reserve};
use crate::faults;

/// An event to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Its name.
    pub name: String,
    /// What belongs to it, in the journal's form.
    pub data: String,
    /// Makes it the same as one that was written with this key before.
    pub key: Option<String>,
    /// The run that it comes from; none if a person said it.
    pub cause: Option<Cause>,
}

/// What is on disk that somebody may wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// An event of this name.
    Event(Arc<str>),
    /// A step of this run was called back.
    Callback(Arc<str>),
}

/// The run that an event comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Its workflow's name.
    pub workflow: String,
    /// Its id.
    pub run: String,
    /// Whether it runs against the sandbox.
    pub sandbox: bool,
    /// How many events led to it.
    pub causes: u32,
}

/// An event that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its number: larger than that of every event before it.
    pub id: i64,
    /// What was written.
    pub event: NewEvent,
}

/// How many events are read at once for a step.
const FOR_A_STEP: u32 = 100;

/// Writes an event, unless one of its key is there; whether it did.
pub(super) fn write(transaction: &Transaction<'_>, event: &NewEvent) -> rusqlite::Result<bool> {
    let cause = event.cause.as_ref();
    let new = transaction
        .prepare_cached(
            "INSERT INTO event_log (at, name, data, workflow, run, sandbox, causes, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            event.at.0,
            event.name,
            event.data,
            cause.map(|cause| &cause.workflow),
            cause.map(|cause| &cause.run),
            cause.map(|cause| cause.sandbox),
            cause.map_or(0, |cause| cause.causes),
            event.key,
        ])?;
    Ok(new > 0)
}

impl Store {
    /// Writes an event into the log, unless one of its key is there; on disk when this returns. Gives the data of the one that
    /// was there before. Blocking.
    ///
    /// # Errors
    /// As the store gives them; then it did not happen.
    pub fn emit(&self, event: NewEvent) -> Result<Option<String>, StoreError> {
        let name = event.name.as_str().into();
        let (sender, before) = std::sync::mpsc::channel();
        faults::point("store.emit.before");
        self.change(move |transaction| {
            if !write(transaction, &event)? {
                let sql = "SELECT data FROM event_log WHERE key = ?1";
                let _ = sender.send(transaction.query_row(sql, [&event.key], |row| row.get(0))?);
            }
            Ok(())
        })?;
        faults::point("store.emit.after");
        self.tell(Happened::Event(name));
        Ok(before.recv().ok())
    }

    /// Deletes events from before a time, but none that a trigger has yet to see. Gives how many. Blocking.
    ///
    /// # Errors
    /// As the store gives them; then all are there as before.
    pub fn prune_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        let (sender, count) = std::sync::mpsc::channel();
        let prune = move |transaction: &Transaction<'_>| {
            // A trigger that is paused begins anew when it goes on.
            let deleted = transaction.execute(
                "DELETE FROM event_log WHERE at < ?1 AND NOT EXISTS (
                   SELECT 1 FROM triggers
                   WHERE (meaning = ?2 || event_log.name OR (meaning = ?2 || ?3 AND substr(event_log.name, 1, length(?4)) = ?4))
                     AND paused_at IS NULL AND position IS NOT NULL AND CAST(position AS INTEGER) < event_log.id)",
                params![before.0, LISTENS, ANY_END, RESERVED],
            )?;
            let _ = sender.send(deleted as u64);
            Ok(())
        };
        reserve::with(self.folder(), || self.change(prune.clone()))?;
        Ok(count.recv().unwrap_or(0))
    }
}

impl Reader {
    /// The number of the newest event that ever was; 0 if there was none.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn last_event(&self) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event_log'";
        Ok(self
            .query_with(sql, [], |row| row.get(0))?
            .pop()
            .unwrap_or(0))
    }

    /// Events of these names after a number, in order.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn events_after(
        &self,
        names: &[&str],
        after: i64,
        limit: u32,
    ) -> Result<Vec<Logged>, StoreError> {
        let mut found = Vec::new();
        let sql = "SELECT id, at, name, data, workflow, run, sandbox, causes, key FROM event_log
                   WHERE name = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        for name in names {
            found.extend(self.query_with(sql, params![name, after, limit], logged)?);
        }
        found.sort_by_key(|logged| logged.id);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// The newest events, or the newest before a number; of one name, if one is given. The newest comes first.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn events_before(
        &self,
        name: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Logged>, StoreError> {
        // Either is answered by an index.
        let named = if name.is_some() {
            "name = ?1"
        } else {
            "?1 IS NULL"
        };
        let sql = format!(
            "SELECT id, at, name, data, workflow, run, sandbox, causes, key FROM event_log
             WHERE {named} AND id < ?2 ORDER BY id DESC LIMIT ?3"
        );
        let before = before.unwrap_or(i64::MAX);
        self.query_with(&sql, params![name, before, limit], logged)
    }

    /// As [`Reader::events_after`], for a step of a run: those from `since` on that do not come from the run itself, and
    /// come from the same world.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn events_for(
        &self,
        names: &[&str],
        since: Timestamp,
        after: i64,
        (run, sandbox): (&str, bool),
    ) -> Result<(Vec<Logged>, i64), StoreError> {
        let found = self.events_after(names, after, FOR_A_STEP)?;
        let last = found.last().map_or(after, |logged| logged.id);
        let counts = |logged: &Logged| {
            let cause = logged.event.cause.as_ref();
            let is_ours = cause.is_none_or(|cause| cause.run != run && cause.sandbox == sandbox);
            is_ours && logged.event.at >= since
        };
        Ok((found.into_iter().filter(counts).collect(), last))
    }

    /// The blobs that events and callbacks refer to.
    pub(super) fn refs_of_log(&self, found: &mut BTreeSet<Hash>) -> Result<(), StoreError> {
        if !self.has_table("event_log")? {
            return Ok(());
        }
        for sql in [
            "SELECT data FROM event_log WHERE instr(data, '$blob') > 0",
            "SELECT body FROM callbacks WHERE instr(body, '$blob') > 0",
        ] {
            for data in self.query_with(sql, [], |row| row.get::<_, String>(0))? {
                refs::of_text(&data, found);
            }
        }
        Ok(())
    }
}

fn logged(row: &Row<'_>) -> rusqlite::Result<Logged> {
    let run: Option<String> = row.get(5)?;
    let cause = match run {
        None => None,
        Some(run) => Some(Cause {
            workflow: row.get(4)?,
            run,
            sandbox: row.get(6)?,
            causes: row.get(7)?,
        }),
    };
    Ok(Logged {
        id: row.get(0)?,
        event: NewEvent {
            at: Timestamp(row.get(1)?),
            name: row.get(2)?,
            data: row.get(3)?,
            key: row.get(8)?,
            cause,
        },
    })
}
