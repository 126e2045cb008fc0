//! What expressions of a run see.

use std::sync::Arc;

use super::evaluate::What;
use super::machine::Run;
use super::node::{FrameId, Inside, NodeId};
use super::{AttemptNo, Failure, StepOutcome, StepStatus};
use crate::eval::BlobRead;
use crate::expr::{Roots, Scope};
use crate::journal::RunStarted;
use crate::plan::Need;
use crate::time::Timestamp;
use crate::value::{Map, Secret, Value};
use crate::workflow::{BodyRole, Output, OutputPart, OutputPath, Stop, Workflow};

/// The values of all names in scope for one step: what it may reference and nothing else.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    /// `inputs`.
    pub inputs: Value,
    /// `trigger`.
    pub trigger: Value,
    /// `vars`.
    pub vars: Value,
    /// `run`.
    pub run: Value,
    /// `secrets`: handles.
    pub secrets: Value,
    /// `steps`: those that have a value.
    pub steps: Value,
    /// How the steps that it needs ended.
    pub ended: Vec<EndedStep>,
    /// Names of items and rounds, and `result`: the innermost first.
    pub locals: Vec<(Arc<str>, Value)>,
    /// The addresses of steps that wait to be called back.
    pub callbacks: Vec<(Arc<str>, Value)>,
}

/// How one needed step ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedStep {
    /// Its id.
    pub name: Arc<str>,
    /// How.
    pub outcome: StepOutcome,
    /// `{code, message, status, attempt}` of a failure.
    pub error: Option<Value>,
}

impl Values {
    /// The same, with stored values readable.
    pub fn reading<'a>(&'a self, blobs: &'a dyn BlobRead) -> Reading<'a> {
        Reading {
            values: self,
            blobs,
        }
    }

    /// Handles of every secret that the workflow names.
    pub fn secrets_of(workflow: &Workflow) -> Value {
        let handles: Map = workflow
            .secrets
            .iter()
            .map(|secret| {
                (
                    secret.name.clone(),
                    Value::from(Secret::named(secret.name.clone())),
                )
            })
            .collect();
        Value::from(handles)
    }

    fn ended(&self, step: &str) -> Option<&EndedStep> {
        self.ended.iter().find(|ended| &*ended.name == step)
    }
}

impl Roots for Values {
    fn root(&self, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.locals.iter().find(|(local, _)| &**local == name) {
            return Some(value.clone());
        }
        Some(match name {
            "inputs" => self.inputs.clone(),
            "trigger" => self.trigger.clone(),
            "vars" => self.vars.clone(),
            "run" => self.run.clone(),
            "secrets" => self.secrets.clone(),
            "steps" => self.steps.clone(),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<Arc<str>> {
        let roots = ["inputs", "trigger", "steps", "secrets", "vars", "run"].map(Arc::from);
        let locals = self.locals.iter().map(|(name, _)| name.clone());
        roots.into_iter().chain(locals).collect()
    }

    fn status(&self, step: &str) -> Option<&str> {
        self.ended(step).map(|ended| ended.outcome.as_str())
    }

    fn error(&self, step: &str) -> Option<Value> {
        self.ended(step)?.error.clone()
    }

    fn callback_url(&self, step: &str) -> Option<Value> {
        let found = self.callbacks.iter().find(|(name, _)| &**name == step);
        found.map(|(_, url)| url.clone())
    }

    fn why_absent(&self, root: &str, member: &str) -> Option<String> {
        let ended = self.ended(member).filter(|_| root == "steps")?;
        Some(match ended.outcome {
            StepOutcome::Succeeded => return None,
            StepOutcome::Skipped => format!("step `{member}` was skipped"),
            StepOutcome::Failed => format!("step `{member}` failed"),
            StepOutcome::TimedOut => format!("step `{member}` timed out"),
            StepOutcome::Cancelled => format!("step `{member}` was cancelled"),
        })
    }
}

/// What `output:` of a step makes of its value; the value itself without one.
///
/// # Errors
/// [`Stop`] with the place of the path or template that fails.
pub fn apply_output(
    workflow: &Workflow,
    step: usize,
    value: Value,
    roots: &dyn Roots,
) -> Result<Value, Stop> {
    let Some(output) = &workflow.steps[step].output else {
        return Ok(value);
    };
    let locals = [("result", value.clone())];
    let scope = Scope::new(roots);
    let scope = scope.with(&locals);
    let path = |path: &OutputPath| path.read(&value, roots.blobs());
    match output {
        Output::Path(one) => path(one),
        Output::Tree(tree) => tree.render(&scope, &workflow.source),
        Output::Map(parts) => {
            let mut map = Map::new();
            for (name, part) in parts {
                let value = match part {
                    OutputPart::Path(one) => path(one)?,
                    OutputPart::Tree(tree) => tree.render(&scope, &workflow.source)?,
                };
                map.insert(name.clone(), value);
            }
            Ok(Value::from(map))
        }
    }
}

impl OutputPath {
    /// What it finds in a value.
    ///
    /// # Errors
    /// [`Stop`] with the place of the path.
    pub fn read(&self, value: &Value, blobs: Option<&dyn BlobRead>) -> Result<Value, Stop> {
        self.path.query(value, blobs).map_err(|error| {
            if error.needs_content {
                return Stop::NeedsContent;
            }
            let failure = Failure::permanent(error.code, error.message).at(self.span);
            Stop::Failed(
                error
                    .help
                    .map_or(failure.clone(), |help| failure.help(help)),
            )
        })
    }
}

/// [`Values`] with stored values readable.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    values: &'a Values,
    blobs: &'a dyn BlobRead,
}

impl Roots for Reading<'_> {
    fn root(&self, name: &str) -> Option<Value> {
        self.values.root(name)
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.values.names()
    }

    fn status(&self, step: &str) -> Option<&str> {
        self.values.status(step)
    }

    fn error(&self, step: &str) -> Option<Value> {
        self.values.error(step)
    }

    fn callback_url(&self, step: &str) -> Option<Value> {
        self.values.callback_url(step)
    }

    fn why_absent(&self, root: &str, member: &str) -> Option<String> {
        self.values.why_absent(root, member)
    }

    fn blobs(&self) -> Option<&dyn BlobRead> {
        Some(self.blobs)
    }
}

impl Run {
    /// The node of a step that is seen from a frame: its own, or one around it.
    pub(super) fn seen(&self, frame: FrameId, step: usize) -> Option<NodeId> {
        let shape = &self.workflow.steps[step];
        let mut at = Some(frame);
        while let Some(id) = at {
            let frame = &self.frames[id];
            if frame.body == shape.body {
                return frame.nodes.get(shape.place).copied();
            }
            at = frame.outer;
        }
        None
    }

    /// What the templates of a node see: the steps that it needs, the names around it, and no others.
    pub(super) fn values(&self, id: NodeId) -> Values {
        match &self.nodes[id].seen {
            Some(seen) => (**seen).clone(),
            None => self.values_seen(id, &self.workflow.steps[self.nodes[id].step].sees),
        }
    }

    pub(super) fn values_seen(&self, id: NodeId, sees: &[(usize, Need)]) -> Values {
        let frame = self.nodes[id].frame;
        let nodes = sees.iter().filter_map(|(step, _)| self.seen(frame, *step));
        let mut values = self.values_of(nodes);
        values.locals = self.locals_around(id);
        values.callbacks = self.callback_urls(Some(id));
        if let Some(about) = self.about_what_is_over(frame) {
            values.run = about;
        }
        values
    }

    /// What one control expression of a node sees.
    pub(super) fn values_for(&self, id: NodeId, what: What) -> Values {
        let mut values = self.values(id);
        match (what, &self.nodes[id].inside) {
            (What::Group, Inside::Group(opened)) => {
                let inner = self.values_of(self.frames[opened.main].nodes.iter().copied());
                let mut steps = values.steps.as_map().cloned().unwrap_or_default();
                for (name, value) in inner.steps.as_map().into_iter().flat_map(Map::iter) {
                    steps.insert(name.clone(), value.clone());
                }
                values.steps = Value::from(steps);
                values.ended.extend(inner.ended);
            }
            (What::Results, Inside::Loop(inside)) => {
                values.locals.insert(0, inside.results_of_all());
            }
            (What::Until, Inside::Rounds(rounds)) => {
                let last = rounds.last.as_ref().and_then(|last| last.as_ref().ok());
                let now = [
                    ("result".into(), last.cloned().unwrap_or_default()),
                    ("previous".into(), rounds.previous.clone()),
                    ("index".into(), Value::from(rounds.round)),
                ];
                values.locals.splice(0..0, now);
            }
            _ => {}
        }
        values
    }

    /// What expressions of the run itself see.
    pub(super) fn values_of_run(&self, what: What) -> Values {
        let mut values = match what {
            What::Vars => self.values_of(std::iter::empty()),
            _ => self.values_of(self.frames[self.root.main].nodes.iter().copied()),
        };
        values.callbacks = self.callback_urls(None);
        values
    }

    /// Names of the items and rounds around a node, its own in front.
    fn locals_around(&self, id: NodeId) -> Vec<(Arc<str>, Value)> {
        let mut locals = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            let node = &self.nodes[id];
            locals.extend(node.locals.iter().cloned());
            at = node.parent.or(self.frames[node.frame].owner);
        }
        locals
    }

    /// `run` under `finally`: with how the run, or the group, went.
    fn about_what_is_over(&self, frame: FrameId) -> Option<Value> {
        let frame = &self.frames[frame];
        if self.workflow.bodies[frame.body].role != BodyRole::Finally {
            return None;
        }
        let main = frame.outer?;
        let failed = self.failed_in(main);
        let status = match frame.owner {
            None => self.status_of_run().as_str(),
            Some(owner) if self.nodes[owner].stopped => "timed_out",
            Some(owner) if self.is_stopping(owner) => "cancelled",
            Some(_) if failed.is_some() => "failed",
            Some(_) => "succeeded",
        };
        let error = failed.map(|failed| &self.nodes[failed]).and_then(|node| {
            let failure = node.failure.as_ref()?;
            Some(error_value(failure, node.attempt))
        });
        let mut about = self.about.as_map().cloned().unwrap_or_default();
        about.insert(Arc::from("status"), Value::from(status));
        about.insert(Arc::from("error"), error.unwrap_or_default());
        Some(Value::from(about))
    }

    fn values_of(&self, seen: impl Iterator<Item = NodeId>) -> Values {
        let mut steps = Map::new();
        let mut ended = Vec::new();
        for node in seen.map(|id| &self.nodes[id]) {
            let name = &self.workflow.steps[node.step].name;
            if let Some(value) = &node.value {
                steps.insert(name.clone(), value.clone());
            }
            if let StepStatus::Ended(outcome) = node.status {
                let failure = node.failure.as_ref();
                let error = failure.filter(|_| outcome != StepOutcome::Succeeded);
                let error = error.map(|failure| error_value(failure, node.attempt));
                ended.push(EndedStep {
                    name: name.clone(),
                    outcome,
                    error,
                });
            }
        }
        Values {
            inputs: self.started.inputs.clone(),
            trigger: self.started.trigger.clone(),
            vars: self.vars.clone().unwrap_or_default(),
            run: self.about.clone(),
            secrets: self.secrets.clone(),
            steps: Value::from(steps),
            ended,
            locals: Vec::new(),
            callbacks: Vec::new(),
        }
    }
}

/// `run` as expressions see it.
pub(super) fn about(started: &RunStarted, at: Timestamp) -> Value {
    let by = &started.started_by;
    let time = |at: Option<Timestamp>| Value::from(at.map(|at| at.to_string()).as_deref());
    let trigger = Value::map([
        ("name", Value::from(by.name.as_deref())),
        ("kind", Value::from(by.kind.as_str())),
        ("key", Value::from(by.key.as_deref())),
        ("at", Value::from(at.to_string())),
    ]);
    Value::map([
        ("id", Value::from(started.run.as_str())),
        ("name", Value::from(started.workflow.as_str())),
        ("started_at", Value::from(at.to_string())),
        ("due", time(by.due)),
        ("due_previous", time(by.due_previous)),
        ("trigger", trigger),
    ])
}

/// `error` of a failure.
pub(super) fn error_value(failure: &Failure, attempt: Option<AttemptNo>) -> Value {
    Value::map([
        ("code", Value::from(failure.code.as_str())),
        ("message", Value::from(failure.message.as_str())),
        ("status", Value::from(failure.status.map(u32::from))),
        ("attempt", Value::from(attempt.map(AttemptNo::get))),
    ])
}
