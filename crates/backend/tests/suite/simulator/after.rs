//! What is compared when all is over: with a world in which nothing went wrong, and with a second try.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use flow_engine::journal::{Event, Reused, RunStatus};
use flow_engine::report::report;
use flow_engine::run::reuse::Earlier;
use flow_engine::run::step_of;

use super::plan::Plan;
use super::simulation::{Ended, Figures, Simulation, end_of, id_of};
use super::store::Events;
use crate::semantics::ends;

/// Tries a plan; a panic is a failure too.
///
/// # Errors
/// What must not be, in words.
pub(super) fn tried(plan: &Plan, told: bool) -> Result<Figures, String> {
    let work = AssertUnwindSafe(|| {
        let ended = Simulation::new(plan, told).run()?;
        all_have_ended(&ended)?;
        if plan.steady {
            let calm = Simulation::new(&plan.calm(), false).run()?;
            same_ends(&calm, &ended)?;
        }
        let retried = again(plan, &ended)?;
        Ok(Figures {
            retried,
            ..ended.figures
        })
    });
    catch_unwind(work).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}

fn all_have_ended(ended: &Ended) -> Result<(), String> {
    for (id, journal) in &ended.journals {
        if end_of(journal).is_none() {
            return Err(format!("{id} has not ended"));
        }
    }
    Ok(())
}

/// How the steps and the run ended. Items are left out: which of them are told by themselves depends on time.
fn told(journal: &Events) -> BTreeMap<String, String> {
    let events = journal.iter().map(|(at, event)| (*at, event));
    let report = report(events).expect("a journal begins with its start");
    let (steps, status) = ends(&report);
    let steps = steps.iter().filter(|(path, _)| !path.contains('['));
    let mut told: BTreeMap<String, String> = steps
        .map(|(path, end)| ((*path).to_owned(), (*end).to_owned()))
        .collect();
    told.insert("the run".to_owned(), format!("{status:?}"));
    told
}

fn same_ends(calm: &Ended, stormy: &Ended) -> Result<(), String> {
    for (id, journal) in &calm.journals {
        let Some(other) = stormy.journals.get(id) else {
            return Err(format!("{id} is missing"));
        };
        let (calm, stormy) = (told(journal), told(other));
        if calm != stormy {
            let differ = calm
                .iter()
                .filter(|(path, end)| stormy.get(*path) != Some(end));
            let differ: Vec<_> = differ.collect();
            return Err(format!(
                "{id} ends in another way; without crashes {differ:?}; {stormy:?}"
            ));
        }
    }
    Ok(())
}

/// Whether something inside a step that is reused went wrong, and was allowed to: in a mended world it goes well. What
/// the step started is inside it too.
fn allowed_failures(ended: &Ended, id: &str, reused: &[Reused]) -> bool {
    let is_reused = |path: &str| {
        reused.iter().any(|reused| {
            let rest = path.strip_prefix(&*reused.step);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '#']))
        })
    };
    something_failed(ended, id, &is_reused)
}

/// Whether a step that counts went wrong in a run, or anything in the runs that such steps started.
fn something_failed(ended: &Ended, id: &str, counts: &dyn Fn(&str) -> bool) -> bool {
    let events = ended.journals.get(id).into_iter().flatten();
    let mut counted = events.filter(|(_, event)| step_of(event).is_some_and(counts));
    counted.any(|(_, event)| match event {
        Event::StepFailed(_) | Event::StepTimedOut(_) => true,
        Event::ChildStarted(child) => something_failed(ended, &child.run, &|_| true),
        _ => false,
    })
}

/// The runs that did not succeed are tried again in a world that is mended: nothing that is reused begins (as is looked
/// at when it happens), and, where nothing has a time, they end as new runs would. Gives how many they were.
fn again(plan: &Plan, ended: &Ended) -> Result<u64, String> {
    let mut plan = Plan {
        mended: true,
        ..plan.calm()
    };
    let fresh = Simulation::new(&plan, false).run()?;
    let mut count = 0;
    let mut incomparable = BTreeSet::new();
    for (run, planned) in plan.runs.iter_mut().enumerate() {
        let Some(journal) = ended.journals.get(&*id_of(run)) else {
            continue;
        };
        if end_of(journal).is_some_and(|ended| ended.status == RunStatus::Succeeded) {
            continue;
        }
        count += 1;
        let earlier = Earlier::of(journal.iter().map(|(_, event)| event));
        planned.reused = earlier.reused(&*planned.workflow()?, &BTreeSet::new());
        if allowed_failures(ended, &id_of(run), &planned.reused) {
            incomparable.insert(run);
        }
    }
    let second = Simulation::new(&plan, false).run()?;
    all_have_ended(&second)?;
    let comparable = |run: &usize| plan.steady && !incomparable.contains(run);
    for run in (0..plan.runs.len()).filter(comparable) {
        let id = id_of(run);
        let outer = |journals: &BTreeMap<String, Events>| {
            let told = journals.get(&*id).map(told).unwrap_or_default();
            let outer = told
                .into_iter()
                .filter(|(path, _)| !path.contains(['/', '#']));
            outer.collect::<BTreeMap<_, _>>()
        };
        let (fresh, second) = (outer(&fresh.journals), outer(&second.journals));
        if fresh != second {
            return Err(format!(
                "{id} is tried again: {second:?}; as a new run {fresh:?}"
            ));
        }
    }
    Ok(count)
}
