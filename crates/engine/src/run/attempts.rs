//! Attempts: from their start to what follows their end.

use std::sync::Arc;

use super::evaluate::Control;
use super::io::{AttemptSpec, Half, Output};
use super::machine::Run;
use super::status::Progress;
use super::{AttemptNo, Done, Failure, FailureKind, Prepared, StepStatus};
use crate::catalog::Effect;
use crate::duration::Millis;
use crate::journal::{
    AttemptEnded, AttemptPrepared, AttemptStarted, BackoffStarted, Outcome, StepCancelled,
    StepFailed, StepInterrupted, StepSucceeded, StepTimedOut,
};
use crate::time::Timestamp;
use crate::value::{Hash, Value};
use crate::workflow::{Does, OnError, OnInterrupt};

impl Run {
    pub(super) fn start_attempt(
        &mut self,
        step: usize,
        attempt: AttemptNo,
        deadline: Option<Timestamp>,
    ) {
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

    pub(super) fn spec(&self, step: usize, attempt: AttemptNo, half: Half) -> AttemptSpec {
        AttemptSpec {
            step,
            attempt,
            half,
            timeout: self.workflow.steps[step].retry.attempt_timeout,
            key: self.key(step),
            values: Arc::new(self.values(step)),
        }
    }

    pub(super) fn prepared(
        &mut self,
        step: usize,
        attempt: AttemptNo,
        result: Result<Prepared, Failure>,
    ) {
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

    pub(super) fn attempt_ended(
        &mut self,
        step: usize,
        attempt: AttemptNo,
        result: Result<Value, Failure>,
    ) {
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
        let name = self.name(step);
        self.record(AttemptEnded {
            step: name,
            attempt: attempt.get(),
            outcome: Outcome::Lost,
        });
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

    pub(super) fn jitter(&self, step: usize, attempt: AttemptNo) -> u64 {
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

    pub(super) fn backoff_over(&mut self, step: usize) {
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

    pub(super) fn time_is_up(&mut self, step: usize) {
        self.stop_attempt(step);
        if let OnError::Value(_) = self.workflow.steps[step].on_error {
            self.fail(step, timed_out());
        } else {
            let name = self.name(step);
            self.record(StepTimedOut { step: name });
        }
    }

    pub(super) fn stop_attempt(&mut self, step: usize) {
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
