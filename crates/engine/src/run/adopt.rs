//! What a lost attempt made: looked for at the service, and taken as the step's value if it can only be this one.
//!
//! The search is no state of the step: the attempt is over, and what follows waits. After a restart it begins anew. How to
//! look is the connector's; when, and when to give up, is decided here.

use std::sync::Arc;

use super::io::Output;
use super::machine::{Making, Run};
use super::node::NodeId;
use super::status::Progress;
use super::{AttemptNo, Failure, Prepared, StepStatus, Values};
use crate::catalog::Adopt;
use crate::duration::Millis;
use crate::journal::{AttemptAdopted, Made};
use crate::time::Timestamp;
use crate::value::Value;
use crate::workflow::Does;

/// Between two looks: after the first so long, then twice as long each time.
const SOON: Millis = Millis::seconds(1);
/// But never longer than this.
const PAUSE_MAX: Millis = Millis::seconds(60);

/// What to look for.
#[derive(Debug, Clone)]
pub struct AdoptSpec {
    /// The node.
    pub node: NodeId,
    /// Its path.
    pub path: Arc<str>,
    /// The step's place in the pinned definition.
    pub step: usize,
    /// The attempt.
    pub attempt: AttemptNo,
    /// The request that it sent, if it did.
    pub prepared: Prepared,
    /// Since when that may have been.
    pub since: Timestamp,
    /// Idempotency key of the step.
    pub key: Arc<str>,
    /// What its templates see.
    pub values: Arc<Values>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// This one and no other: its id, and the step's value.
    Made {
        /// Its id.
        id: String,
        /// The value.
        value: Value,
    },
    /// None that it could be.
    Nothing,
    /// It cannot be told yet, in words.
    NotYet(String),
    /// Another step may have made it, in words: that is soon decided, or not by itself.
    Contested(String),
    /// It cannot be told at all, in words.
    Unclear(String),
}

/// The search of one node.
pub(super) struct Adoption {
    begun: Timestamp,
    looks: u32,
    /// When the next look is; `None` while one is taken.
    next: Option<Timestamp>,
    /// Why nothing more is looked for.
    given_up: Option<String>,
}

impl Adoption {
    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.next
    }

    /// The failure with what the search gave, if it has ended; else the search.
    pub(super) fn end(self, failure: Failure) -> Result<Failure, Adoption> {
        match &self.given_up {
            None => Err(self),
            Some(why) => {
                let message = format!("{}; {why}", failure.message);
                Ok(Failure { message, ..failure })
            }
        }
    }
}

impl Run {
    /// How what a node makes is found again.
    pub(super) fn adopt(&self, id: NodeId) -> Option<&Arc<Adopt>> {
        match &self.workflow.steps[self.nodes[id].step].does {
            Does::Call(call) => call.adopt.as_ref(),
            _ => None,
        }
    }

    /// What a node made, if such things can be found again.
    pub(super) fn made(&self, id: NodeId, made: Option<String>) -> Option<Made> {
        let what = self.adopt(id)?.what.to_string();
        Some(Made { what, id: made? })
    }

    /// What may have been made though nobody heard so.
    pub(super) fn making(&self) -> Vec<Making> {
        let mut making = Vec::new();
        for id in self.active.iter().copied() {
            let node = &self.nodes[id];
            let open = matches!(
                node.status,
                StepStatus::Interrupted { .. }
                    | StepStatus::Running {
                        progress: Progress::Sent | Progress::Over,
                        ..
                    }
            );
            if let (true, Some(prepared), Some(adopt)) = (open, &node.prepared, self.adopt(id)) {
                making.push(Making {
                    step: node.path.clone(),
                    what: adopt.what.clone(),
                    count: prepared.count,
                });
            }
        }
        making
    }

    /// Takes a look for what the last attempt of a node made.
    pub(super) fn look_for_it(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id];
        let (StepStatus::Running { attempt, .. }, Some(prepared), Some(since)) =
            (node.status, node.prepared.clone(), node.intended)
        else {
            return;
        };
        let adoption = node.adoption.get_or_insert(Adoption {
            begun: now,
            looks: 0,
            next: None,
            given_up: None,
        });
        adoption.looks += 1;
        adoption.next = None;
        let spec = AdoptSpec {
            node: id,
            path: self.nodes[id].path.clone(),
            step: self.nodes[id].step,
            attempt,
            prepared,
            since,
            key: self.key(id),
            values: Arc::new(self.values(id)),
        };
        self.out.push_back(Output::Adopt(spec));
        self.schedule(id);
    }

    /// A look was taken.
    pub(super) fn looked_for(
        &mut self,
        id: NodeId,
        attempt: AttemptNo,
        result: Result<Found, Failure>,
    ) {
        let is_it = |status| matches!(status, StepStatus::Running { attempt: of, progress: Progress::Over, .. } if of == attempt);
        let known = self.nodes.get(id).filter(|node| is_it(node.status));
        let (Some(adoption), Some(adopt)) = (
            known.and_then(|node| node.adoption.as_ref()),
            known.and_then(|_| self.adopt(id).cloned()),
        ) else {
            return;
        };
        let (spent, looks) = (self.now.since(adoption.begun), adoption.looks);
        let (patience, why) = match result {
            Ok(Found::Made { id: made, value }) => {
                let step = self.name(id);
                let what = adopt.what.to_string();
                self.announce_success(id, &value);
                self.record(
                    id,
                    AttemptAdopted {
                        step,
                        attempt: attempt.get(),
                        made: Made { what, id: made },
                        value,
                    },
                );
                return;
            }
            Ok(Found::Nothing) => {
                let patience = adopt.settle;
                (
                    patience,
                    format!("{patience} later the service has nothing that it could have made"),
                )
            }
            Ok(Found::NotYet(why)) => (adopt.wait, why),
            Ok(Found::Contested(why)) => (adopt.settle, why),
            Ok(Found::Unclear(why)) => (Millis(0), why),
            Err(failure) if failure.kind.is_transient() => (adopt.wait, could_not(&failure)),
            Err(failure) => (Millis(0), could_not(&failure)),
        };
        let now = self.now;
        let Some(adoption) = &mut self.nodes[id].adoption else {
            return;
        };
        if spent >= patience {
            adoption.given_up = Some(why);
            return self.after_failure(id);
        }
        let pause = Millis(SOON.0 << looks.saturating_sub(1).min(10)).min(PAUSE_MAX);
        let left = Millis(patience.0 - spent.0);
        adoption.next = Some(now.plus(pause.min(left)));
        self.schedule(id);
    }
}

fn could_not(failure: &Failure) -> String {
    format!("nobody could look for what it made: {}", failure.message)
}
