//! What expressions of a run see.

use std::sync::Arc;

use super::{Failure, StepOutcome};
use crate::eval::BlobRead;
use crate::expr::{Roots, Scope};
use crate::value::{Map, Secret, Value};
use crate::workflow::{Output, OutputPart, OutputPath, Stop, Workflow};

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
        ["inputs", "trigger", "steps", "secrets", "vars", "run"]
            .map(Arc::from)
            .to_vec()
    }

    fn status(&self, step: &str) -> Option<&str> {
        self.ended(step).map(|ended| ended.outcome.as_str())
    }

    fn error(&self, step: &str) -> Option<Value> {
        self.ended(step)?.error.clone()
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
    let path = |path: &OutputPath| {
        path.path.query(&value, roots.blobs()).map_err(|error| {
            if error.needs_content {
                return Stop::NeedsContent;
            }
            let failure = Failure::permanent(error.code, error.message).at(path.span);
            Stop::Failed(
                error
                    .help
                    .map_or(failure.clone(), |help| failure.help(help)),
            )
        })
    };
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

    fn why_absent(&self, root: &str, member: &str) -> Option<String> {
        self.values.why_absent(root, member)
    }

    fn blobs(&self) -> Option<&dyn BlobRead> {
        Some(self.blobs)
    }
}
