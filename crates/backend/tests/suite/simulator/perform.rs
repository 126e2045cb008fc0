//! What the driver does with the outputs of a run, and what becomes of it on the way.

use std::sync::Arc;

use flow_backend::attempt::{evaluate_control, fetch, perform};
use flow_backend::context::{Secrets, StepContext};
use flow_backend::look::take_look;
use flow_backend::meter::Meter;
use flow_backend::range::{Pace, RANGE_TIME, perform_range};
use flow_backend::segment::store_results;
use flow_engine::duration::Millis;
use flow_engine::journal::RunEnded;
use flow_engine::money::Costs;
use flow_engine::run::{
    AttemptSpec, ChildSpec, Done, Failure, FailureKind, Half, Input, NodeId, Output, Run,
};
use flow_engine::value::{Secret, Value};
use flow_engine::workflow::Does;
use secrecy::SecretString;

use super::happening::{Happening, Id, Work, input_told};
use super::process::{Live, started};
use super::simulation::Simulation;

/// How long work outside takes at most, in milliseconds.
const TAKES_MAX: u64 = 8_000;

impl Simulation {
    pub(super) fn perform(&mut self, id: &Id, output: Output) -> Result<(), String> {
        let Some(live) = self.process.runs.get(id) else {
            return Ok(());
        };
        live.watch.begins(&output)?;
        let workflow = live.run.workflow().clone();
        match output {
            Output::Start(spec) | Output::Send(spec) => return self.attempt(id, spec),
            Output::Look(spec) => {
                let path = live.run.of(spec.node).map(|(_, path)| path.to_string());
                self.go(id, Work::Look(spec, path.unwrap_or_default()));
            }
            Output::Range(spec) => self.go(id, Work::Range(spec)),
            Output::Fetch(spec) => {
                let input = self
                    .runtime
                    .block_on(fetch(spec, self.context(id, "items")));
                self.answer(id, &input);
            }
            Output::Store(spec) => {
                let work = store_results(spec, self.context(id, "items"));
                let input = self.runtime.block_on(work);
                self.answer(id, &input);
            }
            Output::Evaluate {
                control,
                step,
                values,
            } => {
                let context = self.context(id, "expression");
                let work = evaluate_control(workflow, control, step, values, context);
                let input = self.runtime.block_on(work);
                self.answer(id, &input);
            }
            Output::Ask(_) | Output::Release { .. } => {
                return Err(format!(
                    "{id} asks for a place, and no drawn workflow has bounds"
                ));
            }
            Output::Adopt(_) => {
                return Err(format!(
                    "{id} looks for what it made, and nothing that is drawn can be found again"
                ));
            }
            Output::StartChild(spec) => return self.start_child(id, spec),
            Output::StopChild { run, .. } => {
                self.take_up(&run)?;
                if let Some(waiting) = self.process.waiting.get_mut(&run) {
                    waiting.retain(|(parent, _)| parent != id);
                }
                let (by, hard) = (id.to_string(), false);
                return self.give(&run, Input::Cancel { by, hard });
            }
            Output::Stop { node, attempt } => {
                let is_it = |other: &Id, spec: &AttemptSpec| {
                    other == id && (spec.node, spec.attempt) == (node, attempt)
                };
                let late = self.plan.faults.late;
                if !late
                    || self
                        .chance
                        .one_in(2, &format!("stop {id} {node:?} {attempt}"))
                {
                    self.retain(|happening| match happening {
                        Happening::Reach(other, Work::Attempt(spec), _) => !is_it(other, spec),
                        _ => true,
                    });
                }
            }
            Output::StopRange { node, first } => {
                if !self.plan.faults.late {
                    self.retain(|happening| match happening {
                        Happening::Reach(other, Work::Range(spec), _) => {
                            other != id || (spec.node, spec.first) != (node, first)
                        }
                        _ => true,
                    });
                }
            }
            Output::Done(ended) => self.tell_waiting(id, &ended),
            Output::Record(_) | Output::Announce(_) | Output::Wait { .. } => {}
        }
        Ok(())
    }

    /// Work is on its way outside.
    fn go(&mut self, id: &Id, work: Work) {
        let name = format!("go {id} {} {}", work.told(), self.time);
        let mut dice = self.chance.of(&name);
        let takes = if self.plan.mended {
            0
        } else {
            dice.roll(TAKES_MAX)
        };
        let reach = dice.roll(takes + 1);
        let at = self.time + takes;
        self.after(reach, Happening::Reach(id.clone(), work, at));
    }

    /// An attempt begins: once, and each has an end of its own.
    fn attempt(&mut self, id: &Id, mut spec: AttemptSpec) -> Result<(), String> {
        let sends = matches!(spec.half, Half::Send(_));
        let begun = (id.clone(), spec.path.to_string(), spec.attempt.get(), sends);
        if !self.begun.insert(begun) {
            return Err(format!(
                "{id}: {} attempt {} begins twice",
                spec.path, spec.attempt
            ));
        }
        let name = format!("attempt {id} {} {} {sends}", spec.path, spec.attempt);
        let mut dice = self.chance.of(&name);
        let (node, attempt) = (spec.node, spec.attempt);
        let takes = if self.plan.mended {
            0
        } else {
            dice.roll(TAKES_MAX)
        };
        let reach = dice.roll(takes + 1);
        let timeout = spec.timeout.take();
        let lost = self.plan.faults.lost && dice.roll(12) == 0;
        let mut gives_at = self.time + takes;
        if let Some(limit) = timeout.filter(|limit| limit.0 < takes) {
            let done = if sends { Done::Unknown } else { Done::NotDone };
            let message = format!("the attempt took longer than {limit}");
            let failure = Failure::of(FailureKind::Timeout, done, "step.attempt_timeout", message);
            let result = Err(failure);
            let input = Input::AttemptEnded {
                node,
                attempt,
                result,
                answer: None,
                made: None,
                rest: None,
                costs: Costs::default(),
            };
            self.after(limit.0, Happening::Give(id.clone(), input));
            // Its own end comes late, or never.
            gives_at += 1;
        } else if lost {
            let input = Input::AttemptLost { node, attempt };
            self.after(dice.roll(takes + 1), Happening::Give(id.clone(), input));
        }
        self.after(
            reach,
            Happening::Reach(id.clone(), Work::Attempt(spec), gives_at),
        );
        Ok(())
    }

    /// Work reaches the world; its end is on its way, if anybody waits for it.
    pub(super) fn reach(&mut self, id: &Id, work: &Work, gives_at: Option<u64>) {
        let workflow = self.workflows[id].clone();
        let world = self.world.clone();
        let path = match work {
            Work::Attempt(spec) => spec.path.to_string(),
            Work::Range(spec) => spec.path.to_string(),
            Work::Look(_, path) => path.clone(),
        };
        let context = self.context(id, &path);
        let input = match work.clone() {
            Work::Attempt(spec) => {
                let work = perform(&workflow, &spec, &*world, &context);
                self.runtime.block_on(work)
            }
            Work::Look(spec, _) => {
                let (node, step) = (spec.node, spec.step);
                let Does::Hold(watch) = &workflow.steps[step].does else {
                    return;
                };
                let work = take_look(&workflow, watch, Some(step), spec, &*world, &context);
                let result = self.runtime.block_on(work);
                Input::Looked { node, result }
            }
            Work::Range(spec) => {
                let pace = Steps { taken: 0 };
                let work = perform_range(&workflow, spec, &*world, &context, pace);
                self.runtime.block_on(work).0
            }
        };
        let Some(gives_at) = gives_at else { return };
        let wait = gives_at.saturating_sub(self.time);
        self.twice(id, &input, wait);
        self.after(wait, Happening::Give(id.clone(), input));
    }

    /// What the driver does by itself is over soon.
    fn answer(&mut self, id: &Id, input: &Input) {
        let name = format!("answer {id} {}", input_told(input));
        let wait = self.chance.of(&name).roll(200);
        self.twice(id, input, wait);
        self.after(wait, Happening::Give(id.clone(), input.clone()));
    }

    /// An end may come again.
    fn twice(&mut self, id: &Id, input: &Input, wait: u64) {
        let name = format!("twice {id} {}", input_told(input));
        let mut dice = self.chance.of(&name);
        if self.plan.faults.repeated && dice.roll(4) == 0 {
            let again = Happening::Give(id.clone(), input.clone());
            self.after(wait + dice.roll(5_000), again);
        }
    }

    /// The run that a step starts: made once, or found.
    fn start_child(&mut self, parent: &Id, spec: ChildSpec) -> Result<(), String> {
        let id: Id = spec.run.clone();
        if !spec.detached {
            let waiting = self.process.waiting.entry(id.clone()).or_default();
            waiting.push((parent.clone(), spec.node));
        }
        let workflow = self.workflows[parent].children.get(&spec.workflow);
        let workflow = workflow.ok_or("a child has no workflow")?.clone();
        self.workflows.insert(id.clone(), workflow.clone());
        self.parents.insert(id.clone(), parent.clone());
        if !self.process.runs.contains_key(&id) {
            self.take_up(&id)?;
        }
        if let Some(live) = self.process.runs.get(&id) {
            if live.ended
                && let Output::Done(ended) = self.done_of(&id)
            {
                self.tell_waiting(&id, &ended);
            }
            return Ok(());
        }
        let started = started(&id, &workflow, spec.inputs, self.plan.seed);
        let live = Live::new(Run::new(workflow, started, self.clock()));
        self.process.runs.insert(id.clone(), live);
        self.round(&id)
    }

    fn done_of(&mut self, id: &Id) -> Output {
        let live = self.process.runs.get_mut(id);
        live.map_or(Output::Wait { until: None }, |live| live.run.poll())
    }

    /// Those who wait for the end of a run hear of it.
    fn tell_waiting(&mut self, id: &Id, ended: &RunEnded) {
        let waiting = self.process.waiting.remove(id).unwrap_or_default();
        for (parent, node) in waiting {
            let ended = ended.clone();
            let input = Input::ChildEnded { node, ended };
            self.answer(&parent, &input);
        }
    }

    fn context(&self, id: &Id, step: &str) -> StepContext {
        StepContext {
            blobs: self.blobs.clone(),
            secrets: Arc::new(NoSecrets),
            cancel: tokio_util::sync::CancellationToken::new(),
            project: Arc::new(".".into()),
            run: id.clone(),
            step: step.into(),
            rest: flow_backend::context::Rest::default(),
            meter: Meter::default(),
        }
    }

    /// The paths of a run that its journal names.
    pub(super) fn node_of(&self, id: &Id, pick: u64) -> Option<NodeId> {
        let live = self.process.runs.get(id)?;
        let names = live.journal.iter();
        let names: Vec<&str> = names
            .filter_map(|(_, event)| flow_engine::run::step_of(event))
            .collect();
        let count = names.len().max(1) as u64;
        let name = names.get(usize::try_from(pick % count).ok()?)?;
        live.run.find(name)
    }
}

/// The clock of a range: each item takes a while.
struct Steps {
    taken: u64,
}

impl Pace for Steps {
    fn tried(
        &mut self,
        _: Option<Millis>,
        result: Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        self.taken += 150;
        result
    }

    fn is_up(&self) -> bool {
        self.taken >= RANGE_TIME.0
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn open(&self, _: &Secret) -> Result<SecretString, Failure> {
        Ok(SecretString::from("secret"))
    }
}
