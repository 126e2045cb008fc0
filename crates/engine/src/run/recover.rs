//! From the journal back to a run: replay decides nothing, recovery decides what the end of the process left open.

use std::sync::Arc;

use super::machine::Run;
use super::status::{IllegalEvent, Progress};
use super::{Done, Failure, FailureKind, StepStatus};
use crate::journal::Event;
use crate::time::Timestamp;
use crate::workflow::Workflow;

/// Code of an attempt whose worker was lost.
pub(super) const LOST: &str = "run.attempt_lost";

/// Why a journal does not give a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The first event is not the start of a run.
    #[error("the journal does not begin with the start of a run")]
    NoStart,
    /// An event names a step that the pinned workflow does not have.
    #[error("the journal names step `{0}`, which the pinned workflow does not have")]
    UnknownStep(String),
    /// An event cannot follow the ones before it.
    #[error("event {seq} of the journal is out of place: {error}")]
    Illegal {
        /// Its position, from 1.
        seq: usize,
        /// Why.
        error: IllegalEvent,
    },
}

impl Run {
    /// Rebuilds a run from its events. It does nothing until [`Run::recover`] is called.
    ///
    /// # Errors
    /// [`ReplayError`] if the events are not those of a run of this workflow.
    pub fn replay(
        workflow: Arc<Workflow>,
        events: impl IntoIterator<Item = (Timestamp, Event)>,
    ) -> Result<Run, ReplayError> {
        let mut events = events.into_iter();
        let Some((at, Event::RunStarted(started))) = events.next() else {
            return Err(ReplayError::NoStart);
        };
        let mut run = Run::empty(workflow, started, at);
        for (before, (at, event)) in events.enumerate() {
            run.now = run.now.max(at);
            if let Some(step) = super::machine::step_of(&event)
                && run.workflow.step_index(step).is_none()
            {
                return Err(ReplayError::UnknownStep(step.to_owned()));
            }
            run.apply(&event).map_err(|error| ReplayError::Illegal {
                seq: before + 2,
                error,
            })?;
        }
        Ok(run)
    }

    /// Takes up a replayed run: open attempts were lost, holds look again, what was ready is decided.
    pub fn recover(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.ended.is_some() {
            return;
        }
        for step in 0..self.steps.len() {
            match self.steps[step].status {
                StepStatus::Running {
                    progress: Progress::Over,
                    ..
                } => self.after_failure(step),
                StepStatus::Running { attempt, .. } => self.attempt_lost(step, attempt),
                StepStatus::Held { .. } => {
                    if let Some(hold) = &mut self.steps[step].hold {
                        hold.restart(now);
                    }
                    self.schedule(step);
                }
                _ => {}
            }
        }
        self.settle();
    }
}

/// The failure of an attempt whose worker was lost. If its request was on disk, nobody knows whether it happened.
pub(super) fn lost(sent: bool) -> Failure {
    let (done, message) = if sent {
        let message =
            "the process ended in the middle of this attempt, so nobody knows whether it happened";
        (Done::Unknown, message)
    } else {
        let message = "the process ended before this attempt had any effect";
        (Done::NotDone, message)
    };
    Failure::of(FailureKind::Reset, done, LOST, message).help(
        "look at the service, then `flow resume RUN --retry STEP`, `--skip STEP` or `--set STEP=VALUE`",
    )
}
