//! A case made of a run that happened: its inputs, its event, what operations answered, and what became of it.

use std::collections::BTreeMap;

use flow_engine::eval::BlobRead;
use flow_engine::journal::{Event, Outcome as Ended};
use flow_engine::report::{StepState, report};
use flow_engine::run::{Done, Failure, FailureKind, step_of};
use flow_engine::value::{Map, Value};
use flow_engine::workflow::input::InputKind;
use flow_engine::workflow::{Does, Workflow};

use super::lines::join;
use super::plain::{plain, whole};
use crate::virtual_world::Journal;

/// A case as its file would write it.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Its members.
    pub case: Map,
    /// What the journal does not tell, in words: to be completed by hand.
    pub gaps: Vec<String>,
}

/// One call, as the journal tells it.
struct Called {
    operation: String,
    path: String,
    answer: Value,
}

struct Recording<'a> {
    blobs: &'a dyn BlobRead,
    children: &'a dyn Fn(&str) -> Option<Journal>,
    calls: Vec<Called>,
    people: Vec<Value>,
    gaps: Vec<String>,
}

/// Makes a case of a run. `children` gives the journals of the runs that it started, by their ids.
pub fn record(
    workflow: &Workflow,
    journal: &Journal,
    blobs: &dyn BlobRead,
    children: &dyn Fn(&str) -> Option<Journal>,
) -> Recorded {
    let Some((_, Event::RunStarted(started))) = journal.first() else {
        return Recorded::default();
    };
    let mut recording = Recording {
        blobs,
        children,
        calls: Vec::new(),
        people: Vec::new(),
        gaps: Vec::new(),
    };
    recording.run(workflow, "", journal);
    let mut case = Map::new();
    let inputs = inputs(workflow, &started.inputs, blobs);
    if !inputs.is_empty() {
        case.insert("inputs", Value::from(inputs));
    }
    if let Some(trigger) = &started.started_by.name {
        case.insert("trigger", Value::from(trigger.as_str()));
    }
    let event = plain(&started.trigger, blobs);
    if event.as_map().is_some_and(|event| !event.is_empty()) {
        case.insert("event", event);
    }
    if let Some((at, _)) = journal.first() {
        case.insert("at", Value::from(at.to_string()));
    }
    let operations = operations(&recording.calls);
    if !operations.is_empty() {
        case.insert("operations", Value::from(operations));
    }
    if !recording.people.is_empty() {
        case.insert("people", Value::list(recording.people));
    }
    case.insert("expect", expect(journal, blobs));
    Recorded {
        case,
        gaps: recording.gaps,
    }
}

impl Recording<'_> {
    fn run(&mut self, workflow: &Workflow, prefix: &str, journal: &Journal) {
        let began = journal.first().map(|(at, _)| *at).unwrap_or_default();
        for (at, event) in journal {
            let after = Value::from(at.since(began).to_string());
            if matches!(event, Event::CancelAsked(_)) && prefix.is_empty() {
                let word = [("after", after), ("cancel", Value::Bool(true))];
                self.people.push(Value::map(word));
                continue;
            }
            let Some(own) = step_of(event) else {
                continue;
            };
            let Some(step) = workflow.step_of_path(own) else {
                continue;
            };
            let path = join(prefix, own);
            match (event, &step.does) {
                (Event::AttemptEnded(ended), Does::Call(call)) => {
                    if ["data", "log"].contains(&&*call.call.connector) {
                        continue;
                    }
                    if step.output.is_some() && matches!(ended.outcome, Ended::Succeeded(_)) {
                        self.gap(&path, "has `output:`; the journal keeps what it made of the answer, not the answer");
                    }
                    let answer = match &ended.outcome {
                        Ended::Succeeded(value) => value_answer(whole(value, self.blobs)),
                        Ended::Failed(failure) => failure_answer(failure),
                        Ended::Lost => Value::map([
                            ("fail", Value::from("run.attempt_lost")),
                            ("done", Value::from("unknown")),
                        ]),
                    };
                    let operation = format!("{}.{}", call.call.connection, call.call.operation);
                    self.calls.push(Called {
                        operation,
                        path,
                        answer,
                    });
                }
                (Event::HoldEnded(ended), Does::Hold(watch)) => {
                    use flow_engine::catalog::Look;
                    let value = whole(&ended.value, self.blobs);
                    match &watch.look {
                        Look::Signal(_) | Look::Success(_) => self.people.push(Value::map([
                            ("after", after),
                            ("step", Value::from(path)),
                            ("value", value),
                        ])),
                        Look::Level(level) => self.calls.push(Called {
                            operation: format!("{}.{}", watch.call.connection, level.query),
                            path,
                            answer: value_answer(value),
                        }),
                        Look::Time => {}
                        _ => self.gap(&path, "watched a collection; say what its looks saw"),
                    }
                }
                (Event::ChildStarted(started), Does::Child(_)) => {
                    let child = workflow.children.get(&*started.workflow);
                    match child.zip((self.children)(&started.run)) {
                        Some((child, journal)) => self.run(child, &path, &journal),
                        None => self.gap(&path, "started a run that is not in the store"),
                    }
                }
                _ => {}
            }
        }
    }

    fn gap(&mut self, path: &str, what: &str) {
        let gap = format!("`{path}` {what}");
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }
}

/// A value that would be read as a list of answers stands in a list of its own.
fn value_answer(value: Value) -> Value {
    match value {
        Value::List(_) => Value::list([value]),
        other => other,
    }
}

fn failure_answer(failure: &Failure) -> Value {
    let usual = |status: u16| {
        let (kind, done) = match status {
            429 => (FailureKind::RateLimited, Done::NotDone),
            503 | 529 => (FailureKind::Overloaded, Done::NotDone),
            500..600 => (FailureKind::Transient, Done::Unknown),
            _ => (FailureKind::Permanent, Done::NotDone),
        };
        kind == failure.kind && done == failure.done && failure.retry_after.is_none()
    };
    if let Some(status) = failure.status.filter(|status| usual(*status))
        && failure.code == format!("http.{status}")
    {
        return Value::from(u64::from(status));
    }
    let word = |value: serde_json::Result<serde_json::Value>| {
        let text = value.ok().and_then(|value| value.as_str().map(Value::from));
        text.unwrap_or_default()
    };
    let mut answer = vec![
        ("fail", Value::from(failure.code.as_str())),
        ("kind", word(serde_json::to_value(failure.kind))),
        ("done", word(serde_json::to_value(failure.done))),
    ];
    if let Some(after) = failure.retry_after {
        answer.push(("retry_after", Value::from(after.to_string())));
    }
    Value::map(answer)
}

/// Answers in order: by operation, or by path where an operation was called by several.
fn operations(calls: &[Called]) -> Map {
    let mut paths: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for call in calls {
        let known = paths.entry(&call.operation).or_default();
        if !known.contains(&&*call.path) {
            known.push(&call.path);
        }
    }
    let mut answers: Vec<(&str, Vec<Value>)> = Vec::new();
    for call in calls {
        let name = match paths.get(&*call.operation).map_or(0, Vec::len) {
            1 => &*call.operation,
            _ => &*call.path,
        };
        // A list answer is in a list of its own already.
        let new = match &call.answer {
            Value::List(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        match answers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, list)) => list.extend(new),
            None => answers.push((name, new)),
        }
    }
    let mut operations = Map::new();
    for (name, list) in answers {
        let one = match list.as_slice() {
            [one] if one.as_list().is_none() => one.clone(),
            _ => Value::list(list),
        };
        operations.insert(name, one);
    }
    operations
}

/// What was given, without what the defaults give again; files with their names.
fn inputs(workflow: &Workflow, given: &Value, blobs: &dyn BlobRead) -> Map {
    let mut inputs = Map::new();
    for (name, value) in given.as_map().into_iter().flat_map(Map::iter) {
        let Some(input) = workflow.inputs.get(name) else {
            continue;
        };
        if input.default.as_ref() == Some(value) {
            continue;
        }
        let value = match (&input.kind, value) {
            (InputKind::File, Value::Blob(blob)) => Value::map([
                (
                    "name",
                    blob.name.as_deref().map_or(Value::Null, Value::from),
                ),
                ("text", plain(value, blobs)),
            ]),
            // Only the name: the case file never holds the secret.
            (InputKind::Secret, Value::Secret(secret)) => {
                Value::from(secret.names().collect::<Vec<_>>().join(" "))
            }
            (_, value) => plain(value, blobs),
        };
        inputs.insert(name.clone(), value);
    }
    inputs
}

/// What became of the run: its status, its outputs, and the steps that did not succeed.
fn expect(journal: &Journal, blobs: &dyn BlobRead) -> Value {
    let mut expect = Map::new();
    let Some(report) = report(journal.iter().map(|(at, event)| (*at, event))) else {
        return Value::from(expect);
    };
    let interrupted = report
        .steps
        .values()
        .any(|step| step.state == StepState::Interrupted);
    let status = match &report.ended {
        Some((_, ended)) => ended.status.as_str(),
        None if interrupted => "interrupted",
        None => "waiting",
    };
    expect.insert("status", Value::from(status));
    if let Some((_, ended)) = &report.ended
        && ended.outputs.as_map().is_some_and(|map| !map.is_empty())
    {
        expect.insert("outputs", plain(&ended.outputs, blobs));
    }
    let mut steps = Map::new();
    for (path, step) in &report.steps {
        let state = Value::from(step.state.as_str());
        let failure = step.failure.as_ref();
        let told = match (&step.state, failure) {
            (StepState::Succeeded, _) => continue,
            (StepState::Failed | StepState::Interrupted, Some(failure)) => Value::map([
                ("status", state),
                ("error", Value::from(failure.code.as_str())),
            ]),
            _ => state,
        };
        steps.insert(path.as_str(), told);
    }
    if !steps.is_empty() {
        expect.insert("steps", Value::from(steps));
    }
    Value::from(expect)
}
