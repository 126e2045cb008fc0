//! What an input does.

use super::attempts::timed_out;
use super::evaluate::{Control, What};
use super::io::{IllegalInput, Input};
use super::machine::Run;
use super::node::{Inside, NodeId};
use super::status::Progress;
use super::{AttemptNo, Failure, StepStatus};
use crate::journal::{
    CancelAsked, ChildSpent, Evaluated, InterruptionResolved, Resolution, RunEnded, RunStatus,
    StepFailed, StepSucceeded,
};
use crate::value::Value;

impl Run {
    pub(super) fn take(&mut self, input: Input) -> Result<(), IllegalInput> {
        match input {
            // What these start or end may see items that are not there yet.
            Input::Tick if !self.rereading.is_empty() => {}
            Input::ChildEnded { .. } if !self.rereading.is_empty() => self.postponed.push(input),
            Input::Tick => self.tick(),
            Input::Prepared {
                node,
                attempt,
                result,
            } if self.is_preparing(node, attempt) => self.prepared(node, attempt, result),
            Input::AttemptEnded {
                node,
                attempt,
                result,
                answer,
                made,
                rest,
                costs,
            } if self.is_live(node, attempt) => {
                self.resting = rest;
                if let Ok(value) = &result {
                    self.announce_success(node, answer.as_ref().unwrap_or(value));
                }
                self.attempt_ended(node, attempt, result, made, costs);
                self.resting = None;
            }
            Input::Adopted {
                node,
                attempt,
                result,
            } => self.looked_for(node, attempt, result),
            Input::AttemptLost { node, attempt } if self.is_live(node, attempt) => {
                self.attempt_lost(node, attempt);
            }
            Input::Prepared { .. } | Input::AttemptEnded { .. } | Input::AttemptLost { .. } => {}
            Input::Looked { node, result } => self.looked(node, result),
            Input::Evaluated { control, result } => self.evaluated(control, result),
            Input::Fetched { node, at, result } => self.fetched(node, at, result),
            Input::RangeEnded {
                node,
                first,
                result,
            } => self.range_ended(node, first, result),
            Input::Stored {
                node,
                first,
                count,
                result,
            } => self.stored(node, first, count, result),
            Input::ChildEnded { node, ended } => self.child_ended(node, ended),
            Input::Answered { ticket, answer } => self.answered(ticket, answer),
            Input::Told { node } => self.told(node),
            Input::Signal { node, value } => return self.signalled(node, value),
            Input::Resolve { node, resolution } => return self.resolve(node, resolution),
            Input::RaiseBudget { by } => return self.raise_budget(by),
            Input::Cancel { by, hard } => self.cancel(by, hard),
        }
        Ok(())
    }

    fn tick(&mut self) {
        if self.finally_bound().is_some_and(|bound| bound <= self.now) {
            self.finally_over();
        }
        for id in self.due_nodes() {
            let Some(node) = self.nodes.get(id) else {
                continue;
            };
            let (StepStatus::Running { deadline, .. }
            | StepStatus::Backoff { deadline, .. }
            | StepStatus::Held { deadline }
            | StepStatus::Open { deadline }) = node.status
            else {
                continue;
            };
            if let Inside::Group(opened) = node.inside
                && opened.finally.is_some()
            {
                self.finally_of_group_over(id);
                continue;
            }
            if deadline.is_some_and(|deadline| deadline <= self.now) && node.waited.is_none() {
                self.time_is_up(id);
                continue;
            }
            match node.status {
                StepStatus::Backoff { .. } => self.backoff_over(id),
                StepStatus::Held { .. } => self.hold_due(id),
                StepStatus::Running { .. } => self.look_for_it(id),
                _ => self.todo.push_back(id),
            }
        }
    }

    /// The time of the workflow's `finally` is up.
    fn finally_over(&mut self) {
        if let Some((frame, _)) = self.root.finally {
            self.frames[frame].stopped = true;
            for node in self.frames[frame].nodes.clone() {
                self.time_is_up_in_finally(node);
            }
        }
    }

    fn finally_of_group_over(&mut self, id: NodeId) {
        let Inside::Group(opened) = self.nodes[id].inside else {
            return;
        };
        let Some((frame, _)) = opened.finally else {
            return;
        };
        self.frames[frame].stopped = true;
        for node in self.frames[frame].nodes.clone() {
            self.time_is_up_in_finally(node);
        }
    }

    /// What goes on under `finally` times out; what has not begun is cancelled when it is decided.
    fn time_is_up_in_finally(&mut self, id: NodeId) {
        match self.nodes[id].status {
            StepStatus::Running { .. }
            | StepStatus::Backoff { .. }
            | StepStatus::Held { .. }
            | StepStatus::Open { .. } => self.time_is_up(id),
            _ => self.cancel_node(id),
        }
    }

    fn evaluated(&mut self, control: Control, result: Result<Value, Failure>) {
        let Some(id) = control.node else {
            return self.evaluated_of_run(control.what, result);
        };
        let what = control.what;
        let Some(node) = self.nodes.get_mut(id) else {
            return;
        };
        let Some(at) = node.asked.iter().position(|asked| *asked == what) else {
            return;
        };
        node.asked.swap_remove(at);
        if matches!(node.status, StepStatus::Ended(_)) {
            return;
        }
        let failure = node.failure.clone().unwrap_or_else(timed_out);
        let step = self.name(id);
        match (result, what) {
            (Ok(value), _) => {
                let step = Some(step);
                let what_text = what.as_str().to_owned();
                self.record(
                    id,
                    Evaluated {
                        step,
                        what: what_text,
                        value,
                    },
                );
                match what {
                    What::OnError => self.fail(id, failure),
                    _ => self.todo.push_back(id),
                }
            }
            (Err(_), What::OnError) => self.record(id, StepFailed { step, failure }),
            (Err(failure), _) => self.fail(id, failure),
        }
    }

    fn evaluated_of_run(&mut self, what: What, result: Result<Value, Failure>) {
        let Some(at) = self.asked.iter().position(|asked| *asked == what) else {
            return;
        };
        self.asked.swap_remove(at);
        match result {
            Ok(value) => self.record_of_run(Evaluated {
                step: None,
                what: what.as_str().to_owned(),
                value,
            }),
            Err(failure) => self.fail_run(failure),
        }
    }

    fn child_ended(&mut self, id: NodeId, ended: RunEnded) {
        let Some(node) = self.nodes.get(id) else {
            return;
        };
        let Inside::Child(run, _) = &node.inside else {
            return;
        };
        if !matches!(node.status, StepStatus::Open { .. }) {
            return;
        }
        let run = run.clone();
        if self.nodes[id].allotted.is_some() || !ended.spent.is_nothing() {
            let step = self.name(id);
            let spent = ended.spent;
            self.record(id, ChildSpent { step, spent });
        }
        match ended.status {
            RunStatus::Succeeded => {
                let workflow = self.workflow.clone();
                let (step, values) = (self.nodes[id].step, self.values(id));
                match super::values::apply_output(&workflow, step, ended.outputs, &values) {
                    Ok(value) => {
                        let step = self.name(id);
                        self.record(id, StepSucceeded::of(step, value));
                    }
                    Err(why) => self.fail(id, why.into_failure()),
                }
            }
            status => {
                let message = format!(
                    "run {run}, which it started, {}",
                    match status {
                        RunStatus::Cancelled => "was cancelled",
                        _ => "failed",
                    }
                );
                let failure = Failure::permanent("child.failed", message);
                self.fail(
                    id,
                    failure.help(format!("`flow show {run}` tells what happened in it")),
                );
            }
        }
    }

    pub(super) fn resolve(
        &mut self,
        id: NodeId,
        resolution: Resolution,
    ) -> Result<(), IllegalInput> {
        let status = self.nodes.get(id).map(|node| node.status);
        if !matches!(status, Some(StepStatus::Interrupted { .. })) {
            return Err(IllegalInput("the step is not interrupted".to_owned()));
        }
        let step = self.name(id);
        let made = match &resolution {
            Resolution::Set(value) => {
                self.made(id, self.adopt(id).and_then(|adopt| adopt.id_of(value)))
            }
            Resolution::Retry | Resolution::Skip => None,
        };
        self.record(
            id,
            InterruptionResolved {
                step,
                resolution,
                made,
            },
        );
        Ok(())
    }

    pub(super) fn cancel(&mut self, by: String, hard: bool) {
        let hard = hard || self.waits_to_begin();
        // Once all steps are over there is nothing left to cancel but what ends the run.
        let over = self.frames[self.root.main].unfinished == 0;
        if self.hard || (!hard && (self.cancelled || over)) {
            return;
        }
        self.record_of_run(CancelAsked { by, hard });
        self.cancel_all();
    }

    /// Stops what runs; under `finally` and in an undo only if it is to be hard.
    pub(super) fn cancel_all(&mut self) {
        let mut frames = vec![self.root.main];
        if self.hard {
            frames.extend(self.root.finally.map(|(frame, _)| frame));
            if let Some(undoing) = self.undoing {
                self.cancel_node(undoing);
            }
        }
        for frame in frames {
            for node in self.frames[frame].nodes.clone() {
                self.cancel_node(node);
            }
        }
    }

    /// Whether an attempt's first half goes on: a request that is on disk is being sent, and is not sent again.
    pub(super) fn is_preparing(&self, id: NodeId, attempt: AttemptNo) -> bool {
        let status = self.nodes.get(id).map(|node| node.status);
        matches!(status, Some(StepStatus::Running { attempt: live, progress: Progress::Begun, .. }) if live == attempt)
    }

    pub(super) fn is_live(&self, id: NodeId, attempt: AttemptNo) -> bool {
        let status = self.nodes.get(id).map(|node| node.status);
        matches!(status, Some(StepStatus::Running { attempt: live, progress, .. }) if live == attempt && progress != Progress::Over)
    }
}
