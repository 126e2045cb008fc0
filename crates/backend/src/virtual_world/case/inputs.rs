//! The inputs of a case: typed as those of a run, files by their content, the rest from the trigger.

use flow_engine::expr::Scope;
use flow_engine::finding::Finding;
use flow_engine::journal::StartedBy;
use flow_engine::run::Values;
use flow_engine::value::{Map, Secret, Value};
use flow_engine::workflow::input::{Input, InputError, InputKind};
use flow_engine::workflow::{Stop, Trigger, Workflow};

use super::{Case, Given};
use crate::virtual_world::memory::MemoryBlobs;

/// The trigger that starts the run: the one that is named, or the only one where an event is given.
pub(super) fn trigger_of<'w>(case: &Case, workflow: &'w Workflow) -> Option<&'w Trigger> {
    match (&case.trigger, workflow.triggers.len()) {
        (Some(name), _) => workflow.triggers.get(&name.text),
        (None, 1) if case.event.is_some() => workflow.triggers.values().next(),
        (None, _) => None,
    }
}

/// What a trigger is called in the run that it starts.
pub(super) fn started_by(trigger: Option<&Trigger>) -> StartedBy {
    let kind = trigger.map_or("manual", |trigger| trigger.starts.kind());
    StartedBy {
        name: trigger.map(|trigger| trigger.name.to_string()),
        kind: kind.to_owned(),
        ..StartedBy::default()
    }
}

/// The inputs of the run, in the order in which they are declared.
pub(super) fn inputs(
    case: &Case,
    workflow: &Workflow,
    blobs: &MemoryBlobs,
) -> (Value, Vec<Finding>) {
    let mut findings = Vec::new();
    for given in &case.inputs {
        if !workflow.inputs.contains_key(&given.name.text) {
            let message = format!("the workflow has no input `{}`", given.name.text);
            let finding = Finding::error("test.unknown_name", given.name.span, message);
            let known = workflow.inputs.keys().map(AsRef::as_ref);
            findings.push(finding.help_nearest(&given.name.text, known, ""));
        }
    }
    let trigger = trigger_of(case, workflow);
    let mut inputs = Map::new();
    for input in workflow.inputs.values() {
        let given = case
            .inputs
            .iter()
            .find(|given| given.name.text == input.name);
        let value = match given {
            Some(given) => typed(input, given, blobs)
                .map_err(|error| refused(&error, given.span))
                .map(Some),
            None => of_trigger(case, workflow, trigger, input)
                .map_err(|error| refused(&error, case.name.span))
                .map(|value| value.or_else(|| input.default.clone())),
        };
        match value {
            Ok(Some(value)) => inputs.insert(input.name.clone(), stored(case, input, value, blobs)),
            Ok(None) if input.required => {
                let message = format!("the case gives no input `{}`", input.name);
                let finding = Finding::error("test.input", case.name.span, message);
                let help = format!("add `inputs: {{ {}: ... }}`", input.name);
                findings.push(finding.help(help));
            }
            Ok(None) => {}
            Err(finding) => findings.push(finding),
        }
    }
    (Value::from(inputs), findings)
}

fn refused(error: &InputError, span: flow_engine::source::Span) -> Finding {
    let finding = Finding::error("test.input", span, error.to_string());
    match &error.help {
        Some(help) => finding.help(help.clone()),
        None => finding,
    }
}

fn typed(input: &Input, given: &Given, blobs: &MemoryBlobs) -> Result<Value, InputError> {
    match (&input.kind, &given.value) {
        (InputKind::File, value) => {
            let named = value.get("name").and_then(Value::as_str);
            let name = named.map_or_else(|| given.file.clone(), |name| Some(name.into()));
            let text = match value.get("text").unwrap_or(value) {
                Value::String(text) => text.to_string(),
                // What JSON Lines hold may be written as a list.
                Value::List(items) => items.iter().fold(String::new(), |text, item| {
                    text + &item.to_json().unwrap_or_default() + "\n"
                }),
                other => other.to_json().unwrap_or_default(),
            };
            let mut blob = blobs.put(text.as_bytes(), "application/octet-stream");
            blob.name = Some(name.unwrap_or_else(|| format!("{}.txt", input.name).into()));
            Ok(Value::from(blob))
        }
        (InputKind::Secret, Value::String(name)) => {
            input.accept(Value::from(Secret::named(name.clone())))
        }
        (InputKind::String, _) => {
            let written = given.written.clone();
            input.accept(written.map_or_else(|| given.value.clone(), Value::String))
        }
        (_, value) => input.accept(value.clone()),
    }
}

/// A file that is named by its path is one of the case's `files:`.
fn stored(case: &Case, input: &Input, value: Value, blobs: &MemoryBlobs) -> Value {
    let Some(path) = value.as_str().filter(|_| input.kind == InputKind::File) else {
        return value;
    };
    let file = case.files.iter().find(|(name, _)| &*name.text == path);
    let text = file.map(|(_, content)| content.clone()).unwrap_or_default();
    let text = text.as_str().unwrap_or_default();
    let mut blob = blobs.put(text.as_bytes(), "application/octet-stream");
    blob.name = path.rsplit('/').next().map(Into::into);
    Value::from(blob)
}

/// The value that the trigger gives.
fn of_trigger(
    case: &Case,
    workflow: &Workflow,
    trigger: Option<&Trigger>,
    input: &Input,
) -> Result<Option<Value>, InputError> {
    let Some((trigger, tree)) =
        trigger.and_then(|trigger| Some((trigger, trigger.inputs.get(&input.name)?)))
    else {
        return Ok(None);
    };
    let by = started_by(Some(trigger));
    let at = Value::from(case.at.to_string());
    let about = Value::map([
        ("name", Value::from(&*trigger.name)),
        ("kind", Value::from(by.kind.as_str())),
        ("at", at.clone()),
    ]);
    let mut run = vec![
        ("name", Value::from(&*workflow.name)),
        ("started_at", at.clone()),
        ("trigger", about),
    ];
    if by.kind == "schedule" {
        run.push(("due", at));
    }
    let values = Values {
        trigger: case.event.clone().unwrap_or_else(|| Value::map::<&str>([])),
        run: Value::map(run),
        ..Values::default()
    };
    let rendered = tree.render(&Scope::new(&values), &workflow.source);
    let value = rendered
        .map_err(Stop::into_failure)
        .map_err(|failure| InputError {
            code: "input.type",
            name: input.name.clone(),
            message: format!(
                "the trigger `{}` does not give it: {}",
                trigger.name, failure.message
            ),
            help: failure.help,
        })?;
    input.accept(value).map(Some)
}
