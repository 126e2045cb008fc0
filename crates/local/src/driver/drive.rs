//! The loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::admission::Admission;
use flow_engine::run::Input;
use flow_engine::time::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};

use super::children::{self, Child};
use super::driven::Driven;
use super::happening::Happening;
use super::log::Log;
use super::records::Claims;
use super::stops::{Asked, Stops};
use super::{Decided, Hearer, Progress};
use crate::clock::now;
use crate::store::{Happened, Store};

/// No sleep is longer, so that a clock that jumps is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// What all runs have in common.
fn shared(store: &Store) -> (Arc<Claims>, Log) {
    let claims = Claims::new(store.folder());
    (Arc::new(claims), Log::new(store.folder()))
}

/// Drives runs until the last handle is gone.
pub(super) async fn drive(
    store: Arc<Store>,
    hearer: Option<Hearer>,
    sender: WeakUnboundedSender<Happening>,
    mut receiver: UnboundedReceiver<Happening>,
) {
    let mut runs: HashMap<Arc<str>, Driven> = HashMap::new();
    let shared = shared(&store);
    // Who may go, when not all may go at once: all runs of the store are driven here.
    let mut admission = Admission::default();
    // Those who want to know when no run is left, and how many are about to be.
    let mut resting = Vec::new();
    let mut about_to_be = 0_usize;
    // Runs to be cancelled as soon as they are driven.
    let mut stops = Stops::default();
    let mut trouble = store.trouble();
    let mut happened = store.happened();
    loop {
        let mut touched: Vec<Arc<str>> = Vec::new();
        let first = tokio::select! {
            happening = receiver.recv() => match happening {
                Some(happening) => Some(happening),
                None => return,
            },
            Ok(()) = trouble.changed() => {
                let waits = trouble.borrow_and_update().clone();
                let wait = |driven: &Driven| driven.tell(Progress::StoreWaits(waits.clone()));
                runs.values().for_each(wait);
                None
            }
            what = happened.recv() => {
                // Whoever is too slow has missed some, and looks for all.
                touched = tell_news(&mut runs, what.ok().as_ref());
                None
            }
            () = tokio::time::sleep(until_due(&runs, &admission)) => None,
        };
        let mut next = first;
        while let Some(happening) = next {
            match happening {
                Happening::StartChild(child) if runs.contains_key(&child.spec.run) => {
                    // Somebody resumed it before its parent: that is told when it is over.
                    if let Some(parent) = runs.get_mut(&child.parent) {
                        parent.child_rests(*child);
                    }
                }
                Happening::StartChild(child) => {
                    about_to_be += 1;
                    let to_end = stops.ends(&child.spec.run);
                    children::start(*child, to_end, store.clone(), sender.clone());
                }
                Happening::ChildWaits(child) if stops.ends(&child.spec.run) => {
                    // It was looked up before it was known that it is to end.
                    about_to_be += 1;
                    children::start(*child, true, store.clone(), sender.clone());
                }
                Happening::CancelChild(stop) => match stops.stop(*stop, &mut runs) {
                    Asked::Told(run) => touched.push(run),
                    Asked::Rested(child) => {
                        about_to_be += 1;
                        children::start(*child, true, store.clone(), sender.clone());
                    }
                    Asked::Unknown(stop) => stops.seek(stop, store.clone(), sender.clone()),
                },
                Happening::ChildSought {
                    run,
                    found,
                    services,
                } => stops.sought(&run, found, services, &sender),
                Happening::Add {
                    taken,
                    services,
                    observer,
                } => {
                    let id: Arc<str> = taken.run.id().into();
                    // A run is driven once: whoever comes second is told by the silence of its channel.
                    if !runs.contains_key(&id) {
                        let heard = (observer, hearer.clone());
                        let mut driven = Driven::new(*taken, services, heard, &shared);
                        if let Some(cancel) = stops.take(&id) {
                            driven.take(cancel);
                        }
                        runs.insert(id.clone(), driven);
                        touched.push(id);
                    }
                }
                Happening::ChildFound => about_to_be -= 1,
                Happening::Rest(done) => resting.push(done),
                Happening::Stop { run: None } => {
                    // What waits for space would keep the process from ending.
                    store.stop_waiting();
                    runs.values_mut().for_each(Driven::stop);
                }
                happening => touched.extend(take(happening, &mut runs, &mut admission, &sender)),
            }
            next = receiver.try_recv().ok();
        }
        let at = now();
        touched.extend(tick(&mut runs, at));
        admission.tick(at);
        let again = rounds(&mut runs, &mut admission, touched, at, (&store, &sender));
        for child in again {
            about_to_be += 1;
            children::start(child, false, store.clone(), sender.clone());
        }
        if runs.is_empty() && about_to_be == 0 && !stops.are_sought() {
            for done in resting.drain(..) {
                let _: Result<(), ()> = done.send(());
            }
        }
    }
}

/// Tells runs what is in the log now, or that something is; names those that wait for it.
fn tell_news(runs: &mut HashMap<Arc<str>, Driven>, happened: Option<&Happened>) -> Vec<Arc<str>> {
    let told = runs.iter_mut().filter_map(|(id, driven)| {
        let told = driven.happened(happened);
        told.then(|| id.clone())
    });
    told.collect()
}

/// Tells runs that their time has come; names them.
fn tick(runs: &mut HashMap<Arc<str>, Driven>, at: Timestamp) -> Vec<Arc<str>> {
    let due = runs
        .iter_mut()
        .filter(|(_, driven)| driven.due.is_some_and(|due| due <= at));
    let ticked = due.map(|(id, driven)| {
        driven.take(Input::Tick);
        id.clone()
    });
    ticked.collect()
}

/// Hands what runs have to say to the store and to admission, until nobody has more to say: whoever ends makes room for
/// others. Gives the children that are to be looked at again.
fn rounds(
    runs: &mut HashMap<Arc<str>, Driven>,
    admission: &mut Admission,
    mut touched: Vec<Arc<str>>,
    at: Timestamp,
    (store, sender): (&Store, &WeakUnboundedSender<Happening>),
) -> Vec<Child> {
    let mut again = Vec::new();
    loop {
        touched.sort_unstable();
        touched.dedup();
        for id in touched {
            if let Some(driven) = runs.get_mut(&id) {
                driven.round(store, admission, sender);
            }
        }
        again.extend(forget(runs, admission, store, at));
        touched = tell_answers(runs, admission);
        if touched.is_empty() {
            return again;
        }
    }
}

/// Forgets runs that are over here, which makes room for others. One of them may have been resumed by itself and have
/// ended: gives those that others wait for, to be looked at again.
fn forget(
    runs: &mut HashMap<Arc<str>, Driven>,
    admission: &mut Admission,
    store: &Store,
    at: Timestamp,
) -> Vec<Child> {
    let mut over = Vec::new();
    runs.retain(|id, driven| {
        let goes = !driven.is_over();
        if driven.is_cleared(!goes) {
            store.let_go(id);
        }
        if !goes {
            admission.gone(at, id);
            over.push(id.clone());
        }
        goes
    });
    let awaited = |id: &Arc<str>| -> Vec<Child> {
        let parents = runs.values_mut();
        parents.filter_map(|parent| parent.rested(id)).collect()
    };
    over.iter().flat_map(awaited).collect()
}

/// Tells runs what became of what they asked for; names them.
fn tell_answers(runs: &mut HashMap<Arc<str>, Driven>, admission: &mut Admission) -> Vec<Arc<str>> {
    let mut touched = Vec::new();
    while let Some(word) = admission.poll() {
        if let Some(driven) = runs.get_mut(&word.run) {
            let (ticket, answer) = (word.ticket, word.answer);
            driven.take(Input::Answered { ticket, answer });
            touched.push(word.run);
        }
    }
    touched
}

/// Takes what happened; names the run that may have something to do now.
fn take(
    happening: Happening,
    runs: &mut HashMap<Arc<str>, Driven>,
    admission: &mut Admission,
    sender: &WeakUnboundedSender<Happening>,
) -> Option<Arc<str>> {
    match happening {
        Happening::ChildWaits(child) => {
            let parent = child.parent.clone();
            runs.get_mut(&parent)?.child_rests(*child);
            Some(parent)
        }
        Happening::Input { run, input } => {
            runs.get_mut(&run)?.take(input);
            Some(run)
        }
        Happening::TaskEnded { run, input } => {
            let driven = runs.get_mut(&run)?;
            driven.task_ended();
            driven.take(input);
            Some(run)
        }
        Happening::Saved {
            run,
            result: Ok(()),
            round,
        } => {
            runs.get_mut(&run)?.saved(round, admission, sender);
            None
        }
        Happening::Saved {
            run,
            result: Err(error),
            ..
        } => {
            // What is in memory is ahead of the disk and can never be made good: the run ends here, to be resumed.
            let driven = runs.remove(&run)?;
            admission.gone(now(), &run);
            driven.tell(Progress::StoreFailed(error));
            None
        }
        // The loop itself does these.
        Happening::Add { .. }
        | Happening::StartChild(_)
        | Happening::CancelChild(_)
        | Happening::ChildSought { .. }
        | Happening::ChildFound
        | Happening::Rest(_)
        | Happening::Stop { run: None } => None,
        Happening::WindDown => {
            runs.values_mut().for_each(Driven::wind_down);
            None
        }
        Happening::Decide { run, decision } => {
            let Some(driven) = runs.get_mut(&run) else {
                let _ = decision.answer.send(Decided::NotDriven);
                return None;
            };
            driven.decide(decision);
            Some(run)
        }
        Happening::Stop { run: Some(run) } => {
            runs.get_mut(&run)?.stop();
            Some(run)
        }
    }
}

fn until_due(runs: &HashMap<Arc<str>, Driven>, admission: &Admission) -> Duration {
    let due = runs.values().filter_map(|driven| driven.due);
    let Some(due) = due.chain(admission.due()).min() else {
        return SLEEP_MAX;
    };
    Duration::from_millis(due.since(now()).0).min(SLEEP_MAX)
}
