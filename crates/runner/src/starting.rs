//! What a run that is started by hand begins with: the trigger that it stands for, and its inputs.

use std::sync::Arc;

use flow_engine::eval::BlobRead;
use flow_engine::journal::StartedBy;
use flow_engine::value::{Hash, Map, Value, journal};
use flow_engine::workflow::input::InputError;
use flow_engine::workflow::{Starts, Trigger, Workflow};

use crate::exit::{Exit, Trouble};
use crate::inputs;

/// How an event is given, for whoever gives none.
#[derive(Clone, Copy)]
pub(crate) struct ByHand {
    /// What to do.
    pub(crate) event: &'static str,
    /// How a trigger is named.
    pub(crate) trigger: &'static str,
    /// Whether a trigger can be waited for.
    pub(crate) waits: bool,
}

/// The trigger that starts the run, if the workflow reads `trigger`: the one that was named, the one to wait for, or the one
/// whose event was given.
pub(crate) fn trigger(
    workflow: &Workflow,
    wanted: Option<&str>,
    has_event: bool,
    by_hand: ByHand,
) -> Result<Option<Trigger>, Trouble> {
    if !workflow.uses_trigger && wanted.is_none() && !has_event {
        return Ok(None);
    }
    let usage = |message: String, help: String| {
        Trouble::new(Exit::Usage, "run.trigger", message).help(help)
    };
    let event = by_hand.event;
    if let Some(name) = wanted {
        let found = workflow.triggers.get(name).cloned();
        let known: Vec<&str> = workflow.triggers.keys().map(AsRef::as_ref).collect();
        return found.map(Some).ok_or_else(|| {
            usage(
                format!("the workflow has no trigger `{name}`"),
                format!("its triggers are {}", known.join(", ")),
            )
        });
    }
    let waits = |trigger: &Trigger| by_hand.waits && matches!(trigger.starts, Starts::Poll(_));
    let candidates: Vec<&Trigger> = workflow
        .triggers
        .values()
        .filter(|trigger| has_event || waits(trigger))
        .collect();
    match candidates.as_slice() {
        [one] => Ok(Some((*one).clone())),
        [] if has_event => Ok(None),
        [] => Err(usage(
            "the workflow reads `trigger`, and none of its triggers can be waited for here"
                .to_owned(),
            event.to_owned(),
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|trigger| &*trigger.name).collect();
            Err(usage(
                format!("the workflow has several triggers: {}", names.join(", ")),
                format!("say which one with {}, or {event}", by_hand.trigger),
            ))
        }
    }
}

/// What is wrong with the inputs that were given, but for those that the trigger gives.
pub(crate) fn not_of_trigger(
    errors: Vec<InputError>,
    trigger: Option<&Trigger>,
) -> Vec<InputError> {
    let comes = |error: &InputError| {
        let of_trigger = trigger.is_some_and(|trigger| trigger.inputs.contains_key(&error.name));
        error.code == "input.missing" && of_trigger
    };
    errors.into_iter().filter(|error| !comes(error)).collect()
}

/// All inputs: those given, those that the trigger gives, and defaults.
pub(crate) fn with_trigger(
    workflow: &Workflow,
    trigger: Option<&Trigger>,
    mut given: Map,
    started_by: &StartedBy,
    event: &Value,
    blobs: &dyn BlobRead,
) -> Result<Map, InputError> {
    if let Some(trigger) = trigger {
        given = inputs::of_trigger(workflow, trigger, given, started_by, event, blobs)?;
    }
    Ok(inputs::with_defaults(workflow, &given))
}

/// What is kept of who started it.
pub(crate) fn by(kind: &str, trigger: Option<&Trigger>, key: Option<&str>) -> StartedBy {
    StartedBy {
        name: trigger.map(|trigger| trigger.name.to_string()),
        kind: kind.to_owned(),
        key: key.map(str::to_owned),
        ..StartedBy::default()
    }
}

/// The names of what was given.
pub(crate) fn names(given: &Map) -> Vec<Arc<str>> {
    given.iter().map(|(name, _)| name.clone()).collect()
}

/// Tells two requests under one key apart: the inputs that were given, files by their content, and the event, if it was given,
/// with its trigger. Members may come in any order, and what the workflow adds does not count.
pub(crate) fn digest(
    names: &[Arc<str>],
    inputs: &Map,
    by: &StartedBy,
    event: Option<&Value>,
) -> String {
    let given = inputs.iter().filter(|(name, _)| names.contains(name));
    let given: Map = given
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let request = Value::map([
        ("inputs", Value::from(given)),
        ("trigger", Value::from(by.name.as_deref())),
        ("event", event.cloned().unwrap_or_default()),
    ]);
    Hash::of(journal::to_string(&sorted(&request)).as_bytes()).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::from(items.iter().map(sorted).collect::<Vec<Value>>()),
        Value::Map(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name.clone(), sorted(value)));
            Value::from(members.collect::<Map>())
        }
        other => other.clone(),
    }
}
