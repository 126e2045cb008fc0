//! What happens next: everything that can be decided is.

use std::sync::Arc;

use super::evaluate::{Control, evaluate};
use super::io::Output;
use super::machine::Run;
use super::{AttemptNo, Failure, StepOutcome, StepStatus, Values};
use crate::duration::Millis;
use crate::journal::{
    RunEnded, RunStatus, SkipReason, StepCancelled, StepSkipped, StepSucceeded, VarsRendered,
};
use crate::plan::Need;
use crate::time::Timestamp;
use crate::value::{INLINE_BYTES_MAX, Value};
use crate::workflow::{Does, OnError, Stop};

impl Run {
    /// Decides what can be decided at the start.
    pub(super) fn begin(&mut self) {
        self.settle();
    }

    /// Decides until nothing is left to decide.
    pub(super) fn settle(&mut self) {
        if self.vars.is_none() && !self.settle_vars() {
            return;
        }
        while let Some(step) = self.todo.pop_front() {
            if self.steps[step].status == StepStatus::Ready {
                self.decide(step);
            }
        }
        if self.unfinished == 0 && self.ended.is_none() {
            self.end();
        }
    }

    pub(super) fn settle_vars(&mut self) -> bool {
        if self.workflow.vars.is_empty() {
            self.vars = Some(Value::map::<&str>([]));
            return true;
        }
        match self.control(Control::Vars) {
            None => false,
            Some(Ok(vars)) => {
                self.record(VarsRendered { vars });
                true
            }
            Some(Err(failure)) => {
                self.fail_run(failure);
                false
            }
        }
    }

    pub(super) fn decide(&mut self, step: usize) {
        if self.cancelled {
            let name = self.name(step);
            self.record(StepCancelled { step: name });
            return;
        }
        if let Some((need, status)) = self.lost_need(step) {
            let reason = SkipReason::LostNeed {
                need: self.name(need),
                status: status.as_str().to_owned(),
            };
            let name = self.name(step);
            self.record(StepSkipped { step: name, reason });
            return;
        }
        let first = self.steps[step].attempt.is_none();
        if first && self.workflow.steps[step].condition.is_some() {
            match self.control(Control::Condition(step)) {
                None => return,
                Some(Ok(Value::Bool(true))) => {}
                Some(Ok(_)) => {
                    let name = self.name(step);
                    self.record(StepSkipped {
                        step: name,
                        reason: SkipReason::Condition,
                    });
                    return;
                }
                Some(Err(failure)) => return self.fail(step, failure),
            }
        }
        self.start(step);
    }

    pub(super) fn start(&mut self, step: usize) {
        let workflow = self.workflow.clone();
        match &workflow.steps[step].does {
            Does::Value(_) => match self.control(Control::Value(step)) {
                None => {}
                Some(Ok(value)) => {
                    let name = self.name(step);
                    self.record(StepSucceeded { step: name, value });
                }
                Some(Err(failure)) => self.fail(step, failure),
            },
            Does::Call(_) => {
                let Some(deadline) = self.deadline(step) else {
                    return;
                };
                let attempt = self.steps[step]
                    .attempt
                    .map_or(AttemptNo::FIRST, AttemptNo::next);
                self.start_attempt(step, attempt, deadline);
            }
            Does::Hold(_) => {
                let Some(deadline) = self.deadline(step) else {
                    return;
                };
                match self.control(Control::Arguments(step)) {
                    None => {}
                    Some(Ok(arguments)) => self.start_hold(step, arguments, deadline),
                    Some(Err(failure)) => self.fail(step, failure),
                }
            }
        }
    }

    /// When the step's time is up; the outer `None` means that this is not known yet, or failed.
    #[expect(
        clippy::option_option,
        reason = "not known yet, no bound, and a bound are three things"
    )]
    pub(super) fn deadline(&mut self, step: usize) -> Option<Option<Timestamp>> {
        if self.workflow.steps[step].timeout.is_none() {
            return Some(None);
        }
        match self.control(Control::Timeout(step))? {
            Ok(value) => {
                if let Some(duration) = value.as_str().and_then(Millis::parse) {
                    Some(Some(self.now.plus(duration)))
                } else {
                    let shown = value.to_json().unwrap_or_else(|_| value.kind().to_owned());
                    let failure = Failure::permanent(
                        "time.duration",
                        format!("`timeout` gave {shown}, which is not a duration"),
                    );
                    self.fail(
                        step,
                        failure.help("durations are written like `10s`, `5m`, `1h30m`"),
                    );
                    None
                }
            }
            Err(failure) => {
                self.fail(step, failure);
                None
            }
        }
    }

    pub(super) fn end(&mut self) {
        let failed = self
            .steps
            .iter()
            .zip(&self.workflow.steps)
            .any(|(state, step)| {
                matches!(
                    state.status,
                    StepStatus::Ended(StepOutcome::Failed | StepOutcome::TimedOut)
                ) && !matches!(step.on_error, OnError::Continue)
            });
        let status = match (self.cancelled, failed) {
            (true, _) => RunStatus::Cancelled,
            (false, true) => RunStatus::Failed,
            (false, false) => RunStatus::Succeeded,
        };
        if status != RunStatus::Succeeded {
            self.record(RunEnded {
                status,
                outputs: Value::Null,
                failure: None,
            });
            return;
        }
        match self.control(Control::Outputs) {
            None => {}
            Some(Ok(outputs)) => self.record(RunEnded {
                status,
                outputs,
                failure: None,
            }),
            Some(Err(failure)) => self.fail_run(failure),
        }
    }

    pub(super) fn lost_need(&self, step: usize) -> Option<(usize, StepOutcome)> {
        self.needs[step].iter().find_map(|(needed, need)| {
            let StepStatus::Ended(outcome) = self.steps[*needed].status else {
                return None;
            };
            let lost = match (outcome, need) {
                (StepOutcome::Succeeded, _)
                | (_, Need::Lifted)
                | (StepOutcome::Skipped, Need::SkipAllowed) => false,
                (_, Need::SkipAllowed | Need::Required) => true,
            };
            lost.then_some((*needed, outcome))
        })
    }

    /// The answer to a control expression: from the driver, by itself, or `None` while the driver is asked.
    pub(super) fn control(&mut self, control: Control) -> Option<Result<Value, Failure>> {
        if let Some(answer) = self.answers.get(&control) {
            return Some(Ok(answer.clone()));
        }
        let values = match control.step() {
            Some(step) => self.values(step),
            None if control == Control::Vars => self.start_values(),
            None => self.all_values(),
        };
        let large = |value: &Value| {
            matches!(control, Control::Value(_)) && value.is_longer_than(INLINE_BYTES_MAX)
        };
        match evaluate(&self.workflow, control, &values, None) {
            // The driver evaluates it again and stores it: journals stay small.
            Ok(value) if large(&value) => {}
            Ok(value) => return Some(Ok(value)),
            Err(Stop::Failed(failure)) => return Some(Err(failure)),
            Err(Stop::NeedsContent) => {}
        }
        if !self.asked.contains(&control) {
            self.asked.push(control);
            let values = Arc::new(values);
            self.out.push_back(Output::Evaluate { control, values });
        }
        None
    }

    pub(super) fn start_values(&self) -> Values {
        let mut values = self.all_values();
        values.steps = Value::map::<&str>([]);
        values
    }

    pub(super) fn name(&self, step: usize) -> String {
        self.workflow.steps[step].name.to_string()
    }
}
