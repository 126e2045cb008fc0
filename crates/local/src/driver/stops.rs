//! Runs that are to end because the step that started them is over: also those that are not driven at the moment, where a
//! crash came between the end of the step and the cancel.

use std::collections::HashMap;
use std::sync::Arc;

use flow_engine::run::Input;
use flow_engine::workflow::Workflow;
use tokio::sync::mpsc::{WeakUnboundedSender, unbounded_channel};

use super::children::Child;
use super::happening::{Happening, send};
use super::roster::Roster;
use super::{Services, Taken};
use crate::start;
use crate::store::{Store, TakeUp};

/// A run that is to end with the step that started it.
pub(super) struct Stop {
    pub(super) parent: Arc<str>,
    pub(super) run: Arc<str>,
    pub(super) workflow: Option<Arc<Workflow>>,
    pub(super) services: Services,
    /// It was started here and is not driven any more.
    pub(super) rested: Option<Child>,
}

/// What became of the wish that a run ends.
pub(super) enum Asked {
    /// It is driven here, and knows.
    Told(Arc<str>),
    /// It is to be taken up again, to end.
    Rested(Box<Child>),
    /// Only the store knows of it.
    Unknown(Box<Stop>),
}

/// What the store has of it.
pub(super) enum Sought {
    Goes(Box<Taken>),
    Over,
    Missing,
}

/// What cancels a run that another one started, and stopped.
pub fn cancelled_by(parent: &str) -> Input {
    Input::Cancel {
        by: format!("run {parent}"),
        hard: false,
    }
}

/// Those that are not driven yet.
#[derive(Default)]
pub(super) struct Stops {
    /// To be given to them as soon as they are.
    cancels: HashMap<Arc<str>, Input>,
    /// How many are looked for in the store.
    seeking: usize,
}

impl Stops {
    /// Cancels a run: now if it is driven here, else when it comes. One that another run started never sleeps.
    pub(super) fn stop(&mut self, mut stop: Stop, roster: &mut Roster) -> Asked {
        let input = cancelled_by(&stop.parent);
        if let Some(driven) = roster.awake.get_mut(&stop.run) {
            driven.take(input);
            return Asked::Told(stop.run);
        }
        self.cancels.insert(stop.run.clone(), input);
        match stop.rested.take() {
            Some(child) => Asked::Rested(Box::new(child)),
            None => Asked::Unknown(Box::new(stop)),
        }
    }

    /// Looks for a run in the store.
    pub(super) fn seek(
        &mut self,
        stop: Box<Stop>,
        store: Arc<Store>,
        sender: WeakUnboundedSender<Happening>,
    ) {
        self.seeking += 1;
        seek(*stop, store, sender);
    }

    /// It was looked for.
    pub(super) fn sought(
        &mut self,
        run: &str,
        found: Sought,
        services: Services,
        sender: &WeakUnboundedSender<Happening>,
    ) {
        self.seeking -= 1;
        match found {
            // It is about to come, or never came to the disk.
            Sought::Missing => {}
            Sought::Over => {
                self.cancels.remove(run);
            }
            Sought::Goes(taken) => {
                let observer = unbounded_channel().0;
                let add = Happening::Add {
                    taken,
                    services,
                    observer,
                };
                send(sender, add);
            }
        }
    }

    /// Whether a run is to end as soon as it comes.
    pub(super) fn ends(&self, run: &str) -> bool {
        self.cancels.contains_key(run)
    }

    /// What a run that comes is to be given.
    pub(super) fn take(&mut self, run: &str) -> Option<Input> {
        self.cancels.remove(run)
    }

    /// Whether some may still come from the store.
    pub(super) fn are_sought(&self) -> bool {
        self.seeking > 0
    }
}

/// Looks for a run that is not driven, off the async threads.
fn seek(stop: Stop, store: Arc<Store>, sender: WeakUnboundedSender<Happening>) {
    tokio::spawn(async move {
        let (run, services) = (stop.run.clone(), stop.services.clone());
        let found = tokio::task::spawn_blocking(move || find(&stop, &store)).await;
        let found = found.ok().flatten().unwrap_or(Sought::Missing);
        let sought = Happening::ChildSought {
            run,
            found,
            services,
        };
        send(&sender, sought);
    });
}

fn find(stop: &Stop, store: &Store) -> Option<Sought> {
    let reader = Store::reader(store.folder()).ok()??;
    let row = reader.run(&stop.run).ok()??;
    if row.has_ended() {
        return Some(Sought::Over);
    }
    let goes = store.take_up(&row.run, false).ok()?;
    let stored = start::load(&reader, store.folder(), row).ok()?;
    let workflow = stop.workflow.clone()?;
    let taken = match goes {
        TakeUp::Goes => start::take_up(workflow, stored.events, store.callbacks()),
        // It is ended even if it kills whoever drives it.
        TakeUp::Quarantined { .. } => {
            let by = format!("run {}", stop.parent);
            start::take_up_to_end(workflow, stored.events, by)
        }
    };
    Some(Sought::Goes(Box::new(taken.ok()?)))
}
