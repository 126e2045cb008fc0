//! The run: its state, and how an event changes it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::evaluate::Control;
use super::holds::Hold;
use super::io::{IllegalInput, Input, Output};
use super::status::{IllegalEvent, Progress, next};
use super::values::EndedStep;
use super::{AttemptNo, Failure, Prepared, StepOutcome, StepStatus, Values};
use crate::journal::{Event, Outcome, Resolution, RunEnded, RunStarted};
use crate::plan::Need;
use crate::time::Timestamp;
use crate::value::{Hash, Map, Value};
use crate::workflow::Workflow;

/// One run of a workflow.
pub struct Run {
    pub(super) workflow: Arc<Workflow>,
    pub(super) needs: Vec<Vec<(usize, Need)>>,
    needed_by: Vec<Vec<usize>>,
    pub(super) started: RunStarted,
    pub(super) inputs: Value,
    pub(super) secrets: Value,
    pub(super) about: Value,
    pub(super) vars: Option<Value>,
    pub(super) steps: Vec<StepState>,
    /// Answers of the driver to control expressions.
    pub(super) answers: HashMap<Control, Value>,
    /// Control expressions that the driver was asked for and has not answered.
    pub(super) asked: Vec<Control>,
    pub(super) cancelled: bool,
    pub(super) ended: Option<RunEnded>,
    /// Steps to decide, in the order in which they became ready.
    pub(super) todo: VecDeque<usize>,
    /// Times at which a step may have something to do; entries that no longer hold are dropped when they come up.
    timers: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Steps that run, wait or hold: begun and not over.
    active: BTreeSet<usize>,
    pub(super) unfinished: usize,
    pub(super) out: VecDeque<Output>,
    pub(super) now: Timestamp,
}

/// What is known of a step besides its status.
pub(super) struct StepState {
    pub(super) status: StepStatus,
    pub(super) value: Option<Value>,
    pub(super) failure: Option<Failure>,
    /// The last attempt that was started.
    pub(super) attempt: Option<AttemptNo>,
    /// The request that retries send again.
    pub(super) prepared: Option<Prepared>,
    pub(super) hold: Option<Hold>,
}

/// What the store keeps beside the journal, so that it can list runs without replaying them.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// `running`, `waiting`, `interrupted`, or how it ended.
    pub status: &'static str,
    /// When time alone gives it something to do.
    pub due: Option<Timestamp>,
    /// What it waits for, in words.
    pub waits_for: Option<String>,
    /// Attempts that have not ended: step and number.
    pub open: Vec<(Arc<str>, u32)>,
}

impl Run {
    /// A new run. The first [`Run::poll`] gives its first record.
    pub fn new(workflow: Arc<Workflow>, started: RunStarted, now: Timestamp) -> Run {
        let mut run = Run::empty(workflow, started.clone(), now);
        run.out
            .push_back(Output::Record(Event::RunStarted(started)));
        run.begin();
        run
    }

    /// A run of which nothing is known but its first event.
    pub(super) fn empty(workflow: Arc<Workflow>, started: RunStarted, at: Timestamp) -> Run {
        let count = workflow.steps.len();
        let needs: Vec<_> = (0..count).map(|step| workflow.plan.needs(step)).collect();
        let needed_by = (0..count)
            .map(|step| workflow.plan.needed_by(step))
            .collect();
        let mut todo = VecDeque::new();
        let mut steps = Vec::with_capacity(count);
        for (at, needs) in needs.iter().enumerate() {
            let left = NonZeroU32::new(u32::try_from(needs.len()).unwrap_or(u32::MAX));
            let status = left.map_or(StepStatus::Ready, |needs_left| StepStatus::Waiting {
                needs_left,
            });
            if status == StepStatus::Ready {
                todo.push_back(at);
            }
            steps.push(StepState {
                status,
                value: None,
                failure: None,
                attempt: None,
                prepared: None,
                hold: None,
            });
        }
        Run {
            secrets: Values::secrets_of(&workflow),
            about: run_value(&started, at),
            inputs: started.inputs.clone(),
            needs,
            needed_by,
            started,
            vars: None,
            steps,
            answers: HashMap::new(),
            asked: Vec::new(),
            cancelled: false,
            ended: None,
            todo,
            timers: BinaryHeap::new(),
            active: BTreeSet::new(),
            unfinished: count,
            out: VecDeque::new(),
            now: at,
            workflow,
        }
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.started.run
    }

    /// What started it.
    pub fn started(&self) -> &RunStarted {
        &self.started
    }

    /// The latest time that it was told: the time of its decisions.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The pinned workflow.
    pub fn workflow(&self) -> &Arc<Workflow> {
        &self.workflow
    }

    /// The status of a step.
    pub fn status(&self, step: usize) -> StepStatus {
        self.steps[step].status
    }

    /// The steps whose `once` attempt was lost and that wait for a person, with what is known.
    pub fn interrupted(&self) -> impl Iterator<Item = (usize, Option<&Failure>)> {
        let steps = self.steps.iter().enumerate();
        steps
            .filter(|(_, step)| matches!(step.status, StepStatus::Interrupted { .. }))
            .map(|(at, step)| (at, step.failure.as_ref()))
    }

    /// Takes an input. An input that comes late, for an attempt that is over, changes nothing.
    ///
    /// # Errors
    /// [`IllegalInput`] if it names a step that does not exist, or decides about one that is not interrupted.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<(), IllegalInput> {
        self.now = self.now.max(now);
        if self.ended.is_some() {
            return Ok(());
        }
        self.take(input)?;
        self.settle();
        Ok(())
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        match &self.ended {
            Some(ended) => Output::Done(ended.clone()),
            None => Output::Wait {
                until: self.next_due(),
            },
        }
    }

    /// What the store keeps beside the journal.
    pub fn projection(&self) -> Projection {
        let active = || {
            self.active
                .iter()
                .map(|step| (&self.steps[*step].status, *step))
        };
        let name = |step: usize| self.workflow.steps[step].name.clone();
        let open: Vec<_> = active()
            .filter_map(|(status, step)| match status {
                StepStatus::Running { attempt, .. } => Some((name(step), attempt.get())),
                _ => None,
            })
            .collect();
        let first = |wanted: fn(&StepStatus) -> bool| {
            let found = active().find(|(status, _)| wanted(status));
            found.map(|(_, step)| name(step))
        };
        let interrupted = first(|status| matches!(status, StepStatus::Interrupted { .. }));
        let waiting =
            first(|status| matches!(status, StepStatus::Held { .. } | StepStatus::Backoff { .. }));
        let (status, waits_for) = match (&self.ended, interrupted, waiting) {
            (Some(ended), _, _) => (ended.status.as_str(), None),
            (None, Some(step), _) => (
                "interrupted",
                Some(format!("a decision about step `{step}`")),
            ),
            (None, None, Some(step)) if open.is_empty() => {
                ("waiting", Some(format!("step `{step}`")))
            }
            _ => ("running", None),
        };
        let due = if self.ended.is_some() {
            None
        } else {
            active()
                .filter_map(|(_, step)| self.steps[step].due())
                .min()
        };
        Projection {
            status,
            due,
            waits_for,
            open,
        }
    }

    /// Decides something: it is recorded, and then it is so.
    pub(super) fn record(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.out.push_back(Output::Record(event.clone()));
        self.apply(&event)
            .expect("the machine records only what its state allows");
    }

    /// Changes the state by one event: the only way in which it changes, live and in recovery.
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        match event {
            Event::RunStarted(_) => {}
            Event::VarsRendered(rendered) => self.vars = Some(rendered.vars.clone()),
            Event::CancelAsked(_) => self.cancelled = true,
            Event::RunEnded(ended) => self.ended = Some(ended.clone()),
            Event::Evaluated(evaluated) => {
                let step = evaluated
                    .step
                    .as_deref()
                    .and_then(|name| self.workflow.step_index(name));
                if let Some(control) = Control::parse(&evaluated.what, step) {
                    self.answers.insert(control, evaluated.value.clone());
                }
            }
            of_step => {
                let Some(step) = step_of(of_step).and_then(|name| self.workflow.step_index(name))
                else {
                    return Ok(());
                };
                return self.apply_to(step, of_step);
            }
        }
        Ok(())
    }

    fn apply_to(&mut self, step: usize, event: &Event) -> Result<(), IllegalEvent> {
        let state = &mut self.steps[step];
        let sent = matches!(
            state.status,
            StepStatus::Running {
                progress: Progress::Sent,
                ..
            }
        );
        state.status = next(&state.status, event)?;
        match event {
            Event::AttemptStarted(started) => state.attempt = Some(AttemptNo::new(started.attempt)),
            Event::AttemptPrepared(prepared) => state.prepared = Some(prepared.prepared.clone()),
            Event::AttemptEnded(ended) => match &ended.outcome {
                Outcome::Succeeded(value) => state.value = Some(value.clone()),
                Outcome::Failed(failure) => state.failure = Some(failure.clone()),
                Outcome::Lost => state.failure = Some(super::recover::lost(sent)),
            },
            Event::StepSucceeded(succeeded) => state.value = Some(succeeded.value.clone()),
            Event::HoldStarted(started) => state.hold = Some(Hold::new(started, self.now)),
            Event::HoldBaseline(baseline) => {
                if let Some(hold) = &mut state.hold {
                    hold.state = Some(baseline.state.clone());
                }
            }
            Event::HoldEnded(ended) => state.value = Some(ended.value.clone()),
            Event::StepFailed(failed) => state.failure = Some(failed.failure.clone()),
            Event::StepTimedOut(_) => state.failure = Some(super::attempts::timed_out()),
            Event::InterruptionResolved(resolved) => {
                if let Resolution::Set(value) = &resolved.resolution {
                    state.value = Some(value.clone());
                }
            }
            _ => {}
        }
        match state.status {
            StepStatus::Ended(_) | StepStatus::Ready | StepStatus::Waiting { .. } => {
                self.active.remove(&step);
            }
            _ => {
                self.active.insert(step);
            }
        }
        match state.status {
            StepStatus::Ended(_) => {
                state.hold = None;
                state.prepared = None;
                self.step_ended(step);
            }
            StepStatus::Ready => self.todo.push_back(step),
            _ => self.schedule(step),
        }
        Ok(())
    }

    fn step_ended(&mut self, step: usize) {
        self.unfinished -= 1;
        for at in 0..self.needed_by[step].len() {
            let other = self.needed_by[step][at];
            if let StepStatus::Waiting { needs_left } = self.steps[other].status {
                self.steps[other].status =
                    if let Some(needs_left) = NonZeroU32::new(needs_left.get() - 1) {
                        StepStatus::Waiting { needs_left }
                    } else {
                        self.todo.push_back(other);
                        StepStatus::Ready
                    };
            }
        }
    }

    /// Remembers when a step has something to do.
    pub(super) fn schedule(&mut self, step: usize) {
        if let Some(due) = self.steps[step].due() {
            self.timers.push(Reverse((due, step)));
        }
    }

    /// The steps whose time has come.
    pub(super) fn due_steps(&mut self) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some(Reverse((at, step))) = self.timers.peek().copied() {
            if at > self.now {
                break;
            }
            self.timers.pop();
            if self.steps[step].due().is_some_and(|due| due <= self.now) && !due.contains(&step) {
                due.push(step);
            }
        }
        due
    }

    fn next_due(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((at, step))) = self.timers.peek().copied() {
            if self.steps[step].due() == Some(at) {
                return Some(at);
            }
            self.timers.pop();
        }
        None
    }

    /// What the templates of a step see: the steps that it needs, and no others.
    pub(super) fn values(&self, step: usize) -> Values {
        self.values_of(self.needs[step].iter().map(|(needed, _)| *needed))
    }

    /// What `outputs` see.
    pub(super) fn all_values(&self) -> Values {
        self.values_of(0..self.steps.len())
    }

    fn values_of(&self, seen: impl Iterator<Item = usize>) -> Values {
        let mut steps = Map::new();
        let mut ended = Vec::new();
        for needed in seen {
            let (state, name) = (&self.steps[needed], &self.workflow.steps[needed].name);
            if let Some(value) = &state.value {
                steps.insert(name.clone(), value.clone());
            }
            if let StepStatus::Ended(outcome) = state.status {
                let error = state
                    .failure
                    .as_ref()
                    .filter(|_| outcome != StepOutcome::Succeeded);
                let error = error.map(|failure| error_value(failure, state.attempt));
                ended.push(EndedStep {
                    name: name.clone(),
                    outcome,
                    error,
                });
            }
        }
        Values {
            inputs: self.inputs.clone(),
            trigger: self.started.trigger.clone(),
            vars: self.vars.clone().unwrap_or_default(),
            run: self.about.clone(),
            secrets: self.secrets.clone(),
            steps: Value::from(steps),
            ended,
        }
    }

    /// The idempotency key of a step: the same for every attempt.
    pub(super) fn key(&self, step: usize) -> Arc<str> {
        let text = format!("{}/{}", self.started.run, self.workflow.steps[step].name);
        Hash::of(text.as_bytes()).to_string()[..32].into()
    }
}

impl StepState {
    /// When the step has something to do by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self.status {
            StepStatus::Running {
                deadline, progress, ..
            } if progress != Progress::Over => deadline,
            StepStatus::Backoff {
                until, deadline, ..
            } => Some(deadline.map_or(until, |deadline| until.min(deadline))),
            StepStatus::Held { deadline } => {
                let look = self.hold.as_ref().and_then(Hold::due);
                look.into_iter().chain(deadline).min()
            }
            _ => None,
        }
    }
}

fn run_value(started: &RunStarted, at: Timestamp) -> Value {
    let by = &started.started_by;
    let trigger = Value::map([
        ("name", Value::from(by.name.as_deref())),
        ("kind", Value::from(by.kind.as_str())),
        ("key", Value::from(by.key.as_deref())),
        ("at", Value::from(at.to_string())),
    ]);
    Value::map([
        ("id", Value::from(started.run.as_str())),
        ("name", Value::from(started.workflow.as_str())),
        ("started_at", Value::from(at.to_string())),
        ("trigger", trigger),
    ])
}

fn error_value(failure: &Failure, attempt: Option<AttemptNo>) -> Value {
    Value::map([
        ("code", Value::from(failure.code.as_str())),
        ("message", Value::from(failure.message.as_str())),
        ("status", Value::from(failure.status.map(u32::from))),
        ("attempt", Value::from(attempt.map(AttemptNo::get))),
    ])
}

/// The step that an event is about.
pub fn step_of(event: &Event) -> Option<&str> {
    Some(match event {
        Event::StepSkipped(event) => &event.step,
        Event::AttemptStarted(event) => &event.step,
        Event::AttemptPrepared(event) => &event.step,
        Event::AttemptEnded(event) => &event.step,
        Event::BackoffStarted(event) => &event.step,
        Event::HoldStarted(event) => &event.step,
        Event::HoldBaseline(event) => &event.step,
        Event::HoldEnded(event) => &event.step,
        Event::StepSucceeded(event) => &event.step,
        Event::StepFailed(event) => &event.step,
        Event::StepTimedOut(event) => &event.step,
        Event::StepCancelled(event) => &event.step,
        Event::StepInterrupted(event) => &event.step,
        Event::InterruptionResolved(event) => &event.step,
        Event::Evaluated(event) => event.step.as_deref()?,
        Event::RunStarted(_)
        | Event::VarsRendered(_)
        | Event::CancelAsked(_)
        | Event::RunEnded(_) => return None,
    })
}
