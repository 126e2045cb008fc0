//! What came of a rehearsal, step by step.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::journal::SkipReason;
use flow_engine::report::{StepReport, StepState, report};
use flow_engine::run::Failure;
use flow_engine::value::Value;
use flow_engine::workflow::{Does, Step, Workflow};

use super::open::{Mark, Marked};
use super::performer::NOT_MADE;
use super::{Calls, Planned, Will};
use crate::virtual_world::script::written;
use crate::virtual_world::{Child, Journal};

/// What happened in the rehearsal.
pub(super) struct Told {
    seen: IndexMap<String, Seen>,
    calls: IndexMap<String, Calls>,
}

/// What happened to a step, in all items and rounds.
#[derive(Default)]
struct Seen {
    times: u64,
    value: Option<Value>,
    skipped: Option<SkipReason>,
    failure: Option<Failure>,
    items: Option<u64>,
}

impl Told {
    pub(super) fn new(
        journal: &Journal,
        children: &[Child],
        calls: IndexMap<String, Calls>,
    ) -> Told {
        let mut told = Told {
            seen: IndexMap::default(),
            calls,
        };
        told.see("", journal);
        for child in children {
            told.see(&format!("{}/", child.step), &child.journal);
        }
        told
    }

    fn see(&mut self, prefix: &str, journal: &Journal) {
        let report = report(journal.iter().map(|(at, event)| (*at, event)));
        for (path, step) in report.into_iter().flat_map(|report| report.steps) {
            let path = format!("{prefix}{path}");
            self.seen.entry(written(&path)).or_default().add(step);
        }
    }

    /// Every step, in an order in which they can run, what is inside a step below it.
    pub(super) fn steps(&self, workflow: &Arc<Workflow>, marked: &Marked) -> Vec<Planned> {
        let mut planned = Vec::new();
        self.walk(
            workflow,
            marked,
            0,
            &mut (String::new(), 0, false),
            &mut planned,
        );
        if let Some(finally) = workflow.finally {
            self.walk(
                workflow,
                marked,
                finally,
                &mut (String::new(), 0, false),
                &mut planned,
            );
        }
        planned
    }

    /// `around` is the path of what the steps stand in, how deep that is, and whether it has rounds.
    fn walk(
        &self,
        workflow: &Arc<Workflow>,
        marked: &Marked,
        body: usize,
        around: &mut (String, usize, bool),
        planned: &mut Vec<Planned>,
    ) {
        let order = workflow.plan.order().iter().copied();
        let own = order.filter(|at| {
            let step = &workflow.steps[*at];
            step.body == body && step.undoes.is_none()
        });
        for at in own {
            let step = &workflow.steps[at];
            let path = format!("{}{}", around.0, step.name);
            let rounds = around.2 || step.repeat.is_some();
            planned.push(Planned {
                will: self.will(&path, step, &marked.steps[at], rounds),
                items: self.seen.get(&path).and_then(|seen| seen.items),
                path: path.clone(),
                depth: around.1,
                workflow: workflow.clone(),
                step: at,
            });
            let mut inside = (format!("{path}/"), around.1 + 1, rounds);
            match &step.does {
                Does::Group(group) => {
                    self.walk(workflow, marked, group.body, &mut inside, planned);
                    if let Some(finally) = group.finally {
                        self.walk(workflow, marked, finally, &mut inside, planned);
                    }
                }
                Does::Child(child) => {
                    let marked = marked.children.get(&child.workflow);
                    let workflow = workflow.children.get(&child.workflow);
                    if let (Some(workflow), Some(marked)) = (workflow, marked) {
                        self.walk(workflow, marked, 0, &mut inside, planned);
                    }
                }
                _ => {}
            }
        }
    }

    fn begins_with(&self, prefix: &str) -> bool {
        self.seen.keys().any(|path| path.starts_with(prefix))
    }

    fn will(&self, path: &str, step: &Step, mark: &Mark, rounds: bool) -> Will {
        match mark {
            Mark::Open(needs) => return Will::Depends(needs.clone()),
            Mark::Finally => return Will::Finally,
            Mark::Wait => return Will::Wait,
            Mark::Known | Mark::Call => {}
        }
        let seen = self.seen.get(path);
        let failure = seen.and_then(|seen| seen.failure.clone());
        if let Some(calls) = self.calls.get(path) {
            let calls = calls.clone();
            return Will::Call(Calls {
                at_least: rounds,
                failure: calls.failure.or(failure),
                ..calls
            });
        }
        let Some(seen) = seen else {
            return Will::Nothing;
        };
        // What failed inside is told there.
        let begun = self.begins_with(&format!("{path}/"));
        match (failure, &seen.value, &seen.skipped) {
            (Some(failure), ..) if !begun => Will::Fail(failure),
            _ if matches!(step.does, Does::Group(_) | Does::Child(_)) => match &seen.skipped {
                Some(reason) if seen.times == 0 => Will::Skip(reason.clone()),
                _ => Will::Inside,
            },
            (_, Some(value), _) => Will::Done(Some(value.clone()).filter(|_| seen.times == 1)),
            (_, None, Some(reason)) => Will::Skip(reason.clone()),
            _ => Will::Nothing,
        }
    }
}

impl Seen {
    fn add(&mut self, step: StepReport) {
        self.items = match (self.items, step.items) {
            (known, None) => known,
            (known, Some(items)) => Some(known.unwrap_or(0) + items.count),
        };
        match step.state {
            StepState::Skipped(reason) => {
                self.skipped.get_or_insert(reason);
            }
            _ => self.times += 1,
        }
        self.value = step.value.or(self.value.take());
        let own = step.failure.filter(|failure| failure.code != NOT_MADE);
        self.failure = self.failure.take().or(own);
    }
}
