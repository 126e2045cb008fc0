//! The loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::admission::Admission;
use flow_engine::run::Input;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};

use super::children;
use super::driven::Driven;
use super::happening::Happening;
use super::{Decided, Progress};
use crate::clock::now;
use crate::store::Store;

/// No sleep is longer, so that a clock that jumps is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Drives runs until the last handle is gone.
pub(super) async fn drive(
    store: Arc<Store>,
    sender: WeakUnboundedSender<Happening>,
    mut receiver: UnboundedReceiver<Happening>,
) {
    let mut runs: HashMap<Arc<str>, Driven> = HashMap::new();
    // Who may go, when not all may go at once: all runs of the store are driven here.
    let mut admission = Admission::default();
    // Those who want to know when no run is left, and runs that are about to be.
    let mut resting = Vec::new();
    let mut trouble = store.trouble();
    loop {
        let first = tokio::select! {
            happening = receiver.recv() => match happening {
                Some(happening) => Some(happening),
                None => return,
            },
            Ok(()) = trouble.changed() => {
                let waits = trouble.borrow_and_update().clone();
                for driven in runs.values() {
                    driven.tell(Progress::StoreWaits(waits.clone()));
                }
                None
            }
            () = tokio::time::sleep(until_due(&runs, &admission)) => None,
        };
        let mut touched: Vec<Arc<str>> = Vec::new();
        let mut next = first;
        while let Some(happening) = next {
            match happening {
                Happening::StartChild(child) => {
                    children::start(*child, store.clone(), sender.clone());
                }
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
        for (id, driven) in &mut runs {
            if driven.due.is_some_and(|due| due <= at) {
                driven.take(Input::Tick);
                touched.push(id.clone());
            }
        }
        admission.tick(at);
        // Whoever ends makes room for others.
        loop {
            touched.sort_unstable();
            touched.dedup();
            for id in touched {
                if let Some(driven) = runs.get_mut(&id) {
                    driven.round(&store, &mut admission, &sender);
                }
            }
            runs.retain(|id, driven| {
                let over = driven.is_over();
                if over {
                    admission.gone(at, id);
                }
                !over
            });
            touched = tell_answers(&mut runs, &mut admission);
            if touched.is_empty() {
                break;
            }
        }
        if runs.is_empty() {
            for done in resting.drain(..) {
                let _: Result<(), ()> = done.send(());
            }
        }
    }
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
        Happening::Add {
            taken,
            services,
            observer,
        } => {
            let id: Arc<str> = taken.run.id().into();
            runs.insert(id.clone(), Driven::new(*taken, services, observer));
            Some(id)
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
        Happening::StartChild(_) | Happening::Rest(_) | Happening::Stop { run: None } => None,
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
