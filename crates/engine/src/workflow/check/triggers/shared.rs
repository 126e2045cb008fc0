//! `trigger` has the fields of whatever started the run: a field that only some triggers of a file give needs a way out.

use std::sync::Arc;

use super::super::Checker;
use crate::expr::{RefKind, RefPart, Reference};
use crate::finding::Finding;
use crate::source::Span;
use crate::types::Type;
use crate::workflow::trigger::Trigger;
use crate::workflow::{Step, Workflow};

impl Checker<'_> {
    /// Judges a use of `trigger` in a step or outside of all.
    pub(in super::super) fn shared_field(
        &mut self,
        workflow: &Workflow,
        at: Option<usize>,
        reference: &Reference,
        span: Span,
    ) {
        let Some(RefPart::Key(name)) = reference.path.first() else {
            return;
        };
        if &*reference.root != "trigger"
            || reference.kind != RefKind::Value
            || reference.optional
            || workflow.triggers.len() < 2
        {
            return;
        }
        let (with, without): (Vec<&Trigger>, Vec<&Trigger>) = workflow
            .triggers
            .values()
            .partition(|trigger| may_have(&trigger.payload, name));
        // What no trigger gives is said with the types.
        if with.is_empty()
            || without.is_empty()
            || at.is_some_and(|at| self.asks_which(workflow, at))
        {
            return;
        }
        let names = |triggers: &[&Trigger], between: &str| {
            let names = triggers.iter().map(|one| format!("`{}`", one.name));
            names.collect::<Vec<_>>().join(between)
        };
        let message = format!(
            "`trigger.{name}` is not there in runs that {} started",
            names(&without, " or ")
        );
        let mut finding = Finding::error("check.trigger_field", span, message);
        for trigger in without.iter().take(3) {
            finding = finding.related(
                trigger.span,
                format!("its events {}", members(&trigger.payload)),
            );
        }
        let first = with.first().map_or("", |trigger| &*trigger.name);
        self.findings.push(finding.help(format!(
            "only {} gives it: write `trigger.{name} | default(...)`, or `if: run.trigger.name == '{first}'` on the step",
            names(&with, ", ")
        )));
    }

    /// Whether an `if` of the step, or of what is around it, looks at which trigger it was.
    fn asks_which(&self, workflow: &Workflow, at: usize) -> bool {
        let asks = |step: &Step| {
            let mut found = false;
            if let Some(condition) = &step.condition {
                condition.references(self.source, &mut |reference, _| {
                    let key = |at: usize, name: &str| {
                        matches!(reference.path.get(at), Some(RefPart::Key(key)) if &**key == name)
                    };
                    found |= &*reference.root == "run" && key(0, "trigger");
                    // A test of the field itself is as good.
                    found |= &*reference.root == "trigger" && reference.optional;
                });
            }
            found
        };
        let mut around = Some(workflow.steps[at].undoes.unwrap_or(at));
        while let Some(step) = around {
            if asks(&workflow.steps[step]) {
                return true;
            }
            let body = &workflow.bodies[workflow.steps[step].body];
            around = body.owner;
        }
        false
    }
}

fn may_have(payload: &Type, name: &Arc<str>) -> bool {
    match payload {
        Type::Record(record) => record.open || record.fields.contains_key(name),
        Type::Union(options) => options.iter().any(|option| may_have(option, name)),
        Type::Unknown | Type::Map(_) | Type::Blob(_) => true,
        _ => false,
    }
}

fn members(payload: &Type) -> String {
    match payload {
        Type::Record(record) if !record.fields.is_empty() => {
            let names: Vec<_> = record
                .fields
                .keys()
                .map(|name| format!("`{name}`"))
                .collect();
            format!("have {}", names.join(", "))
        }
        _ => "have no fields".to_owned(),
    }
}
