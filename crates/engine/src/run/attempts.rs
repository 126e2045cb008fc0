//! Attempts: from their start to what follows their end.

use std::sync::Arc;

use super::evaluate::What;
use super::io::{AttemptSpec, Half, Output};
use super::machine::Run;
use super::node::{Inside, Layer, NodeId};
use super::status::Progress;
use super::{AttemptNo, Done, Failure, FailureKind, Prepared, StepStatus};
use crate::catalog::Effect;
use crate::duration::Millis;
use crate::journal::{
    AttemptEnded, AttemptStarted, BackoffStarted, Outcome, StepCancelled, StepFailed,
    StepInterrupted, StepSucceeded, StepTimedOut, StopAsked,
};
use crate::money::Costs;
use crate::time::Timestamp;
use crate::value::{Hash, Value};
use crate::workflow::{Does, OnError, OnInterrupt};

impl Run {
    pub(super) fn start_attempt(
        &mut self,
        id: NodeId,
        attempt: AttemptNo,
        deadline: Option<Timestamp>,
    ) {
        let step = self.name(id);
        self.record(
            id,
            AttemptStarted {
                step,
                attempt: attempt.get(),
                deadline,
            },
        );
        let Does::Call(call) = &self.workflow.steps[self.nodes[id].step].does else {
            return;
        };
        // What was prepared once is what every retry sends.
        let in_halves = call.effect.has_halves() || call.priced && self.is_budgeted(id);
        let half = match (in_halves, self.nodes[id].prepared.clone()) {
            (false, _) => Half::Whole,
            (true, None) => Half::Prepare,
            (true, Some(prepared)) => return self.send_within_budget(id, attempt, prepared),
        };
        let spec = self.spec(id, attempt, half);
        self.out.push_back(Output::Start(spec));
    }

    pub(super) fn spec(&self, id: NodeId, attempt: AttemptNo, half: Half) -> AttemptSpec {
        AttemptSpec {
            node: id,
            path: self.nodes[id].path.clone(),
            step: self.nodes[id].step,
            attempt,
            half,
            timeout: self.workflow.steps[self.nodes[id].step]
                .retry
                .attempt_timeout,
            key: self.key(id),
            values: Arc::new(self.values(id)),
        }
    }

    pub(super) fn prepared(
        &mut self,
        id: NodeId,
        attempt: AttemptNo,
        result: Result<Prepared, Failure>,
    ) {
        match result {
            Ok(prepared) => self.send_within_budget(id, attempt, prepared),
            Err(failure) => self.attempt_ended(id, attempt, Err(failure), None, Costs::default()),
        }
    }

    pub(super) fn attempt_ended(
        &mut self,
        id: NodeId,
        attempt: AttemptNo,
        result: Result<Value, Failure>,
        made: Option<String>,
        costs: Costs,
    ) {
        let step = self.name(id);
        let made = self.made(id, made);
        let outcome = result.map_or_else(Outcome::Failed, Outcome::Succeeded);
        self.record(
            id,
            AttemptEnded {
                step,
                attempt: attempt.get(),
                outcome,
                made,
                costs,
            },
        );
        self.after_failure(id);
    }

    pub(super) fn attempt_lost(&mut self, id: NodeId, attempt: AttemptNo) {
        let step = self.name(id);
        self.record(
            id,
            AttemptEnded {
                step,
                attempt: attempt.get(),
                outcome: Outcome::Lost,
                made: None,
                costs: Costs::default(),
            },
        );
        self.after_failure(id);
    }

    /// Decides what follows an attempt that ended without a value.
    pub(super) fn after_failure(&mut self, id: NodeId) {
        // An item that succeeded is gone.
        let Some(StepStatus::Running {
            attempt,
            progress: Progress::Over,
            ..
        }) = self.nodes.get(id).map(|node| node.status)
        else {
            return;
        };
        let Some(failure) = self.nodes[id].failure.clone() else {
            return;
        };
        let workflow = self.workflow.clone();
        let shape = &workflow.steps[self.nodes[id].step];
        let Does::Call(call) = &shape.does else {
            return;
        };
        let lost = failure.code == super::recover::LOST;
        if self.is_stopping(id) {
            let step = self.name(id);
            self.record(id, StepCancelled { step });
            return;
        }
        match failure.code.as_str() {
            super::budget::BUDGET_HELD => {
                let (step, attempt) = (self.name(id), attempt.get());
                let held = StepInterrupted {
                    step,
                    attempt,
                    failure,
                };
                return self.record(id, held);
            }
            super::budget::SPENT | super::budget::NO_PRICE => return self.fail(id, failure),
            _ => {}
        }
        let unknown = failure.done == Done::Unknown && call.effect == Effect::Once;
        let failure = match self.nodes[id].adoption.take() {
            None if unknown && call.adopt.is_some() => return self.look_for_it(id),
            // The search goes on, or has ended without a find.
            Some(adoption) => match adoption.end(failure) {
                Ok(failure) => failure,
                Err(adoption) => {
                    self.nodes[id].adoption = Some(adoption);
                    return;
                }
            },
            None => failure,
        };
        if unknown {
            match call.on_interrupt {
                OnInterrupt::Ask => {
                    let step = self.name(id);
                    self.record(
                        id,
                        StepInterrupted {
                            step,
                            attempt: attempt.get(),
                            failure,
                        },
                    );
                    return;
                }
                OnInterrupt::Fail => return self.fail(id, failure),
                OnInterrupt::Retry => {}
            }
        }
        // A lost worker is no fault of the step: it costs no try.
        let tries = attempt.get().saturating_sub(self.nodes[id].lost);
        let again = lost
            || (unknown && call.on_interrupt == OnInterrupt::Retry && tries < shape.retry.attempts);
        if again || shape.retry.again(call.effect, tries, &failure) {
            let wait = if lost {
                Millis(0)
            } else {
                shape.retry.wait(tries, &failure, self.jitter(id, attempt))
            };
            let until = self.now.plus(wait);
            let step = self.name(id);
            self.record(
                id,
                BackoffStarted {
                    step,
                    next: attempt.next().get(),
                    until,
                },
            );
            if wait == Millis(0) {
                self.backoff_over(id);
            }
            return;
        }
        self.fail(id, too_patient(failure));
    }

    pub(super) fn jitter(&self, id: NodeId, attempt: AttemptNo) -> u64 {
        let text = format!("{}/{}/{attempt}", self.started.seed, self.nodes[id].path);
        let hash = Hash::of(text.as_bytes());
        u64::from_be_bytes(
            hash.as_bytes()[..8]
                .try_into()
                .expect("a hash has 32 bytes"),
        )
    }

    pub(super) fn backoff_over(&mut self, id: NodeId) {
        let StepStatus::Backoff { next, deadline, .. } = self.nodes[id].status else {
            return;
        };
        if self.is_stopping(id) {
            let step = self.name(id);
            self.record(id, StepCancelled { step });
            return;
        }
        if !self.may_go(id) {
            return;
        }
        let held_up = self.held_up(id);
        self.start_attempt(id, next, deadline.map(|deadline| deadline.plus(held_up)));
    }

    pub(super) fn time_is_up(&mut self, id: NodeId) {
        if let StepStatus::Open { .. } = self.nodes[id].status {
            if let Inside::Child(..) = self.nodes[id].inside {
                self.stop_child(id);
                return self.over_in_time(id);
            }
            let step = self.name(id);
            self.record(id, StopAsked { step });
            self.cancel_inside(id);
            self.todo.push_back(id);
            return;
        }
        self.stop_attempt(id);
        self.over_in_time(id);
    }

    /// The time of a node is up, and nothing goes on inside it any more.
    fn over_in_time(&mut self, id: NodeId) {
        let now = self.now;
        let default = self.nodes[id].hold.as_ref();
        if let Some(default) = default.and_then(|hold| hold.default_choice(now)) {
            return self.answered_with(id, default);
        }
        if self.has_on_error_value(id) {
            self.fail(id, timed_out());
        } else {
            let step = self.name(id);
            self.record(id, StepTimedOut { step });
        }
    }

    /// Everything inside a node that had to stop is over.
    pub(super) fn over_without_value(&mut self, id: NodeId) {
        if self.nodes[id].stopped {
            return self.over_in_time(id);
        }
        let step = self.name(id);
        self.record(id, StepCancelled { step });
    }

    /// Stops what runs inside a node. What has not begun is cancelled when it is decided.
    pub(super) fn cancel_inside(&mut self, id: NodeId) {
        self.stop_ranges(id);
        let inner: Vec<NodeId> = match &self.nodes[id].inside {
            Inside::Nothing | Inside::Child(..) => Vec::new(),
            Inside::Loop(inside) => inside.open.values().copied().collect(),
            Inside::Rounds(rounds) => rounds.current.into_iter().collect(),
            // What stands under `finally` goes on.
            Inside::Group(opened) => self.frames[opened.main].nodes.clone(),
        };
        for node in inner {
            self.cancel_node(node);
        }
    }

    /// Stops what runs in a node.
    pub(super) fn cancel_node(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get(id) else {
            return;
        };
        match node.status {
            StepStatus::Ended(_) | StepStatus::Waiting { .. } => {}
            StepStatus::Ready => self.todo.push_back(id),
            StepStatus::Open { .. } => {
                if let Inside::Child(..) = node.inside {
                    self.stop_child(id);
                    let step = self.name(id);
                    return self.record(id, StepCancelled { step });
                }
                self.cancel_inside(id);
                self.todo.push_back(id);
            }
            StepStatus::Running { .. }
            | StepStatus::Backoff { .. }
            | StepStatus::Held { .. }
            | StepStatus::Interrupted { .. } => {
                self.stop_attempt(id);
                let step = self.name(id);
                self.record(id, StepCancelled { step });
            }
        }
    }

    fn has_on_error_value(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        node.layer == Layer::Step
            && matches!(self.workflow.steps[node.step].on_error, OnError::Value(_))
    }

    pub(super) fn stop_attempt(&mut self, id: NodeId) {
        if let StepStatus::Running { attempt, .. } = self.nodes[id].status {
            self.out.push_back(Output::Stop { node: id, attempt });
        }
    }

    /// A step failed for good, unless its `on_error` gives it a value.
    pub(super) fn fail(&mut self, id: NodeId, failure: Failure) {
        if self.has_on_error_value(id) {
            match self.control(id, What::OnError) {
                Some(Ok(value)) => {
                    let step = self.name(id);
                    let instead_of = Some(failure);
                    let replaced = StepSucceeded {
                        instead_of,
                        ..StepSucceeded::of(step, value)
                    };
                    self.record(id, replaced);
                    return;
                }
                Some(Err(_)) => {}
                None => {
                    self.nodes[id].failure = Some(failure);
                    return;
                }
            }
        }
        let step = self.name(id);
        self.record(id, StepFailed { step, failure });
    }
}

/// Code of a step whose time is up.
pub(super) const TIME_IS_UP: &str = "step.timeout";

/// The failure of a step whose time is up.
pub(super) fn timed_out() -> Failure {
    Failure::of(
        FailureKind::Timeout,
        Done::Unknown,
        TIME_IS_UP,
        "the step's time is up",
    )
    .help("raise `timeout:`, or find out why it takes so long")
}

/// A service that asks for more patience than we have fails the step, and the message says what it asked.
pub(super) fn too_patient(failure: Failure) -> Failure {
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
