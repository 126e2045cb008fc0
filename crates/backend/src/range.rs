//! A range of a loop: its items one after another in one task, what they gave in one segment.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_engine::duration::Millis;
use flow_engine::eval::{Lines, window};
use flow_engine::run::evaluate::{What, evaluate};
use flow_engine::run::{
    AttemptNo, AttemptSpec, Failure, Half, Input, RangeDone, RangeSpec, Tried, Values,
    item_of_range, key_of, result_of, tried,
};
use flow_engine::value::Value;
use flow_engine::workflow::{Does, Stop, Workflow};

use crate::attempt::{blocking, perform};
use crate::context::StepContext;
use crate::segment::SegmentWriter;
use crate::spill::spill;
use crate::step::StepRunner;

/// How long a range goes on before it is ended early.
pub const RANGE_TIME: Millis = Millis::seconds(1);

/// How many bytes of a stored source are read ahead at a time, one item aside.
const AHEAD_BYTES_MAX: u64 = 1 << 20;

/// The clock of a range.
pub trait Pace: Send {
    /// An item was tried, with this bound for one attempt; gives its end as it is by this clock.
    fn tried(
        &mut self,
        limit: Option<Millis>,
        result: Result<Value, Failure>,
    ) -> Result<Value, Failure>;

    /// Whether [`RANGE_TIME`] has passed.
    fn is_up(&self) -> bool;
}

/// The clock of the machine.
pub struct RealPace(Instant);

impl RealPace {
    /// Begins now.
    pub fn begin() -> RealPace {
        RealPace(Instant::now())
    }
}

impl Pace for RealPace {
    fn tried(
        &mut self,
        _: Option<Millis>,
        result: Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        result
    }

    fn is_up(&self) -> bool {
        self.0.elapsed() >= Duration::from_millis(RANGE_TIME.0)
    }
}

/// Performs a range and says how far it came. `context` is that of the loop; each item gets its own path.
pub async fn perform_range<P: Pace + 'static>(
    workflow: &Arc<Workflow>,
    spec: RangeSpec,
    runner: &dyn StepRunner,
    context: &StepContext,
    pace: P,
) -> (Input, Option<P>) {
    let (node, first) = (spec.node, spec.first);
    let computes = matches!(workflow.steps[spec.step].does, Does::Value(_));
    let work = Work {
        ahead: VecDeque::new(),
        index: spec.first,
        at: spec.near.1,
        skip: spec.first - spec.near.0,
        done: RangeDone::default(),
        failed: 0,
        segment: SegmentWriter::default(),
        workflow: workflow.clone(),
        context: context.clone(),
        spec,
        pace,
    };
    let ended = if computes {
        blocking(move || work.compute()).await
    } else {
        work.call(runner).await
    };
    let (result, pace) = match ended {
        Ok((done, pace)) => (Ok(done), Some(pace)),
        Err(failure) => (Err(failure), None),
    };
    let input = Input::RangeEnded {
        node,
        first,
        result,
    };
    (input, pace)
}

struct Work<P> {
    workflow: Arc<Workflow>,
    context: StepContext,
    spec: RangeSpec,
    pace: P,
    /// Items that were read, each with where it stands.
    ahead: VecDeque<(u64, Value)>,
    /// The item that comes next.
    index: u64,
    /// Where reading goes on in a stored source, and how many items are passed over first.
    at: u64,
    skip: u64,
    done: RangeDone,
    failed: u64,
    segment: SegmentWriter,
}

impl<P: Pace + 'static> Work<P> {
    /// All items are computed, off the async threads.
    fn compute(mut self) -> Result<(RangeDone, P), Failure> {
        while self.goes_on() {
            if self.ahead.is_empty() {
                self.read()?;
            }
            let Some((at, item)) = self.ahead.pop_front() else {
                self.done.last = true;
                break;
            };
            let (values, key) = self.item(item.clone());
            let blobs = &*self.context.blobs;
            let step = Some(self.spec.step);
            let value = evaluate(&self.workflow, step, What::Value, &values, Some(blobs));
            let result = value
                .map_err(Stop::into_failure)
                .and_then(|value| spill(value, blobs));
            self.take(at, item, key, result)?;
        }
        self.end()
    }

    /// All items call an operation.
    async fn call(mut self, runner: &dyn StepRunner) -> Result<(RangeDone, P), Failure> {
        while self.goes_on() {
            if self.ahead.is_empty() {
                self = blocking(move || self.read().map(|()| self)).await?;
            }
            let Some((at, item)) = self.ahead.pop_front() else {
                self.done.last = true;
                break;
            };
            let (values, key) = self.item(item.clone());
            let (attempt, context) = self.attempt(values);
            let workflow = self.workflow.clone();
            let result = match perform(&workflow, &attempt, runner, &context).await {
                Input::AttemptEnded { result, costs, .. } => {
                    self.done.costs.extend(&costs);
                    result
                }
                _ => Err(Failure::permanent(
                    "internal.not_a_call",
                    "the items of a range have no halves",
                )),
            };
            let result = self.pace.tried(attempt.timeout, result);
            self.take(at, item, key, result)?;
        }
        blocking(move || self.end()).await
    }

    /// The first and only try of an item, and what it is given of the world.
    fn attempt(&self, values: Values) -> (AttemptSpec, StepContext) {
        let place = format!("[{}]", self.index);
        let path: Arc<str> = format!("{}{place}", self.spec.path).into();
        let attempt = AttemptSpec {
            node: self.spec.node,
            key: key_of(&self.spec.run, &path),
            path,
            step: self.spec.step,
            attempt: AttemptNo::FIRST,
            half: Half::Whole,
            timeout: self.workflow.steps[self.spec.step].retry.attempt_timeout,
            values: Arc::new(values),
        };
        let context = StepContext {
            step: format!("{}{place}", self.context.step).into(),
            cancel: self.context.cancel.child_token(),
            ..self.context.clone()
        };
        (attempt, context)
    }

    fn goes_on(&self) -> bool {
        let over = self.done.again.is_some()
            || self.failed > self.spec.tolerated
            || self.done.done == self.spec.count
            || self.context.cancel.is_cancelled();
        !over && (self.done.done == 0 || !self.pace.is_up())
    }

    fn item(&self, given: Value) -> (Values, Value) {
        let (step, keyed) = (self.spec.step, self.spec.keyed);
        let given = (self.index, given);
        item_of_range(&self.workflow, step, given, keyed, &self.spec.values)
    }

    /// Takes the end of the item that stands at this position.
    fn take(
        &mut self,
        at: u64,
        item: Value,
        key: Value,
        result: Result<Value, Failure>,
    ) -> Result<(), Failure> {
        let (workflow, step) = (self.workflow.clone(), self.spec.step);
        let said = match result {
            Ok(value) => result_of(&workflow, step, key, Ok(value)),
            Err(failure) => match tried(&workflow, step, failure) {
                Tried::Again(failure) => {
                    self.done.again = Some((item, failure));
                    self.ahead.push_front((at, Value::Null));
                    return Ok(());
                }
                Tried::Failed(failure) => {
                    let said = result_of(&workflow, step, key, Err(&failure));
                    self.item_failed(failure);
                    said
                }
            },
        };
        self.segment.push(&said, &*self.context.blobs)?;
        self.done.done += 1;
        self.index += 1;
        Ok(())
    }

    fn item_failed(&mut self, failure: Failure) {
        self.failed += 1;
        self.done.failure.get_or_insert(failure);
        match self.done.failed.last_mut() {
            Some((first, count)) if *first + *count == self.index => *count += 1,
            _ => self.done.failed.push((self.index, 1)),
        }
    }

    /// Reads items ahead, within a bound.
    fn read(&mut self) -> Result<(), Failure> {
        let count = self.spec.count - self.done.done;
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let blobs = &*self.context.blobs;
        let blob = match &self.spec.source {
            Value::Blob(blob) => blob,
            list => {
                let first = usize::try_from(self.index).unwrap_or(usize::MAX);
                let items = list.as_list().unwrap_or_default().iter();
                let items = items.skip(first).take(wanted);
                self.ahead = items.map(|item| (0, item.clone())).collect();
                return Ok(());
            }
        };
        if !blob.is_json_lines() {
            let (items, _) = window(blob, self.index, wanted, blobs)?;
            self.ahead = items;
            return Ok(());
        }
        let mut lines = Lines::open(blob, self.at, blobs)?;
        if lines.skip_items(std::mem::take(&mut self.skip))? {
            let begin = lines.position();
            while self.ahead.len() < wanted && lines.position() - begin < AHEAD_BYTES_MAX {
                let Some(item) = lines.next() else { break };
                self.ahead.push_back(item?);
            }
        }
        self.at = lines.position();
        Ok(())
    }

    /// Makes the segment durable.
    fn end(mut self) -> Result<(RangeDone, P), Failure> {
        if self.context.cancel.is_cancelled() {
            // Whoever stopped it awaits nothing of it.
            return Ok((RangeDone::default(), self.pace));
        }
        if matches!(&self.spec.source, Value::Blob(blob) if blob.is_json_lines()) {
            self.done.next = Some(self.ahead.front().map_or(self.at, |(at, _)| *at));
        } else if matches!(&self.spec.source, Value::Blob(_)) {
            self.done.next = Some(self.index);
        }
        if self.done.done > 0 {
            self.done.segment = self.segment.finish()?;
        }
        Ok((self.done, self.pace))
    }
}
