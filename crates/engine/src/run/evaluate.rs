//! The control expressions of a run: evaluated in the machine over inline values and facts about stored ones; where one
//! touches the content of a stored value, the driver evaluates it by the same function and hands back the answer.

use std::sync::Arc;

use super::values::apply_output;
use super::{Failure, Values};
use crate::eval::BlobRead;
use crate::expr::{RefKind, RefPart, Roots, Scope};
use crate::value::{Map, Value};
use crate::workflow::{Argument, Does, OnError, Stop, Workflow};

/// One control expression. Steps are given by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Control {
    /// `if` of a step: a boolean.
    Condition(usize),
    /// `value` of a step.
    Value(usize),
    /// Parameters of a trigger: a map.
    Arguments(usize),
    /// `timeout` of a step: text.
    Timeout(usize),
    /// `on_error.value` of a step.
    OnError(usize),
    /// `vars`: a map.
    Vars,
    /// `outputs`: a map.
    Outputs,
}

impl Control {
    /// The step it belongs to.
    pub fn step(self) -> Option<usize> {
        match self {
            Control::Condition(step)
            | Control::Value(step)
            | Control::Arguments(step)
            | Control::Timeout(step)
            | Control::OnError(step) => Some(step),
            Control::Vars | Control::Outputs => None,
        }
    }

    /// Its name in the journal.
    pub fn what(self) -> &'static str {
        match self {
            Control::Condition(_) => "if",
            Control::Value(_) => "value",
            Control::Arguments(_) => "arguments",
            Control::Timeout(_) => "timeout",
            Control::OnError(_) => "on_error",
            Control::Vars => "vars",
            Control::Outputs => "outputs",
        }
    }

    /// From its form in the journal.
    pub fn parse(what: &str, step: Option<usize>) -> Option<Control> {
        Some(match (what, step) {
            ("if", Some(step)) => Control::Condition(step),
            ("value", Some(step)) => Control::Value(step),
            ("arguments", Some(step)) => Control::Arguments(step),
            ("timeout", Some(step)) => Control::Timeout(step),
            ("on_error", Some(step)) => Control::OnError(step),
            ("vars", None) => Control::Vars,
            ("outputs", None) => Control::Outputs,
            _ => return None,
        })
    }
}

/// Evaluates a control expression; with `blobs` also over the content of stored values.
///
/// # Errors
/// [`Stop::NeedsContent`] without `blobs` where content is needed; [`Stop::Failed`] with the place otherwise.
pub fn evaluate(
    workflow: &Workflow,
    control: Control,
    values: &Values,
    blobs: Option<&dyn BlobRead>,
) -> Result<Value, Stop> {
    let reading = blobs.map(|blobs| values.reading(blobs));
    let roots: &dyn Roots = match &reading {
        Some(reading) => reading,
        None => values,
    };
    let scope = Scope::new(roots);
    let source = &workflow.source;
    let of = |step: usize| &workflow.steps[step];
    match control {
        Control::Condition(step) => match &of(step).condition {
            Some(condition) => condition.eval_bool(&scope, source).map(Value::Bool),
            None => Ok(Value::Bool(true)),
        },
        Control::Value(step) => match &of(step).does {
            Does::Value(tree) => {
                let value = tree.render(&scope, source)?;
                apply_output(workflow, step, value, roots)
            }
            _ => Ok(Value::Null),
        },
        Control::Arguments(step) => match &of(step).does {
            Does::Hold(watch) => arguments(watch.call.arguments.iter(), &scope, workflow),
            _ => Ok(Value::Null),
        },
        Control::Timeout(step) => of(step)
            .timeout
            .as_ref()
            .map_or(Ok(Value::Null), |tree| tree.render(&scope, source)),
        Control::OnError(step) => match &of(step).on_error {
            OnError::Value(tree) => tree.render(&scope, source),
            _ => Ok(Value::Null),
        },
        Control::Vars => vars(workflow, values, blobs),
        Control::Outputs => outputs(workflow, values, &scope),
    }
}

/// Renders the parameters of kind value.
///
/// # Errors
/// As [`evaluate`].
pub fn arguments<'a>(
    arguments: impl Iterator<Item = (&'a Arc<str>, &'a Argument)>,
    scope: &Scope<'_>,
    workflow: &Workflow,
) -> Result<Value, Stop> {
    let mut map = Map::new();
    for (name, argument) in arguments {
        if let Argument::Value(tree) = argument {
            map.insert(name.clone(), tree.render(scope, &workflow.source)?);
        }
    }
    Ok(Value::from(map))
}

/// Each var sees those above it.
fn vars(workflow: &Workflow, values: &Values, blobs: Option<&dyn BlobRead>) -> Result<Value, Stop> {
    let mut values = values.clone();
    let mut map = Map::new();
    for (name, tree) in &workflow.vars {
        values.vars = Value::from(map.clone());
        let value = match blobs {
            Some(blobs) => tree.render(&Scope::new(&values.reading(blobs)), &workflow.source)?,
            None => tree.render(&Scope::new(&values), &workflow.source)?,
        };
        map.insert(name.clone(), value);
    }
    Ok(Value::from(map))
}

/// An output whose source has no value is null.
fn outputs(workflow: &Workflow, values: &Values, scope: &Scope<'_>) -> Result<Value, Stop> {
    let mut map = Map::new();
    for (name, tree) in &workflow.outputs {
        let mut absent = false;
        tree.references(&workflow.source, &mut |reference, _| {
            let step = match reference.path.first() {
                Some(RefPart::Key(step))
                    if &*reference.root == "steps" && reference.kind == RefKind::Value =>
                {
                    step
                }
                _ => return,
            };
            absent |= !reference.optional && values.steps.get(step).is_none();
        });
        let value = if absent {
            Value::Null
        } else {
            tree.render(scope, &workflow.source)?
        };
        map.insert(name.clone(), value);
    }
    Ok(Value::from(map))
}

impl Stop {
    /// The failure; content that is still missing is a fault of the store.
    pub fn into_failure(self) -> Failure {
        match self {
            Stop::Failed(failure) => failure,
            Stop::NeedsContent => Failure::permanent(
                "store.blob_missing",
                "the content of a stored value is needed and cannot be read",
            ),
        }
    }
}
