//! The times of backfills: which they are, and what has become of each.
//!
//! How a run ended stays known to its time when the run is deleted.

use std::collections::HashMap;

use flow_engine::time::Timestamp;
use rusqlite::{Row, Transaction};
use serde::{Deserialize, Serialize};

use super::{Backfill, Reader, StoreError};

/// A time of a backfill, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// When it was due.
    pub due: Timestamp,
    /// The id of the run that it is to get.
    pub run: String,
    /// How that run ended, if it is deleted.
    pub ended: Option<String>,
}

/// A time of a backfill, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillTime {
    /// When it was due.
    pub due: Timestamp,
    /// The id of the run that it has, or is to get.
    pub run: String,
    /// What has become of it.
    pub stands: Stands,
}

/// What has become of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    /// It has no run yet.
    Open,
    /// The schedule itself started this run.
    Met(String),
    /// How its run is.
    Run(String),
    /// How its run ended, which is deleted.
    Deleted(String),
}

impl Stands {
    /// In words.
    pub fn as_str(&self) -> &str {
        match self {
            Stands::Open => "open",
            Stands::Met(_) => "met by the schedule",
            Stands::Run(status) | Stands::Deleted(status) => status,
        }
    }

    /// Whether whoever follows the backfill has something to do for it.
    pub fn is_left(&self) -> bool {
        match self {
            Stands::Open => true,
            Stands::Met(_) | Stands::Deleted(_) => false,
            Stands::Run(status) => matches!(&**status, "running" | "waiting" | "stopped"),
        }
    }
}

/// A run is about to be deleted: its time goes on to know how it ended.
pub(super) fn keep_end(transaction: &Transaction<'_>, run: &str) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE backfill_times SET ended = (SELECT status FROM runs WHERE run = ?1) WHERE run = ?1",
        )?
        .execute([run])?;
    Ok(())
}

impl Reader {
    /// The times of a backfill, in order, as they stand.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn backfill_times(&self, backfill: &Backfill) -> Result<Vec<BackfillTime>, StoreError> {
        let times = self.planned(&backfill.backfill)?;
        self.stand(&backfill.workflow, &backfill.trigger, times)
    }

    /// The times of a backfill, in order.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn planned(&self, backfill: &str) -> Result<Vec<Planned>, StoreError> {
        if !self.has_backfills()? {
            return Ok(Vec::new());
        }
        let sql = "SELECT due, run, ended FROM backfill_times WHERE backfill = ?1 ORDER BY due";
        self.query_with(sql, [backfill], |row| {
            Ok(Planned {
                due: Timestamp(row.get(0)?),
                run: row.get(1)?,
                ended: row.get(2)?,
            })
        })
    }

    /// How times of a trigger stand.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn stand(
        &self,
        workflow: &str,
        trigger: &str,
        times: Vec<Planned>,
    ) -> Result<Vec<BackfillTime>, StoreError> {
        let quarantined = self.quarantined()?;
        let mut met = None;
        let mut found = Vec::with_capacity(times.len());
        for Planned { due, run, ended } in times {
            let sql = "SELECT status, ended_at IS NULL FROM runs WHERE run = ?1";
            let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?));
            let stands = match (self.query_with(sql, [&run], read)?.pop(), ended) {
                (Some((_, true)), _) if quarantined.contains_key(&run) => {
                    Stands::Run("quarantined".to_owned())
                }
                (Some((status, _)), _) => Stands::Run(status),
                (None, Some(ended)) => Stands::Deleted(ended),
                (None, None) => {
                    let met = match &mut met {
                        Some(met) => met,
                        none => none.insert(self.met(workflow, trigger)?),
                    };
                    met.remove(&due.0).map_or(Stands::Open, Stands::Met)
                }
            };
            found.push(BackfillTime { due, run, stands });
        }
        Ok(found)
    }

    /// The runs that a schedule has started, or is to start, by the times at which they were due.
    fn met(&self, workflow: &str, trigger: &str) -> Result<HashMap<i64, String>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(HashMap::new());
        }
        let sql = "SELECT due, run FROM occurrences
                   WHERE workflow = ?1 AND trigger = ?2 AND due IS NOT NULL AND run IS NOT NULL";
        let met = self.query_with(sql, [workflow, trigger], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(met.into_iter().collect())
    }
}
