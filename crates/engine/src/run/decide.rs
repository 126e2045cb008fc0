//! What happens next: each input is taken, then everything that can be decided is.

use std::sync::Arc;

use super::evaluate::{Control, evaluate};
use super::io::{AttemptSpec, Half, IllegalInput, Input, Output};
use super::machine::Run;
use super::status::Progress;
use super::{AttemptNo, Done, Failure, FailureKind, Prepared, StepOutcome, StepStatus, Values};
use crate::catalog::Effect;
use crate::duration::Millis;
use crate::journal::{
    AttemptEnded, AttemptPrepared, AttemptStarted, BackoffStarted, CancelAsked, Evaluated,
    InterruptionResolved, Outcome, Resolution, RunEnded, RunStatus, SkipReason, StepCancelled,
    StepFailed, StepInterrupted, StepSkipped, StepSucceeded, StepTimedOut, VarsRendered,
};
use crate::plan::Need;
use crate::time::Timestamp;
use crate::value::{Hash, Value};
use crate::workflow::{Does, OnError, OnInterrupt, Stop};

impl Run {
    /// Decides what can be decided at the start.
    pub(super) fn begin(&mut self) {
        self.settle();
    }

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

    fn settle_vars(&mut self) -> bool {
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
                // Nothing can run without them: the first step carries the failure.
                self.vars = Some(Value::map::<&str>([]));
                for step in 0..self.steps.len() {
                    if !matches!(self.steps[step].status, StepStatus::Ended(_)) {
                        let name = self.name(step);
                        self.record(StepFailed {
                            step: name,
                            failure: failure.clone(),
                        });
                    }
                }
                true
            }
        }
    }

    fn decide(&mut self, step: usize) {
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

    fn start(&mut self, step: usize) {
        let workflow = self.workflow.clone();
        match &workflow.steps[step].does {
            Does::Value(_) => match self.control(Control::Value(step)) {
                None => {}
                Some(Ok(value)) => {
                    let value = match super::values::apply_output(
                        &workflow,
                        step,
                        value,
                        &self.values(step),
                    ) {
                        Ok(value) => value,
                        Err(why) => return self.fail(step, why.into_failure()),
                    };
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
    fn deadline(&mut self, step: usize) -> Option<Option<Timestamp>> {
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

    fn start_attempt(&mut self, step: usize, attempt: AttemptNo, deadline: Option<Timestamp>) {
        let name = self.name(step);
        self.record(AttemptStarted {
            step: name,
            attempt: attempt.get(),
            deadline,
        });
        let Does::Call(call) = &self.workflow.steps[step].does else {
            return;
        };
        // What was prepared once is what every retry sends.
        let half = match (call.effect.has_halves(), self.steps[step].prepared.clone()) {
            (false, _) => Half::Whole,
            (true, None) => Half::Prepare,
            (true, Some(prepared)) => {
                self.record(AttemptPrepared {
                    step: self.name(step),
                    attempt: attempt.get(),
                    prepared: prepared.clone(),
                });
                Half::Send(prepared)
            }
        };
        let is_send = matches!(half, Half::Send(_));
        let spec = self.spec(step, attempt, half);
        self.out.push_back(if is_send {
            Output::Send(spec)
        } else {
            Output::Start(spec)
        });
    }

    fn spec(&self, step: usize, attempt: AttemptNo, half: Half) -> AttemptSpec {
        AttemptSpec {
            step,
            attempt,
            half,
            timeout: self.workflow.steps[step].retry.attempt_timeout,
            key: self.key(step),
            values: Arc::new(self.values(step)),
        }
    }

    fn prepared(&mut self, step: usize, attempt: AttemptNo, result: Result<Prepared, Failure>) {
        match result {
            Ok(prepared) => {
                self.record(AttemptPrepared {
                    step: self.name(step),
                    attempt: attempt.get(),
                    prepared: prepared.clone(),
                });
                let spec = self.spec(step, attempt, Half::Send(prepared));
                self.out.push_back(Output::Send(spec));
            }
            Err(failure) => self.attempt_ended(step, attempt, Err(failure)),
        }
    }

    fn attempt_ended(&mut self, step: usize, attempt: AttemptNo, result: Result<Value, Failure>) {
        let name = self.name(step);
        let outcome = result.map_or_else(Outcome::Failed, Outcome::Succeeded);
        self.record(AttemptEnded {
            step: name,
            attempt: attempt.get(),
            outcome,
        });
        self.after_failure(step);
    }

    pub(super) fn attempt_lost(&mut self, step: usize, attempt: AttemptNo) {
        let was_sent = matches!(
            self.steps[step].status,
            StepStatus::Running {
                progress: Progress::Sent,
                ..
            }
        );
        let name = self.name(step);
        self.record(AttemptEnded {
            step: name,
            attempt: attempt.get(),
            outcome: Outcome::Lost,
        });
        if !was_sent && let Some(failure) = &mut self.steps[step].failure {
            failure.done = Done::NotDone;
        }
        self.after_failure(step);
    }

    /// Decides what follows an attempt that ended without a value.
    pub(super) fn after_failure(&mut self, step: usize) {
        let StepStatus::Running {
            attempt,
            progress: Progress::Over,
            ..
        } = self.steps[step].status
        else {
            return;
        };
        let Some(failure) = self.steps[step].failure.clone() else {
            return;
        };
        let workflow = self.workflow.clone();
        let shape = &workflow.steps[step];
        let Does::Call(call) = &shape.does else {
            return;
        };
        let lost = failure.code == super::recover::LOST;
        if self.cancelled {
            let name = self.name(step);
            self.record(StepCancelled { step: name });
            return;
        }
        let unknown = failure.done == Done::Unknown && call.effect == Effect::Once;
        if unknown {
            match call.on_interrupt {
                OnInterrupt::Ask => {
                    let name = self.name(step);
                    self.record(StepInterrupted {
                        step: name,
                        attempt: attempt.get(),
                        failure,
                    });
                    return;
                }
                OnInterrupt::Fail => return self.fail(step, failure),
                OnInterrupt::Retry => {}
            }
        }
        // A lost worker is no fault of the step: it costs no try.
        let again = lost
            || (unknown
                && call.on_interrupt == OnInterrupt::Retry
                && attempt.get() < shape.retry.attempts);
        if again || shape.retry.again(call.effect, attempt.get(), &failure) {
            let wait = if lost {
                Millis(0)
            } else {
                shape
                    .retry
                    .wait(attempt.get(), &failure, self.jitter(step, attempt))
            };
            let until = self.now.plus(wait);
            let name = self.name(step);
            self.record(BackoffStarted {
                step: name,
                next: attempt.next().get(),
                until,
            });
            if wait == Millis(0) {
                self.backoff_over(step);
            }
            return;
        }
        self.fail(step, too_patient(failure));
    }

    fn jitter(&self, step: usize, attempt: AttemptNo) -> u64 {
        let text = format!(
            "{}/{}/{attempt}",
            self.started.seed, self.workflow.steps[step].name
        );
        let hash = Hash::of(text.as_bytes());
        u64::from_be_bytes(
            hash.as_bytes()[..8]
                .try_into()
                .expect("a hash has 32 bytes"),
        )
    }

    fn tick(&mut self) {
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

    fn backoff_over(&mut self, step: usize) {
        let StepStatus::Backoff { next, deadline, .. } = self.steps[step].status else {
            return;
        };
        if self.cancelled {
            let name = self.name(step);
            self.record(StepCancelled { step: name });
            return;
        }
        self.start_attempt(step, next, deadline);
    }

    fn time_is_up(&mut self, step: usize) {
        self.stop_attempt(step);
        if let OnError::Value(_) = self.workflow.steps[step].on_error {
            self.fail(step, timed_out());
        } else {
            let name = self.name(step);
            self.record(StepTimedOut { step: name });
        }
    }

    fn stop_attempt(&mut self, step: usize) {
        if let StepStatus::Running { attempt, .. } = self.steps[step].status {
            self.out.push_back(Output::Stop { step, attempt });
        }
    }

    /// A step failed for good, unless its `on_error` gives it a value.
    pub(super) fn fail(&mut self, step: usize, failure: Failure) {
        if let OnError::Value(_) = self.workflow.steps[step].on_error {
            match self.control(Control::OnError(step)) {
                Some(Ok(value)) => {
                    let name = self.name(step);
                    self.record(StepSucceeded { step: name, value });
                    return;
                }
                Some(Err(_)) => {}
                None => {
                    self.steps[step].failure = Some(failure);
                    return;
                }
            }
        }
        let name = self.name(step);
        self.record(StepFailed {
            step: name,
            failure,
        });
    }

    fn evaluated(&mut self, control: Control, result: Result<Value, Failure>) {
        let Some(at) = self.asked.iter().position(|asked| *asked == control) else {
            return;
        };
        self.asked.swap_remove(at);
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
                self.failed_controls(control, &failure);
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

    fn failed_controls(&mut self, control: Control, failure: &Failure) {
        if control == Control::Outputs {
            self.record(RunEnded {
                status: RunStatus::Failed,
                outputs: Value::Null,
                failure: Some(failure.clone()),
            });
            return;
        }
        self.vars = Some(Value::map::<&str>([]));
        for step in 0..self.steps.len() {
            if !matches!(self.steps[step].status, StepStatus::Ended(_)) {
                let name = self.name(step);
                self.record(StepFailed {
                    step: name,
                    failure: failure.clone(),
                });
            }
        }
    }

    fn resolve(&mut self, step: usize, resolution: Resolution) -> Result<(), IllegalInput> {
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

    fn cancel(&mut self, by: String) {
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

    fn end(&mut self) {
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
            Some(Err(failure)) => self.failed_controls(Control::Outputs, &failure),
        }
    }

    fn lost_need(&self, step: usize) -> Option<(usize, StepOutcome)> {
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
    fn control(&mut self, control: Control) -> Option<Result<Value, Failure>> {
        if let Some(answer) = self.answers.get(&control) {
            return Some(Ok(answer.clone()));
        }
        let values = match control.step() {
            Some(step) => self.values(step),
            None if control == Control::Vars => self.start_values(),
            None => self.all_values(),
        };
        match evaluate(&self.workflow, control, &values, None) {
            Ok(value) => Some(Ok(value)),
            Err(Stop::Failed(failure)) => Some(Err(failure)),
            Err(Stop::NeedsContent) => {
                if !self.asked.contains(&control) {
                    self.asked.push(control);
                    self.out.push_back(Output::Evaluate {
                        control,
                        values: Arc::new(values),
                    });
                }
                None
            }
        }
    }

    fn start_values(&self) -> Values {
        let mut values = self.all_values();
        values.steps = Value::map::<&str>([]);
        values
    }

    fn is_live(&self, step: usize, attempt: AttemptNo) -> bool {
        matches!(self.steps[step].status, StepStatus::Running { attempt: live, progress, .. } if live == attempt && progress != Progress::Over)
    }

    pub(super) fn name(&self, step: usize) -> String {
        self.workflow.steps[step].name.to_string()
    }
}

/// The failure of a step whose time is up.
pub(super) fn timed_out() -> Failure {
    Failure::of(
        FailureKind::Timeout,
        Done::Unknown,
        "step.timeout",
        "the step's time is up",
    )
    .help("raise `timeout:`, or find out why it takes so long")
}

/// A service that asks for more patience than we have fails the step, and the message says what it asked.
fn too_patient(failure: Failure) -> Failure {
    match failure.retry_after {
        Some(asked) if asked > super::retry::RETRY_AFTER_MAX => {
            let message = format!(
                "{}; the service asks to wait {asked}, more than the limit of {}",
                failure.message,
                super::retry::RETRY_AFTER_MAX
            );
            Failure {
                code: "http.retry_after_too_long".to_owned(),
                message,
                ..failure
            }
        }
        _ => failure,
    }
}
