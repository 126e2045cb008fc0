//! Loops and rounds: which item starts next, and what becomes of the whole.

use super::ending::inside;
use super::evaluate::What;
use super::io::{FetchSpec, Output, Window};
use super::machine::Run;
use super::node::{Inside, Node, NodeId};
use super::{Failure, StepOutcome, StepStatus};
use crate::journal::{
    ItemStarted, LoopStarted, RoundStarted, RoundsPaused, RoundsStarted, StepSucceeded,
};
use crate::value::Value;
use crate::workflow::body::PARALLEL_DEFAULT;
use crate::workflow::{Does, OnMax, Workflow};

impl Run {
    pub(super) fn start_loop(&mut self, id: NodeId) {
        let Some(deadline) = self.deadline(id) else {
            return;
        };
        match self.control(id, What::Items) {
            None => {}
            Some(Ok(items)) => {
                let part = |name: &str| items.get(name).cloned().unwrap_or_default();
                let step = self.name(id);
                let started = LoopStarted {
                    step,
                    source: part("source"),
                    keyed: part("keyed").as_bool() == Some(true),
                    count: part("count").as_u64().unwrap_or_default(),
                    deadline,
                };
                self.record(id, started);
            }
            Some(Err(failure)) => self.fail(id, failure),
        }
    }

    /// Starts items while there are slots for them, and ends the loop when all are over.
    pub(super) fn loop_goes_on(&mut self, id: NodeId) {
        let workflow = self.workflow.clone();
        let Some(each) = &workflow.steps[self.nodes[id].step].each else {
            return;
        };
        let Some(inside) = self.nodes[id].as_loop() else {
            return;
        };
        let allowed = each.tolerate.allowed(inside.count);
        let stopping = self.nodes[id].stopped || self.is_stopping(id);
        let Some(inside) = self.nodes[id].as_loop() else {
            return;
        };
        let too_many = inside.failed > allowed;
        if !stopping && !too_many {
            while self.item_may_start(id) {
                if !self.start_next(id) {
                    return;
                }
            }
        }
        self.store_results(id);
        let Some(inside) = self.nodes[id].as_loop() else {
            return;
        };
        if inside.busy() > 0 {
            return;
        }
        if stopping {
            return self.over_without_value(id);
        }
        if too_many {
            let failure =
                too_many_failed(inside.failed, inside.count, inside.first_failure.as_ref());
            return self.fail(id, failure);
        }
        if inside.has_more() {
            return;
        }
        match self.control(id, What::Results) {
            None => {}
            Some(Ok(value)) => {
                let step = self.name(id);
                self.record(id, StepSucceeded::of(step, value));
            }
            Some(Err(failure)) => self.fail(id, failure),
        }
    }

    /// Whether there is an item left and a slot for it. One item of a nested loop runs in the slot of the item around it;
    /// each further one takes a slot of the outermost loop.
    fn item_may_start(&mut self, id: NodeId) -> bool {
        let workflow = self.workflow.clone();
        let at_a_time = |node: NodeId, run: &Run| {
            let each = workflow.steps[run.nodes[node].step].each.as_ref();
            each.and_then(|each| each.max_parallel)
        };
        let Some(inside) = self.nodes[id].as_loop() else {
            return false;
        };
        if !inside.has_more() {
            return false;
        }
        let open = inside.busy() + inside.extra as usize;
        let own = at_a_time(id, self);
        let Some(outermost) = inside.outermost else {
            return open < own.unwrap_or(PARALLEL_DEFAULT) as usize;
        };
        if own.is_some_and(|own| inside.busy() >= own as usize) {
            return false;
        }
        if inside.busy() == 0 {
            return true;
        }
        let slots = at_a_time(outermost, self).unwrap_or(PARALLEL_DEFAULT) as usize;
        let Some(outer) = self.nodes[outermost].as_loop_mut() else {
            return false;
        };
        if outer.busy() + (outer.extra as usize) < slots {
            return true;
        }
        if !outer.wanting.contains(&id) {
            outer.wanting.push(id);
        }
        false
    }

    /// An item of a loop ended: loops that want its slot are asked again.
    pub(super) fn slot_is_free(&mut self, id: NodeId, outermost: Option<NodeId>, shared: bool) {
        let holder = outermost.unwrap_or(id);
        let Some(outer) = self.nodes[holder].as_loop_mut() else {
            return;
        };
        if outermost.is_some() && shared {
            outer.extra -= 1;
        }
        let wanting = std::mem::take(&mut outer.wanting);
        self.todo.push_back(holder);
        let live = wanting
            .into_iter()
            .filter(|node| self.nodes.contains_key(*node));
        self.todo.extend(live.collect::<Vec<_>>());
    }

    /// Starts what comes next: an item that is tried again, a range, an item; false if the driver must read it first.
    fn start_next(&mut self, id: NodeId) -> bool {
        let Some(inside) = self.nodes[id].as_loop() else {
            return false;
        };
        if inside.ranges.has_again() {
            return self.start_again(id);
        }
        if inside.ranges.used {
            self.start_range(id);
            return true;
        }
        self.start_item(id)
    }

    /// Starts the next item; false if the driver must read it first.
    fn start_item(&mut self, id: NodeId) -> bool {
        let workflow = self.workflow.clone();
        let step = self.nodes[id].step;
        let Some(each) = &workflow.steps[step].each else {
            return false;
        };
        let path = self.name(id);
        let now = self.now;
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return false;
        };
        let mut started = ItemStarted {
            step: path,
            index: inside.next,
            at: None,
            key: Value::Null,
            item: Value::Null,
            deadline: each.item_timeout.map(|timeout| now.plus(timeout)),
        };
        if let Value::Blob(source) = &inside.source {
            let Some((at, item)) = inside.window.front() else {
                if !std::mem::replace(&mut inside.reading, true) {
                    let source = source.clone();
                    let at = inside.position;
                    self.out.push_back(Output::Fetch(FetchSpec {
                        node: id,
                        source,
                        at,
                    }));
                }
                return false;
            };
            started.at = Some(*at);
            if inside.keyed {
                started.key = item.get("key").cloned().unwrap_or_default();
            }
            if can_be_undone(&workflow, step) {
                started.item = item.clone();
            }
        }
        self.record(id, started);
        true
    }

    /// Items of a stored source were read.
    pub(super) fn fetched(&mut self, id: NodeId, at: u64, result: Result<Window, Failure>) {
        if self.rereading.remove(&(id, at)) {
            return self.read_again(id, at, result);
        }
        let Some(inside) = self.nodes.get_mut(id).and_then(Node::as_loop_mut) else {
            return;
        };
        // What is read twice comes once.
        if !inside.reading || (!inside.ranges.used && at != inside.position) {
            return;
        }
        let window = match result {
            Ok(window) => window,
            Err(failure) => return self.stop_failed(id, failure),
        };
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return;
        };
        inside.reading = false;
        if inside.ranges.used {
            let Some((_, item)) = window.items.into_iter().next() else {
                let message = "the items of the loop are fewer than they were";
                let failure = Failure::permanent("store.blob_changed", message);
                return self.stop_failed(id, failure);
            };
            inside.ranges.read_again(at, item);
            self.todo.push_back(id);
            return;
        }
        inside.position = window.next;
        let mut window = window;
        if std::mem::take(&mut inside.skip) {
            window.items.pop_front();
        } else if window.items.is_empty() {
            // The source has fewer items than were counted.
            inside.count = inside.next;
        }
        inside.window.extend(window.items);
        self.todo.push_back(id);
    }

    pub(super) fn stop_failed(&mut self, id: NodeId, failure: Failure) {
        self.cancel_inside(id);
        self.fail(id, failure);
    }

    pub(super) fn start_rounds(&mut self, id: NodeId) {
        let Some(deadline) = self.deadline(id) else {
            return;
        };
        match self.control(id, What::Start) {
            None => {}
            Some(Ok(start)) => {
                let step = self.name(id);
                self.record(
                    id,
                    RoundsStarted {
                        step,
                        start,
                        deadline,
                    },
                );
            }
            Some(Err(failure)) => self.fail(id, failure),
        }
    }

    pub(super) fn rounds_go_on(&mut self, id: NodeId) {
        let workflow = self.workflow.clone();
        let Some(repeat) = &workflow.steps[self.nodes[id].step].repeat else {
            return;
        };
        let stopping = self.nodes[id].stopped || self.is_stopping(id);
        let Inside::Rounds(rounds) = &self.nodes[id].inside else {
            return;
        };
        if rounds.current.is_some() {
            return;
        }
        if stopping {
            return self.over_without_value(id);
        }
        let round = rounds.round;
        let last = match &rounds.last {
            // The first round, or the one after a pause.
            None => {
                if rounds.paused.is_some_and(|until| until > self.now) {
                    return;
                }
                let step = self.name(id);
                return self.record(id, RoundStarted { step, round });
            }
            Some(Ok(value)) => value.clone(),
            Some(Err((status, failure))) => {
                let path = format!("{}#{round}", self.nodes[id].path);
                let timed_out = *status == StepStatus::Ended(StepOutcome::TimedOut);
                let failure = failure.clone().filter(|_| !timed_out);
                let failure = failure.unwrap_or_else(super::attempts::timed_out);
                return self.fail(id, inside(&path, failure));
            }
        };
        let done = match repeat
            .until
            .is_some()
            .then(|| self.control(id, What::Until))
        {
            None => false,
            Some(None) => return,
            Some(Some(Ok(value))) => value == Value::Bool(true),
            Some(Some(Err(failure))) => return self.fail(id, failure),
        };
        let step = self.name(id);
        let used_up = repeat.max.is_some_and(|max| round + 1 >= u64::from(max));
        let gives_up = used_up && repeat.on_max == OnMax::Fail && repeat.until.is_some();
        if !done && gives_up {
            let message = format!("after {} rounds `until` is still not true", round + 1);
            let failure = Failure::permanent("repeat.max", message).at(repeat.span);
            return self.fail(
                id,
                failure.help("raise `max:`, or accept the last round with `on_max: continue`"),
            );
        }
        if done || used_up {
            return self.record(id, StepSucceeded::of(step, last));
        }
        match repeat.every {
            Some(every) => {
                let until = self.now.plus(every);
                self.record(id, RoundsPaused { step, until });
            }
            None => self.record(
                id,
                RoundStarted {
                    step,
                    round: round + 1,
                },
            ),
        }
    }
}

/// Whether something in the loop of a step, at any depth, has an `undo`.
pub(super) fn can_be_undone(workflow: &Workflow, step: usize) -> bool {
    let shape = &workflow.steps[step];
    shape.undo.is_some()
        || match &shape.does {
            Does::Group(group) => workflow.bodies[group.body]
                .steps
                .iter()
                .any(|step| can_be_undone(workflow, *step)),
            _ => false,
        }
}

fn too_many_failed(
    failed: u64,
    count: u64,
    first: Option<&(std::sync::Arc<str>, Failure)>,
) -> Failure {
    let items = if count == 1 { "item" } else { "items" };
    match first {
        Some((path, failure)) if count == 1 || failed == 1 => inside(path, failure.clone()),
        Some((path, failure)) => {
            let message = format!(
                "{failed} of {count} {items} failed; the first, {path}: {}",
                failure.message
            );
            Failure {
                message,
                ..failure.clone()
            }
        }
        None => Failure::permanent("loop.failed", format!("{failed} of {count} {items} failed")),
    }
}
