//! What steps were called back with: once each, on disk before the caller hears that it was taken. A callback may come
//! before its step has begun to wait.

use std::sync::Arc;

use flow_engine::run::Callbacks;
use flow_engine::time::Timestamp;
use rusqlite::params;

use super::{Happened, Reader, Store, StoreError};
use crate::faults;

impl Store {
    /// Steps are called back at this address from now on, as long as this process owns the store. Blocking.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn take_callbacks(&self, base: String) -> Result<(), StoreError> {
        let path = super::open::database(self.folder());
        let key = self.work(move |connection| {
            let sql = "SELECT key FROM keys WHERE name = 'callbacks'";
            let read = |row: &rusqlite::Row<'_>| row.get::<_, [u8; 32]>(0);
            let key = connection.query_row(sql, [], read);
            key.map_err(|error| StoreError::sqlite(&path, &error))
        })?;
        let _ = self.callbacks.set(Arc::new(Callbacks { base, key }));
        Ok(())
    }

    /// Where steps are called back, if anybody takes callbacks.
    pub fn callbacks(&self) -> Option<Arc<Callbacks>> {
        self.callbacks.get().cloned()
    }

    /// Notes what a step was called back with; on disk when this returns. What comes second changes nothing. Blocking.
    ///
    /// # Errors
    /// As the store gives them; then it was not taken.
    pub fn call_back(
        &self,
        run: &str,
        step: &str,
        at: Timestamp,
        body: String,
    ) -> Result<(), StoreError> {
        let (of, path) = (run.to_owned(), step.to_owned());
        faults::point("store.call_back.before");
        self.change(move |transaction| {
            transaction.execute(
                "INSERT INTO callbacks (run, step, at, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![of, path, at.0, body],
            )?;
            Ok(())
        })?;
        faults::point("store.call_back.after");
        self.tell(Happened::Callback(run.into()));
        Ok(())
    }
}

impl Reader {
    /// What a step was called back with, in the journal's form.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn callback(&self, run: &str, step: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT body FROM callbacks WHERE run = ?1 AND step = ?2";
        Ok(self.query_with(sql, [run, step], |row| row.get(0))?.pop())
    }

    /// Whether a step of a run is over.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn is_over(&self, run: &str, step: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM events WHERE run = ?1
                   AND kind IN ('hold_ended', 'step_failed', 'step_timed_out', 'step_cancelled', 'step_skipped')
                   AND json_extract(body, '$.step') = ?2 LIMIT 1";
        Ok(!self.query_with(sql, [run, step], |_| Ok(()))?.is_empty())
    }
}
