//! What an input does.

use super::attempts::timed_out;
use super::evaluate::Control;
use super::io::{IllegalInput, Input};
use super::machine::Run;
use super::status::Progress;
use super::{AttemptNo, Failure, StepStatus};
use crate::journal::{
    CancelAsked, Evaluated, InterruptionResolved, Resolution, RunEnded, RunStatus, StepCancelled,
    StepFailed,
};
use crate::value::Value;

impl Run {
    pub(super) fn take(&mut self, input: Input) -> Result<(), IllegalInput> {
        let step = match &input {
            Input::Prepared { step, .. }
            | Input::AttemptEnded { step, .. }
            | Input::AttemptLost { step, .. }
            | Input::Looked { step, .. }
            | Input::Resolve { step, .. } => Some(*step),
            Input::Evaluated { control, .. } => control.step(),
            Input::Tick | Input::Cancel { .. } => None,
        };
        if let Some(step) = step.filter(|step| *step >= self.steps.len()) {
            return Err(IllegalInput(format!(
                "the workflow has no step number {step}"
            )));
        }
        match input {
            Input::Tick => self.tick(),
            Input::Prepared {
                step,
                attempt,
                result,
            } if self.is_live(step, attempt) => self.prepared(step, attempt, result),
            Input::AttemptEnded {
                step,
                attempt,
                result,
            } if self.is_live(step, attempt) => {
                self.attempt_ended(step, attempt, result);
            }
            Input::AttemptLost { step, attempt } if self.is_live(step, attempt) => {
                self.attempt_lost(step, attempt);
            }
            Input::Prepared { .. } | Input::AttemptEnded { .. } | Input::AttemptLost { .. } => {}
            Input::Looked { step, result } => self.looked(step, result),
            Input::Evaluated { control, result } => self.evaluated(control, result),
            Input::Resolve { step, resolution } => return self.resolve(step, resolution),
            Input::Cancel { by } => self.cancel(by),
        }
        Ok(())
    }

    pub(super) fn tick(&mut self) {
        for step in self.due_steps() {
            let (StepStatus::Running { deadline, .. }
            | StepStatus::Backoff { deadline, .. }
            | StepStatus::Held { deadline }) = self.steps[step].status
            else {
                continue;
            };
            if deadline.is_some_and(|deadline| deadline <= self.now) {
                self.time_is_up(step);
                continue;
            }
            match self.steps[step].status {
                StepStatus::Backoff { .. } => self.backoff_over(step),
                StepStatus::Held { .. } => self.hold_due(step),
                _ => {}
            }
        }
    }

    pub(super) fn evaluated(&mut self, control: Control, result: Result<Value, Failure>) {
        let Some(at) = self.asked.iter().position(|asked| *asked == control) else {
            return;
        };
        self.asked.swap_remove(at);
        let over = |step: usize| matches!(self.steps[step].status, StepStatus::Ended(_));
        if control.step().is_some_and(over) {
            return;
        }
        match (result, control) {
            (Ok(value), _) => {
                let step = control.step().map(|step| self.name(step));
                self.record(Evaluated {
                    step,
                    what: control.what().to_owned(),
                    value,
                });
                match control {
                    Control::OnError(step) => {
                        let failure = self.steps[step].failure.clone().unwrap_or_else(timed_out);
                        self.fail(step, failure);
                    }
                    _ => self.todo.extend(control.step()),
                }
            }
            (Err(failure), Control::Vars | Control::Outputs) => {
                self.fail_run(failure);
            }
            (Err(_), Control::OnError(step)) => {
                let failure = self.steps[step].failure.clone().unwrap_or_else(timed_out);
                let name = self.name(step);
                self.record(StepFailed {
                    step: name,
                    failure,
                });
            }
            (Err(failure), _) => {
                if let Some(step) = control.step() {
                    self.fail(step, failure);
                }
            }
        }
    }

    /// What is of the run itself failed: nothing else of it can run.
    pub(super) fn fail_run(&mut self, failure: Failure) {
        for step in 0..self.steps.len() {
            if !matches!(self.steps[step].status, StepStatus::Ended(_)) {
                let name = self.name(step);
                self.record(StepCancelled { step: name });
            }
        }
        self.record(RunEnded {
            status: RunStatus::Failed,
            outputs: Value::Null,
            failure: Some(failure),
        });
    }

    pub(super) fn resolve(
        &mut self,
        step: usize,
        resolution: Resolution,
    ) -> Result<(), IllegalInput> {
        if !matches!(self.steps[step].status, StepStatus::Interrupted { .. }) {
            return Err(IllegalInput(format!(
                "step `{}` is not interrupted",
                self.workflow.steps[step].name
            )));
        }
        let name = self.name(step);
        self.record(InterruptionResolved {
            step: name,
            resolution,
        });
        Ok(())
    }

    pub(super) fn cancel(&mut self, by: String) {
        if self.cancelled {
            return;
        }
        self.record(CancelAsked { by });
        for step in 0..self.steps.len() {
            match self.steps[step].status {
                StepStatus::Ended(_) | StepStatus::Waiting { .. } | StepStatus::Ready => {}
                StepStatus::Running { .. } => {
                    self.stop_attempt(step);
                    let name = self.name(step);
                    self.record(StepCancelled { step: name });
                }
                StepStatus::Backoff { .. }
                | StepStatus::Held { .. }
                | StepStatus::Interrupted { .. } => {
                    let name = self.name(step);
                    self.record(StepCancelled { step: name });
                }
            }
        }
    }

    pub(super) fn is_live(&self, step: usize, attempt: AttemptNo) -> bool {
        matches!(self.steps[step].status, StepStatus::Running { attempt: live, progress, .. } if live == attempt && progress != Progress::Over)
    }
}
