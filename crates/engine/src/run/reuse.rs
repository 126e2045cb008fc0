//! A run that is tried again: a new run, in which what succeeded before has its value from the beginning.
//!
//! A step is reused if it succeeded, was not undone, and nothing that it needs is done anew. Of a group or a loop that
//! failed, what succeeded inside is reused; rounds, ranges of a loop, other workflows and `finally` begin anew.

use std::collections::{BTreeMap, BTreeSet};

use super::loops::can_be_undone;
use crate::collections::HashMap;
use crate::journal::{Event, Outcome, Resolution, Reused, SkipReason};
use crate::value::Value;
use crate::workflow::{Does, Workflow};

/// What an earlier run did.
#[derive(Debug, Default)]
pub struct Earlier {
    succeeded: BTreeMap<String, Value>,
    /// Steps whose `if` was false: it is asked again.
    skipped: BTreeSet<String>,
}

impl Earlier {
    /// Reads it from the journal.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Earlier {
        let mut earlier = Earlier::default();
        for event in events {
            earlier.take(event);
        }
        earlier
    }

    fn take(&mut self, event: &Event) {
        let (path, value) = match event {
            Event::Reused(reused) => (&reused.step, &reused.value),
            Event::StepSucceeded(succeeded) if succeeded.instead_of.is_none() => {
                (&succeeded.step, &succeeded.value)
            }
            Event::AttemptAdopted(adopted) => (&adopted.step, &adopted.value),
            Event::HoldEnded(ended) => (&ended.step, &ended.value),
            Event::AttemptEnded(ended) => match &ended.outcome {
                Outcome::Succeeded(value) => (&ended.step, value),
                Outcome::Failed(_) | Outcome::Lost => return,
            },
            Event::InterruptionResolved(resolved) => match &resolved.resolution {
                Resolution::Set(value) => (&resolved.step, value),
                Resolution::Retry | Resolution::Skip => return,
            },
            Event::UndoStarted(undone) => {
                let path = undone.step.strip_suffix(".undo").unwrap_or(&undone.step);
                self.succeeded.remove(path);
                return;
            }
            Event::StepSkipped(skipped) if skipped.reason == SkipReason::Condition => {
                self.skipped.insert(skipped.step.clone());
                return;
            }
            _ => return,
        };
        self.succeeded.insert(path.clone(), value.clone());
    }

    /// What a new run of this workflow takes over. Steps that are named in `anew` are done again, and what needs them.
    pub fn reused(&self, workflow: &Workflow, anew: &BTreeSet<String>) -> Vec<Reused> {
        let mut found = Vec::new();
        let walk = Walk {
            earlier: self,
            workflow,
            anew,
        };
        walk.body(0, "", &mut found);
        found
    }
}

struct Walk<'w> {
    earlier: &'w Earlier,
    workflow: &'w Workflow,
    anew: &'w BTreeSet<String>,
}

impl Walk<'_> {
    /// The steps of one map of steps, whose paths begin with `prefix`.
    fn body(&self, body: usize, prefix: &str, found: &mut Vec<Reused>) {
        let mut stale = HashMap::default();
        for step in &self.workflow.bodies[body].steps {
            if self.needs_stale(*step, prefix, &mut stale) {
                continue;
            }
            let path = format!("{prefix}{}", self.workflow.steps[*step].name);
            self.node(*step, &path, true, found);
        }
    }

    /// A step or an item: as a whole, or what is inside.
    fn node(&self, step: usize, path: &str, is_step: bool, found: &mut Vec<Reused>) {
        if self.anew.contains(path) {
            return;
        }
        let shape = &self.workflow.steps[step];
        let composite = (is_step && shape.each.is_some()) || matches!(shape.does, Does::Group(_));
        // Undoing a part needs the part.
        let in_parts =
            composite && (self.has_anew_inside(path) || can_be_undone(self.workflow, step));
        if let Some(value) = self.earlier.succeeded.get(path).filter(|_| !in_parts) {
            let (step, value) = (path.to_owned(), value.clone());
            found.push(Reused { step, value });
            return;
        }
        if is_step && shape.each.is_some() {
            for item in self.items(path) {
                self.node(step, &item, false, found);
            }
        } else if shape.repeat.is_none()
            && let Does::Group(group) = &shape.does
        {
            self.body(group.body, &format!("{path}/"), found);
        }
    }

    /// The items of a loop of which something succeeded.
    fn items(&self, path: &str) -> BTreeSet<String> {
        let begin = format!("{path}[");
        let inside = self.earlier.succeeded.range(begin.clone()..);
        let inside = inside.take_while(|(other, _)| other.starts_with(&begin));
        let item = |other: &String| {
            let end = begin.len() + other[begin.len()..].find(']')?;
            Some(other[..=end].to_owned())
        };
        inside.filter_map(|(other, _)| item(other)).collect()
    }

    fn has_anew_inside(&self, path: &str) -> bool {
        let inside = |other: &String| {
            let rest = other.strip_prefix(path);
            rest.is_some_and(|rest| rest.starts_with(['/', '[', '#']))
        };
        self.anew.iter().any(inside)
    }

    fn needs_stale(&self, step: usize, prefix: &str, stale: &mut HashMap<usize, bool>) -> bool {
        let needs = self.workflow.plan.needs(step);
        needs
            .into_iter()
            .any(|(need, _)| self.is_stale(need, prefix, stale))
    }

    /// Whether a step is done anew, so that what needs it must be too.
    fn is_stale(&self, step: usize, prefix: &str, stale: &mut HashMap<usize, bool>) -> bool {
        if let Some(known) = stale.get(&step) {
            return *known;
        }
        let path = format!("{prefix}{}", self.workflow.steps[step].name);
        let stands =
            self.earlier.succeeded.contains_key(&path) || self.earlier.skipped.contains(&path);
        let found = !stands
            || self.anew.contains(&path)
            || self.has_anew_inside(&path)
            || self.needs_stale(step, prefix, stale);
        stale.insert(step, found);
        found
    }
}
