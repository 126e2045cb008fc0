//! From the events of a run to what a person reads. Needs only the journal.

use std::collections::BTreeSet;

use crate::collections::IndexMap;

use crate::duration::Millis;
use crate::journal::{
    AdmissionWaited, Event, Outcome, Resolution, RunEnded, RunStarted, SkipReason,
};
use crate::money::Costs;
use crate::run::Failure;
use crate::time::Timestamp;
use crate::value::Value;

/// A run as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its first event.
    pub started: RunStarted,
    /// When it started.
    pub started_at: Timestamp,
    /// How and when it ended, if it has.
    pub ended: Option<(Timestamp, RunEnded)>,
    /// Whether it was asked to cancel.
    pub cancel_asked: bool,
    /// Since when it waits for a place before its first step, and how it stood then.
    pub waits_for: Option<(Timestamp, AdmissionWaited)>,
    /// Steps and items whose value is that of the run that this one tries again.
    pub reused: BTreeSet<String>,
    /// What calls cost; not those of runs that it started.
    pub costs: Costs,
    /// The steps that something happened to, in the order in which it first did.
    pub steps: IndexMap<String, StepReport>,
}

/// One step as the journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Where it stands.
    pub state: StepState,
    /// When something first happened to it.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Attempts that were started.
    pub attempts: u32,
    /// Its value, if it has one.
    pub value: Option<Value>,
    /// The last failure.
    pub failure: Option<Failure>,
    /// How many items a loop has, how many are over, how many of these failed.
    pub items: Option<Items>,
    /// What calls cost, those inside it too; not those of runs that it started.
    pub costs: Costs,
}

/// The items of a loop, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Items {
    /// All.
    pub count: u64,
    /// Those that are over.
    pub over: u64,
    /// Those that did not succeed.
    pub failed: u64,
}

/// Loops with more items than this, and those that go by ranges, are only counted: what went on in items that succeeded is forgotten.
const ITEMS_KEPT: u64 = 1_000;

/// Where a step stands, with what a person wants to know of it.
#[derive(Debug, Clone, PartialEq)]
pub enum StepState {
    /// An attempt runs.
    Running,
    /// There is no place for it yet: since when, and how it stood then.
    Waiting(Timestamp, AdmissionWaited),
    /// The next attempt comes at this time.
    Backoff {
        /// When.
        until: Timestamp,
        /// Its number.
        next: u32,
    },
    /// A trigger holds the run.
    Held {
        /// Time between two looks.
        every: Option<Millis>,
        /// When it fires.
        due: Option<Timestamp>,
        /// Its parameters.
        arguments: Value,
        /// Why the last thing that `where` could not judge was passed over.
        passed: Option<String>,
    },
    /// A person must decide.
    Interrupted,
    /// It has a value.
    Succeeded,
    /// It failed.
    Failed,
    /// Its time was up.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// It did not run.
    Skipped(SkipReason),
}

impl StepState {
    /// As it is shown and written out.
    pub fn as_str(&self) -> &'static str {
        match self {
            StepState::Running => "running",
            StepState::Waiting(..) => "waiting",
            StepState::Backoff { .. } => "backoff",
            StepState::Held { .. } => "held",
            StepState::Interrupted => "interrupted",
            StepState::Succeeded => "succeeded",
            StepState::Failed => "failed",
            StepState::TimedOut => "timed_out",
            StepState::Cancelled => "cancelled",
            StepState::Skipped(_) => "skipped",
        }
    }
}

impl Report {
    /// A report of a run of which only the start is known.
    pub fn new(started: RunStarted, at: Timestamp) -> Report {
        Report {
            started,
            started_at: at,
            ended: None,
            cancel_asked: false,
            waits_for: None,
            reused: BTreeSet::new(),
            costs: Costs::default(),
            steps: IndexMap::default(),
        }
    }

    /// Takes in one more event.
    pub fn take(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::RunEnded(ended) => {
                self.waits_for = None;
                self.ended = Some((at, ended.clone()));
            }
            Event::CancelAsked(_) => self.cancel_asked = true,
            Event::AdmissionWaited(waited) if waited.step.is_none() => {
                self.waits_for = Some((at, waited.clone()));
            }
            Event::Reused(reused) => {
                self.reused.insert(reused.step.clone());
            }
            Event::RunStarted(_)
            | Event::VarsRendered(_)
            | Event::Evaluated(_)
            | Event::ItemStarted(_)
            | Event::RoundStarted(_) => {}
            of_step => {
                if let Some(step) = crate::run::step_of(of_step) {
                    self.waits_for = None;
                    let fresh = StepReport {
                        state: StepState::Running,
                        started_at: at,
                        ended_at: None,
                        attempts: 0,
                        value: None,
                        failure: None,
                        items: None,
                        costs: Costs::default(),
                    };
                    let report = self.steps.entry(step.to_owned()).or_insert(fresh);
                    report.take(at, of_step);
                    let over = report.ended_at.is_some();
                    let failed = report.state != StepState::Succeeded;
                    if let Some(costs) = costs_of(of_step) {
                        self.spent(step, costs);
                    }
                    if over && step.ends_with(']') {
                        self.item_over(step, failed);
                    }
                }
            }
        }
    }
}

impl Report {
    /// A step cost something: so did all that it stands in.
    fn spent(&mut self, path: &str, costs: &Costs) {
        self.costs.extend(costs);
        let ends = path.match_indices(['/', '[', '#']).map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            if let Some(step) = self.steps.get_mut(&path[..end]) {
                step.costs.extend(costs);
            }
        }
    }

    fn item_over(&mut self, path: &str, failed: bool) {
        let parent = path.rfind('[').map_or(path, |bracket| &path[..bracket]);
        let Some(items) = self
            .steps
            .get_mut(parent)
            .and_then(|step| step.items.as_mut())
        else {
            return;
        };
        items.over += 1;
        items.failed += u64::from(failed);
        if items.count > ITEMS_KEPT && !failed {
            let inside = |other: &str| {
                let rest = other.strip_prefix(path);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '#']))
            };
            self.steps.retain(|other, _| !inside(other));
        }
    }
}

impl StepReport {
    fn take(&mut self, at: Timestamp, event: &Event) {
        let end = |report: &mut StepReport, state| {
            report.state = state;
            report.ended_at = Some(at);
        };
        match event {
            Event::AttemptStarted(started) => {
                self.attempts = started.attempt;
                self.state = StepState::Running;
            }
            Event::AttemptEnded(ended) => match &ended.outcome {
                Outcome::Succeeded(value) => {
                    self.value = Some(value.clone());
                    end(self, StepState::Succeeded);
                }
                Outcome::Failed(failure) => self.failure = Some(failure.clone()),
                Outcome::Lost => {}
            },
            Event::AttemptAdopted(adopted) => {
                self.value = Some(adopted.value.clone());
                end(self, StepState::Succeeded);
            }
            Event::BackoffStarted(backoff) => {
                self.state = StepState::Backoff {
                    until: backoff.until,
                    next: backoff.next,
                };
            }
            Event::AdmissionWaited(waited) => self.state = StepState::Waiting(at, waited.clone()),
            Event::GroupStarted(_) | Event::ChildStarted(_) => self.state = StepState::Running,
            Event::HoldStarted(started) => {
                self.state = StepState::Held {
                    every: started.every,
                    due: started.due,
                    arguments: started.arguments.clone(),
                    passed: None,
                }
            }
            Event::HoldBaseline(baseline) => {
                if let StepState::Held { passed, .. } = &mut self.state
                    && baseline.passed.is_some()
                {
                    passed.clone_from(&baseline.passed);
                }
            }
            Event::LoopStarted(started) => {
                self.items = Some(Items {
                    count: started.count,
                    ..Items::default()
                });
            }
            Event::RangeEnded(ended) => {
                if let Some(items) = &mut self.items {
                    items.over += ended.done;
                    items.failed += ended.failed.iter().map(|(_, count)| count).sum::<u64>();
                }
            }
            Event::HoldEnded(ended) => {
                self.value = Some(ended.value.clone());
                end(self, StepState::Succeeded);
            }
            Event::StepSucceeded(succeeded) => {
                self.value = Some(succeeded.value.clone());
                end(self, StepState::Succeeded);
            }
            Event::StepFailed(failed) => {
                self.failure = Some(failed.failure.clone());
                end(self, StepState::Failed);
            }
            Event::StepTimedOut(_) => end(self, StepState::TimedOut),
            Event::StepCancelled(_) => end(self, StepState::Cancelled),
            Event::StepSkipped(skipped) => end(self, StepState::Skipped(skipped.reason.clone())),
            Event::StepInterrupted(interrupted) => {
                self.failure = Some(interrupted.failure.clone());
                self.state = StepState::Interrupted;
            }
            Event::InterruptionResolved(resolved) => match &resolved.resolution {
                Resolution::Retry => self.state = StepState::Running,
                Resolution::Skip => end(self, StepState::Skipped(SkipReason::Resolved)),
                Resolution::Set(value) => {
                    self.value = Some(value.clone());
                    end(self, StepState::Succeeded);
                }
            },
            _ => {}
        }
    }
}

/// What an event says about costs.
fn costs_of(event: &Event) -> Option<&Costs> {
    let costs = match event {
        Event::AttemptEnded(ended) => &ended.costs,
        Event::RangeEnded(ended) => &ended.costs,
        _ => return None,
    };
    Some(costs).filter(|costs| !costs.is_empty())
}

/// Tells a run from its events; `None` if they do not begin with its start.
pub fn report<'a>(events: impl IntoIterator<Item = (Timestamp, &'a Event)>) -> Option<Report> {
    let mut events = events.into_iter();
    let Some((at, Event::RunStarted(started))) = events.next() else {
        return None;
    };
    let mut report = Report::new(started.clone(), at);
    events.for_each(|(at, event)| report.take(at, event));
    Some(report)
}
