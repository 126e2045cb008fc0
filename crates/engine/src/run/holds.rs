//! Triggers that hold a run: when they look, and what a look does.

use super::io::{LookSpec, Output};
use super::look::LookOutcome;
use super::machine::Run;
use super::values::apply_output;
use super::{Failure, StepStatus};
use crate::catalog::Look;
use crate::duration::Millis;
use crate::journal::{HoldBaseline, HoldEnded, HoldStarted};
use crate::time::Timestamp;
use crate::value::Value;
use crate::workflow::Does;

/// The first look comes at once, the next ones after this long and twice as long each time, up to `every`: what is
/// nearly done is seen soon, what takes hours is asked rarely.
const SOON: Millis = Millis::seconds(1);

/// No wait between two looks grows beyond this after failures, unless `every` is longer.
const FAILING_MAX: Millis = Millis::seconds(300);

/// What is known of a hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hold {
    pub(super) arguments: Value,
    pub(super) state: Option<Value>,
    every: Option<Millis>,
    fires: Option<Timestamp>,
    looks: u32,
    failures: u32,
    next_look: Option<Timestamp>,
}

impl Hold {
    /// Looks at once.
    pub(super) fn new(started: &HoldStarted, now: Timestamp) -> Hold {
        Hold {
            arguments: started.arguments.clone(),
            state: None,
            every: started.every,
            fires: started.due,
            looks: 0,
            failures: 0,
            next_look: started.every.map(|_| now),
        }
    }

    /// When it has something to do: never while it looks.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.fires.or(self.next_look)
    }

    /// Looks again at once: the process that looked is gone.
    pub(super) fn restart(&mut self, now: Timestamp) {
        self.looks = 0;
        self.next_look = self.every.map(|_| now);
    }

    fn wait(&self) -> Millis {
        let every = self.every.unwrap_or(FAILING_MAX);
        let doubled = Millis(SOON.0 << self.looks.saturating_sub(1).min(20));
        if self.failures == 0 {
            return doubled.min(every);
        }
        Millis(every.0.saturating_mul(1 << self.failures.min(10))).min(FAILING_MAX.max(every))
    }
}

impl Run {
    /// The time of a held step has come: it fires, or it looks.
    pub(super) fn hold_due(&mut self, step: usize) {
        let Some(hold) = &mut self.steps[step].hold else {
            return;
        };
        if let Some(fires) = hold.fires {
            let value = Value::map([("at", Value::from(fires.to_string()))]);
            let workflow = self.workflow.clone();
            match apply_output(&workflow, step, value, &self.values(step)) {
                Ok(value) => self.hold_fired(step, value),
                Err(why) => self.fail(step, why.into_failure()),
            }
            return;
        }
        hold.next_look = None;
        hold.looks += 1;
        let (arguments, state) = (hold.arguments.clone(), hold.state.clone());
        // Its time may be up while it looks.
        self.schedule(step);
        let values = self.values(step).into();
        self.out.push_back(Output::Look(LookSpec {
            step,
            arguments,
            state,
            values,
        }));
    }

    /// A look ended.
    pub(super) fn looked(&mut self, step: usize, result: Result<LookOutcome, Failure>) {
        if !matches!(self.steps[step].status, StepStatus::Held { .. }) {
            return;
        }
        match result {
            Ok(outcome) => {
                if let Some(hold) = &mut self.steps[step].hold {
                    hold.failures = 0;
                }
                if let Some(first) = outcome.found.into_iter().next() {
                    self.hold_fired(step, first);
                    return;
                }
                if let Some(state) = outcome.state {
                    self.record(HoldBaseline {
                        step: self.name(step),
                        state,
                    });
                }
            }
            Err(failure) if failure.kind.is_transient() => {
                if let Some(hold) = &mut self.steps[step].hold {
                    hold.failures += 1;
                }
            }
            Err(failure) => {
                self.fail(step, failure);
                return;
            }
        }
        let now = self.now;
        if let Some(hold) = &mut self.steps[step].hold {
            hold.next_look = Some(now.plus(hold.wait()));
        }
        self.schedule(step);
    }

    fn hold_fired(&mut self, step: usize, value: Value) {
        let name = self.name(step);
        self.record(HoldEnded { step: name, value });
    }

    /// The first record of a hold.
    pub(super) fn start_hold(
        &mut self,
        step: usize,
        arguments: Value,
        deadline: Option<Timestamp>,
    ) {
        let workflow = self.workflow.clone();
        let Does::Hold(watch) = &workflow.steps[step].does else {
            return;
        };
        let mut started = HoldStarted {
            step: self.name(step),
            arguments,
            every: Some(watch.every),
            due: None,
            deadline,
        };
        if watch.look == Look::Time {
            started.every = None;
            match fires_at(&started.arguments, self.now) {
                Ok(due) => started.due = Some(due),
                Err(failure) => {
                    self.fail(step, failure.at(workflow.steps[step].span));
                    return;
                }
            }
        }
        self.record(started);
    }
}

/// When a trigger of time fires: after `duration`, or at `time`.
fn fires_at(arguments: &Value, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Some(text) = arguments.get("duration").and_then(Value::as_str) {
        let duration = Millis::parse(text).ok_or_else(|| {
            Failure::permanent("time.duration", format!("{text:?} is not a duration"))
                .help("durations are written like `10s`, `5m`, `1h30m`")
        })?;
        return Ok(now.plus(duration));
    }
    let text = arguments
        .get("time")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        Ok(Timestamp(instant.as_millisecond()))
    } else {
        let failure = Failure::permanent("time.time", format!("{text:?} is not a point in time"));
        Err(failure
            .help("times are written like `2026-11-21T09:30:00Z` or `2026-11-21T09:30:00+01:00`"))
    }
}
