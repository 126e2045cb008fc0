//! What must be true of every run, after each event and after each round.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flow_engine::catalog::Effect;
use flow_engine::journal::{Event, Outcome, Resolution};
use flow_engine::run::{Done, Half, Output, Run, step_of};
use flow_engine::workflow::{Does, OnInterrupt, Step, Workflow};

use super::process::Live;
use crate::semantics::seen_from;

/// What is known of a run from its events alone.
pub(super) struct Watch {
    workflow: Arc<Workflow>,
    over: BTreeSet<String>,
    ended: bool,
    reused: BTreeSet<String>,
    attempts: BTreeMap<String, Attempts>,
}

/// What is known of the attempts of one step.
#[derive(Debug, Default, Clone)]
struct Attempts {
    started: u32,
    prepared: u32,
    lost: u32,
    unknown: u32,
    retried: u32,
}

impl Watch {
    pub(super) fn new(workflow: Arc<Workflow>) -> Watch {
        Watch {
            workflow,
            over: BTreeSet::new(),
            ended: false,
            reused: BTreeSet::new(),
            attempts: BTreeMap::new(),
        }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, event: &Event) -> Result<(), String> {
        if self.ended {
            return Err(format!("{event:?} after the end of the run"));
        }
        self.ended = matches!(event, Event::RunEnded(_));
        if let Event::Reused(reused) = event {
            self.reused.insert(reused.step.clone());
            return Ok(());
        }
        let of_node = !matches!(event, Event::UndoStarted(_) | Event::RunStopped(_));
        let Some(path) = step_of(event).filter(|_| of_node) else {
            return Ok(());
        };
        if self.over.contains(path) {
            return Err(format!("{event:?} after the end of {path}"));
        }
        let step = self.workflow.step_of_path(path);
        let step = step.ok_or_else(|| format!("{path} is no step"))?.clone();
        self.needs_are_over(path, &step, event)?;
        self.attempts(path, &step, event)?;
        if ends(event) {
            self.over.insert(path.to_owned());
        }
        Ok(())
    }

    fn needs_are_over(&self, path: &str, step: &Step, event: &Event) -> Result<(), String> {
        let begins = matches!(
            event,
            Event::AttemptStarted(_)
                | Event::HoldStarted(_)
                | Event::GroupStarted(_)
                | Event::LoopStarted(_)
                | Event::RoundsStarted(_)
                | Event::ChildStarted(_)
                | Event::RangeStarted(_)
        );
        if !begins || step.undoes.is_some() {
            return Ok(());
        }
        for (needed, _) in &step.sees {
            let needed = seen_from(&self.workflow, path, *needed);
            if !self.over.contains(&needed) {
                return Err(format!("{path} begins before {needed} is over"));
            }
        }
        Ok(())
    }

    fn attempts(&mut self, path: &str, step: &Step, event: &Event) -> Result<(), String> {
        let reused = self.is_reused(path);
        let known = self.attempts.entry(path.to_owned()).or_default();
        match event {
            Event::AttemptStarted(started) => {
                if reused {
                    return Err(format!("{path} is reused, and an attempt begins"));
                }
                known.started += 1;
                if started.attempt != known.started {
                    return Err(format!(
                        "{path}: attempt {} follows {}",
                        started.attempt,
                        known.started - 1
                    ));
                }
                let again = matches!(&step.does, Does::Call(call) if call.on_interrupt == OnInterrupt::Retry);
                let unknown = if again { known.unknown } else { 0 };
                let allowed = step.retry.attempts.max(1) + known.lost + known.retried + unknown;
                if known.started > allowed {
                    return Err(format!("{path}: attempt {} of {allowed}", known.started));
                }
            }
            Event::AttemptPrepared(prepared) => {
                if prepared.attempt != known.started || prepared.attempt <= known.prepared {
                    return Err(format!(
                        "{path}: attempt {} is prepared twice",
                        prepared.attempt
                    ));
                }
                known.prepared = prepared.attempt;
            }
            Event::AttemptEnded(ended) => match &ended.outcome {
                Outcome::Lost => {
                    known.lost += 1;
                    known.unknown += 1;
                }
                Outcome::Failed(failure) if failure.done == Done::Unknown => known.unknown += 1,
                _ => {}
            },
            Event::InterruptionResolved(resolved) => {
                known.retried += u32::from(resolved.resolution == Resolution::Retry);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a step, or something around it, has its value from an earlier run.
    fn is_reused(&self, path: &str) -> bool {
        let around = |reused: &String| {
            let rest = path.strip_prefix(reused.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '#']))
        };
        self.reused.iter().any(around)
    }

    /// Before an attempt begins outside, its record has been made.
    pub(super) fn begins(&self, output: &Output) -> Result<(), String> {
        let (Output::Start(spec) | Output::Send(spec)) = output else {
            return Ok(());
        };
        let known = self.attempts.get(&*spec.path).cloned().unwrap_or_default();
        let recorded = match spec.half {
            Half::Send(_) => known.prepared,
            Half::Whole | Half::Prepare => known.started,
        };
        if recorded < spec.attempt.get() {
            return Err(format!(
                "{} begins attempt {} unrecorded",
                spec.path, spec.attempt
            ));
        }
        Ok(())
    }

    /// How often the effect of a step may have happened.
    pub(super) fn allowed(&self, path: &str) -> u64 {
        let known = self.attempts.get(path).cloned().unwrap_or_default();
        let Some(Does::Call(call)) = self.workflow.step_of_path(path).map(|step| &step.does) else {
            return 0;
        };
        let again = match (call.effect, call.on_interrupt) {
            (Effect::Once, OnInterrupt::Retry) => known.unknown,
            (Effect::Once, _) => 0,
            (Effect::Keyed, _) => return 1,
            _ => return u64::from(known.started),
        };
        u64::from(1 + known.retried + again)
    }
}

fn ends(event: &Event) -> bool {
    match event {
        Event::AttemptEnded(ended) => matches!(ended.outcome, Outcome::Succeeded(_)),
        Event::InterruptionResolved(resolved) => resolved.resolution != Resolution::Retry,
        Event::HoldEnded(_)
        | Event::StepSucceeded(_)
        | Event::StepFailed(_)
        | Event::StepSkipped(_)
        | Event::StepTimedOut(_)
        | Event::StepCancelled(_) => true,
        _ => false,
    }
}

/// What can be seen of a run from outside: the same live and replayed.
fn seen(run: &Run) -> String {
    let projection = run.projection();
    let nodes = |nodes: Vec<String>| nodes.join(", ");
    let interrupted = run.interrupted();
    let interrupted = interrupted.map(|(_, path, failure)| format!("{path} {failure:?}"));
    let signals = run.waiting_for_signals();
    format!(
        "{} {:?} {:?}; interrupted: {}; signals: {}; children: {}",
        projection.status,
        projection.waits_for,
        projection.open,
        nodes(interrupted.collect()),
        nodes(signals.map(|(_, path)| path.to_string()).collect()),
        run.children().next().is_some(),
    )
}

/// The journal gives the same run as the one in memory.
pub(super) fn replays(live: &Live) -> Result<(), String> {
    let replayed = Run::replay(live.run.workflow().clone(), live.journal.iter().cloned());
    let replayed = replayed.map_err(|error| format!("{}: {error}", live.run.id()))?;
    let (now, then) = (seen(&live.run), seen(&replayed));
    if now != then {
        return Err(format!(
            "{}: in memory {now}, replayed {then}",
            live.run.id()
        ));
    }
    Ok(())
}

/// Nothing is open in a run that has ended.
pub(super) fn nothing_is_left(run: &Run) -> Result<(), String> {
    let open = run.projection().open;
    let waits = run.interrupted().count() + run.waiting_for_signals().count();
    if !open.is_empty() || waits > 0 || run.children().next().is_some() {
        return Err(format!(
            "{} has ended, and is not empty: {}",
            run.id(),
            seen(run)
        ));
    }
    Ok(())
}
