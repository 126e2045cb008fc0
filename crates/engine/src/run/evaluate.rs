//! The control expressions of a run: evaluated in the machine over inline values and facts about stored ones; where one
//! touches the content of a stored value, the driver evaluates it by the same function and hands back the answer.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::node::NodeId;
use super::values::apply_output;
use super::{Failure, Values};
use crate::eval::BlobRead;
use crate::expr::{RefKind, RefPart, Roots, Scope};
use crate::source::SourceFile;
use crate::value::{Map, Value};
use crate::workflow::{After, Argument, Concurrency, Does, OnError, Stop, Tree, Workflow};

/// One control expression of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Control {
    /// The node it belongs to; `None` for the run itself.
    pub node: Option<NodeId>,
    /// Which one.
    pub what: What,
}

/// The control expressions that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// `if` of a step: a boolean.
    Condition,
    /// `value` of a step.
    Value,
    /// Parameters of a trigger or of an action of the run itself, inputs of a child: a map.
    Arguments,
    /// `timeout` of a step: text.
    Timeout,
    /// `after` of a trigger, where it is a time: text.
    After,
    /// `on_error.value` of a step.
    OnError,
    /// The items of `for_each`, picked and named: `{source, keyed, count}`.
    Items,
    /// The list of what the items of a loop gave.
    Results,
    /// `start` of `repeat`.
    Start,
    /// `until` of `repeat`: a boolean.
    Until,
    /// `outputs` of a group.
    Group,
    /// `group` of `concurrency`; null without.
    Concurrency,
    /// `vars`: a map.
    Vars,
    /// `outputs`: a map.
    Outputs,
}

/// The name under which [`What::Results`] finds the segments of a loop, and lists of results that are in none, in the order
/// of the items. No workflow can use it.
pub const SEGMENTS: &str = "$segments";

impl What {
    const ALL: [(What, &'static str); 14] = [
        (What::Condition, "if"),
        (What::Value, "value"),
        (What::Arguments, "arguments"),
        (What::Timeout, "timeout"),
        (What::After, "after"),
        (What::OnError, "on_error"),
        (What::Items, "for_each"),
        (What::Results, "results"),
        (What::Start, "start"),
        (What::Until, "until"),
        (What::Group, "group"),
        (What::Concurrency, "concurrency"),
        (What::Vars, "vars"),
        (What::Outputs, "outputs"),
    ];

    /// Its name in the journal.
    pub fn as_str(self) -> &'static str {
        let found = What::ALL.iter().find(|(what, _)| *what == self);
        found.map_or("", |(_, name)| name)
    }

    /// From its name in the journal.
    pub fn parse(text: &str) -> Option<What> {
        let found = What::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(what, _)| *what)
    }

    /// Whether its value is one of a step, and may be stored where it is large.
    pub(super) fn may_be_large(self) -> bool {
        matches!(
            self,
            What::Value | What::Items | What::Results | What::Group
        )
    }
}

/// Evaluates a control expression; with `blobs` also over the content of stored values.
///
/// # Errors
/// [`Stop::NeedsContent`] without `blobs` where content is needed; [`Stop::Failed`] with the place otherwise.
pub fn evaluate(
    workflow: &Workflow,
    step: Option<usize>,
    what: What,
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
    let Some((at, shape)) = step.map(|step| (step, &workflow.steps[step])) else {
        return match what {
            What::Vars => vars(workflow, values, blobs),
            What::Concurrency => group_of(workflow.concurrency.as_ref(), &scope, source),
            _ => outputs(workflow, values, &scope),
        };
    };
    match what {
        What::Condition => match &shape.condition {
            Some(condition) => condition.eval_bool(&scope, source).map(Value::Bool),
            None => Ok(Value::Bool(true)),
        },
        What::Value => match &shape.does {
            Does::Value(tree) => {
                let value = tree.render(&scope, source)?;
                apply_output(workflow, at, value, roots)
            }
            _ => Ok(Value::Null),
        },
        What::Arguments => match &shape.does {
            Does::Hold(watch) => arguments(watch.call.arguments.iter(), &scope, workflow),
            Does::Engine(_, call) => arguments(call.arguments.iter(), &scope, workflow),
            Does::Child(child) => trees(&child.with, &scope, workflow),
            _ => Ok(Value::Null),
        },
        What::Timeout => shape
            .timeout
            .as_ref()
            .map_or(Ok(Value::Null), |tree| tree.render(&scope, source)),
        What::After => match &shape.does {
            Does::Hold(watch) => match watch.after.as_deref() {
                Some(After::Time(tree)) => tree.render(&scope, source),
                _ => Ok(Value::Null),
            },
            _ => Ok(Value::Null),
        },
        What::OnError => match &shape.on_error {
            OnError::Value(tree) => tree.render(&scope, source),
            _ => Ok(Value::Null),
        },
        What::Items => match &shape.each {
            Some(each) => super::items::in_a_list(workflow, each, roots),
            None => Ok(Value::Null),
        },
        // Segments are put together by the driver, as a stream.
        What::Results => match roots.root(SEGMENTS) {
            Some(_) => Err(Stop::NeedsContent),
            None => Ok(roots.root("result").unwrap_or_default()),
        },
        What::Start => match shape
            .repeat
            .as_ref()
            .and_then(|repeat| repeat.start.as_ref())
        {
            Some(start) => start.eval(&scope, source),
            None => Ok(Value::Null),
        },
        What::Until => match shape
            .repeat
            .as_ref()
            .and_then(|repeat| repeat.until.as_ref())
        {
            Some(until) => until.eval_bool(&scope, source).map(Value::Bool),
            None => Ok(Value::Bool(false)),
        },
        What::Group => {
            let value = group(workflow, at, values, &scope)?;
            apply_output(workflow, at, value, roots)
        }
        What::Concurrency => group_of(shape.concurrency.as_ref(), &scope, source),
        What::Vars | What::Outputs => Ok(Value::Null),
    }
}

/// The group in which something goes.
fn group_of(
    concurrency: Option<&Concurrency>,
    scope: &Scope<'_>,
    source: &SourceFile,
) -> Result<Value, Stop> {
    match concurrency.and_then(|concurrency| concurrency.group.as_ref()) {
        Some(group) => group.render(scope, source),
        None => Ok(Value::Null),
    }
}

/// The value of a group: its `outputs`, else what its steps gave.
fn group(
    workflow: &Workflow,
    step: usize,
    values: &Values,
    scope: &Scope<'_>,
) -> Result<Value, Stop> {
    let Does::Group(group) = &workflow.steps[step].does else {
        return Ok(Value::Null);
    };
    if let Some(outputs) = &group.outputs {
        return trees_or_null(outputs, values, scope, workflow);
    }
    let steps = workflow.bodies[group.body].steps.iter();
    let given = steps.filter_map(|step| {
        let name = &workflow.steps[*step].name;
        Some((name.clone(), values.steps.get(name)?.clone()))
    });
    Ok(Value::map(given.collect::<Vec<_>>()))
}

fn trees(
    members: &IndexMap<Arc<str>, Tree>,
    scope: &Scope<'_>,
    workflow: &Workflow,
) -> Result<Value, Stop> {
    let mut map = Map::new();
    for (name, tree) in members {
        map.insert(name.clone(), tree.render(scope, &workflow.source)?);
    }
    Ok(Value::from(map))
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

fn outputs(workflow: &Workflow, values: &Values, scope: &Scope<'_>) -> Result<Value, Stop> {
    trees_or_null(&workflow.outputs, values, scope, workflow)
}

/// An output whose source has no value is null.
fn trees_or_null(
    members: &IndexMap<Arc<str>, Tree>,
    values: &Values,
    scope: &Scope<'_>,
    workflow: &Workflow,
) -> Result<Value, Stop> {
    let mut map = Map::new();
    for (name, tree) in members {
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
