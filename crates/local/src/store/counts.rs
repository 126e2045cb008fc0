//! How much there is of what goes on: for those who watch a store, not for lists.

use super::{Reader, StoreError};

impl Reader {
    /// How many runs have not ended, by status.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn live_by_status(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT status, count(*) FROM runs WHERE ended_at IS NULL GROUP BY status";
        self.query_with(sql, [], counted)
    }

    /// How many runs are still to start, by workflow.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn queued_by_workflow(&self) -> Result<Vec<(String, u64)>, StoreError> {
        if !self.has_table("occurrences")? {
            return Ok(Vec::new());
        }
        let sql =
            "SELECT workflow, count(*) FROM occurrences WHERE state = 'queued' GROUP BY workflow";
        self.query_with(sql, [], counted)
    }
}

fn counted(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, u64)> {
    let count: i64 = row.get(1)?;
    Ok((row.get(0)?, u64::try_from(count).unwrap_or(0)))
}
