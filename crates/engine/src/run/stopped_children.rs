//! Runs that a step started and that are cancelled because the step is over before them.
//!
//! Nothing of them is awaited, so a cancel may be lost between the end of the step and the child's own journal. That it
//! is owed follows from how the step ended.

use std::sync::Arc;

use super::io::Output;
use super::machine::Run;
use super::node::{Inside, NodeId};
use crate::journal::Event;
use crate::workflow::Does;

impl Run {
    /// Whether a step of this run started that one and was over before it: then it is to be cancelled, also where this
    /// run has ended meanwhile.
    pub fn has_stopped(&self, child: &str) -> bool {
        self.stopped_children.contains_key(child)
    }

    /// Cancels what a step started.
    pub(super) fn stop_child(&mut self, id: NodeId) {
        if let Some((run, workflow)) = self.child_of(id) {
            self.out.push_back(Output::StopChild { run, workflow });
        }
    }

    /// Cancels once more everything that was to be cancelled; a child that has ended stays as it is.
    pub(super) fn stop_children_again(&mut self) {
        for (run, workflow) in &self.stopped_children {
            let (run, workflow) = (run.clone(), workflow.clone());
            self.out.push_back(Output::StopChild { run, workflow });
        }
    }

    /// A step ended; if not because its child did, that one is to end too.
    pub(super) fn note_stopped_child(&mut self, id: NodeId, event: &Event) {
        let own_time = |code: &str| code == super::attempts::TIME_IS_UP;
        let before_its_child = match event {
            Event::StepCancelled(_) | Event::StepTimedOut(_) => true,
            Event::StepFailed(failed) => own_time(&failed.failure.code),
            Event::StepSucceeded(succeeded) => succeeded
                .instead_of
                .as_ref()
                .is_some_and(|failure| own_time(&failure.code)),
            _ => false,
        };
        if before_its_child && let Some((run, workflow)) = self.child_of(id) {
            self.stopped_children.insert(run, workflow);
        }
    }

    fn child_of(&self, id: NodeId) -> Option<(Arc<str>, Arc<str>)> {
        let node = &self.nodes[id];
        match (&node.inside, &self.workflow.steps[node.step].does) {
            (Inside::Child(run, _), Does::Child(child)) => {
                Some((run.clone(), child.workflow.clone()))
            }
            _ => None,
        }
    }
}
