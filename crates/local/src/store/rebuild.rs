//! Making the tables beside the journals again, from the journals.

use rusqlite::params;

use super::doctor::{Complaint, Replay, Told};
use super::{Store, StoreError};

impl Store {
    /// Makes the tables beside the journals again, from the journals, in one transaction. A run whose journal cannot be read
    /// keeps what the tables say of it, and is named. Gives the number of runs whose tables were made. Blocking.
    ///
    /// # Errors
    /// As the store gives them; then nothing was changed.
    pub fn rebuild(&self, replay: &Replay<'_>) -> Result<(u64, Vec<Complaint>), StoreError> {
        let path = super::open::database(self.folder());
        let Some(reader) = Store::reader(self.folder())? else {
            return Ok((0, Vec::new()));
        };
        let mut complaints = Vec::new();
        let mut made = Vec::new();
        for run in reader.all_runs(&mut complaints) {
            match reader.told(&run, &self.blobs(), replay) {
                Ok(Told {
                    head,
                    ended_at,
                    projection,
                    rows,
                    ..
                }) => made.push((run, head, ended_at, projection, rows)),
                Err(complaint) => complaints.push(complaint),
            }
        }
        let count = made.len() as u64;
        self.work(move |connection| {
            let mut write = || -> rusqlite::Result<()> {
                let transaction = connection.transaction()?;
                for (run, head, ended_at, projection, rows) in &made {
                    transaction.prepare_cached(
                        "INSERT INTO runs (run, workflow, status, started_at, bundle, sandbox, backfill) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT (run) DO UPDATE SET workflow = ?2, started_at = ?4, bundle = ?5, sandbox = ?6, backfill = ?7",
                    )?
                    .execute(params![run, head.workflow, projection.status, head.started_at, head.bundle, head.sandbox, head.backfill])?;
                    super::made::write(&transaction, run, rows, None, projection)?;
                    super::record::write_projection(&transaction, run, projection, *ended_at)?;
                }
                transaction.commit()
            };
            write().map_err(|error| StoreError::sqlite(&path, &error))
        })?;
        Ok((count, complaints))
    }
}
