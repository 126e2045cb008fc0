//! The events of a run.

use serde::{Deserialize, Serialize};

use crate::duration::Millis;
use crate::money::{Amount, Budget, Costs};
use crate::run::{Failure, Prepared};
use crate::time::Timestamp;
use crate::value::{Value, journal};

macro_rules! events {
    ($($(#[$doc:meta])* $kind:literal => $name:ident,)*) => {
        /// Everything that can happen in a run.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $name($name),)*
        }

        impl Event {
            /// Its name in the journal.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Event::$name(_) => $kind,)*
                }
            }

            /// Its body as JSON.
            pub fn to_body(&self) -> String {
                match self {
                    $(Event::$name(event) => serde_json::to_string(event).expect("events always have a JSON form"),)*
                }
            }

            /// Reads the body of an event of this name.
            ///
            /// # Errors
            /// What is wrong, in words.
            pub fn from_body(kind: &str, body: &str) -> Result<Event, String> {
                match kind {
                    $($kind => serde_json::from_str(body).map(Event::$name).map_err(|error| error.to_string()),)*
                    other => Err(format!("no event has the name `{other}`")),
                }
            }
        }

        $(impl From<$name> for Event {
            fn from(event: $name) -> Event {
                Event::$name(event)
            }
        })*
    };
}

events! {
    /// The run exists.
    "run_started" => RunStarted,
    /// A step's value is that of an earlier run.
    "reused" => Reused,
    /// `vars` have their values.
    "vars_rendered" => VarsRendered,
    /// A step will not run.
    "step_skipped" => StepSkipped,
    /// An attempt begins.
    "attempt_started" => AttemptStarted,
    /// Its request is known and will be sent.
    "attempt_prepared" => AttemptPrepared,
    /// An attempt ended; a success ends the step.
    "attempt_ended" => AttemptEnded,
    /// What an attempt made was found, though nobody heard its answer; that ends the step.
    "attempt_adopted" => AttemptAdopted,
    /// The next attempt waits.
    "backoff_started" => BackoffStarted,
    /// A step, or the run, waits until there is a place for it.
    "admission_waited" => AdmissionWaited,
    /// A trigger holds the run.
    "hold_started" => HoldStarted,
    /// What was there when a trigger began to look.
    "hold_baseline" => HoldBaseline,
    /// The trigger fired.
    "hold_ended" => HoldEnded,
    /// A step ended well without an attempt of its own: a value, a replaced failure.
    "step_succeeded" => StepSucceeded,
    /// A step failed for good.
    "step_failed" => StepFailed,
    /// A step's time was up.
    "step_timed_out" => StepTimedOut,
    /// A step was cancelled.
    "step_cancelled" => StepCancelled,
    /// The end of a `once` attempt was lost; a person decides.
    "step_interrupted" => StepInterrupted,
    /// A person decided.
    "interruption_resolved" => InterruptionResolved,
    /// The driver evaluated an expression that reads stored values.
    "evaluated" => Evaluated,
    /// A group begins.
    "group_started" => GroupStarted,
    /// A loop begins: its items are known.
    "loop_started" => LoopStarted,
    /// An item of a loop begins.
    "item_started" => ItemStarted,
    /// Items of a loop begin, one after another in one task.
    "range_started" => RangeStarted,
    /// A range is over, as far as it came.
    "range_ended" => RangeEnded,
    /// What items of a loop gave was put into a segment.
    "items_stored" => ItemsStored,
    /// The rounds of a step begin.
    "rounds_started" => RoundsStarted,
    /// A round begins.
    "round_started" => RoundStarted,
    /// The next round waits.
    "rounds_paused" => RoundsPaused,
    /// Another workflow is started.
    "child_started" => ChildStarted,
    /// What a run that a step started has cost.
    "child_spent" => ChildSpent,
    /// A person gave more money.
    "budget_raised" => BudgetRaised,
    /// Nothing new starts inside a step.
    "stop_asked" => StopAsked,
    /// What must be done in any case begins.
    "finally_started" => FinallyStarted,
    /// A step that succeeded is undone.
    "undo_started" => UndoStarted,
    /// Something happened that others may wait for.
    "emitted" => Emitted,
    /// A step ended the run, well.
    "run_stopped" => RunStopped,
    /// The run is to be cancelled.
    "cancel_asked" => CancelAsked,
    /// The run ended.
    "run_ended" => RunEnded,
}

impl Event {
    /// What was made outside, as far as this event tells: the path of the step, and what.
    pub fn made(&self) -> Option<(&str, &Made)> {
        match self {
            Event::AttemptEnded(ended) => Some((&ended.step, ended.made.as_ref()?)),
            Event::AttemptAdopted(adopted) => Some((&adopted.step, &adopted.made)),
            Event::InterruptionResolved(resolved) => {
                Some((&resolved.step, resolved.made.as_ref()?))
            }
            _ => None,
        }
    }

    /// Whether the run has come further with it: something ended, or somebody decided. What only begins, waits or was lost
    /// may begin, wait and be lost again after each death of the process.
    pub fn is_progress(&self) -> bool {
        match self {
            Event::AttemptEnded(ended) => ended.outcome != Outcome::Lost,
            Event::RunStarted(_)
            | Event::Reused(_)
            | Event::AttemptStarted(_)
            | Event::AttemptPrepared(_)
            | Event::BackoffStarted(_)
            | Event::AdmissionWaited(_)
            | Event::HoldStarted(_)
            | Event::StepInterrupted(_)
            | Event::GroupStarted(_)
            | Event::LoopStarted(_)
            | Event::ItemStarted(_)
            | Event::RangeStarted(_)
            | Event::RoundsStarted(_)
            | Event::RoundStarted(_)
            | Event::ChildStarted(_)
            | Event::StopAsked(_)
            | Event::FinallyStarted(_)
            | Event::UndoStarted(_) => false,
            Event::VarsRendered(_)
            | Event::AttemptAdopted(_)
            | Event::StepSkipped(_)
            | Event::HoldBaseline(_)
            | Event::HoldEnded(_)
            | Event::StepSucceeded(_)
            | Event::StepFailed(_)
            | Event::StepTimedOut(_)
            | Event::StepCancelled(_)
            | Event::InterruptionResolved(_)
            | Event::Evaluated(_)
            | Event::RangeEnded(_)
            | Event::ItemsStored(_)
            | Event::RoundsPaused(_)
            | Event::Emitted(_)
            | Event::RunStopped(_)
            | Event::ChildSpent(_)
            | Event::BudgetRaised(_)
            | Event::CancelAsked(_)
            | Event::RunEnded(_) => true,
        }
    }
}

/// See [`Event::RunStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The run's id.
    pub run: String,
    /// The workflow's name.
    pub workflow: String,
    /// Hash of the bundle: everything that the run's meaning depends on.
    pub bundle: String,
    /// Typed and checked inputs.
    #[serde(with = "journal")]
    pub inputs: Value,
    /// What started it.
    pub started_by: StartedBy,
    /// Payload of the trigger: what `trigger` means.
    #[serde(with = "journal")]
    pub trigger: Value,
    /// Whether it runs against the sandbox; it never crosses over.
    pub sandbox: bool,
    /// Seeds the jitter of its waits.
    pub seed: u64,
    /// The project folder in which it was started: relative paths begin there, wherever it is taken up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The run that this one tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
    /// What is left of the budgets of the run that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// See [`Event::Reused`]. Stands at the beginning of the journal; the step succeeds with this value when its turn comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reused {
    /// The path of the step or item.
    pub step: String,
    /// Its value in the run that is tried again.
    #[serde(with = "journal")]
    pub value: Value,
}

/// What started a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedBy {
    /// The trigger's name under `on:`, if one did.
    pub name: Option<String>,
    /// `manual`, `poll`, ...
    pub kind: String,
    /// What makes the event unique.
    pub key: Option<String>,
    /// Tells two requests under one key apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When the run was due, of a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// When the one before was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_previous: Option<Timestamp>,
    /// How many events led to it, each from a run that the one before started.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub causes: u32,
    /// The backfill that it was started for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands it over like this"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl StartedBy {
    /// A person did, without a key.
    pub fn manual() -> StartedBy {
        StartedBy {
            kind: "manual".to_owned(),
            ..StartedBy::default()
        }
    }
}

/// See [`Event::VarsRendered`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VarsRendered {
    /// A map of all vars.
    #[serde(with = "journal")]
    pub vars: Value,
}

/// See [`Event::StepSkipped`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSkipped {
    /// The step's path.
    pub step: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a step was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SkipReason {
    /// Its `if` was false.
    Condition,
    /// A step that it needs has no value.
    LostNeed {
        /// That step.
        need: String,
        /// How that step ended.
        status: String,
    },
    /// A person said so.
    Resolved,
    /// There was no place for it, and it does not wait for one.
    NoPlace {
        /// Where, in words.
        group: String,
    },
}

/// See [`Event::AttemptStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// The step's path.
    pub step: String,
    /// From 1.
    pub attempt: u32,
    /// When the step's time is up, if it has a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// See [`Event::AttemptPrepared`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptPrepared {
    /// The step's path.
    pub step: String,
    /// From 1.
    pub attempt: u32,
    /// The request.
    pub prepared: Prepared,
}

/// See [`Event::AttemptEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnded {
    /// The step's path.
    pub step: String,
    /// From 1.
    pub attempt: u32,
    /// How.
    pub outcome: Outcome,
    /// The id of what it made, where such things can be found again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// What it cost, as far as it heard.
    #[serde(default, skip_serializing_if = "Costs::is_empty")]
    pub costs: Costs,
}

/// Something that was made outside, and that no other step may take for its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// What kind of thing, such as the address of its collection.
    pub what: String,
    /// Its id.
    pub id: String,
}

/// See [`Event::AttemptAdopted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptAdopted {
    /// The step's path.
    pub step: String,
    /// The attempt that made it.
    pub attempt: u32,
    /// What was found.
    pub made: Made,
    /// The step's value.
    #[serde(with = "journal")]
    pub value: Value,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a value: the step succeeded.
    Succeeded(#[serde(with = "journal")] Value),
    /// With a failure.
    Failed(Failure),
    /// The worker was lost before it could tell.
    Lost,
}

/// See [`Event::BackoffStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackoffStarted {
    /// The step's path.
    pub step: String,
    /// Number of the attempt that comes next.
    pub next: u32,
    /// When it comes.
    pub until: Timestamp,
}

/// See [`Event::AdmissionWaited`]: how it stood when the wait began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionWaited {
    /// The step's path; none for the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Where there is no place, in words.
    pub what: String,
    /// How many places were taken.
    pub taken: u64,
    /// By whom, in words; a few of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_by: Vec<String>,
    /// How many waited before it.
    #[serde(default)]
    pub before: u64,
    /// When there will be a place, if that is only a question of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// See [`Event::HoldStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldStarted {
    /// The step's path.
    pub step: String,
    /// The trigger's parameters, rendered.
    #[serde(with = "journal")]
    pub arguments: Value,
    /// Time between two looks; none for a trigger that waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Millis>,
    /// When it fires, for a trigger that waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Since when what is written in the log counts, for a trigger that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When the step's time is up, if it has a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// See [`Event::HoldBaseline`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldBaseline {
    /// The step's path.
    pub step: String,
    /// What the next look is compared with.
    #[serde(with = "journal")]
    pub state: Value,
    /// Why the last thing that `where` could not judge was passed over, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<String>,
}

/// See [`Event::HoldEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldEnded {
    /// The step's path.
    pub step: String,
    /// What happened: the step's value.
    #[serde(with = "journal")]
    pub value: Value,
}

/// See [`Event::StepSucceeded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSucceeded {
    /// The step's path.
    pub step: String,
    /// Its value.
    #[serde(with = "journal")]
    pub value: Value,
    /// The failure that this value stands for, by `on_error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Failure>,
}

impl StepSucceeded {
    /// A success of its own.
    pub fn of(step: String, value: Value) -> StepSucceeded {
        StepSucceeded {
            step,
            value,
            instead_of: None,
        }
    }
}

/// See [`Event::StepFailed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFailed {
    /// The step's path.
    pub step: String,
    /// Why.
    pub failure: Failure,
}

/// See [`Event::StepTimedOut`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTimedOut {
    /// The step's path.
    pub step: String,
}

/// See [`Event::StepCancelled`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepCancelled {
    /// The step's path.
    pub step: String,
}

/// See [`Event::StepInterrupted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepInterrupted {
    /// The step's path.
    pub step: String,
    /// The attempt whose end was lost.
    pub attempt: u32,
    /// What is known.
    pub failure: Failure,
}

/// See [`Event::InterruptionResolved`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterruptionResolved {
    /// The step's path.
    pub step: String,
    /// What was decided.
    pub resolution: Resolution,
    /// The id of what it made, if the value that was given tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
}

/// What a person decides about an interrupted step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Send it again.
    Retry,
    /// Skip it.
    Skip,
    /// It happened, with this value.
    Set(#[serde(with = "journal")] Value),
}

/// See [`Event::Evaluated`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The step's path; none for what is of the run itself.
    pub step: Option<String>,
    /// Which one, such as `if`, `value`, `for_each`, `outputs`.
    pub what: String,
    /// What it gave.
    #[serde(with = "journal")]
    pub value: Value,
}

/// See [`Event::GroupStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupStarted {
    /// The step's path.
    pub step: String,
    /// When the step's time is up, if it has a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// See [`Event::LoopStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoopStarted {
    /// The step's path.
    pub step: String,
    /// The items: a list, or a stored one.
    #[serde(with = "journal")]
    pub source: Value,
    /// Whether each stands as `{key, value}`; else its key is its place.
    pub keyed: bool,
    /// How many there are.
    pub count: u64,
    /// When the step's time is up, if it has a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// See [`Event::ItemStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemStarted {
    /// The loop's path.
    pub step: String,
    /// The item's place, from 0.
    pub index: u64,
    /// Where it stands in a stored source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Its key, if it stands in a stored source and has one; else null.
    #[serde(with = "journal", default, skip_serializing_if = "Value::is_null")]
    pub key: Value,
    /// The item, if it stands in a stored source and something inside the loop can be undone; else null.
    #[serde(with = "journal", default, skip_serializing_if = "Value::is_null")]
    pub item: Value,
    /// When the item's time is up, if it has a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// See [`Event::RangeStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeStarted {
    /// The loop's path.
    pub step: String,
    /// Its first item.
    pub first: u64,
    /// How many items it has.
    pub count: u64,
}

/// See [`Event::RangeEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeEnded {
    /// The loop's path.
    pub step: String,
    /// Its first item.
    pub first: u64,
    /// How many of its items are over, from the first on; the others begin again elsewhere.
    pub done: u64,
    /// Those of them that failed: first and count of each row of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<(u64, u64)>,
    /// The failure of the first of them, if nothing in the loop failed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What its items gave: a stored value, one line an item; null if none is over.
    #[serde(with = "journal", default, skip_serializing_if = "Value::is_null")]
    pub segment: Value,
    /// Where the item after those that are over stands in a stored source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The failure of the item after those that are over, if that item is to be tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Failure>,
    /// Whether the source has no more items, though more were counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// What all that was called cost.
    #[serde(default, skip_serializing_if = "Costs::is_empty")]
    pub costs: Costs,
}

/// See [`Event::ItemsStored`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemsStored {
    /// The loop's path.
    pub step: String,
    /// The first of the items.
    pub first: u64,
    /// How many they are.
    pub count: u64,
    /// What they gave: a stored value, one line an item.
    #[serde(with = "journal")]
    pub segment: Value,
}

/// See [`Event::RoundsStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundsStarted {
    /// The step's path.
    pub step: String,
    /// `previous` of the first round.
    #[serde(with = "journal")]
    pub start: Value,
    /// When the step's time is up, if it has a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// See [`Event::RoundStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundStarted {
    /// The path of the step with rounds.
    pub step: String,
    /// The round, from 0.
    pub round: u64,
}

/// See [`Event::RoundsPaused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundsPaused {
    /// The path of the step with rounds.
    pub step: String,
    /// When the next one begins.
    pub until: Timestamp,
}

/// See [`Event::ChildStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildStarted {
    /// The step's path.
    pub step: String,
    /// The child's id: a hash of this run and the path, so that a repeated start is the same child.
    pub run: String,
    /// The file of its workflow.
    pub workflow: String,
    /// Its inputs.
    #[serde(with = "journal")]
    pub inputs: Value,
    /// When the step's time is up, if it has a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// What it may spend: all that was left of the budgets around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// See [`Event::ChildSpent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildSpent {
    /// The step's path.
    pub step: String,
    /// What it has cost.
    pub spent: Amount,
}

/// See [`Event::BudgetRaised`]: every budget of the run is so much larger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetRaised {
    /// By how much.
    pub by: Amount,
}

/// See [`Event::StopAsked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopAsked {
    /// The step's path.
    pub step: String,
}

/// See [`Event::FinallyStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinallyStarted {
    /// The group's path; none for the workflow's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When its time is up.
    pub deadline: Timestamp,
}

/// See [`Event::UndoStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoStarted {
    /// The path of what is undone, with `.undo`.
    pub step: String,
}

/// See [`Event::Emitted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emitted {
    /// The step's path.
    pub step: String,
    /// The event's name.
    pub event: String,
    /// Its data.
    #[serde(with = "journal")]
    pub data: Value,
}

/// See [`Event::RunStopped`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStopped {
    /// The step's path.
    pub step: String,
}

/// See [`Event::CancelAsked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAsked {
    /// Who asked.
    pub by: String,
    /// Nothing is undone, and `finally` is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hard: bool,
}

/// See [`Event::RunEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    /// How.
    pub status: RunStatus,
    /// The outputs of a success; null otherwise.
    #[serde(with = "journal")]
    pub outputs: Value,
    /// Why the outputs could not be had, if that is what failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The steps that succeeded, should have been undone, and are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_undone: Vec<String>,
    /// What it has cost, with the runs that it started and waited for.
    #[serde(default, skip_serializing_if = "Amount::is_nothing")]
    pub spent: Amount,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Every step ended well, was skipped, or failed where that was allowed.
    Succeeded,
    /// A step failed or its time was up.
    Failed,
    /// Someone cancelled it.
    Cancelled,
}

impl RunStatus {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }
}
