//! How a loop goes by ranges: when, how long, and what becomes of them.

use std::sync::Arc;

use super::io::{FetchSpec, Output, RangeDone, RangeSpec};
use super::loops::can_be_undone;
use super::machine::Run;
use super::node::NodeId;
use super::ranges::{Again, RANGE_ITEMS_MAX, RANGE_ITEMS_MIN};
use super::{AttemptNo, Failure};
use crate::catalog::Effect;
use crate::journal::{
    AttemptEnded, AttemptStarted, ItemStarted, Outcome, RangeEnded, RangeStarted,
};
use crate::money::Costs;
use crate::value::Value;
use crate::workflow::Does;
use crate::workflow::body::PARALLEL_DEFAULT;

impl Run {
    /// Whether a loop goes by ranges: if its items only read or compute, have no time of their own, and are many.
    pub(super) fn goes_by_ranges(&self, id: NodeId, count: u64, outermost: Option<NodeId>) -> bool {
        let step = self.nodes[id].step;
        let shape = &self.workflow.steps[step];
        let harmless = match &shape.does {
            Does::Value(_) => true,
            Does::Call(call) => {
                call.effect == Effect::Read && !call.priced && call.announces.is_empty()
            }
            _ => false,
        };
        let timed = shape
            .each
            .as_ref()
            .is_none_or(|each| each.item_timeout.is_some());
        // Places that count are asked for item by item.
        let plain = !timed
            && !shape.counted
            && shape.repeat.is_none()
            && !can_be_undone(&self.workflow, step);
        harmless && plain && count / self.slots(id, outermost) >= RANGE_ITEMS_MIN
    }

    /// How many items or ranges of a loop may go on at a time.
    fn slots(&self, id: NodeId, outermost: Option<NodeId>) -> u64 {
        let of = |node: NodeId| {
            let each = self.workflow.steps[self.nodes[node].step].each.as_ref();
            each.and_then(|each| each.max_parallel)
        };
        let slots = of(id).or_else(|| outermost.and_then(of));
        u64::from(slots.unwrap_or(PARALLEL_DEFAULT).max(1))
    }

    /// Starts what was left over, or the next items.
    pub(super) fn start_range(&mut self, id: NodeId) {
        let Some(inside) = self.nodes[id].as_loop() else {
            return;
        };
        let ahead = inside.count.saturating_sub(inside.next);
        let left = ahead + inside.ranges.rest.values().sum::<u64>();
        let rest = inside.ranges.rest.iter().next();
        let (first, there) = rest.map_or((inside.next, ahead), |(first, count)| (*first, *count));
        let share = left / self.slots(id, inside.outermost);
        let count = share.clamp(RANGE_ITEMS_MIN, RANGE_ITEMS_MAX).min(there);
        let step = self.name(id);
        self.record(id, RangeStarted { step, first, count });
        self.send_range(id, first, count);
    }

    fn send_range(&mut self, id: NodeId, first: u64, count: u64) {
        let node = &self.nodes[id];
        let Some(inside) = node.as_loop() else { return };
        let each = self.workflow.steps[node.step].each.as_ref();
        let allowed = each.map_or(0, |each| each.tolerate.allowed(inside.count));
        let spec = RangeSpec {
            node: id,
            path: node.path.clone(),
            run: self.started.run.as_str().into(),
            step: node.step,
            first,
            count,
            source: inside.source.clone(),
            keyed: inside.keyed,
            near: inside.ranges.near(first),
            tolerated: allowed.saturating_sub(inside.failed),
            values: Arc::new(self.values(id)),
        };
        self.out.push_back(Output::Range(spec));
    }

    /// After a restart the open ranges of a loop begin anew: nothing of them was kept.
    pub(super) fn restart_ranges(&mut self, id: NodeId) {
        let Some(inside) = self.nodes[id].as_loop() else {
            return;
        };
        for (first, count) in inside.ranges.open.clone() {
            self.send_range(id, first, count);
        }
    }

    /// Ends the open ranges of a loop without awaiting them.
    pub(super) fn stop_ranges(&mut self, id: NodeId) {
        let Some(inside) = self.nodes[id].as_loop() else {
            return;
        };
        for first in inside.ranges.open.clone().into_keys() {
            self.out.push_back(Output::StopRange { node: id, first });
            let ended = self.ended_range(id, first, RangeDone::default());
            self.record(id, ended);
        }
    }

    fn ended_range(&self, id: NodeId, first: u64, done: RangeDone) -> RangeEnded {
        let inside = self.nodes[id].as_loop();
        let is_first = inside.is_some_and(|inside| inside.first_failure.is_none());
        RangeEnded {
            step: self.name(id),
            first,
            done: done.done,
            failed: done.failed,
            failure: done.failure.filter(|_| is_first),
            segment: done.segment,
            next: done.next,
            again: done.again.map(|(_, failure)| failure),
            last: done.last,
            costs: done.costs,
        }
    }

    pub(super) fn range_ended(
        &mut self,
        id: NodeId,
        first: u64,
        result: Result<RangeDone, Failure>,
    ) {
        let inside = self.nodes.get(id).and_then(|node| node.as_loop());
        if !inside.is_some_and(|inside| inside.ranges.open.contains_key(&first)) {
            return;
        }
        let done = match result {
            Ok(done) => done,
            Err(failure) => return self.stop_failed(id, failure),
        };
        let index = first + done.done;
        let again = done.again.as_ref().map(|(item, _)| item.clone());
        let ended = self.ended_range(id, first, done);
        self.record(id, ended);
        let inside = self.nodes[id].as_loop_mut();
        if let Some(entry) = inside.and_then(|inside| inside.ranges.again.get_mut(&index)) {
            entry.item = again;
        }
    }

    pub(super) fn open_range(&mut self, id: NodeId, started: &RangeStarted) {
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return;
        };
        let (first, end) = (started.first, started.first + started.count);
        let shares = inside.busy() > 0;
        if let Some(rest) = inside.ranges.rest.remove(&first)
            && rest > started.count
        {
            inside.ranges.rest.insert(end, rest - started.count);
        }
        inside.next = inside.next.max(end);
        inside.ranges.open.insert(first, started.count);
        if let Some(outermost) = inside.outermost.filter(|_| shares)
            && let Some(outermost) = self.nodes[outermost].as_loop_mut()
        {
            outermost.extra += 1;
        }
    }

    pub(super) fn close_range(&mut self, id: NodeId, ended: &RangeEnded) {
        let path = self.nodes[id].path.clone();
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return;
        };
        let Some(count) = inside.ranges.open.remove(&ended.first) else {
            return;
        };
        let end = ended.first + count;
        let mut after = ended.first + ended.done;
        if !ended.segment.is_null() {
            let segment = ended.segment.clone();
            inside.ranges.segments.insert(ended.first, segment);
        }
        inside.failed += ended.failed.iter().map(|(_, count)| count).sum::<u64>();
        if let (Some(failure), Some((index, _))) = (&ended.failure, ended.failed.first()) {
            let path = format!("{path}[{index}]").into();
            inside.first_failure = Some((path, failure.clone()));
        }
        if let Some(at) = ended.next {
            inside.ranges.mark(after, at);
        }
        if let Some(failure) = &ended.again {
            let again = Again {
                failure: failure.clone(),
                at: ended.next,
                item: None,
            };
            inside.ranges.again.insert(after, again);
            after += 1;
        }
        if ended.last {
            inside.count = inside.count.min(after);
            inside.next = inside.next.min(after);
            inside.ranges.rest.retain(|first, _| *first < after);
        } else if after < end {
            inside.ranges.rest.insert(after, end - after);
        }
        inside.ranges.forget_marks(inside.next);
        let (outermost, shared) = (inside.outermost, inside.busy() > 0);
        self.todo.push_back(id);
        self.slot_is_free(id, outermost, shared);
    }

    /// An item that was tried in a range goes on by itself; false if the driver must read it first.
    pub(super) fn start_again(&mut self, id: NodeId) -> bool {
        let step = self.name(id);
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return false;
        };
        let Some((index, again)) = inside.ranges.again.first_key_value() else {
            return false;
        };
        let (index, at, failure) = (*index, again.at, again.failure.clone());
        let key = again.item.as_ref().and_then(|item| item.get("key"));
        let key = key.filter(|_| inside.keyed && at.is_some()).cloned();
        if let (Value::Blob(source), Some(at), None) = (&inside.source, at, &again.item) {
            let source = source.clone();
            if !std::mem::replace(&mut inside.reading, true) {
                let node = id;
                self.out
                    .push_back(Output::Fetch(FetchSpec { node, source, at }));
            }
            return false;
        }
        let started = ItemStarted {
            step: step.clone(),
            index,
            at,
            key: key.unwrap_or_default(),
            item: Value::Null,
            deadline: None,
        };
        self.record(id, started);
        let inside = self.nodes[id].as_loop();
        let Some(item) = inside.and_then(|inside| inside.open.get(&index).copied()) else {
            return true;
        };
        let step = self.name(item);
        let attempt = AttemptNo::FIRST.get();
        let begun = AttemptStarted {
            step: step.clone(),
            attempt,
            deadline: None,
        };
        let outcome = Outcome::Failed(failure);
        self.record(item, begun);
        self.record(
            item,
            AttemptEnded {
                step,
                attempt,
                outcome,
                made: None,
                costs: Costs::default(),
            },
        );
        self.after_failure(item);
        true
    }
}
