//! Triggers that hold a run: when they look, and what a look does.

use super::io::{IllegalInput, LookSpec, Output};
use super::look::LookOutcome;
use super::machine::Run;
use super::node::NodeId;
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

    /// Whether it waits for someone's word.
    pub(super) fn is_signal(&self) -> bool {
        self.every.is_none() && self.fires.is_none()
    }

    /// What a word that does not come in time is taken to be: `default_choice` of an approval.
    pub(super) fn default_choice(&self) -> Option<Value> {
        let choice = self
            .arguments
            .get("default_choice")
            .filter(|_| self.is_signal())?;
        Some(Value::map([
            ("choice", choice.clone()),
            ("by", Value::Null),
        ]))
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
    pub(super) fn hold_due(&mut self, id: NodeId) {
        let Some(hold) = &mut self.nodes[id].hold else {
            return;
        };
        if let Some(fires) = hold.fires {
            let value = Value::map([("at", Value::from(fires.to_string()))]);
            let workflow = self.workflow.clone();
            match apply_output(&workflow, self.nodes[id].step, value, &self.values(id)) {
                Ok(value) => self.hold_fired(id, value),
                Err(why) => self.fail(id, why.into_failure()),
            }
            return;
        }
        hold.next_look = None;
        hold.looks += 1;
        let (arguments, state) = (hold.arguments.clone(), hold.state.clone());
        // Its time may be up while it looks.
        self.schedule(id);
        let values = self.values(id).into();
        self.out.push_back(Output::Look(LookSpec {
            node: id,
            step: self.nodes[id].step,
            arguments,
            state,
            now: self.now,
            values,
        }));
    }

    /// Someone said the word that a node waits for.
    pub(super) fn signalled(&mut self, id: NodeId, value: Value) -> Result<(), IllegalInput> {
        let node = self.nodes.get(id);
        let hold = node
            .and_then(|node| node.hold.as_ref())
            .filter(|hold| hold.is_signal());
        let Some(hold) = hold else {
            return Err(IllegalInput("the step waits for nobody's word".to_owned()));
        };
        let choice = value.get("choice").cloned();
        if let (Some(choice), Some(choices)) = (
            &choice,
            hold.arguments.get("choices").and_then(Value::as_list),
        ) && !choices.contains(choice)
        {
            let known: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
            let message = format!("the choices are {}", known.join(", "));
            return Err(IllegalInput(message));
        }
        let fails = hold.arguments.get("reject_fails").and_then(Value::as_bool) == Some(true);
        if fails && choice.as_ref().and_then(Value::as_str) == Some("reject") {
            let failure = Failure::permanent("flow.rejected", "it was rejected");
            self.fail(id, failure);
            return Ok(());
        }
        let workflow = self.workflow.clone();
        match apply_output(&workflow, self.nodes[id].step, value, &self.values(id)) {
            Ok(value) => self.hold_fired(id, value),
            Err(why) => self.fail(id, why.into_failure()),
        }
        Ok(())
    }

    /// A look ended.
    pub(super) fn looked(&mut self, id: NodeId, result: Result<LookOutcome, Failure>) {
        let held = self.nodes.get(id).map(|node| node.status);
        if !matches!(held, Some(StepStatus::Held { .. })) {
            return;
        }
        match result {
            Ok(outcome) => {
                if let Some(hold) = &mut self.nodes[id].hold {
                    hold.failures = 0;
                }
                if let Some(first) = outcome.found.into_iter().next() {
                    self.hold_fired(id, first.item);
                    return;
                }
                if let Some(state) = outcome.state {
                    self.record(
                        id,
                        HoldBaseline {
                            step: self.name(id),
                            state,
                        },
                    );
                }
            }
            Err(failure) if failure.kind.is_transient() => {
                if let Some(hold) = &mut self.nodes[id].hold {
                    hold.failures += 1;
                }
            }
            Err(failure) => {
                self.fail(id, failure);
                return;
            }
        }
        let now = self.now;
        if let Some(hold) = &mut self.nodes[id].hold {
            hold.next_look = Some(now.plus(hold.wait()));
        }
        self.schedule(id);
    }

    pub(super) fn hold_fired(&mut self, id: NodeId, value: Value) {
        let name = self.name(id);
        self.record(id, HoldEnded { step: name, value });
    }

    /// The first record of a hold.
    pub(super) fn start_hold(&mut self, id: NodeId, arguments: Value, deadline: Option<Timestamp>) {
        let workflow = self.workflow.clone();
        let Does::Hold(watch) = &workflow.steps[self.nodes[id].step].does else {
            return;
        };
        let mut started = HoldStarted {
            step: self.name(id),
            arguments,
            every: Some(watch.every),
            due: None,
            deadline,
        };
        if watch.look == Look::Signal {
            started.every = None;
        }
        if watch.look == Look::Time {
            started.every = None;
            match fires_at(&started.arguments, self.now) {
                Ok(due) => started.due = Some(due),
                Err(failure) => {
                    self.fail(id, failure.at(workflow.steps[self.nodes[id].step].span));
                    return;
                }
            }
        }
        self.record(id, started);
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
