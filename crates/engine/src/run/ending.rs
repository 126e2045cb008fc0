//! How a run ends: what succeeded is undone, `finally` runs, outputs are computed. The order is that of the table in
//! `docs/semantics.md`.

use std::sync::Arc;

use super::evaluate::What;
use super::machine::Run;
use super::node::{FrameId, Inside, Layer, NodeId};
use super::{Failure, StepOutcome, StepStatus, Values};
use crate::journal::{
    FinallyStarted, RunEnded, RunStatus, StepCancelled, StepSucceeded, UndoStarted,
};
use crate::time::Timestamp;
use crate::value::Value;
use crate::workflow::{Does, OnError};

/// A step, item or round that succeeded and can be undone.
pub(super) struct Undoable {
    /// What undoes it.
    pub(super) step: usize,
    /// Its path, with `.undo`.
    pub(super) path: Arc<str>,
    /// What it sees.
    pub(super) seen: Arc<Values>,
}

impl Run {
    /// All steps of the workflow are over: what comes next?
    pub(super) fn end(&mut self) {
        let main = self.root.main;
        if self.ended.is_some() || self.frames[main].unfinished > 0 {
            return;
        }
        let status = self.status_of_run();
        let goes_back = matches!(status, RunStatus::Failed | RunStatus::Cancelled);
        if self.undoing.is_some() {
            return;
        }
        let hard = self.hard;
        if goes_back
            && !hard
            && self.root.finally.is_none()
            && let Some(next) = self.undoable.last()
        {
            let step = next.path.to_string();
            self.record_of_run(UndoStarted { step });
            return;
        }
        if let (Some(_), None, false) = (self.workflow.finally, self.root.finally, hard) {
            let deadline = self.now.plus(self.workflow.finally_timeout);
            self.record_of_run(FinallyStarted {
                step: None,
                deadline,
            });
            return;
        }
        let mut status = status;
        if let Some((finally, _)) = self.root.finally {
            if self.frames[finally].unfinished > 0 {
                return;
            }
            if status == RunStatus::Succeeded && self.failed_in(finally).is_some() {
                status = RunStatus::Failed;
            }
        }
        let not_undone = || -> Vec<String> {
            let left = self.undoable.iter().rev();
            let left = left.map(|undoable| undoable.path.trim_end_matches(".undo").to_owned());
            self.not_undone.iter().cloned().chain(left).collect()
        };
        if status != RunStatus::Succeeded {
            let not_undone = if goes_back { not_undone() } else { Vec::new() };
            self.record_of_run(RunEnded {
                status,
                outputs: Value::Null,
                failure: None,
                not_undone,
                spent: self.spent(),
            });
            return;
        }
        match self.control_of_run(What::Outputs) {
            None => {}
            Some(Ok(outputs)) => self.record_of_run(RunEnded {
                status,
                outputs,
                failure: None,
                not_undone: Vec::new(),
                spent: self.spent(),
            }),
            Some(Err(failure)) => self.fail_run(failure),
        }
    }

    /// How the run stands, once all its steps are over.
    pub(super) fn status_of_run(&self) -> RunStatus {
        if self.cancelled {
            RunStatus::Cancelled
        } else if self.failed_in(self.root.main).is_some() {
            RunStatus::Failed
        } else {
            RunStatus::Succeeded
        }
    }

    /// The first step of a frame that failed, and whose failure counts.
    pub(super) fn failed_in(&self, frame: FrameId) -> Option<NodeId> {
        self.frames[frame].nodes.iter().copied().find(|node| {
            let node = &self.nodes[*node];
            let failed = matches!(
                node.status,
                StepStatus::Ended(StepOutcome::Failed | StepOutcome::TimedOut)
            );
            let allowed = matches!(self.workflow.steps[node.step].on_error, OnError::Continue);
            failed && !allowed
        })
    }

    /// What is of the run itself failed: nothing else of it can run.
    pub(super) fn fail_run(&mut self, failure: Failure) {
        for node in self.frames[self.root.main].nodes.clone() {
            if !matches!(self.nodes[node].status, StepStatus::Ended(_)) {
                let step = self.name(node);
                self.record(node, StepCancelled { step });
            }
        }
        self.record_of_run(RunEnded {
            status: RunStatus::Failed,
            outputs: Value::Null,
            failure: Some(failure),
            not_undone: Vec::new(),
            spent: self.spent(),
        });
    }

    /// When the time of the workflow's `finally` is up.
    pub(super) fn finally_bound(&self) -> Option<Timestamp> {
        let (frame, bound) = self.root.finally?;
        let frame = &self.frames[frame];
        (frame.unfinished > 0 && !frame.stopped).then_some(bound)
    }

    /// Something inside a group ended.
    pub(super) fn group_goes_on(&mut self, id: NodeId) {
        let Inside::Group(opened) = self.nodes[id].inside else {
            return;
        };
        if self.frames[opened.main].unfinished > 0 {
            return;
        }
        let workflow = self.workflow.clone();
        let Does::Group(group) = &workflow.steps[self.nodes[id].step].does else {
            return;
        };
        let hard = self.hard;
        match opened.finally {
            None if group.finally.is_some() && !hard => {
                let step = Some(self.name(id));
                let deadline = self.now.plus(group.finally_timeout);
                self.record(id, FinallyStarted { step, deadline });
                return;
            }
            Some((frame, _)) if self.frames[frame].unfinished > 0 => return,
            _ => {}
        }
        if self.nodes[id].stopped || self.is_stopping(id) {
            return self.over_without_value(id);
        }
        let finally = opened.finally.map(|(frame, _)| frame);
        let failed = self
            .failed_in(opened.main)
            .or_else(|| finally.and_then(|frame| self.failed_in(frame)));
        if let Some(failed) = failed {
            let failure = self.failure_inside(failed);
            return self.fail(id, failure);
        }
        match self.control(id, What::Group) {
            None => {}
            Some(Ok(value)) => {
                let step = self.name(id);
                self.record(id, StepSucceeded::of(step, value));
            }
            Some(Err(failure)) => self.fail(id, failure),
        }
    }

    /// The failure of something inside a step, as the step's own: its code and place stay.
    fn failure_inside(&self, failed: NodeId) -> Failure {
        let node = &self.nodes[failed];
        let failure = node
            .failure
            .clone()
            .unwrap_or_else(super::attempts::timed_out);
        inside(&node.path, failure)
    }

    /// Whether nothing new may start here: the run, or something around the node, is being stopped. What stands under
    /// `finally` goes on, within its own time; so does an undo.
    pub(super) fn is_stopping(&self, id: NodeId) -> bool {
        let mut at = id;
        loop {
            let node = &self.nodes[at];
            if node.layer == Layer::Undo {
                return self.hard;
            }
            if at != id && node.stopped {
                return true;
            }
            if let Some(parent) = node.parent {
                at = parent;
                continue;
            }
            let frame = &self.frames[node.frame];
            if frame.stopped {
                return true;
            }
            if self.workflow.bodies[frame.body].role == crate::workflow::BodyRole::Finally {
                return self.hard;
            }
            match frame.owner {
                Some(owner) => {
                    // Inside a group whose time is up nothing starts.
                    if self.nodes[owner].stopped {
                        return true;
                    }
                    at = owner;
                }
                None => return self.cancelled || self.stopped,
            }
        }
    }
}

/// A failure, told from outside of what it happened to.
pub(super) fn inside(path: &str, failure: Failure) -> Failure {
    Failure {
        message: format!("{path}: {}", failure.message),
        ..failure
    }
}
