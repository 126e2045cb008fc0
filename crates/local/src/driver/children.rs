//! Runs that steps of other runs start: made once, taken up again where they were left, their end told to who waits.

use std::sync::Arc;

use flow_engine::journal::{Event, RunEnded, RunStatus, StartedBy};
use flow_engine::money::Amount;
use flow_engine::run::{ChildSpec, Failure, Input};
use flow_engine::value::Value;
use flow_engine::workflow::Workflow;
use tokio::sync::mpsc::{WeakUnboundedSender, unbounded_channel};

use super::happening::{Happening, send};
use super::{Progress, Services, Taken};
use crate::faults;
use crate::start::{self, NewRun};
use crate::store::{Store, TakeUp};

/// A run to start, or to take up if it was started before.
#[derive(Clone)]
pub(super) struct Child {
    pub(super) parent: Arc<str>,
    pub(super) workflow: Option<Arc<Workflow>>,
    /// Hash of the parent's bundle.
    pub(super) bundle: String,
    pub(super) sandbox: bool,
    /// How many events led to the parent.
    pub(super) causes: u32,
    pub(super) project: Option<String>,
    pub(super) services: Services,
    pub(super) spec: ChildSpec,
}

/// What became of it.
enum Found {
    Goes(Box<Taken>),
    Over(RunEnded),
    /// It is not taken up: processes died of it, or that this one drives it cannot be noted.
    Rests,
}

/// Makes the child, or finds it, off the async threads; then it is driven like any other run.
///
/// One that is to be cancelled is ended even if it kills whoever drives it.
pub(super) fn start(
    child: Child,
    to_end: bool,
    store: Arc<Store>,
    sender: WeakUnboundedSender<Happening>,
) {
    tokio::spawn(async move {
        let (parent, node, services) = (
            child.parent.clone(),
            child.spec.node,
            child.services.clone(),
        );
        let detached = child.spec.detached;
        let again = Box::new(child.clone());
        faults::point("driver.child.before");
        let found = tokio::task::spawn_blocking(move || find(&child, to_end, &store)).await;
        faults::point("driver.child.after");
        let found = found.unwrap_or_else(|_| Err("a bug in flow ended it".to_owned()));
        if !matches!(found, Ok(Found::Goes(_) | Found::Rests)) {
            send(&sender, Happening::ChildFound);
        }
        let ended = match found {
            Ok(Found::Over(ended)) => ended,
            Ok(Found::Rests) => {
                send(&sender, Happening::ChildWaits(again));
                send(&sender, Happening::ChildFound);
                return;
            }
            Err(why) => failed(&why),
            Ok(Found::Goes(taken)) => {
                let (observer, mut progress) = unbounded_channel();
                send(
                    &sender,
                    Happening::Add {
                        taken,
                        services,
                        observer,
                    },
                );
                send(&sender, Happening::ChildFound);
                loop {
                    match progress.recv().await {
                        Some(Progress::Ended(ended)) => break *ended,
                        // It waits for a person, or was stopped, or somebody else had it driven before.
                        Some(Progress::Interrupted | Progress::Stopped) | None => {
                            send(&sender, Happening::ChildWaits(again));
                            return;
                        }
                        Some(Progress::StoreFailed(error)) => break failed(&error.to_string()),
                        Some(_) => {}
                    }
                }
            }
        };
        if !detached {
            let input = Input::ChildEnded { node, ended };
            send(&sender, Happening::Input { run: parent, input });
        }
    });
}

fn find(child: &Child, to_end: bool, store: &Store) -> Result<Found, String> {
    let workflow = child.workflow.clone().ok_or("its workflow is not pinned")?;
    let reader = Store::reader(store.folder()).map_err(|error| error.to_string())?;
    let reader = reader.ok_or("the store is gone")?;
    let known = reader
        .run(&child.spec.run)
        .map_err(|error| error.to_string())?;
    if let Some(row) = known {
        let goes = row.has_ended()
            || match store.take_up(&row.run, false) {
                Ok(TakeUp::Goes) => true,
                Ok(TakeUp::Quarantined { .. }) if to_end => false,
                Err(error) if to_end => return Err(error.to_string()),
                Ok(TakeUp::Quarantined { .. }) | Err(_) => return Ok(Found::Rests),
            };
        let stored =
            start::load(&reader, store.folder(), row).map_err(|error| error.to_string())?;
        if let Some((_, Event::RunEnded(ended))) = stored.events.last() {
            return Ok(Found::Over(ended.clone()));
        }
        let taken = if goes {
            start::take_up(workflow, stored.events, store.callbacks())
        } else {
            let by = format!("run {}", child.parent);
            start::take_up_to_end(workflow, stored.events, by)
        };
        let mut taken = taken.map_err(|error| error.to_string())?;
        taken.run.set_within(child.spec.within.clone());
        return Ok(Found::Goes(Box::new(taken)));
    }
    let pinned = start::read_bundle(store.folder(), &child.bundle)?;
    let bundle =
        start::pin(store, &pinned.of_child(&workflow)).map_err(|error| error.to_string())?;
    let new = NewRun {
        run: child.spec.run.to_string(),
        bundle,
        workflow,
        inputs: child.spec.inputs.clone(),
        started_by: StartedBy {
            kind: "workflow".to_owned(),
            key: Some(child.parent.to_string()),
            causes: child.causes,
            ..StartedBy::default()
        },
        trigger: Value::map::<&str>([]),
        sandbox: child.sandbox,
        project: child.project.clone(),
        retry: None,
        budget: child.spec.budget,
    };
    let mut taken = start::start(new, store.callbacks());
    taken.run.set_within(child.spec.within.clone());
    Ok(Found::Goes(Box::new(taken)))
}

fn failed(why: &str) -> RunEnded {
    RunEnded {
        status: RunStatus::Failed,
        outputs: Value::Null,
        failure: Some(Failure::permanent("child.failed", why)),
        not_undone: Vec::new(),
        spent: Amount::default(),
    }
}
