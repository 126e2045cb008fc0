//! What goes into a run and what comes out of it.

use std::sync::Arc;

use super::evaluate::Control;
use super::look::LookOutcome;
use super::{AttemptNo, Failure, Prepared, Values};
use crate::duration::Millis;
use crate::journal::{Event, Resolution, RunEnded};
use crate::time::Timestamp;
use crate::value::Value;

/// Something happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The first half of an attempt ended.
    Prepared {
        /// The step.
        step: usize,
        /// The attempt.
        attempt: AttemptNo,
        /// Its request, or why there is none.
        result: Result<Prepared, Failure>,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The step.
        step: usize,
        /// The attempt.
        attempt: AttemptNo,
        /// Its value, or why there is none.
        result: Result<Value, Failure>,
    },
    /// The worker of an attempt was lost.
    AttemptLost {
        /// The step.
        step: usize,
        /// The attempt.
        attempt: AttemptNo,
    },
    /// A trigger looked.
    Looked {
        /// The step.
        step: usize,
        /// What it saw, or why it could not see.
        result: Result<LookOutcome, Failure>,
    },
    /// The driver evaluated an expression that reads stored values.
    Evaluated {
        /// Which one.
        control: Control,
        /// What it gave.
        result: Result<Value, Failure>,
    },
    /// A person decided about an interrupted step.
    Resolve {
        /// The step.
        step: usize,
        /// The decision.
        resolution: Resolution,
    },
    /// The run is to be cancelled.
    Cancel {
        /// Who asked.
        by: String,
    },
}

/// An input that no driver may give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IllegalInput(pub String);

/// What the driver must do.
#[derive(Debug, Clone)]
pub enum Output {
    /// Make this durable before any effect that comes after it.
    Record(Event),
    /// Start (the first half of) an attempt; its record came before.
    Start(AttemptSpec),
    /// Send the prepared request of an attempt; its record came before.
    Send(AttemptSpec),
    /// Let a trigger look.
    Look(LookSpec),
    /// Stop an attempt; its end is recorded already, so nothing of it is awaited.
    Stop {
        /// The step.
        step: usize,
        /// The attempt.
        attempt: AttemptNo,
    },
    /// Evaluate an expression that reads stored values.
    Evaluate {
        /// Which one.
        control: Control,
        /// What it sees.
        values: Arc<Values>,
    },
    /// Nothing to do before this time or the next input.
    Wait {
        /// When time alone gives the run something to do.
        until: Option<Timestamp>,
    },
    /// The run ended.
    Done(RunEnded),
}

/// The halves of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Half {
    /// Both in one: the effect may be repeated freely.
    Whole,
    /// Render and check the request; nothing is sent.
    Prepare,
    /// Send this request and nothing else.
    Send(Prepared),
}

/// An attempt to start.
#[derive(Debug, Clone)]
pub struct AttemptSpec {
    /// The step's place in the pinned definition.
    pub step: usize,
    /// The attempt.
    pub attempt: AttemptNo,
    /// Which half.
    pub half: Half,
    /// Bounds this attempt.
    pub timeout: Option<Millis>,
    /// Idempotency key: the same for every attempt of the step.
    pub key: Arc<str>,
    /// What its templates see.
    pub values: Arc<Values>,
}

/// A look to take.
#[derive(Debug, Clone)]
pub struct LookSpec {
    /// The step's place in the pinned definition.
    pub step: usize,
    /// The trigger's parameters, rendered.
    pub arguments: Value,
    /// What was there before; `None` at the first look.
    pub state: Option<Value>,
    /// What its templates see.
    pub values: Arc<Values>,
}
