//! The events of a run.

use serde::{Deserialize, Serialize};

use crate::duration::Millis;
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
    /// The next attempt waits.
    "backoff_started" => BackoffStarted,
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
    /// The run is to be cancelled.
    "cancel_asked" => CancelAsked,
    /// The run ended.
    "run_ended" => RunEnded,
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
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedBy {
    /// The trigger's name under `on:`, if one did.
    pub name: Option<String>,
    /// `manual`, `poll`, ...
    pub kind: String,
    /// What makes the event unique.
    pub key: Option<String>,
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
    /// The step's path; none for the outputs of the run.
    pub step: Option<String>,
    /// `if`, `value`, `arguments`, `timeout`, `on_error`, `vars` or `outputs`.
    pub what: String,
    /// What it gave.
    #[serde(with = "journal")]
    pub value: Value,
}

/// See [`Event::CancelAsked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAsked {
    /// Who asked.
    pub by: String,
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
