//! Runs that only wait, and for long: the store has all of them, so they leave the memory until something concerns them.
//!
//! Nobody notices but the memory: whoever observes such a run goes on hearing of it, and whatever is decided of it is kept
//! until it was read again.

use std::sync::Arc;

use flow_engine::duration::Millis;
use flow_engine::workflow::Workflow;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};

use super::happening::{Decision, Happening, send};
use super::{Decided, Progress, Services, Taken, Word};
use crate::start;
use crate::store::{Store, StoreError};

/// When a run that only waits leaves the memory.
#[derive(Debug, Clone, Copy)]
pub struct Naps {
    /// After so long without anything that concerned it.
    pub after: Millis,
    /// If it has nothing to do for so long.
    pub least: Millis,
}

impl Default for Naps {
    fn default() -> Naps {
        Naps {
            after: Millis::seconds(10),
            least: Millis::seconds(60),
        }
    }
}

/// What stays of a run that sleeps.
pub(super) struct Asleep {
    pub(super) workflow: Arc<Workflow>,
    pub(super) services: Services,
    pub(super) observer: UnboundedSender<Progress>,
    /// What its observer was told of whose word it waits for.
    pub(super) waits: Option<Word>,
    /// What came since it is being read; none if it is not.
    waking: Option<Waking>,
}

/// What a run hears as soon as it is there.
#[derive(Default)]
pub(super) struct Waking {
    pub(super) decisions: Vec<Decision>,
    pub(super) stops: bool,
    pub(super) winds_down: bool,
}

impl Asleep {
    pub(super) fn new(
        workflow: Arc<Workflow>,
        services: Services,
        observer: UnboundedSender<Progress>,
        waits: Option<Word>,
    ) -> Asleep {
        Asleep {
            workflow,
            services,
            observer,
            waits,
            waking: None,
        }
    }

    /// Has it read from the store, off the async threads; [`Happening::Woken`] follows, once.
    pub(super) fn wake(
        &mut self,
        run: &Arc<str>,
        store: &Arc<Store>,
        sender: &WeakUnboundedSender<Happening>,
    ) -> &mut Waking {
        if self.waking.is_none() {
            let (run, store) = (run.clone(), store.clone());
            let (workflow, sender) = (self.workflow.clone(), sender.clone());
            tokio::spawn(async move {
                let (id, folder) = (run.clone(), store.folder().to_owned());
                let read = tokio::task::spawn_blocking(move || read(workflow, &run, &store)).await;
                let found = read.unwrap_or_else(|_| {
                    Err(StoreError::Corrupt {
                        path: folder,
                        message: format!("a bug in flow ended the reading of run {id}"),
                    })
                });
                send(&sender, Happening::Woken { run: id, found });
            });
        }
        self.waking.get_or_insert_default()
    }

    /// It is to be let go: at once, if it is not being read. Whether it is gone.
    pub(super) fn let_go(&mut self, mark: impl FnOnce(&mut Waking)) -> bool {
        if let Some(waking) = &mut self.waking {
            mark(waking);
            return false;
        }
        self.tell(Progress::Stopped);
        true
    }

    /// What it is to hear, now that it was read.
    pub(super) fn heard(&mut self) -> Waking {
        self.waking.take().unwrap_or_default()
    }

    /// It could not be read: whoever decided something is told that it is not driven.
    pub(super) fn lost(mut self, error: StoreError) {
        for decision in self.heard().decisions {
            let _ = decision.answer.send(Decided::NotDriven);
        }
        self.tell(Progress::StoreFailed(error));
    }

    pub(super) fn tell(&self, progress: Progress) {
        // An observer that is gone needs no word.
        let _ = self.observer.send(progress);
    }
}

fn read(workflow: Arc<Workflow>, run: &str, store: &Store) -> Result<Box<Taken>, StoreError> {
    let events = Store::reader_of(store.folder())?.journal(run)?;
    let taken = start::take_up(workflow, events, store.callbacks());
    taken.map(Box::new).map_err(|error| StoreError::Corrupt {
        path: store.folder().to_owned(),
        message: format!("run {run}: {error}"),
    })
}
