//! Everything that can happen to the loop.

use std::sync::Arc;

use flow_engine::journal::Event;
use flow_engine::run::{IllegalInput, Input, Output, Run};
use flow_engine::time::Timestamp;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};

use super::children::Child;
use super::stops::{Sought, Stop};
use super::{Census, Decided, Progress, Services, Taken, Word};
use crate::store::StoreError;

/// One thing that happened.
pub(super) enum Happening {
    /// A run came.
    Add {
        taken: Box<Taken>,
        services: Services,
        observer: UnboundedSender<Progress>,
    },
    /// Something happened to a run.
    Input { run: Arc<str>, input: Input },
    /// A task of a run ended with an input for it.
    TaskEnded { run: Arc<str>, input: Input },
    /// A round of a run is on disk, or could not be put there.
    Saved {
        run: Arc<str>,
        result: Result<(), StoreError>,
        round: Round,
    },
    /// A step starts another workflow.
    StartChild(Box<Child>),
    /// Whether it was there was looked up: what follows from that has been said.
    ChildFound,
    /// It is not driven any more and has not ended: it waits for a person, or was stopped.
    ChildWaits(Box<Child>),
    /// A run that a step started is to be cancelled; it may not be driven at the moment.
    CancelChild(Box<Stop>),
    /// It was looked for in the store.
    ChildSought {
        run: Arc<str>,
        found: Sought,
        services: Services,
    },
    /// A run that slept was read again.
    Woken {
        run: Arc<str>,
        found: Result<Box<Taken>, StoreError>,
    },
    /// Someone wants to know how many runs there are.
    Count(tokio::sync::oneshot::Sender<Census>),
    /// Someone wants to know when no run is left.
    Rest(tokio::sync::oneshot::Sender<()>),
    /// Someone decides something about a run.
    Decide { run: Arc<str>, decision: Decision },
    /// Let go of each run as soon as nothing of it goes on but waiting.
    WindDown,
    /// Stop one run in order, or all.
    Stop { run: Option<Arc<str>> },
}

/// Something to do to a run from outside, and who is told when it is on disk.
pub(super) struct Decision {
    pub(super) decide: Box<Decide>,
    pub(super) answer: Answer,
}

/// Says it to the run.
pub(super) type Decide = dyn FnOnce(&mut Run) -> Result<(), IllegalInput> + Send;

/// Tells whoever decided.
pub(super) type Answer = tokio::sync::oneshot::Sender<Decided>;

/// Tells the loop; nobody hears it once the loop is gone.
pub(super) fn send(sender: &WeakUnboundedSender<Happening>, happening: Happening) {
    if let Some(sender) = sender.upgrade() {
        let _ = sender.send(happening);
    }
}

/// What one round of a run gave.
#[derive(Default)]
pub(super) struct Round {
    /// Its records.
    pub(super) events: Vec<(Timestamp, Event)>,
    /// What may be done once they are on disk.
    pub(super) effects: Vec<Output>,
    /// Whose word the run waits for after it.
    pub(super) waits: Option<Word>,
    /// Who is told once they are on disk.
    pub(super) answers: Vec<Answer>,
}

impl Round {
    /// Whether nothing came of it that anybody is to know.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.effects.is_empty() && self.answers.is_empty()
    }
}
