//! Saving what is whole out of a damaged store, into a new one.

use std::path::Path;
use std::sync::mpsc::channel;

use super::doctor::{Complaint, Replay, whole};
use super::{BlobFolder, Commit, Reader, Store, StoreError};

/// What was saved and what was not.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Ids of the runs that are in the new store.
    pub saved: Vec<String>,
    /// Why others are not.
    pub lost: Vec<Complaint>,
}

impl Reader {
    /// Copies every run of which journal, bundle and blobs are whole into the store `into`. The damaged one is not written.
    /// Blocking.
    ///
    /// # Errors
    /// If the new store cannot be written.
    pub fn salvage(
        &self,
        folder: &Path,
        into: &Store,
        replay: &Replay<'_>,
    ) -> Result<Salvaged, StoreError> {
        let blobs = BlobFolder::reading(folder);
        let mut salvaged = Salvaged::default();
        for run in self.all_runs(&mut salvaged.lost) {
            let told = self.told(&run, &blobs, replay).and_then(|told| {
                let mut each = told.blobs.iter();
                each.try_for_each(|hash| whole(&blobs, *hash, &run))?;
                Ok(told)
            });
            let told = match told {
                Ok(told) => told,
                Err(complaint) => {
                    salvaged.lost.push(complaint);
                    continue;
                }
            };
            for hash in &told.blobs {
                into.blobs()
                    .take_from(&blobs, *hash)
                    .map_err(|error| StoreError::io(into.folder(), &error))?;
            }
            let (sender, receiver) = channel();
            into.commit(Commit {
                run: run.clone(),
                head: Some(told.head),
                rows: told.rows,
                projection: told.projection,
                announced: Vec::new(),
                done: Box::new(move |result| {
                    let _ = sender.send(result);
                }),
            });
            receiver.recv().expect("the writer answers")?;
            salvaged.saved.push(run);
        }
        self.salvage_backfills(into, &mut salvaged);
        Ok(salvaged)
    }

    /// Copies what the store says of backfills, as far as it can be read.
    fn salvage_backfills(&self, into: &Store, salvaged: &mut Salvaged) {
        let copied = self.backfills(None, u32::MAX).and_then(|backfills| {
            backfills.into_iter().try_for_each(|backfill| {
                let times = self.planned(&backfill.backfill)?;
                into.record_backfill(backfill, times)
            })
        });
        if let Err(error) = copied {
            salvaged.lost.push(Complaint {
                code: error.code(),
                run: None,
                message: format!("not every backfill can be read: {error}"),
                rebuilds: false,
            });
        }
    }
}
