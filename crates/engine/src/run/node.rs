//! What a run is made of while it goes: a node for every step, item and round that has begun or may, and a frame for every
//! map of steps that is open.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slotmap::new_key_type;

use super::adopt::Adoption;
use super::budget::Pool;
use super::evaluate::What;
use super::holds::Hold;
use super::places::{Place, Waited};
use super::ranges::Ranges;
use super::status::Progress;
use super::{AttemptNo, Failure, Prepared, StepStatus, Values};
use crate::money::{Amount, Budget};
use crate::time::Timestamp;
use crate::value::Value;
use crate::workflow::Step;

new_key_type! {
    /// A node of a run. Ids are not used again.
    pub struct NodeId;
    /// An open map of steps.
    pub(super) struct FrameId;
}

/// Which of a step's layers a node is (LANGUAGE rule 22): the step itself, one item of it, one round of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Step,
    Item(u64),
    Round(u64),
    /// What undoes a step that succeeded.
    Undo,
}

/// A step, an item, a round.
pub(super) struct Node {
    /// Its definition.
    pub(super) step: usize,
    pub(super) layer: Layer,
    /// The map it stands in.
    pub(super) frame: FrameId,
    /// The loop or the rounds it belongs to.
    pub(super) parent: Option<NodeId>,
    /// As the journal and people name it, such as `each[3]/ask`.
    pub(super) path: Arc<str>,
    pub(super) status: StepStatus,
    /// When it began.
    pub(super) began: Option<Timestamp>,
    pub(super) value: Option<Value>,
    pub(super) failure: Option<Failure>,
    /// The last attempt that was started.
    pub(super) attempt: Option<AttemptNo>,
    /// Attempts whose worker was lost: they cost no try.
    pub(super) lost: u32,
    /// The request that retries send again.
    pub(super) prepared: Option<Prepared>,
    /// When that request was on disk for the first time: nothing was made before.
    pub(super) intended: Option<Timestamp>,
    /// The search for what a lost attempt made.
    pub(super) adoption: Option<Adoption>,
    pub(super) hold: Option<Hold>,
    /// The names that this layer adds.
    pub(super) locals: Vec<(Arc<str>, Value)>,
    /// The key of an item.
    pub(super) key: Value,
    /// When the time of an item is up.
    pub(super) bound: Option<Timestamp>,
    /// Answers of the driver to control expressions.
    pub(super) answers: Vec<(What, Value)>,
    /// Control expressions that the driver was asked for and has not answered.
    pub(super) asked: Vec<What>,
    /// What stands against its own budget.
    pub(super) pool: Option<Pool>,
    /// What is set aside for its open call, or for the run that it started.
    pub(super) aside: Option<Amount>,
    /// What the run that it started may spend.
    pub(super) allotted: Option<Budget>,
    /// What it has asked for before it goes.
    pub(super) place: Option<Place>,
    /// A wait for that which stands in the journal.
    pub(super) waited: Option<Waited>,
    pub(super) inside: Inside,
    /// Nothing new starts inside: its time is up.
    pub(super) stopped: bool,
    /// What an undo sees: everything as it was when its step succeeded.
    pub(super) seen: Option<Arc<Values>>,
}

/// What goes on inside a node.
pub(super) enum Inside {
    Nothing,
    Loop(Box<Loop>),
    Rounds(Box<Rounds>),
    Group(Opened),
    /// Another run: its id and its inputs.
    Child(Arc<str>, Value),
}

/// The items of a loop.
pub(super) struct Loop {
    pub(super) source: Value,
    pub(super) keyed: bool,
    pub(super) count: u64,
    /// The item that starts next.
    pub(super) next: u64,
    /// Items that were read from a stored source and have not started, with where they stand.
    pub(super) window: VecDeque<(u64, Value)>,
    /// Where reading goes on.
    pub(super) position: u64,
    pub(super) reading: bool,
    /// The first item that is read next has started already.
    pub(super) skip: bool,
    pub(super) open: BTreeMap<u64, NodeId>,
    /// Where open items of a stored source stand.
    pub(super) places: BTreeMap<u64, u64>,
    pub(super) ranges: Ranges,
    /// What items gave that ended by themselves and are in no segment yet.
    pub(super) results: BTreeMap<u64, Value>,
    pub(super) failed: u64,
    pub(super) first_failure: Option<(Arc<str>, Failure)>,
    /// The outermost loop around it, whose slots it shares.
    pub(super) outermost: Option<NodeId>,
    /// Items and ranges of loops inside it that take a slot beside that of their own item.
    pub(super) extra: u32,
    /// Loops inside it that would start an item if there were a slot.
    pub(super) wanting: Vec<NodeId>,
}

impl Loop {
    /// How many items and ranges of it go on.
    pub(super) fn busy(&self) -> usize {
        self.open.len() + self.ranges.open.len()
    }

    /// Whether something of it has not begun.
    pub(super) fn has_more(&self) -> bool {
        self.next < self.count || self.ranges.left_over()
    }
}

/// The rounds of a step.
pub(super) struct Rounds {
    pub(super) round: u64,
    pub(super) previous: Value,
    pub(super) current: Option<NodeId>,
    /// How the last one ended, until that is judged.
    pub(super) last: Option<Result<Value, (StepStatus, Option<Failure>)>>,
    pub(super) paused: Option<Timestamp>,
}

/// A group, or the workflow itself: its map of steps, and what is done in any case afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) main: FrameId,
    pub(super) finally: Option<(FrameId, Timestamp)>,
}

/// An open map of steps.
pub(super) struct Frame {
    pub(super) body: usize,
    pub(super) owner: Option<NodeId>,
    pub(super) outer: Option<FrameId>,
    /// In the order of the body.
    pub(super) nodes: Vec<NodeId>,
    pub(super) unfinished: usize,
    /// Nothing new starts in it: the time of `finally` is up.
    pub(super) stopped: bool,
}

impl Node {
    pub(super) fn new(step: usize, layer: Layer, frame: FrameId, path: Arc<str>) -> Node {
        Node {
            step,
            layer,
            frame,
            parent: None,
            path,
            status: StepStatus::Ready,
            began: None,
            value: None,
            failure: None,
            attempt: None,
            lost: 0,
            prepared: None,
            intended: None,
            adoption: None,
            hold: None,
            locals: Vec::new(),
            key: Value::Null,
            bound: None,
            answers: Vec::new(),
            asked: Vec::new(),
            pool: None,
            aside: None,
            allotted: None,
            place: None,
            waited: None,
            inside: Inside::Nothing,
            stopped: false,
            seen: None,
        }
    }

    /// When it has something to do by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self.status {
            StepStatus::Running {
                deadline, progress, ..
            } if progress != Progress::Over => deadline,
            StepStatus::Running { deadline, .. } => {
                let look = self.adoption.as_ref().map(Adoption::due)?;
                look.into_iter().chain(deadline).min()
            }
            StepStatus::Backoff { .. } if self.place.is_some() => None,
            // Held up before a restart: it asks again, and its time stands still.
            StepStatus::Backoff { until, .. } if self.waited.is_some() => Some(until),
            StepStatus::Backoff {
                until, deadline, ..
            } => Some(deadline.map_or(until, |deadline| until.min(deadline))),
            StepStatus::Held { deadline } => {
                let look = self.hold.as_ref().and_then(Hold::due);
                look.into_iter().chain(deadline).min()
            }
            StepStatus::Open { deadline } => {
                let deadline = deadline.filter(|_| !self.stopped);
                match &self.inside {
                    Inside::Group(Opened {
                        finally: Some((_, bound)),
                        ..
                    }) => Some(*bound),
                    Inside::Rounds(rounds) => rounds.paused.into_iter().chain(deadline).min(),
                    _ => deadline,
                }
            }
            _ => None,
        }
    }

    /// Whether what the step does is done by this node, and not by items or rounds of it.
    pub(super) fn is_innermost(&self, step: &Step) -> bool {
        match self.layer {
            Layer::Step => step.each.is_none() && step.repeat.is_none(),
            Layer::Item(_) => step.repeat.is_none(),
            Layer::Round(_) | Layer::Undo => true,
        }
    }

    pub(super) fn answer(&self, what: What) -> Option<&Value> {
        let answer = self.answers.iter().find(|(known, _)| *known == what);
        answer.map(|(_, value)| value)
    }

    pub(super) fn as_loop(&self) -> Option<&Loop> {
        match &self.inside {
            Inside::Loop(inside) => Some(inside),
            _ => None,
        }
    }

    pub(super) fn as_loop_mut(&mut self) -> Option<&mut Loop> {
        match &mut self.inside {
            Inside::Loop(inside) => Some(inside),
            _ => None,
        }
    }

    pub(super) fn as_rounds_mut(&mut self) -> Option<&mut Rounds> {
        match &mut self.inside {
            Inside::Rounds(inside) => Some(inside),
            _ => None,
        }
    }
}
