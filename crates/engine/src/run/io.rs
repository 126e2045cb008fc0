//! What goes into a run and what comes out of it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::adopt::{AdoptSpec, Found};
use super::announce::Announced;
use super::evaluate::Control;
use super::look::LookOutcome;
use super::node::NodeId;
use super::{AttemptNo, Failure, Prepared, Values};
use crate::admission::{Answer, Ask, Key, Ticket};
use crate::duration::Millis;
use crate::journal::{Event, Resolution, RunEnded};
use crate::money::{Amount, Budget, Costs};
use crate::time::Timestamp;
use crate::value::{Blob, Value};

/// Something happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The first half of an attempt ended.
    Prepared {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptNo,
        /// Its request, or why there is none.
        result: Result<Prepared, Failure>,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptNo,
        /// Its value, or why there is none.
        result: Result<Value, Failure>,
        /// What the service answered, where `output:` made another value of that and others may hear of it.
        answer: Option<Value>,
        /// The id of what it made, where such things can be found again.
        made: Option<String>,
        /// For how long the service takes no more, as its answer says: others leave it alone too.
        rest: Option<Millis>,
        /// What it cost, as far as it heard.
        costs: Costs,
    },
    /// What an attempt made was looked for.
    Adopted {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptNo,
        /// What was found, or why nobody could look.
        result: Result<Found, Failure>,
    },
    /// The worker of an attempt was lost.
    AttemptLost {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptNo,
    },
    /// A trigger looked.
    Looked {
        /// The node.
        node: NodeId,
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
        /// The node.
        node: NodeId,
        /// The decision.
        resolution: Resolution,
    },
    /// Items of a loop were read from a stored value.
    Fetched {
        /// The loop.
        node: NodeId,
        /// Where reading began.
        at: u64,
        /// What was read, or why nothing could be.
        result: Result<Window, Failure>,
    },
    /// A range of a loop is over, as far as it came.
    RangeEnded {
        /// The loop.
        node: NodeId,
        /// The range's first item.
        first: u64,
        /// What became of it, or why nothing could.
        result: Result<RangeDone, Failure>,
    },
    /// What items of a loop gave was stored.
    Stored {
        /// The loop.
        node: NodeId,
        /// The first of the items.
        first: u64,
        /// How many they are.
        count: u64,
        /// The segment, or why there is none.
        result: Result<Value, Failure>,
    },
    /// Another workflow that a step started has ended.
    ChildEnded {
        /// The step.
        node: NodeId,
        /// How.
        ended: RunEnded,
    },
    /// What was asked for is answered.
    Answered {
        /// Under which number.
        ticket: Ticket,
        /// What is answered.
        answer: Answer,
    },
    /// What a node waits for may be in the log now.
    Told {
        /// The node.
        node: NodeId,
    },
    /// Someone said the word that a node waits for.
    Signal {
        /// The node.
        node: NodeId,
        /// Its value.
        value: Value,
    },
    /// A person gives more money.
    RaiseBudget {
        /// By how much every budget of the run becomes larger.
        by: Amount,
    },
    /// The run is to be cancelled.
    Cancel {
        /// Who asked.
        by: String,
        /// Nothing is undone, and `finally` is left out.
        hard: bool,
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
    /// Write this into the log of events, in one transaction with the records of the round.
    Announce(Announced),
    /// Start (the first half of) an attempt; its record came before.
    Start(AttemptSpec),
    /// Send the prepared request of an attempt; its record came before.
    Send(AttemptSpec),
    /// Look for what an attempt made whose answer nobody heard; ends with `Adopted`, and `Stop` stops it.
    Adopt(AdoptSpec),
    /// Let a trigger look.
    Look(LookSpec),
    /// Stop an attempt; its end is recorded already, so nothing of it is awaited.
    Stop {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptNo,
    },
    /// Ask for places; nothing is started before they are granted.
    Ask(Ask),
    /// What was asked for is needed no more; its record came before.
    Release {
        /// Under which number.
        ticket: Ticket,
        /// Until when the service that was called asked to be left alone.
        rest: Option<Timestamp>,
    },
    /// Read items of a loop from a stored value.
    Fetch(FetchSpec),
    /// Perform items of a loop, one after another; its record came before.
    Range(RangeSpec),
    /// Stop a range; its end is recorded already, so nothing of it is awaited.
    StopRange {
        /// The loop.
        node: NodeId,
        /// The range's first item.
        first: u64,
    },
    /// Put what items of a loop gave into a segment.
    Store(StoreSpec),
    /// Start another workflow, unless it has been started already; its record came before.
    StartChild(ChildSpec),
    /// Cancel a workflow that a step started; nothing of it is awaited. Comes again after each restart; one that has ended
    /// is left alone.
    StopChild {
        /// Its id.
        run: Arc<str>,
        /// The file of its workflow, in [`crate::workflow::Workflow::children`].
        workflow: Arc<str>,
    },
    /// Evaluate an expression that reads stored values.
    Evaluate {
        /// Which one.
        control: Control,
        /// The step's place in the pinned definition; `None` for what is of the run itself.
        step: Option<usize>,
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
    /// The node.
    pub node: NodeId,
    /// Its path.
    pub path: Arc<str>,
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
    /// The node.
    pub node: NodeId,
    /// The step's place in the pinned definition.
    pub step: usize,
    /// The trigger's parameters, rendered.
    pub arguments: Value,
    /// What was there before; `None` at the first look.
    pub state: Option<Value>,
    /// Since when what is written in the log counts, for a trigger that waits for it.
    pub since: Option<Timestamp>,
    /// When it looks.
    pub now: Timestamp,
    /// What its templates see.
    pub values: Arc<Values>,
}

/// A stored value to read items from.
#[derive(Debug, Clone)]
pub struct FetchSpec {
    /// The loop.
    pub node: NodeId,
    /// The value.
    pub source: Arc<Blob>,
    /// Where to begin: 0, or what the last [`Window`] said.
    pub at: u64,
}

/// Some items of a stored value.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// They, each with where it stands; none at the end.
    pub items: VecDeque<(u64, Value)>,
    /// Where the next one stands.
    pub next: u64,
}

/// Items of a loop to perform, one after another.
#[derive(Debug, Clone)]
pub struct RangeSpec {
    /// The loop.
    pub node: NodeId,
    /// Its path.
    pub path: Arc<str>,
    /// The run, for the keys of the items.
    pub run: Arc<str>,
    /// The step's place in the pinned definition.
    pub step: usize,
    /// The first item.
    pub first: u64,
    /// How many items at most.
    pub count: u64,
    /// The items of the whole loop: a list, or a stored one.
    pub source: Value,
    /// Whether each stands as `{key, value}`.
    pub keyed: bool,
    /// An item at or before the first, and where it stands in a stored source.
    pub near: (u64, u64),
    /// How many items may fail; with one more the range is over.
    pub tolerated: u64,
    /// What its templates see, the names of the item aside.
    pub values: Arc<Values>,
}

/// How far a range came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RangeDone {
    /// How many items are over.
    pub done: u64,
    /// Those that failed: first and count of each row of them.
    pub failed: Vec<(u64, u64)>,
    /// The failure of the first of them.
    pub failure: Option<Failure>,
    /// What they gave, one line an item; null if none is over.
    pub segment: Value,
    /// Where the next item stands in a stored source.
    pub next: Option<u64>,
    /// The next item and its failure, if it was tried and is to be tried again.
    pub again: Option<(Value, Failure)>,
    /// Whether the source has no more items.
    pub last: bool,
    /// What all that was called cost.
    pub costs: Costs,
}

/// What items of a loop gave, to be put into a segment.
#[derive(Debug, Clone)]
pub struct StoreSpec {
    /// The loop.
    pub node: NodeId,
    /// The first of the items.
    pub first: u64,
    /// One result an item.
    pub results: Vec<Value>,
}

/// Another workflow to start.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    /// The step that starts it.
    pub node: NodeId,
    /// Its id.
    pub run: Arc<str>,
    /// The file of its workflow, in [`crate::workflow::Workflow::children`].
    pub workflow: Arc<str>,
    /// Its inputs.
    pub inputs: Value,
    /// Whether nobody waits for its end.
    pub detached: bool,
    /// What it may spend.
    pub budget: Option<Budget>,
    /// The places in which it goes: those of the step, of what is around it, and of this run. None if nobody waits for it.
    pub within: Vec<Key>,
}
