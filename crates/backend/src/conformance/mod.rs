//! The conformance suite: what every driver must make of the same workflows in the same world.
//!
//! [`CASES`] are workflows whose operations answer by script, with what must become of them. A driver's test runs each
//! of them by itself and compares with [`told`]. Read [`catalog`] for the operations that the cases use.

mod cases;
pub mod catalog;

use std::sync::Arc;

use flow_engine::document::{self, NoFiles};
use flow_engine::report::Report;
use flow_engine::source::SourceFile;
use flow_engine::value::{Value, json};
use flow_engine::workflow::{self, Workflow};

use crate::virtual_world::script::Script;

pub use cases::CASES;

/// One case: steps, what their operations answer, and what must become of them.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// The steps, one a line.
    pub steps: &'static [&'static str],
    /// Answers by operation, as JSON.
    pub script: &'static str,
    /// As [`told`] says it.
    pub expected: &'static str,
}

impl Case {
    /// Its workflow.
    ///
    /// # Panics
    /// If the case itself is wrong.
    pub fn workflow(&self) -> Arc<Workflow> {
        workflow(&format!("steps:\n  {}\n", self.steps.join("\n  ")))
    }

    /// Its script.
    ///
    /// # Panics
    /// If the case itself is wrong.
    pub fn script(&self) -> Script {
        let script = json::parse(self.script.as_bytes());
        Script::new(&script.expect("the script of a case is JSON"))
    }
}

/// A workflow of the suite's catalog from its text.
///
/// # Panics
/// If the text has findings that are errors.
pub fn workflow(text: &str) -> Arc<Workflow> {
    let source = SourceFile::new("test.yml", text);
    let (document, findings) = document::parse(&source, &NoFiles);
    let (workflow, findings) = workflow::check(&document, &catalog::catalog(), &NoFiles, findings);
    let shown: Vec<_> = findings
        .iter()
        .map(|finding| (finding.code, &finding.message))
        .collect();
    Arc::new(workflow.unwrap_or_else(|| panic!("{shown:?}\n{text}")))
}

/// What became of a run, in one line: `a succeeded=1, b failed:http.500 x3, c skipped; failed`. Steps stand in the order
/// of the file; `x3` is the number of attempts, if there was more than one; the end is how the run ended, with its
/// outputs, or `rest` if it has not.
pub fn told(workflow: &Workflow, report: &Report, rest: &str) -> String {
    let mut parts = Vec::new();
    // Steps of the workflow's own in their order, then what went on inside them in that of its beginning.
    let own = workflow.steps.iter().map(|step| &*step.name);
    let own: Vec<&str> = own
        .filter(|name| report.steps.contains_key(*name))
        .collect();
    let inside = report.steps.keys().map(String::as_str);
    let inside: Vec<&str> = inside.filter(|name| !own.contains(name)).collect();
    for name in own.into_iter().chain(inside) {
        let state = &report.steps[name];
        let mut part = format!("{name} {}", state.state.as_str());
        match (&state.value, &state.failure) {
            (Some(value), _) if !value.is_null() => {
                part.push('=');
                part.push_str(&value.to_json().unwrap_or_default());
            }
            (None, Some(failure)) => {
                part.push(':');
                part.push_str(&failure.code);
            }
            _ => {}
        }
        if state.attempts > 1 {
            part.push_str(" x");
            part.push_str(&state.attempts.to_string());
        }
        parts.push(part);
    }
    let end = match &report.ended {
        None => rest.to_owned(),
        Some((_, ended)) => match &ended.outputs {
            Value::Map(outputs) if !outputs.is_empty() => {
                format!(
                    "{} {}",
                    ended.status.as_str(),
                    ended.outputs.to_json().unwrap_or_default()
                )
            }
            _ => ended.status.as_str().to_owned(),
        },
    };
    format!("{}; {end}", parts.join(", "))
}
