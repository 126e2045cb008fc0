//! Backfills, as the owner of the store sees to them: written down before their runs start, and none starts after a cancel.

use flow_engine::journal::StartedBy;
use flow_engine::run::Input;
use flow_local::clock::now;
use flow_local::store::Stands;

use super::order::{EndBackfill, Record};
use super::{Driven, Owner};
use crate::backfills::{cancelled, known};
use crate::exit::Trouble;

impl Owner {
    /// Writes a backfill down: on disk when this returns. One that was cancelled is refused.
    pub(crate) fn record(&self, record: Record) -> Result<Driven, Trouble> {
        let Record { backfill, times } = record;
        self.is_not_cancelled(&backfill.backfill)?;
        let write = || self.store.record_backfill(backfill, times);
        tokio::task::block_in_place(write)?;
        Ok(Driven::Told)
    }

    /// Lets no more runs of a backfill start: on disk when this returns. Runs that begin at this moment are cancelled; the
    /// others, which the store lists, are for whoever asks.
    pub(crate) async fn end_backfill(&self, end: EndBackfill) -> Result<Driven, Trouble> {
        // A start is either over, or comes later and is refused.
        let _taking = self.taking.lock().await;
        let EndBackfill { backfill, by } = end;
        let reader = self.reader()?;
        let known = known(&reader, &backfill)?;
        tokio::task::block_in_place(|| self.store.cancel_backfill(&backfill, now()))?;
        for time in reader.backfill_times(&known)? {
            if time.stands != Stands::Open {
                continue;
            }
            let (ours, by) = (backfill.clone(), by.clone());
            let cancel = move |run: &mut flow_engine::run::Run| {
                if run.started().started_by.backfill.as_ref() != Some(&ours) {
                    return Ok(());
                }
                run.handle(now(), Input::Cancel { by, hard: false })
            };
            self.driver.decide(&time.run, cancel).await;
        }
        Ok(Driven::Told)
    }

    /// Refuses a run of a backfill that was cancelled.
    pub(super) fn may_go(&self, started_by: &StartedBy) -> Result<(), Trouble> {
        match &started_by.backfill {
            Some(backfill) => self.is_not_cancelled(backfill),
            None => Ok(()),
        }
    }

    fn is_not_cancelled(&self, backfill: &str) -> Result<(), Trouble> {
        let known = self.reader()?.backfill(backfill)?;
        if known.is_some_and(|known| known.cancelled_at.is_some()) {
            return Err(cancelled(backfill));
        }
        Ok(())
    }
}
