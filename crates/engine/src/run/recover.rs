//! From the journal back to a run: replay decides nothing, recovery decides what the end of the process left open.

use std::sync::Arc;

use super::apply::item_locals;
use super::io::{ChildSpec, FetchSpec, Output, Window};
use super::machine::Run;
use super::node::{Inside, NodeId};
use super::status::{IllegalEvent, Progress};
use super::{Done, Failure, FailureKind, StepStatus};
use crate::journal::Event;
use crate::time::Timestamp;
use crate::value::Value;
use crate::workflow::{Does, Workflow};

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
            let of_node = !matches!(
                event,
                Event::Reused(_) | Event::UndoStarted(_) | Event::RunStopped(_)
            );
            let Some(path) = step_of(&event).filter(|_| of_node) else {
                run.apply_to_run(&event);
                continue;
            };
            let Some(node) = run.find(path) else {
                return Err(ReplayError::UnknownStep(path.to_owned()));
            };
            run.apply_to(node, &event)
                .map_err(|error| ReplayError::Illegal {
                    seq: before + 2,
                    error,
                })?;
        }
        Ok(run)
    }

    /// Takes up a replayed run: open attempts were lost, holds look again, what was ready is decided. Items of stored
    /// sources are read again first. A run that has ended does nothing more: whoever takes up a run that it started asks
    /// [`Run::has_stopped`].
    pub fn recover(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.ended.is_some() {
            return;
        }
        self.stop_children_again();
        let active: Vec<NodeId> = self.active.iter().copied().collect();
        for id in active {
            let Some(inside) = self.nodes[id].as_loop() else {
                continue;
            };
            let Value::Blob(source) = inside.source.clone() else {
                continue;
            };
            let missing = inside.places.iter().filter(|(index, _)| {
                let item = inside.open.get(*index);
                item.is_some_and(|item| self.nodes[*item].locals.is_empty())
            });
            let missing: Vec<u64> = missing.map(|(_, at)| *at).collect();
            for at in missing {
                self.rereading.insert((id, at));
                let source = source.clone();
                let node = id;
                self.out
                    .push_back(Output::Fetch(FetchSpec { node, source, at }));
            }
        }
        if self.rereading.is_empty() {
            self.recover_nodes();
        }
        self.settle();
    }

    /// Everything that an expression may need is there.
    pub(super) fn recover_nodes(&mut self) {
        self.take_places_again();
        let active: Vec<NodeId> = self.active.iter().copied().collect();
        for id in active {
            let Some(node) = self.nodes.get(id) else {
                continue;
            };
            match node.status {
                StepStatus::Running {
                    progress: Progress::Over,
                    ..
                } => self.after_failure(id),
                StepStatus::Running { attempt, .. } => self.attempt_lost(id, attempt),
                StepStatus::Held { .. } => {
                    let now = self.now;
                    if let Some(hold) = &mut self.nodes[id].hold {
                        hold.restart(now);
                    }
                    self.schedule(id);
                }
                StepStatus::Open { .. } => self.recover_open(id),
                _ => {}
            }
        }
        if self.stopped || self.cancelled {
            self.cancel_all();
        }
    }

    /// An item was read again after a restart, or could not be; its node may be over by now.
    pub(super) fn read_again(&mut self, id: NodeId, at: u64, result: Result<Window, Failure>) {
        match result {
            Ok(window) => self.put_item(id, at, window),
            Err(failure) => {
                let open = self
                    .nodes
                    .get(id)
                    .is_some_and(|node| node.as_loop().is_some());
                if open {
                    self.stop_failed(id, failure);
                }
            }
        }
        if !self.rereading.is_empty() {
            return;
        }
        self.recover_nodes();
        for input in std::mem::take(&mut self.postponed) {
            self.take(input)
                .expect("what was postponed is never refused");
        }
    }

    fn put_item(&mut self, id: NodeId, at: u64, window: Window) {
        let Some((step, inside)) = self.nodes.get(id).and_then(|node| {
            let inside = node.as_loop()?;
            Some((node.step, inside))
        }) else {
            return;
        };
        let keyed = inside.keyed;
        let place = inside.places.iter().find(|(_, place)| **place == at);
        let found = place.and_then(|(index, _)| Some((*index, *inside.open.get(index)?)));
        if let (Some((index, node)), Some((_, item))) = (found, window.items.into_iter().next()) {
            self.nodes[node].locals = item_locals(&self.workflow, step, index, item, keyed);
        }
    }

    fn recover_open(&mut self, id: NodeId) {
        self.schedule(id);
        if self.nodes[id].stopped {
            self.cancel_inside(id);
        }
        self.restart_ranges(id);
        let node = &self.nodes[id];
        let (Inside::Child(run, inputs), Does::Child(child)) =
            (&node.inside, &self.workflow.steps[node.step].does)
        else {
            self.todo.push_back(id);
            return;
        };
        // A start that is repeated is the same child.
        let spec = ChildSpec {
            node: id,
            run: run.clone(),
            workflow: child.workflow.clone(),
            inputs: inputs.clone(),
            detached: child.detach,
            budget: node.allotted,
            within: self.held_by(id),
        };
        self.out.push_back(Output::StartChild(spec));
    }
}

/// The step, item or round that an event is about; `None` for events of the run itself.
pub fn step_of(event: &Event) -> Option<&str> {
    Some(match event {
        Event::Reused(event) => &event.step,
        Event::StepSkipped(event) => &event.step,
        Event::AttemptStarted(event) => &event.step,
        Event::AttemptPrepared(event) => &event.step,
        Event::AttemptEnded(event) => &event.step,
        Event::AttemptAdopted(event) => &event.step,
        Event::BackoffStarted(event) => &event.step,
        Event::HoldStarted(event) => &event.step,
        Event::HoldBaseline(event) => &event.step,
        Event::HoldEnded(event) => &event.step,
        Event::StepSucceeded(event) => &event.step,
        Event::StepFailed(event) => &event.step,
        Event::StepTimedOut(event) => &event.step,
        Event::StepCancelled(event) => &event.step,
        Event::StepInterrupted(event) => &event.step,
        Event::InterruptionResolved(event) => &event.step,
        Event::GroupStarted(event) => &event.step,
        Event::LoopStarted(event) => &event.step,
        Event::ItemStarted(event) => &event.step,
        Event::RangeStarted(event) => &event.step,
        Event::RangeEnded(event) => &event.step,
        Event::ItemsStored(event) => &event.step,
        Event::RoundsStarted(event) => &event.step,
        Event::RoundStarted(event) => &event.step,
        Event::RoundsPaused(event) => &event.step,
        Event::ChildStarted(event) => &event.step,
        Event::ChildSpent(event) => &event.step,
        Event::StopAsked(event) => &event.step,
        Event::Emitted(event) => &event.step,
        Event::AdmissionWaited(event) => event.step.as_deref()?,
        Event::FinallyStarted(event) => event.step.as_deref()?,
        Event::Evaluated(event) => event.step.as_deref()?,
        Event::UndoStarted(event) => &event.step,
        Event::RunStopped(event) => &event.step,
        Event::RunStarted(_)
        | Event::VarsRendered(_)
        | Event::BudgetRaised(_)
        | Event::CancelAsked(_)
        | Event::RunEnded(_) => return None,
    })
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
