//! What triggers remember from look to look, and how they are.

use std::collections::BTreeMap;

use flow_engine::time::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Reader, Store, StoreError};

/// What one look of a trigger leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When it looked.
    pub at: Timestamp,
    /// Tells what it looks for: what it remembered of something else is worth nothing.
    pub meaning: String,
    /// How it went.
    pub outcome: LookOutcome,
}

/// How a look went.
#[derive(Debug, Clone, PartialEq)]
pub enum LookOutcome {
    /// It saw what is there.
    Saw {
        /// What the next look begins with, in the journal's form; as before if `None`.
        position: Option<String>,
        /// How many things it found.
        found: usize,
    },
    /// It could not look.
    Failed {
        /// Why, in words.
        error: String,
    },
}

/// A trigger as the store knows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TriggerRow {
    /// The workflow's name.
    pub workflow: String,
    /// The trigger's name.
    pub trigger: String,
    /// What its position is worth something for.
    pub meaning: String,
    /// What the next look begins with, in the journal's form.
    pub position: Option<String>,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// When it looked.
    pub looked_at: Option<Timestamp>,
    /// When a look went well.
    pub saw_at: Option<Timestamp>,
    /// When it found something.
    pub found_at: Option<Timestamp>,
    /// How many looks in a row have failed.
    pub failures: u32,
    /// Why the last one did.
    pub error: Option<String>,
}

/// Writes what a look leaves behind.
pub(super) fn write_look(
    transaction: &Transaction<'_>,
    workflow: &str,
    trigger: &str,
    look: &Look,
) -> rusqlite::Result<()> {
    let at = look.at.0;
    transaction
        .prepare_cached("INSERT INTO triggers (workflow, trigger, meaning) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![workflow, trigger, look.meaning])?;
    transaction
        .prepare_cached(
            "UPDATE triggers SET meaning = ?3, position = NULL WHERE workflow = ?1 AND trigger = ?2 AND meaning <> ?3",
        )?
        .execute(params![workflow, trigger, look.meaning])?;
    match &look.outcome {
        LookOutcome::Saw { position, found } => transaction
            .prepare_cached(
                "UPDATE triggers SET looked_at = ?3, saw_at = ?3, found_at = iif(?5 > 0, ?3, found_at), failures = 0, error = NULL,
                 position = coalesce(?4, position) WHERE workflow = ?1 AND trigger = ?2",
            )?
            .execute(params![workflow, trigger, at, position, i64::try_from(*found).unwrap_or(i64::MAX)])?,
        LookOutcome::Failed { error } => transaction
            .prepare_cached(
                "UPDATE triggers SET looked_at = ?3, failures = failures + 1, error = ?4 WHERE workflow = ?1 AND trigger = ?2",
            )?
            .execute(params![workflow, trigger, at, error])?,
    };
    Ok(())
}

/// What the position of a trigger is worth something for that listens for an event.
pub fn meaning_of_event(name: &str) -> String {
    format!("{LISTENS}{name}")
}

/// How that begins.
pub(super) const LISTENS: &str = "event ";

impl TriggerRow {
    /// Whether it listens for an event.
    pub fn listens(&self) -> bool {
        self.meaning.starts_with(LISTENS)
    }
}

impl Store {
    /// Lets a trigger begin anew: nothing that was before counts. On disk when this returns. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn forget_position(&self, workflow: &str, trigger: &str) -> Result<(), StoreError> {
        let (workflow, trigger) = (workflow.to_owned(), trigger.to_owned());
        self.change(move |transaction| {
            transaction.execute(
                "UPDATE triggers SET position = NULL WHERE workflow = ?1 AND trigger = ?2",
                [workflow, trigger],
            )?;
            Ok(())
        })
    }

    /// Makes triggers known that are served; what is known of them stays. Of those in `judged` it is kept why they cannot work,
    /// or that they can. On disk, together, when this returns. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn serve_triggers(
        &self,
        served: Vec<(String, String)>,
        judged: Vec<((String, String), Option<String>)>,
    ) -> Result<(), StoreError> {
        self.change(move |transaction| {
            let sql = "INSERT INTO triggers (workflow, trigger, meaning) VALUES (?1, ?2, '') ON CONFLICT DO NOTHING";
            let mut insert = transaction.prepare_cached(sql)?;
            for (workflow, trigger) in &served {
                insert.execute([workflow, trigger])?;
            }
            for ((workflow, trigger), error) in &judged {
                judge(transaction, workflow, trigger, error.as_deref())?;
            }
            Ok(())
        })
    }

    /// Keeps why a trigger cannot work. Where it was stays. On disk when this returns. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn trigger_fails(
        &self,
        workflow: &str,
        trigger: &str,
        error: String,
    ) -> Result<(), StoreError> {
        let (workflow, trigger) = (workflow.to_owned(), trigger.to_owned());
        self.change(move |transaction| judge(transaction, &workflow, &trigger, Some(&error)))
    }

    /// Pauses a trigger, or lets it go on, beginning anew: what came in between is not made up for. On disk when this
    /// returns. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn pause(
        &self,
        workflow: &str,
        trigger: &str,
        since: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let (workflow, trigger) = (workflow.to_owned(), trigger.to_owned());
        self.change(move |transaction| {
            transaction.execute(
                "INSERT INTO triggers (workflow, trigger, meaning, paused_at) VALUES (?1, ?2, '', ?3)
                 ON CONFLICT (workflow, trigger) DO UPDATE SET paused_at = excluded.paused_at, position = iif(excluded.paused_at IS NULL, NULL, position)",
                params![workflow, trigger, since.map(|since| since.0)],
            )?;
            Ok(())
        })
    }
}

const COLUMNS: &str =
    "workflow, trigger, meaning, position, paused_at, looked_at, saw_at, found_at, failures, error";

impl Reader {
    /// Every trigger that was ever served, or paused, by workflow and name.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn triggers(&self) -> Result<Vec<TriggerRow>, StoreError> {
        if !self.has_table("triggers")? {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {COLUMNS} FROM triggers ORDER BY workflow, trigger");
        self.query_with(&sql, [], row)
    }

    /// When each trigger noticed something last, of those that did.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn noticed_last(&self) -> Result<BTreeMap<(String, String), Timestamp>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(BTreeMap::new());
        }
        let sql = "SELECT workflow, trigger, max(at) FROM occurrences GROUP BY workflow, trigger";
        let rows = self.query_with(sql, [], |row| {
            Ok(((row.get(0)?, row.get(1)?), Timestamp(row.get(2)?)))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// One trigger, if the store knows it.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn trigger(&self, workflow: &str, trigger: &str) -> Result<Option<TriggerRow>, StoreError> {
        if !self.has_table("triggers")? {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS} FROM triggers WHERE workflow = ?1 AND trigger = ?2");
        self.connection
            .prepare_cached(&sql)
            .and_then(|mut found| found.query_row([workflow, trigger], row).optional())
            .map_err(|error| StoreError::sqlite(&self.path, &error))
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<TriggerRow> {
    let time = |at: Option<i64>| at.map(Timestamp);
    Ok(TriggerRow {
        workflow: row.get(0)?,
        trigger: row.get(1)?,
        meaning: row.get(2)?,
        position: row.get(3)?,
        paused_at: time(row.get(4)?),
        looked_at: time(row.get(5)?),
        saw_at: time(row.get(6)?),
        found_at: time(row.get(7)?),
        failures: row.get(8)?,
        error: row.get(9)?,
    })
}

/// Keeps why a trigger cannot work, or that it can.
fn judge(
    transaction: &Transaction<'_>,
    workflow: &str,
    trigger: &str,
    error: Option<&str>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO triggers (workflow, trigger, meaning, error, failures) VALUES (?1, ?2, '', ?3, ?3 IS NOT NULL)
               ON CONFLICT (workflow, trigger) DO UPDATE SET error = excluded.error, failures = iif(excluded.error IS NULL, 0, max(failures, 1))
               WHERE error IS NOT excluded.error";
    let mut write = transaction.prepare_cached(sql)?;
    write.execute(params![workflow, trigger, error])?;
    Ok(())
}
