//! Which steps depend on answers of calls that are not made.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_engine::catalog::Look;
use flow_engine::workflow::{BodyRole, Does, Step, Workflow};

use super::Harmless;

/// What is known of a step before anything is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// All that it uses: it can be done, or decided.
    Known,
    /// All that it uses, but it is a call that is not made.
    Call,
    /// It waits for something outside.
    Wait,
    /// Too little: it uses what this step gives.
    Open(Arc<str>),
    /// It runs at the end.
    Finally,
}

/// The marks of a workflow's steps, and of those of the workflows that it starts.
pub(super) struct Marked {
    /// By index.
    pub(super) steps: Vec<Mark>,
    /// By file.
    pub(super) children: BTreeMap<Arc<str>, Marked>,
    /// Whether the value of some step is not known.
    has_open: bool,
}

pub(super) fn mark(workflow: &Workflow, harmless: &Harmless) -> Marked {
    let children = workflow.children.iter();
    let children: BTreeMap<Arc<str>, Marked> = children
        .map(|(file, child)| (file.clone(), mark(child, harmless)))
        .collect();
    let first = |step: &Step| match &step.does {
        _ if in_finally(workflow, step.body) => Mark::Finally,
        Does::Call(call) if !harmless(&call.call.connector, &call.call.operation) => Mark::Call,
        Does::Hold(watch) if !matches!(watch.look, Look::Time) => Mark::Wait,
        _ => Mark::Known,
    };
    let mut steps: Vec<Mark> = workflow.steps.iter().map(first).collect();
    let mut open: Vec<bool> = steps.iter().map(|mark| *mark != Mark::Known).collect();
    // What is inside a group tells of the group, and the group of what needs it: until nothing changes.
    loop {
        let mut changed = false;
        for (at, step) in workflow.steps.iter().enumerate() {
            if let Some(needs) = blocked(workflow, step, &steps, &open)
                && !matches!(steps[at], Mark::Open(_) | Mark::Finally)
            {
                steps[at] = Mark::Open(needs);
                changed = true;
            }
            let inside = match &step.does {
                Does::Group(group) => {
                    let inner = &workflow.bodies[group.body].steps;
                    inner.iter().any(|inner| open[*inner])
                }
                Does::Child(child) => {
                    let child = children.get(&child.workflow);
                    child.is_none_or(|child| child.has_open)
                }
                _ => false,
            };
            if !open[at] && (inside || steps[at] != Mark::Known) {
                open[at] = true;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let has_open = open.contains(&true);
    Marked {
        steps,
        children,
        has_open,
    }
}

/// The step whose value it lacks: one that it uses, or one that what is around it uses.
fn blocked(workflow: &Workflow, step: &Step, marks: &[Mark], open: &[bool]) -> Option<Arc<str>> {
    let used = step.sees.iter().find(|(used, _)| open[*used]);
    if let Some((used, _)) = used {
        return Some(workflow.steps[*used].name.clone());
    }
    let owner = workflow.bodies[step.body].owner?;
    match &marks[owner] {
        Mark::Open(needs) => Some(needs.clone()),
        _ => None,
    }
}

fn in_finally(workflow: &Workflow, body: usize) -> bool {
    let mut bodies = workflow.bodies_around(body);
    bodies.any(|body| workflow.bodies[body].role == BodyRole::Finally)
}
