//! Conditions whose answer is known before anything runs, and the steps that therefore never do.

use super::Checker;
use crate::finding::Finding;
use crate::plan::Need;
use crate::value::Value;
use crate::workflow::{Bare, BodyRole, Computed, Does, Step, Workflow};

impl Checker<'_> {
    /// Warns of steps that never run, each with the reason, and of conditions that decide nothing.
    pub(super) fn never_runs(&mut self, workflow: &Workflow) {
        let mut never = vec![false; workflow.steps.len()];
        for at in workflow.plan.order() {
            let step = &workflow.steps[*at];
            never[*at] = match &step.condition {
                Some(condition) => self.condition(step, condition),
                None => false,
            };
            if !never[*at] {
                never[*at] = self.lost_need(workflow, step, &never);
            }
            self.rounds_and_items(step);
        }
        for trigger in workflow.triggers.values() {
            if let Some(condition) = &trigger.condition {
                match condition.constant(self.source) {
                    Some(true) => self.says_nothing(condition, "`where`"),
                    Some(false) => self.never(
                        condition,
                        format!(
                            "the trigger `{}` never starts a run: its `where` is always false",
                            trigger.name
                        ),
                        "compare something of `result`, or write `enabled: false` to switch it off",
                    ),
                    None => {}
                }
            }
        }
    }

    /// Whether the `if` of a step is known to be false.
    fn condition(&mut self, step: &Step, condition: &Bare) -> bool {
        match condition.constant(self.source) {
            Some(true) => {
                self.says_nothing(condition, "`if`");
                false
            }
            Some(false) => {
                self.never(
                    condition,
                    format!("step `{}` never runs: its `if` is always false", step.name),
                    "compare something, such as `inputs.mode == 'full'`, or take the step out",
                );
                true
            }
            None => false,
        }
    }

    /// A step that requires one that never runs does not run either.
    fn lost_need(&mut self, workflow: &Workflow, step: &Step, never: &[bool]) -> bool {
        // What undoes a step runs after it; in `finally` a lost reference was foreseen.
        if step.undoes.is_some() || workflow.bodies[step.body].role == BodyRole::Finally {
            return false;
        }
        let lost = step
            .sees
            .iter()
            .find(|(needed, need)| never[*needed] && *need == Need::Required);
        let Some((needed, _)) = lost else {
            return false;
        };
        let needed = &workflow.steps[*needed];
        let message = format!(
            "step `{}` never runs: it needs `{}`, which never does",
            step.name, needed.name
        );
        let finding = Finding::warning("check.never_runs", step.span, message)
            .related(needed.span, "this one never runs");
        self.findings.push(finding.help(format!(
            "a step whose need is skipped is skipped too; `{0} | default(...)` or `succeeded('{1}')` lifts that",
            format_args!("steps.{}", needed.name),
            needed.name
        )));
        true
    }

    fn rounds_and_items(&mut self, step: &Step) {
        if let Some(each) = &step.each {
            if let Some(condition) = &each.condition {
                match condition.constant(self.source) {
                    Some(true) => self.says_nothing(condition, "`where`"),
                    Some(false) => self.never(
                        condition,
                        format!(
                            "step `{}` runs for no item: its `where` is always false",
                            step.name
                        ),
                        "compare something of the item, such as `item.state == 'open'`",
                    ),
                    None => {}
                }
            }
            if let Computed::Tree(tree) = &each.items
                && let Some(Value::List(items)) = tree.constant()
                && items.is_empty()
            {
                let message = format!("step `{}` runs for no item: its list is empty", step.name);
                let finding = Finding::warning("check.never_runs", tree.span, message);
                self.findings
                    .push(finding.help("name the list to go through, such as `steps.fetch.items`"));
            }
        }
        if let Some(until) = step
            .repeat
            .as_ref()
            .and_then(|repeat| repeat.until.as_ref())
        {
            let message = match until.constant(self.source) {
                Some(true) => "this `until` is always true: there is one round",
                Some(false) => {
                    "this `until` is never true: only `max` or `timeout` ends the rounds"
                }
                None => return,
            };
            let finding = Finding::warning("check.constant_condition", until.span, message);
            self.findings
                .push(finding.help("look at what the round gave, such as `result.done`"));
        }
        if let Does::Hold(watch) = &step.does
            && let Some(condition) = &watch.condition
        {
            match condition.constant(self.source) {
                Some(true) => self.says_nothing(condition, "`where`"),
                Some(false) => self.never(
                    condition,
                    format!(
                        "step `{}` never ends: its `where` is always false",
                        step.name
                    ),
                    "compare something of `result`",
                ),
                None => {}
            }
        }
    }

    fn never(&mut self, condition: &Bare, message: String, help: &str) {
        let finding = Finding::warning("check.never_runs", condition.span, message);
        self.findings.push(finding.help(help));
    }

    fn says_nothing(&mut self, condition: &Bare, what: &str) {
        let message = format!("this {what} is always true");
        let finding = Finding::warning("check.constant_condition", condition.span, message);
        self.findings
            .push(finding.help("take it out, or compare something that can be one or the other"));
    }
}
