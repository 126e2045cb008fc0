//! How an event changes the state: the only way in which it changes, live and in recovery.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::ending::Undoable;
use super::evaluate::What;
use super::holds::Hold;
use super::io::Output;
use super::machine::Run;
use super::node::{Inside, Layer, Loop, Node, NodeId, Opened, Rounds};
use super::places::Waited;
use super::ranges::Ranges;
use super::status::{IllegalEvent, Progress, next};
use super::{AttemptNo, StepOutcome, StepStatus};
use crate::journal::{Event, ItemStarted, LoopStarted, Outcome, Resolution};
use crate::value::Value;
use crate::workflow::{Does, Workflow};

impl Run {
    /// Decides something about a node: it is recorded, and then it is so.
    pub(super) fn record(&mut self, node: NodeId, event: impl Into<Event>) {
        let event = event.into();
        self.out.push_back(Output::Record(event.clone()));
        self.apply_to(node, &event)
            .expect("the machine records only what its state allows");
    }

    /// Decides something about the run itself.
    pub(super) fn record_of_run(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.out.push_back(Output::Record(event.clone()));
        if let Event::RunEnded(ended) = &event {
            self.announce_end(ended);
        }
        self.apply_to_run(&event);
    }

    pub(super) fn apply_to_run(&mut self, event: &Event) {
        match event {
            Event::Reused(reused) => {
                let path = reused.step.as_str().into();
                self.reused.insert(path, reused.value.clone());
            }
            Event::VarsRendered(rendered) => self.vars = Some(rendered.vars.clone()),
            Event::CancelAsked(asked) => {
                self.cancelled = true;
                self.hard |= asked.hard;
            }
            Event::AdmissionWaited(waited) => self.run_waited(waited),
            Event::BudgetRaised(raised) => self.budget_raised(raised.by),
            Event::RunStopped(_) => self.stopped = true,
            Event::FinallyStarted(started) => {
                if let Some(body) = self.workflow.finally {
                    let frame = self.open_frame(body, None, Some(self.root.main));
                    self.root.finally = Some((frame, started.deadline));
                }
            }
            Event::UndoStarted(_) => self.undo_next(),
            Event::Evaluated(evaluated) => {
                if let Some(what) = What::parse(&evaluated.what) {
                    self.answers.push((what, evaluated.value.clone()));
                }
            }
            Event::RunEnded(ended) => self.ended = Some(ended.clone()),
            _ => {}
        }
    }

    pub(super) fn apply_to(&mut self, id: NodeId, event: &Event) -> Result<(), IllegalEvent> {
        self.places.begun = true;
        let node = &mut self.nodes[id];
        let sent = matches!(
            node.status,
            StepStatus::Running {
                progress: Progress::Sent,
                ..
            }
        );
        node.status = next(&node.status, event)?;
        if !matches!(node.status, StepStatus::Ready) {
            node.began.get_or_insert(self.now);
        }
        match event {
            Event::AttemptStarted(started) => node.attempt = Some(AttemptNo::new(started.attempt)),
            Event::AttemptPrepared(prepared) => {
                node.prepared = Some(prepared.prepared.clone());
                node.intended.get_or_insert(self.now);
            }
            Event::AttemptAdopted(adopted) => node.value = Some(adopted.value.clone()),
            Event::AttemptEnded(ended) => match &ended.outcome {
                Outcome::Succeeded(value) => node.value = Some(value.clone()),
                Outcome::Failed(failure) => {
                    // A call that waited for money was not tried.
                    node.lost += u32::from(failure.code == super::budget::BUDGET_HELD);
                    node.failure = Some(failure.clone());
                }
                Outcome::Lost => {
                    node.lost += 1;
                    node.failure = Some(super::recover::lost(sent));
                }
            },
            Event::StepSucceeded(succeeded) => {
                node.value = Some(succeeded.value.clone());
                if let Some(failure) = &succeeded.instead_of {
                    node.failure = Some(failure.clone());
                }
            }
            Event::HoldStarted(started) => node.hold = Some(Hold::new(started, self.now)),
            Event::HoldBaseline(baseline) => {
                if let Some(hold) = &mut node.hold {
                    hold.state = Some(baseline.state.clone());
                }
            }
            Event::HoldEnded(ended) => node.value = Some(ended.value.clone()),
            Event::StepFailed(failed) => node.failure = Some(failed.failure.clone()),
            Event::StepTimedOut(_) => node.failure = Some(super::attempts::timed_out()),
            Event::InterruptionResolved(resolved) => {
                if let Resolution::Set(value) = &resolved.resolution {
                    node.value = Some(value.clone());
                }
            }
            Event::Evaluated(evaluated) => {
                if let Some(what) = What::parse(&evaluated.what) {
                    node.answers.push((what, evaluated.value.clone()));
                }
            }
            Event::AdmissionWaited(event) => node.waited = Some(Waited::new(event, self.now)),
            Event::StopAsked(_) => node.stopped = true,
            Event::ChildStarted(started) => {
                node.inside = Inside::Child(started.run.as_str().into(), started.inputs.clone());
            }
            Event::GroupStarted(_) => self.open_group(id),
            Event::FinallyStarted(started) => self.open_finally(id, started.deadline),
            Event::LoopStarted(started) => self.open_loop(id, started),
            Event::ItemStarted(started) => self.open_item(id, started),
            Event::RangeStarted(started) => self.open_range(id, started),
            Event::RangeEnded(ended) => self.close_range(id, ended),
            Event::ItemsStored(stored) => self.keep_segment(id, stored),
            Event::RoundsStarted(started) => {
                node.inside = Inside::Rounds(Box::new(Rounds {
                    round: 0,
                    previous: started.start.clone(),
                    current: None,
                    last: None,
                    paused: None,
                }));
                self.todo.push_back(id);
            }
            Event::RoundStarted(started) => self.open_round(id, started.round),
            Event::RoundsPaused(paused) => {
                if let Some(rounds) = node.as_rounds_mut() {
                    rounds.round += 1;
                    if let Some(Ok(value)) = rounds.last.take() {
                        rounds.previous = value;
                    }
                    rounds.paused = Some(paused.until);
                }
            }
            _ => {}
        }
        self.account(id, event);
        self.let_go(id, event);
        self.note_stopped_child(id, event);
        self.moved(id, event);
        Ok(())
    }

    /// What follows from a node's new status.
    fn moved(&mut self, id: NodeId, event: &Event) {
        let status = self.nodes[id].status;
        match status {
            StepStatus::Ended(_) | StepStatus::Ready | StepStatus::Waiting { .. } => {
                self.active.remove(&id);
            }
            _ => {
                self.active.insert(id);
            }
        }
        match status {
            StepStatus::Ended(outcome) => self.node_ended(id, outcome, event),
            StepStatus::Ready => self.todo.push_back(id),
            _ => self.schedule(id),
        }
    }

    fn open_group(&mut self, id: NodeId) {
        let workflow = self.workflow.clone();
        let node = &self.nodes[id];
        let Does::Group(group) = &workflow.steps[node.step].does else {
            return;
        };
        let outer = Some(node.frame);
        let main = self.open_frame(group.body, Some(id), outer);
        self.nodes[id].inside = Inside::Group(Opened {
            main,
            finally: None,
        });
    }

    fn open_finally(&mut self, id: NodeId, deadline: crate::time::Timestamp) {
        let workflow = self.workflow.clone();
        let node = &self.nodes[id];
        let (Does::Group(group), Inside::Group(opened)) =
            (&workflow.steps[node.step].does, &node.inside)
        else {
            return;
        };
        let (Some(body), main) = (group.finally, opened.main) else {
            return;
        };
        let frame = self.open_frame(body, Some(id), Some(main));
        if let Inside::Group(opened) = &mut self.nodes[id].inside {
            opened.finally = Some((frame, deadline));
        }
    }

    fn open_loop(&mut self, id: NodeId, started: &LoopStarted) {
        let outermost = self.outermost_loop(id);
        let by_ranges = self.goes_by_ranges(id, started.count, outermost);
        self.nodes[id].inside = Inside::Loop(Box::new(Loop {
            source: started.source.clone(),
            keyed: started.keyed,
            count: started.count,
            next: 0,
            window: VecDeque::new(),
            position: 0,
            reading: false,
            skip: false,
            open: BTreeMap::new(),
            places: BTreeMap::new(),
            ranges: Ranges::new(by_ranges),
            results: BTreeMap::new(),
            failed: 0,
            first_failure: None,
            outermost,
            extra: 0,
            wanting: Vec::new(),
        }));
        self.todo.push_back(id);
    }

    fn open_item(&mut self, id: NodeId, started: &ItemStarted) {
        let node = &self.nodes[id];
        let (step, frame) = (node.step, node.frame);
        let path = format!("{}[{}]", node.path, started.index);
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return;
        };
        inside.next = inside.next.max(started.index + 1);
        let tried = inside.ranges.take_again(started.index);
        let given = match (&inside.source, started.at) {
            (Value::List(items), _) => items
                .get(usize::try_from(started.index).unwrap_or(usize::MAX))
                .cloned(),
            // Of a stored source: what was read, or nothing yet in a replay.
            (_, Some(at)) => {
                inside.places.insert(started.index, at);
                inside.ranges.mark(started.index, at);
                let read = inside.window.front().is_some_and(|(found, _)| *found == at);
                if !read {
                    inside.position = at;
                    inside.skip = true;
                }
                let read = read.then(|| inside.window.pop_front().map(|(_, item)| item));
                let recorded = Some(started.item.clone()).filter(|item| !item.is_null());
                tried.or(read.flatten()).or(recorded)
            }
            _ => None,
        };
        let (outermost, shares) = (inside.outermost, inside.busy() > 0);
        let keyed = inside.keyed;
        let mut item = Node::new(step, Layer::Item(started.index), frame, path.into());
        item.parent = Some(id);
        item.bound = started.deadline;
        item.key = if started.key.is_null() {
            let key = given.as_ref().and_then(|given| given.get("key"));
            key.filter(|_| keyed)
                .cloned()
                .unwrap_or(Value::from(started.index))
        } else {
            started.key.clone()
        };
        if let Some(given) = given {
            item.locals = item_locals(&self.workflow, step, started.index, given, keyed);
        }
        let item = self.nodes.insert(item);
        if let Some(inside) = self.nodes[id].as_loop_mut() {
            inside.open.insert(started.index, item);
        }
        if let Some(outermost) = outermost.filter(|_| shares)
            && let Some(outermost) = self.nodes[outermost].as_loop_mut()
        {
            outermost.extra += 1;
        }
        self.todo.push_back(item);
    }

    fn open_round(&mut self, id: NodeId, round: u64) {
        let node = &self.nodes[id];
        let (step, frame) = (node.step, node.frame);
        let path = format!("{}#{round}", node.path);
        let mut inner = Node::new(step, Layer::Round(round), frame, path.into());
        inner.parent = Some(id);
        let Some(rounds) = self.nodes[id].as_rounds_mut() else {
            return;
        };
        rounds.paused = None;
        if let Some(Ok(value)) = rounds.last.take() {
            rounds.previous = value;
        }
        rounds.round = round;
        inner.locals = vec![
            ("previous".into(), rounds.previous.clone()),
            ("index".into(), Value::from(round)),
        ];
        let inner = self.nodes.insert(inner);
        let node = &mut self.nodes[id];
        node.answers.retain(|(what, _)| *what != What::Until);
        if let Some(rounds) = node.as_rounds_mut() {
            rounds.current = Some(inner);
        }
        self.todo.push_back(inner);
    }

    fn node_ended(&mut self, id: NodeId, outcome: StepOutcome, event: &Event) {
        self.close_inside(id);
        let node = &mut self.nodes[id];
        node.hold = None;
        node.prepared = None;
        node.answers = Vec::new();
        // A value that stands for a failure leaves nothing to undo.
        let by_itself = match event {
            Event::StepSucceeded(succeeded) => succeeded.instead_of.is_none(),
            _ => true,
        };
        if outcome == StepOutcome::Succeeded && by_itself {
            self.remember_undo(id);
        }
        match self.nodes[id].layer {
            Layer::Step => self.step_ended(id),
            Layer::Item(index) => self.item_ended(id, index, outcome),
            Layer::Round(_) => self.round_ended(id, outcome),
            Layer::Undo => self.undo_ended(id, outcome),
        }
    }

    fn step_ended(&mut self, id: NodeId) {
        let (step, frame) = (self.nodes[id].step, self.nodes[id].frame);
        self.frames[frame].unfinished -= 1;
        for at in 0..self.needed_by[step].len() {
            let place = self.workflow.steps[self.needed_by[step][at]].place;
            let other = self.frames[frame].nodes[place];
            if let StepStatus::Waiting { needs_left } = self.nodes[other].status {
                self.nodes[other].status =
                    if let Some(needs_left) = NonZeroU32::new(needs_left.get() - 1) {
                        StepStatus::Waiting { needs_left }
                    } else {
                        self.todo.push_back(other);
                        StepStatus::Ready
                    };
            }
        }
        if self.frames[frame].unfinished == 0 {
            self.todo.extend(self.frames[frame].owner);
        }
    }

    fn item_ended(&mut self, id: NodeId, index: u64, outcome: StepOutcome) {
        let node = self.nodes.remove(id).expect("it has just ended");
        let Some(parent) = node.parent else { return };
        let error = node
            .failure
            .as_ref()
            .filter(|_| outcome != StepOutcome::Succeeded);
        let error = error.map(|failure| super::values::error_value(failure, node.attempt));
        let result = result_map(node.key, outcome, node.value, error);
        let Some(inside) = self.nodes[parent].as_loop_mut() else {
            return;
        };
        inside.open.remove(&index);
        inside.places.remove(&index);
        inside.results.insert(index, result);
        if outcome != StepOutcome::Succeeded {
            inside.failed += 1;
            if inside.first_failure.is_none() {
                inside.first_failure = node.failure.map(|failure| (node.path, failure));
            }
        }
        let (outermost, shared) = (inside.outermost, inside.busy() > 0);
        self.todo.push_back(parent);
        self.slot_is_free(parent, outermost, shared);
    }

    fn round_ended(&mut self, id: NodeId, outcome: StepOutcome) {
        let node = self.nodes.remove(id).expect("it has just ended");
        let Some(parent) = node.parent else { return };
        if let Some(rounds) = self.nodes[parent].as_rounds_mut() {
            rounds.current = None;
            rounds.last = Some(match outcome {
                StepOutcome::Succeeded => Ok(node.value.unwrap_or_default()),
                _ => Err((node.status, node.failure)),
            });
        }
        self.todo.push_back(parent);
    }

    fn undo_ended(&mut self, id: NodeId, outcome: StepOutcome) {
        let node = self.nodes.remove(id).expect("it has just ended");
        self.undoing = None;
        if outcome != StepOutcome::Succeeded {
            let path = node.path.trim_end_matches(".undo");
            self.not_undone.push(path.to_owned());
        }
    }

    /// Forgets what went on inside a node: nothing of it is seen from outside.
    fn close_inside(&mut self, id: NodeId) {
        match std::mem::replace(&mut self.nodes[id].inside, Inside::Nothing) {
            Inside::Nothing | Inside::Child(..) => {}
            Inside::Group(opened) => {
                for frame in opened
                    .finally
                    .map(|(frame, _)| frame)
                    .into_iter()
                    .chain([opened.main])
                {
                    let frame = self.frames.remove(frame).expect("an open frame");
                    for node in frame.nodes {
                        self.forget_node(node);
                    }
                }
            }
            Inside::Loop(inside) => {
                for node in inside.open.into_values() {
                    self.close_inside(node);
                    self.forget_node(node);
                }
            }
            Inside::Rounds(rounds) => {
                if let Some(node) = rounds.current {
                    self.close_inside(node);
                    self.forget_node(node);
                }
            }
        }
    }

    /// Keeps what is needed to undo what has just succeeded.
    fn remember_undo(&mut self, id: NodeId) {
        let workflow = self.workflow.clone();
        let node = &self.nodes[id];
        let shape = &workflow.steps[node.step];
        let Some(undo) = shape.undo.filter(|_| node.is_innermost(shape)) else {
            return;
        };
        if node.layer == Layer::Undo {
            return;
        }
        let mut seen = self.values_seen(id, &workflow.steps[undo].sees);
        let result = self.nodes[id].value.clone().unwrap_or_default();
        seen.locals.insert(0, ("result".into(), result));
        self.undoable.push(Undoable {
            step: undo,
            path: format!("{}.undo", self.nodes[id].path).into(),
            seen: Arc::new(seen),
        });
    }

    fn undo_next(&mut self) {
        let Some(undoable) = self.undoable.pop() else {
            return;
        };
        let mut node = Node::new(undoable.step, Layer::Undo, self.root.main, undoable.path);
        node.seen = Some(undoable.seen);
        let node = self.nodes.insert(node);
        self.undoing = Some(node);
        self.todo.push_back(node);
    }

    /// The outermost loop around a node.
    fn outermost_loop(&self, id: NodeId) -> Option<NodeId> {
        let mut outermost = None;
        let mut at = id;
        loop {
            let node = &self.nodes[at];
            let Some(up) = node.parent.or(self.frames[node.frame].owner) else {
                return outermost;
            };
            if self.nodes[up].as_loop().is_some() {
                outermost = Some(up);
            }
            at = up;
        }
    }
}

/// What a loop says of one item.
pub(super) fn result_map(
    key: Value,
    outcome: StepOutcome,
    value: Option<Value>,
    error: Option<Value>,
) -> Value {
    Value::map([
        ("key", key),
        ("status", Value::from(outcome.as_str())),
        ("value", value.unwrap_or_default()),
        ("error", error.unwrap_or_default()),
    ])
}

/// The names of an item.
pub(super) fn item_locals(
    workflow: &Workflow,
    step: usize,
    index: u64,
    given: Value,
    keyed: bool,
) -> Vec<(Arc<str>, Value)> {
    let Some(each) = &workflow.steps[step].each else {
        return Vec::new();
    };
    let (key, item) = if keyed {
        let part = |name: &str| given.get(name).cloned().unwrap_or_default();
        (part("key"), part("value"))
    } else {
        (Value::from(index), given)
    };
    let names = &each.names;
    vec![
        (names.item.clone(), item),
        (names.index.clone(), Value::from(index)),
        (names.key.clone(), key),
    ]
}
