//! The run: its state, what goes in, what comes out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use slotmap::SlotMap;

use super::budget::Money;
use super::callbacks::Callbacks;
use super::ending::Undoable;
use super::evaluate::What;
use super::holds::Awaited;
use super::io::{IllegalInput, Input, Output};
use super::node::{Frame, FrameId, Layer, Node, NodeId, Opened};
use super::places::Places;
use super::{Failure, StepStatus, Values};
use crate::duration::Millis;
use crate::journal::{Event, Reused, RunEnded, RunStarted};
use crate::time::Timestamp;
use crate::value::{Hash, Value};
use crate::workflow::Workflow;

/// One run of a workflow.
pub struct Run {
    pub(super) workflow: Arc<Workflow>,
    /// The steps of its own map that each step waits for, and those that wait for it.
    pub(super) waits_for: Vec<u32>,
    pub(super) needed_by: Vec<Vec<usize>>,
    pub(super) started: RunStarted,
    started_at: Timestamp,
    pub(super) secrets: Value,
    pub(super) about: Value,
    pub(super) vars: Option<Value>,
    /// For how long the service takes no more that the attempt called which ends just now.
    pub(super) resting: Option<Millis>,
    /// Values of an earlier run, by path: what has one succeeds with it.
    pub(super) reused: BTreeMap<Arc<str>, Value>,
    pub(super) nodes: SlotMap<NodeId, Node>,
    pub(super) frames: SlotMap<FrameId, Frame>,
    pub(super) root: Opened,
    /// Answers to control expressions of the run itself, and those the driver was asked for.
    pub(super) answers: Vec<(What, Value)>,
    pub(super) asked: Vec<What>,
    pub(super) cancelled: bool,
    /// Nothing is undone, and `finally` is left out.
    pub(super) hard: bool,
    /// A step ended the run, well.
    pub(super) stopped: bool,
    /// What succeeded and can be undone, in the order of success.
    pub(super) undoable: Vec<Undoable>,
    pub(super) undoing: Option<NodeId>,
    pub(super) not_undone: Vec<String>,
    /// What steps started and was to end with them, with its workflow: as many as were stopped.
    pub(super) stopped_children: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) ended: Option<RunEnded>,
    /// Nodes to decide, in the order in which they became ready.
    pub(super) todo: VecDeque<NodeId>,
    /// Times at which a node may have something to do; entries that no longer hold are dropped when they come up.
    timers: BinaryHeap<Reverse<(Timestamp, NodeId)>>,
    /// Nodes that run, wait, hold or are open: begun and not over.
    pub(super) active: BTreeSet<NodeId>,
    /// Open items that must be read again from the stored source of their loop before anything is decided: the loop, and
    /// where the item stands.
    pub(super) rereading: BTreeSet<(NodeId, u64)>,
    /// Inputs that came before that.
    pub(super) postponed: Vec<Input>,
    /// Makes the addresses at which steps are called back, where callbacks are taken.
    pub(super) callbacks: Option<Arc<Callbacks>>,
    pub(super) callback_steps: Vec<usize>,
    pub(super) places: Places,
    pub(super) money: Money,
    pub(super) out: VecDeque<Output>,
    pub(super) now: Timestamp,
}

/// What the store keeps beside the journal, so that it can list runs without replaying them.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// `running`, `waiting`, `interrupted`, or how it ended.
    pub status: &'static str,
    /// When time alone gives it something to do.
    pub due: Option<Timestamp>,
    /// Whether it waits, and may hold a place or wait for one: then it is to be driven all the same.
    pub places: bool,
    /// What it waits for, in words.
    pub waits_for: Option<String>,
    /// Attempts that have not ended: step and number.
    pub open: Vec<(Arc<str>, u32)>,
    /// What may have been made though nobody heard so.
    pub making: Vec<Making>,
    /// What its steps wait for that somebody or something outside says.
    pub awaited: Vec<Awaited>,
}

/// Something that a step of the run may have made, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    /// The step's path.
    pub step: Arc<str>,
    /// What kind of thing.
    pub what: Arc<str>,
    /// How many items it holds, where the connector counts them.
    pub count: Option<u64>,
}

impl Run {
    /// A new run. The first [`Run::poll`] gives its first record.
    pub fn new(workflow: Arc<Workflow>, started: RunStarted, now: Timestamp) -> Run {
        Run::again(workflow, started, Vec::new(), None, now)
    }

    /// A new run that takes over what an earlier one has done; see [`super::reuse`]. `callbacks` says where its steps are
    /// called back.
    pub fn again(
        workflow: Arc<Workflow>,
        started: RunStarted,
        reused: Vec<Reused>,
        callbacks: Option<Arc<Callbacks>>,
        now: Timestamp,
    ) -> Run {
        let mut run = Run::empty(workflow, started.clone(), now);
        run.callbacks = callbacks;
        run.out
            .push_back(Output::Record(Event::RunStarted(started)));
        for reused in reused {
            run.record_of_run(reused);
        }
        run.settle();
        run
    }

    /// A run of which nothing is known but its first event.
    pub(super) fn empty(workflow: Arc<Workflow>, started: RunStarted, at: Timestamp) -> Run {
        let count = workflow.steps.len();
        let waits_for = (0..count)
            .map(|step| u32::try_from(workflow.plan.needs(step).len()).unwrap_or(u32::MAX))
            .collect();
        let needed_by = (0..count)
            .map(|step| workflow.plan.needed_by(step))
            .collect();
        let mut run = Run {
            secrets: Values::secrets_of(&workflow),
            about: super::values::about(&started, at),
            waits_for,
            needed_by,
            started,
            started_at: at,
            vars: None,
            resting: None,
            reused: BTreeMap::new(),
            nodes: SlotMap::with_key(),
            frames: SlotMap::with_key(),
            root: Opened {
                main: FrameId::default(),
                finally: None,
            },
            answers: Vec::new(),
            asked: Vec::new(),
            cancelled: false,
            hard: false,
            stopped: false,
            undoable: Vec::new(),
            undoing: None,
            not_undone: Vec::new(),
            stopped_children: BTreeMap::new(),
            ended: None,
            todo: VecDeque::new(),
            timers: BinaryHeap::new(),
            active: BTreeSet::new(),
            rereading: BTreeSet::new(),
            postponed: Vec::new(),
            callbacks: None,
            callback_steps: super::callbacks::steps(&workflow),
            places: Places::default(),
            money: Money::default(),
            out: VecDeque::new(),
            now: at,
            workflow,
        };
        run.root.main = run.open_frame(0, None, None);
        run
    }

    /// Where its steps are called back from now on.
    pub fn set_callbacks(&mut self, callbacks: Option<Arc<Callbacks>>) {
        self.callbacks = callbacks;
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.started.run
    }

    /// What started it.
    pub fn started(&self) -> &RunStarted {
        &self.started
    }

    /// When it started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The latest time that it was told: the time of its decisions.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The pinned workflow.
    pub fn workflow(&self) -> &Arc<Workflow> {
        &self.workflow
    }

    /// The status of a node; `None` once it is gone: items and rounds are, when they have ended.
    pub fn status(&self, node: NodeId) -> Option<StepStatus> {
        self.nodes.get(node).map(|node| node.status)
    }

    /// The definition and the path of a node.
    pub fn of(&self, node: NodeId) -> Option<(usize, &Arc<str>)> {
        self.nodes.get(node).map(|node| (node.step, &node.path))
    }

    /// The nodes whose `once` attempt was lost and that wait for a person, with what is known.
    pub fn interrupted(&self) -> impl Iterator<Item = (NodeId, &Arc<str>, Option<&Failure>)> {
        self.active.iter().filter_map(|id| {
            let node = &self.nodes[*id];
            let waits = matches!(node.status, StepStatus::Interrupted { .. });
            waits.then_some((*id, &node.path, node.failure.as_ref()))
        })
    }

    /// The nodes that wait for someone's word: an approval, an event, a callback.
    pub fn waiting_for_signals(&self) -> impl Iterator<Item = (NodeId, &Arc<str>)> {
        self.active.iter().filter_map(|id| {
            let node = &self.nodes[*id];
            let held = matches!(node.status, StepStatus::Held { .. });
            let signal = held
                && node
                    .hold
                    .as_ref()
                    .is_some_and(super::holds::Hold::is_signal);
            signal.then_some((*id, &node.path))
        })
    }

    /// The runs that it started and waits for.
    pub fn children(&self) -> impl Iterator<Item = &str> {
        let active = self.active.iter().map(|id| &self.nodes[*id].inside);
        active.filter_map(|inside| match inside {
            super::node::Inside::Child(run, _) => Some(&**run),
            _ => None,
        })
    }

    /// Whether it can be left and taken up again without anybody noticing: it holds no place and asks for none, has started no
    /// run that goes, and no run waits for it.
    pub fn can_be_left(&self) -> bool {
        let started = self.started();
        started.started_by.kind != "workflow"
            && self.holds_no_place()
            && self.children().next().is_none()
    }

    /// Takes an input. An input that comes late, for an attempt that is over, changes nothing.
    ///
    /// # Errors
    /// [`IllegalInput`] if it decides about a node that waits for no such decision.
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

    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// What the store keeps beside the journal.
    pub fn projection(&self) -> Projection {
        let active = || self.active.iter().map(|id| &self.nodes[*id]);
        let open: Vec<_> = active()
            .filter_map(|node| match node.status {
                StepStatus::Running { attempt, .. } => Some((node.path.clone(), attempt.get())),
                _ => None,
            })
            .collect();
        let first = |wanted: fn(&StepStatus) -> bool| {
            let found = active().find(|node| wanted(&node.status));
            found.map(|node| node.path.clone())
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
                let awaited = self
                    .words_awaited()
                    .next()
                    .map(|(_, awaited)| awaited.words());
                ("waiting", Some(awaited.unwrap_or(format!("step `{step}`"))))
            }
            (None, None, None) if open.is_empty() => match self.place_in_words() {
                Some(place) => ("waiting", Some(place)),
                None => ("running", None),
            },
            _ => ("running", None),
        };
        let due = if self.ended.is_some() {
            None
        } else {
            let bound = self.finally_bound();
            active().filter_map(Node::due).chain(bound).min()
        };
        Projection {
            status,
            due,
            places: status == "waiting" && self.may_need_places(),
            waits_for,
            open,
            making: self.making(),
            awaited: self.words_awaited().map(|(_, awaited)| awaited).collect(),
        }
    }

    /// Opens a map of steps: a node for each.
    pub(super) fn open_frame(
        &mut self,
        body: usize,
        owner: Option<NodeId>,
        outer: Option<FrameId>,
    ) -> FrameId {
        let workflow = self.workflow.clone();
        let steps = &workflow.bodies[body].steps;
        let frame = self.frames.insert(Frame {
            body,
            owner,
            outer,
            nodes: Vec::with_capacity(steps.len()),
            unfinished: steps.len(),
            stopped: false,
        });
        let prefix = owner.map(|owner| self.nodes[owner].path.clone());
        let mut nodes = Vec::with_capacity(steps.len());
        for step in steps.iter().copied() {
            let name = &workflow.steps[step].name;
            let path = match &prefix {
                Some(prefix) => format!("{prefix}/{name}").into(),
                None => name.clone(),
            };
            let mut node = Node::new(step, Layer::Step, frame, path);
            let ready = match NonZeroU32::new(self.waits_for[step]) {
                Some(needs_left) => {
                    node.status = StepStatus::Waiting { needs_left };
                    false
                }
                None => true,
            };
            let id = self.nodes.insert(node);
            nodes.push(id);
            if ready {
                self.todo.push_back(id);
            }
        }
        self.frames[frame].nodes = nodes;
        frame
    }

    /// Remembers when a node has something to do.
    pub(super) fn schedule(&mut self, node: NodeId) {
        if let Some(due) = self.nodes[node].due() {
            self.timers.push(Reverse((due, node)));
        }
    }

    /// The nodes whose time has come.
    pub(super) fn due_nodes(&mut self) -> Vec<NodeId> {
        let mut due = Vec::new();
        while let Some(Reverse((at, node))) = self.timers.peek().copied() {
            if at > self.now {
                break;
            }
            self.timers.pop();
            let is_due = self.nodes.get(node).and_then(Node::due);
            if is_due.is_some_and(|at| at <= self.now) && !due.contains(&node) {
                due.push(node);
            }
        }
        due
    }

    fn next_due(&mut self) -> Option<Timestamp> {
        if !self.rereading.is_empty() {
            return None;
        }
        let bound = self.finally_bound();
        while let Some(Reverse((at, node))) = self.timers.peek().copied() {
            if self.nodes.get(node).and_then(Node::due) == Some(at) {
                return Some(bound.map_or(at, |bound| bound.min(at)));
            }
            self.timers.pop();
        }
        bound
    }

    /// The idempotency key of a node: the same for every attempt.
    pub(super) fn key(&self, node: NodeId) -> Arc<str> {
        key_of(&self.started.run, &self.nodes[node].path)
    }

    pub(super) fn name(&self, node: NodeId) -> String {
        self.nodes[node].path.to_string()
    }
}

/// The idempotency key of what has this path in a run.
pub fn key_of(run: &str, path: &str) -> Arc<str> {
    Hash::of(format!("{run}/{path}").as_bytes()).to_string()[..32].into()
}
