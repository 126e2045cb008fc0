//! One item of a range, for the driver that performs it: what it sees, what follows from its failure, what is said of it.

use super::apply::{item_locals, result_map};
use super::attempts::too_patient;
use super::values::error_value;
use super::{AttemptNo, Failure, StepOutcome, Values};
use crate::value::Value;
use crate::workflow::{Does, Workflow};

/// What follows from the failure of an item's first try.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// The item is tried again, by itself.
    Again(Failure),
    /// The item failed for good.
    Failed(Failure),
}

/// Judges the failure of an item's first try by the step's `retry:`.
pub fn tried(workflow: &Workflow, step: usize, failure: Failure) -> Tried {
    let shape = &workflow.steps[step];
    let first = AttemptNo::FIRST.get();
    match &shape.does {
        Does::Call(call) if shape.retry.again(call.effect, first, &failure) => {
            Tried::Again(failure)
        }
        _ => Tried::Failed(too_patient(failure)),
    }
}

/// What the templates of an item see, and the item's key. `given` is the item as it stands in the source of the loop;
/// `around` is what the loop itself sees.
pub fn item_of_range(
    workflow: &Workflow,
    step: usize,
    (index, given): (u64, Value),
    keyed: bool,
    around: &Values,
) -> (Values, Value) {
    let mut locals = item_locals(workflow, step, index, given, keyed);
    let key = locals.last().map(|(_, key)| key.clone());
    locals.extend(around.locals.iter().cloned());
    let values = Values {
        locals,
        ..around.clone()
    };
    (values, key.unwrap_or_default())
}

/// What the loop says of an item after its only try.
pub fn result_of(
    workflow: &Workflow,
    step: usize,
    key: Value,
    given: Result<Value, &Failure>,
) -> Value {
    let called = matches!(workflow.steps[step].does, Does::Call(_));
    let attempt = called.then_some(AttemptNo::FIRST);
    match given {
        Ok(value) => result_map(key, StepOutcome::Succeeded, Some(value), None),
        Err(failure) => {
            let error = error_value(failure, attempt);
            result_map(key, StepOutcome::Failed, None, Some(error))
        }
    }
}
