//! A case against its workflow: what it names must be there.

use std::collections::BTreeSet;

use flow_engine::catalog::Look;
use flow_engine::document::Word;
use flow_engine::finding::Finding;
use flow_engine::workflow::{CallShape, Does, Workflow};

use super::real::fits;
use super::{Case, CaseFile, inputs};
use crate::virtual_world::memory::MemoryBlobs;
use crate::virtual_world::script;

/// What is wrong with the cases of a workflow, in source order.
pub fn check(file: &CaseFile, workflow: &Workflow) -> Vec<Finding> {
    let mut checker = Checker {
        workflow,
        operations: operations(workflow),
        findings: Vec::new(),
    };
    for case in &file.cases {
        checker.case(case);
    }
    let mut findings = checker.findings;
    findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
    findings
}

/// The operations that a workflow and those that it starts may call.
fn operations(workflow: &Workflow) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let steps = workflow.with_children().into_iter();
    for step in steps.flat_map(|workflow| &workflow.steps) {
        let name = |call: &CallShape, operation: &str| format!("{}.{operation}", call.connection);
        match &step.does {
            Does::Call(step) => {
                names.insert(name(&step.call, &step.call.operation));
            }
            Does::Hold(watch) => match &watch.look {
                Look::Level(level) => {
                    names.insert(name(&watch.call, &level.query));
                }
                Look::Edge(edge) => {
                    names.insert(name(&watch.call, &edge.query));
                }
                _ => {}
            },
            _ => {}
        }
    }
    names
}

struct Checker<'a> {
    workflow: &'a Workflow,
    operations: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn case(&mut self, case: &Case) {
        let (_, findings) = inputs::inputs(case, self.workflow, &MemoryBlobs::default());
        self.findings.extend(findings);
        if let Some(trigger) = &case.trigger
            && !self.workflow.triggers.contains_key(&trigger.text)
        {
            let known = self.workflow.triggers.keys().map(ToString::to_string);
            self.unknown(trigger, "trigger", &known.collect::<Vec<_>>());
        }
        let answered = case.operations.iter().map(|(name, _)| name);
        for name in answered.chain(case.expect.calls.iter().map(|(name, _)| name)) {
            if !self.operations.contains(&*name.text) && !self.is_step(&name.text) {
                let known = self.operations.iter().cloned().chain(self.steps());
                self.unknown(name, "operation and no step", &known.collect::<Vec<_>>());
            }
        }
        for name in &case.real {
            if !self.operations.iter().any(|known| fits(&name.text, known)) {
                self.unknown(
                    name,
                    "operation",
                    &self.operations.iter().cloned().collect::<Vec<_>>(),
                );
            }
        }
        for step in &case.expect.steps {
            self.step(&step.path);
        }
        for (span, _, word) in &case.people {
            if let script::Word::Signal { path, .. } | script::Word::Resolve { path, .. } = word {
                let text = path.as_str().into();
                self.step(&Word { text, span: *span });
            }
        }
    }

    fn step(&mut self, path: &Word) {
        if !self.is_step(&path.text) {
            self.unknown(path, "step", &self.steps().collect::<Vec<_>>());
        }
    }

    fn is_step(&self, path: &str) -> bool {
        let workflows = self.workflow.with_children();
        workflows
            .into_iter()
            .any(|workflow| workflow.step_of_path(path).is_some())
    }

    fn steps(&self) -> impl Iterator<Item = String> {
        let workflows = self.workflow.with_children().into_iter();
        workflows.flat_map(|workflow| workflow.steps.iter().map(|step| step.name.to_string()))
    }

    fn unknown(&mut self, word: &Word, what: &str, known: &[String]) {
        let message = format!("the workflow has no {what} `{}`", word.text);
        let finding = Finding::error("test.unknown_name", word.span, message);
        let listed = if known.is_empty() {
            String::new()
        } else {
            let shown: Vec<&str> = known.iter().take(12).map(String::as_str).collect();
            format!("it has {}", shown.join(", "))
        };
        let known = known.iter().map(String::as_str);
        self.findings
            .push(finding.help_nearest(&word.text, known, listed));
    }
}
