//! For whose word steps wait: a projection of the journals, so that a run that is not driven is found when the word comes.

use flow_engine::run::Projection;
use flow_engine::run::announce::{ANY_END, RESERVED};
use rusqlite::{Transaction, params};

use super::record::has_ended;
use super::{Reader, StoreError};

/// Writes what a run waits for at the moment.
pub(super) fn write(
    transaction: &Transaction<'_>,
    run: &str,
    projection: &Projection,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM awaited WHERE run = ?1")?
        .execute([run])?;
    if has_ended(projection) {
        return Ok(());
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO awaited (run, step, kind, name, since) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for awaited in &projection.awaited {
        let name = awaited.event.as_deref().unwrap_or_default();
        let kind = awaited.signal.as_str();
        insert.execute(params![run, &*awaited.step, kind, name, awaited.since.0])?;
    }
    Ok(())
}

impl Reader {
    /// The steps that wait for a person's decision, with their runs.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn approvals(&self) -> Result<Vec<(String, String)>, StoreError> {
        if !self.has_table("awaited")? {
            return Ok(Vec::new());
        }
        let sql = "SELECT run, step FROM awaited WHERE kind = 'approval' ORDER BY run, step";
        self.query_with(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Whether a step waits to be called back.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn awaits_callback(&self, run: &str, step: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM awaited WHERE kind = 'callback' AND run = ?1 AND step = ?2";
        let found = self.query_with(sql, [run, step], |_| Ok(()))?;
        Ok(!found.is_empty())
    }

    /// The runs with a step that waits for an event of this name.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn awaiting_event(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let any = if name.starts_with(RESERVED) {
            ANY_END
        } else {
            name
        };
        let sql = "SELECT DISTINCT run FROM awaited WHERE kind = 'event' AND name IN (?1, ?2)";
        self.query_with(sql, [name, any], |row| row.get(0))
    }

    /// The runs with a step that waits for something that may be in the log already.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn answered(&self) -> Result<Vec<String>, StoreError> {
        let sql = "
            SELECT DISTINCT run FROM awaited
            WHERE kind = 'event' AND EXISTS (
                SELECT 1 FROM event_log
                WHERE (event_log.name = awaited.name OR (awaited.name = ?1 AND substr(event_log.name, 1, length(?2)) = ?2))
                  AND event_log.at >= awaited.since AND event_log.run IS NOT awaited.run)
            UNION SELECT awaited.run FROM awaited JOIN callbacks USING (run, step) WHERE kind = 'callback'";
        self.query_with(sql, [ANY_END, RESERVED], |row| row.get(0))
    }
}
