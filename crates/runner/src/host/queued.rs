//! Runs that are queued: begun once, or taken out of the queue before that, whichever comes first.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flow_engine::run::Input;
use flow_local::clock::now;
use flow_local::driver::{Decided, Progress, Services};
use flow_local::start::{self, NewRun};
use flow_local::store::Queued;
use tokio::sync::mpsc::UnboundedReceiver;

use super::troubles::stopping;
use super::{Driven, Owner};
use crate::exit::{Exit, Trouble};

/// Runs that were cancelled while they were queued, and may still be about to begin.
#[derive(Default)]
pub(super) struct Cancelled(Mutex<HashSet<String>>);

impl Cancelled {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner {
    /// Begins a run of which nothing is on disk yet; what happens to it comes through the channel. None if it was cancelled
    /// meanwhile.
    pub(crate) fn begin(
        &self,
        new: NewRun,
        services: Services,
    ) -> Option<UnboundedReceiver<Progress>> {
        let mut cancelled = self.cancelled.lock();
        if cancelled.remove(&new.run) {
            return None;
        }
        let taken = start::start(new, self.store.callbacks());
        Some(self.driver.add(taken, services))
    }

    /// Takes a run out of the queue: on disk when this returns. One that begins in this very moment is cancelled as others
    /// are.
    pub(super) async fn cancel_queued(
        &self,
        queued: Queued,
        by: &str,
        hard: bool,
    ) -> Result<Driven, Trouble> {
        let run = queued.run.clone();
        self.cancelled.lock().insert(run.clone());
        let asked = Input::Cancel {
            by: by.to_owned(),
            hard,
        };
        let decide = self
            .driver
            .decide(&run, move |run| run.handle(now(), asked));
        let decided = match decide.await {
            Decided::NotDriven => self.pass(&queued, by),
            Decided::OnDisk => Ok(false),
            Decided::Stopping => Err(stopping(&run)),
            Decided::Refused(error) => {
                Err(Trouble::new(Exit::Usage, "run.ended", error.to_string()))
            }
        };
        match decided {
            Ok(true) => {
                if let Some(on_dequeue) = self.on_dequeue.get() {
                    on_dequeue(&queued, &reason(by));
                }
            }
            Ok(false) | Err(_) => self.is_forgotten(&run),
        }
        decided.map(|_| Driven::Told)
    }

    /// Whether it was still queued; one that has begun and ended meanwhile was not.
    fn pass(&self, queued: &Queued, by: &str) -> Result<bool, Trouble> {
        let pass = || self.store.pass(queued.id, &reason(by));
        if tokio::task::block_in_place(pass)? {
            return Ok(true);
        }
        self.unfinished(&queued.run).map(|_| false)
    }

    /// A cancelled run cannot begin any more.
    pub(crate) fn is_forgotten(&self, run: &str) {
        self.cancelled.lock().remove(run);
    }

    /// Does something with each run that is taken out of the queue, and why it was. The first who wishes so is heard.
    pub(crate) fn on_dequeue(&self, act: impl Fn(&Queued, &str) + Send + Sync + 'static) {
        let _ = self.on_dequeue.set(Box::new(act));
    }
}

fn reason(by: &str) -> String {
    format!("cancelled by {by}")
}
