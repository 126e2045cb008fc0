//! Triggers that hold a run: when they look, and what a look does.

use std::sync::Arc;

use super::approval;
use super::io::{IllegalInput, LookSpec, Output};
use super::look::LookOutcome;
use super::machine::Run;
use super::node::{Layer, NodeId};
use super::values::apply_output;
use super::{Failure, StepStatus};
use crate::catalog::{Look, Signal};
use crate::duration::Millis;
use crate::journal::{HoldBaseline, HoldEnded, HoldStarted};
use crate::time::Timestamp;
use crate::value::Value;
use crate::workflow::{After, Does};

/// The first look comes at once, the next ones after this long and twice as long each time, up to `every`: what is
/// nearly done is seen soon, what takes hours is asked rarely.
const SOON: Millis = Millis::seconds(1);

/// No wait between two looks grows beyond this after failures, unless `every` is longer.
const FAILING_MAX: Millis = Millis::seconds(300);

/// A step that waits for a word from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// Its path.
    pub step: Arc<str>,
    /// Whose word.
    pub signal: Signal,
    /// The name of the event, if it waits for one.
    pub event: Option<Arc<str>>,
    /// Since when events count.
    pub since: Timestamp,
}

impl Awaited {
    /// Whose word it is, in words.
    pub fn words(&self) -> String {
        let step = &self.step;
        match (self.signal, &self.event) {
            (Signal::Approval, _) => format!("an approval, step `{step}`"),
            (Signal::Callback, _) => format!("a callback, step `{step}`"),
            (Signal::Event, event) => {
                let event = event.as_deref().unwrap_or_default();
                format!("event `{event}`, step `{step}`")
            }
        }
    }
}

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
    /// Since when what is written in the log counts: it looks there when it is told to.
    since: Option<Timestamp>,
    /// A look is under way.
    looking: bool,
    /// It was told while it looked: what it was told of may have come too late for that look.
    again: bool,
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
            next_look: (started.every.is_some() || started.since.is_some()).then_some(now),
            since: started.since,
            looking: false,
            again: false,
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
    pub(super) fn default_choice(&self, now: Timestamp) -> Option<Value> {
        let waits = self.is_signal() && self.since.is_none();
        waits.then(|| approval::by_default(&self.arguments, now))?
    }

    /// Looks again at once: the process that looked is gone.
    pub(super) fn restart(&mut self, now: Timestamp) {
        self.looks = 0;
        self.next_look = (self.every.is_some() || self.since.is_some()).then_some(now);
        self.looking = false;
    }

    /// When it looks after a look that found nothing.
    fn look_again(&mut self, now: Timestamp) {
        self.looking = false;
        let again = std::mem::take(&mut self.again);
        self.next_look = match self.since {
            Some(_) if again => Some(now),
            Some(_) if self.failures == 0 => None,
            _ => Some(now.plus(self.wait())),
        };
    }

    fn wait(&self) -> Millis {
        let every = self.every.unwrap_or(SOON);
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
            return self.answered_with(id, value);
        }
        hold.next_look = None;
        hold.looking = true;
        hold.looks += 1;
        let (arguments, state, since) = (hold.arguments.clone(), hold.state.clone(), hold.since);
        // Its time may be up while it looks.
        self.schedule(id);
        let values = self.values(id).into();
        self.out.push_back(Output::Look(LookSpec {
            node: id,
            step: self.nodes[id].step,
            arguments,
            state,
            since,
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
        let value = match self.signal(id) {
            Some(Signal::Approval) => approval::decided(&hold.arguments, &value, self.now)?,
            _ => value,
        };
        let fails = hold.arguments.get("reject_fails").and_then(Value::as_bool) == Some(true);
        if fails && value.get("choice").and_then(Value::as_str) == Some("reject") {
            let text = |name: &str| value.get(name).and_then(Value::as_str);
            let by = text("by").map_or(String::new(), |by| format!(" by {by}"));
            let comment = text("comment").map_or(String::new(), |comment| format!(": {comment}"));
            let message = match (&*by, &*comment) {
                ("", "") => "it was rejected".to_owned(),
                _ => format!("it was rejected{by}{comment}"),
            };
            self.fail(id, Failure::permanent("flow.rejected", message));
            return Ok(());
        }
        self.answered_with(id, value);
        Ok(())
    }

    /// What a node waits for may be in the log now.
    pub(super) fn told(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(id) else {
            return;
        };
        let waits = matches!(node.status, StepStatus::Held { .. });
        let Some(hold) = node
            .hold
            .as_mut()
            .filter(|hold| waits && hold.since.is_some())
        else {
            return;
        };
        if hold.looking {
            hold.again = true;
        } else {
            self.hold_due(id);
        }
    }

    /// Whose word a step waits for, if it waits for one at the moment.
    pub fn signal(&self, id: NodeId) -> Option<Signal> {
        let node = self.nodes.get(id)?;
        if !matches!(node.status, StepStatus::Held { .. }) {
            return None;
        }
        match &self.workflow.steps[node.step].does {
            Does::Hold(watch) => watch.signal(),
            _ => None,
        }
    }

    /// What steps wait for at the moment that somebody or something outside says.
    pub fn words_awaited(&self) -> impl Iterator<Item = (NodeId, Awaited)> {
        self.active.iter().filter_map(|id| {
            let node = &self.nodes[*id];
            let signal = self.signal(*id)?;
            let hold = node.hold.as_ref()?;
            let Does::Hold(watch) = &self.workflow.steps[node.step].does else {
                return None;
            };
            let awaited = Awaited {
                step: node.path.clone(),
                signal,
                event: watch.event(&hold.arguments),
                since: hold.since.unwrap_or_default(),
            };
            Some((*id, awaited))
        })
    }

    /// The value of a node, if it has one.
    pub fn value_of(&self, id: NodeId) -> Option<&Value> {
        self.nodes.get(id)?.value.as_ref()
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
                            passed: outcome.passed,
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
            hold.look_again(now);
        }
        self.schedule(id);
    }

    /// A hold ends with this, or with what its `output:` makes of it.
    pub(super) fn answered_with(&mut self, id: NodeId, value: Value) {
        let workflow = self.workflow.clone();
        match apply_output(&workflow, self.nodes[id].step, value, &self.values(id)) {
            Ok(value) => self.hold_fired(id, value),
            Err(why) => self.fail(id, why.into_failure()),
        }
    }

    pub(super) fn hold_fired(&mut self, id: NodeId, value: Value) {
        let name = self.name(id);
        self.record(id, HoldEnded { step: name, value });
    }

    /// The first record of a hold; `after` is what its key of that name gives.
    pub(super) fn begin_hold(
        &self,
        id: NodeId,
        arguments: Value,
        after: Result<Value, Failure>,
    ) -> Result<HoldStarted, Failure> {
        let mut started = HoldStarted {
            step: self.name(id),
            arguments,
            every: None,
            due: None,
            since: None,
            deadline: None,
        };
        let Does::Hold(watch) = &self.workflow.steps[self.nodes[id].step].does else {
            return Ok(started);
        };
        match watch.signal() {
            Some(Signal::Approval) => {
                let declared = approval::fields(&started.arguments);
                declared.map_err(|message| Failure::permanent("flow.fields", message))?;
            }
            Some(Signal::Event) => started.since = Some(self.since(id, &after?)?),
            Some(Signal::Callback) => started.since = Some(Timestamp::default()),
            None if watch.look == Look::Time => {
                started.due = Some(fires_at(&started.arguments, self.now)?);
            }
            None => started.every = Some(watch.every),
        }
        Ok(started)
    }

    /// Since when events count: what the step says, else when the latest step that it needs began. A round after the first
    /// hears what comes from then on.
    fn since(&self, id: NodeId, after: &Value) -> Result<Timestamp, Failure> {
        if let Some(text) = after.as_str() {
            return time_of(text);
        }
        let node = &self.nodes[id];
        let began = |step: usize| self.nodes[self.seen(node.frame, step)?].began;
        let shape = &self.workflow.steps[node.step];
        let named = match &shape.does {
            Does::Hold(watch) => match watch.after.as_deref() {
                Some(After::Step(name, _)) => self.workflow.step_index(name),
                _ => None,
            },
            _ => None,
        };
        if let Some(began) = named.and_then(began) {
            return Ok(began);
        }
        if matches!(node.layer, Layer::Round(round) if round > 0) {
            return Ok(self.now);
        }
        let needs = self.workflow.plan.needs(node.step).into_iter();
        let latest = needs.filter_map(|(need, _)| began(need)).max();
        Ok(latest.unwrap_or(self.now))
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
    let text = arguments.get("time").and_then(Value::as_str);
    time_of(text.unwrap_or_default())
}

/// A point in time as a workflow writes it.
fn time_of(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        Ok(Timestamp(instant.as_millisecond()))
    } else {
        let failure = Failure::permanent("time.time", format!("{text:?} is not a point in time"));
        Err(failure
            .help("times are written like `2026-11-21T09:30:00Z` or `2026-11-21T09:30:00+01:00`"))
    }
}
