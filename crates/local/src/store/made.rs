//! What steps made outside, and what they may be making: a projection of the journals that lets a search for what was lost
//! tell whose a thing is.

use flow_engine::journal::Row;
use flow_engine::run::{Making, Projection};
use rusqlite::{Transaction, params};

use super::{Reader, StoreError};

/// Writes what new rows of a journal tell, and what may be made at the moment.
pub(super) fn write(
    transaction: &Transaction<'_>,
    run: &str,
    rows: &[Row],
    before: Option<&Projection>,
    projection: &Projection,
) -> rusqlite::Result<()> {
    if before.is_none_or(|before| !before.making.is_empty()) {
        transaction
            .prepare_cached("DELETE FROM made WHERE run = ?1 AND id IS NULL")?
            .execute([run])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO made (run, step, what, id, count) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (run, step) DO UPDATE SET what = excluded.what, id = excluded.id, count = excluded.count",
    )?;
    for row in rows.iter().filter(|row| row.body.contains("\"made\":")) {
        if let Ok(event) = row.event()
            && let Some((step, made)) = event.made()
        {
            insert.execute(params![run, step, made.what, made.id, None::<i64>])?;
        }
    }
    for Making { step, what, count } in &projection.making {
        let count = count.and_then(|count| i64::try_from(count).ok());
        insert.execute(params![run, &**step, &**what, None::<String>, count])?;
    }
    Ok(())
}

impl Reader {
    /// The step, and its run, that made a thing or took it for its own.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn made_by(&self, what: &str, id: &str) -> Result<Option<(String, String)>, StoreError> {
        let sql = "SELECT run, step FROM made WHERE what = ?1 AND id = ?2 LIMIT 1";
        let found = self.query_with(sql, (what, id), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.into_iter().next())
    }

    /// The steps, and their runs, that may have made such a thing of that many items, or are about to.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn making(
        &self,
        what: &str,
        count: Option<u64>,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let count = count.and_then(|count| i64::try_from(count).ok());
        let sql = "SELECT run, step FROM made WHERE what = ?1 AND id IS NULL AND count IS ?2";
        self.query_with(sql, params![what, count], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }
}
