//! Edges between steps: those that references make, those that `needs:` names, and what lacks one.

use super::Checker;
use crate::document::Document;
use crate::expr::{RefKind, RefPart, Reference};
use crate::finding::Finding;
use crate::plan::Need;
use crate::workflow::{Does, Step, Workflow};
use crate::yaml::NodeKind;

/// A step, one that it needs, and how.
pub(super) type Edge = (usize, usize, Need);

impl Checker<'_> {
    pub(super) fn explicit_needs(
        &mut self,
        workflow: &Workflow,
        document: &Document,
        at: usize,
        edges: &mut Vec<Edge>,
    ) {
        let Some(node) = document
            .steps
            .get(at)
            .and_then(|shape| shape.field("needs"))
        else {
            return;
        };
        let items = match &node.kind {
            NodeKind::List(items) => items.iter().collect(),
            NodeKind::Hole => Vec::new(),
            _ => vec![node],
        };
        for item in items {
            let Some(text) = self.text(Some(item)) else {
                continue;
            };
            if let Some(needed) = workflow.by_name.get(&text) {
                edges.push((at, *needed, Need::Required));
            } else {
                let message = format!(
                    "step `{}` needs `{text}`, which is not defined",
                    document.steps[at].name.text
                );
                let finding = Finding::error("check.unknown_need", item.span, message)
                    .label("no step has this name");
                let steps = document.steps.iter().take(self.compared());
                let known = steps.map(|step| &*step.name.text);
                self.findings.push(finding.help_nearest(
                    &text,
                    known,
                    "`needs` takes the ids of steps",
                ));
            }
        }
    }

    /// Two commands with no edge between them may run in any order, which is rarely meant.
    pub(super) fn unordered_commands(&mut self, workflow: &Workflow, sequential: bool) {
        let is_command = |step: &Step| matches!(&step.does, Does::Call(call) if &*call.call.connector == "shell");
        let commands: Vec<usize> = (0..workflow.steps.len())
            .filter(|at| is_command(&workflow.steps[*at]))
            .collect();
        if sequential || commands.len() < 2 || commands.len() > 200 {
            return;
        }
        for pair in commands.windows(2) {
            if !reaches(workflow, pair[0], pair[1]) && !reaches(workflow, pair[1], pair[0]) {
                let (first, second) = (&workflow.steps[pair[0]], &workflow.steps[pair[1]]);
                let message = format!(
                    "the commands `{}` and `{}` have no order and may run at the same time",
                    first.name, second.name
                );
                let finding = Finding::warning("check.unordered_commands", second.span, message)
                    .related(first.span, "the other one");
                self.findings.push(finding.help(format!(
                    "if the order matters, write `needs: {}` on `{}`, or `sequential: true` on the workflow",
                    first.name, second.name
                )));
                return;
            }
        }
    }
}

/// The edge that a reference makes, if it is one to a step.
pub(super) fn edge(workflow: &Workflow, at: usize, reference: &Reference, edges: &mut Vec<Edge>) {
    let Some(RefPart::Key(name)) = reference
        .path
        .first()
        .filter(|_| &*reference.root == "steps")
    else {
        return;
    };
    let Some(needed) = workflow.step_index(name) else {
        return;
    };
    let need = match (reference.kind, reference.optional) {
        (RefKind::Callback, _) => return,
        (RefKind::Status, _) => Need::Lifted,
        (_, true) => Need::SkipAllowed,
        (_, false) => Need::Required,
    };
    edges.push((at, needed, need));
}

/// One edge a pair: a status function lifts, else what is required wins. `always()` lifts all.
pub(super) fn strongest(edges: &mut Vec<Edge>, from: usize, always: bool) {
    let mut merged: Vec<Edge> = Vec::new();
    for (step, needed, need) in edges.drain(from..) {
        let need = if always { Need::Lifted } else { need };
        match merged.iter_mut().find(|(_, other, _)| *other == needed) {
            None => merged.push((step, needed, need)),
            Some((_, _, known)) if *known == Need::Lifted => {}
            Some((_, _, known)) => {
                *known = if need == Need::Lifted {
                    need
                } else {
                    need.max(*known)
                }
            }
        }
    }
    edges.append(&mut merged);
}

fn reaches(workflow: &Workflow, from: usize, to: usize) -> bool {
    let mut seen = vec![false; workflow.steps.len()];
    let mut stack = vec![from];
    while let Some(step) = stack.pop() {
        if step == to {
            return true;
        }
        if !std::mem::replace(&mut seen[step], true) {
            stack.extend(workflow.plan.needed_by(step));
        }
    }
    false
}
