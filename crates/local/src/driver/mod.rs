//! The loop that drives runs: one closed list of everything that can happen, one commit for whatever happened together.
//!
//! Read in this order: [`Driver`] (the handle), `happening` (what can happen), `drive` (the loop), `roster` (the runs), `driven` (one run), `sleep` (those that only
//! wait), `children` (runs that runs start), `stops` (those that are to end), `records` (what steps made outside), `log` (what others let them know).

mod children;
mod drive;
mod driven;
mod happening;
mod log;
mod records;
mod roster;
mod sleep;
mod stops;

use std::path::PathBuf;
use std::sync::Arc;

use flow_backend::context::{Blobs, Secrets};
use flow_backend::step::StepRunner;
use flow_engine::journal::{Event, RunEnded};
use flow_engine::run::{IllegalInput, Run};
use flow_engine::time::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::store::{RunHead, Store, StoreError};
use happening::{Decision, Happening};
pub use sleep::Naps;
pub use stops::cancelled_by;

/// A run to drive: new, or taken up again.
pub struct Taken {
    /// The run; its outputs so far were not looked at.
    pub run: Run,
    /// How many rows of its journal are on disk.
    pub saved: u64,
    /// Its row in the list of runs, if it is new.
    pub head: Option<RunHead>,
    /// Whether nothing of it is to be done any more: it is cancelled, and only the runs that it started are told.
    pub quiet: bool,
}

/// What a run needs besides the store.
#[derive(Clone)]
pub struct Services {
    /// Performs its operations.
    pub runner: Arc<dyn StepRunner>,
    /// Keeps its large values.
    pub blobs: Arc<dyn Blobs>,
    /// Opens its secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The project folder.
    pub project: Arc<PathBuf>,
}

/// What an observer of a run is told, in order, after it is on disk.
#[derive(Debug, Clone)]
pub enum Progress {
    /// An event.
    Event {
        /// When.
        at: Timestamp,
        /// What. Small where it waits: every run has room for some of them.
        event: Box<Event>,
    },
    /// A trigger looks.
    Looking {
        /// Its step.
        step: usize,
    },
    /// All that goes on waits for a word from outside, a person's among them or not; `None` when something else goes on
    /// again.
    Waits(Option<Word>),
    /// What happened is kept until the store takes it: there is no space, or another program holds it. `None` when it
    /// goes on.
    StoreWaits(Option<StoreError>),
    /// The run ended; nothing follows.
    Ended(Box<RunEnded>),
    /// Nothing goes on without a person's decision; nothing follows.
    Interrupted,
    /// The driver was stopped; the run can be resumed; nothing follows.
    Stopped,
    /// The store failed; the run can be resumed once it works; nothing follows.
    StoreFailed(StoreError),
}

/// Whose word a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Word {
    /// Somebody decides.
    Person,
    /// Something happens, or somebody calls back.
    World,
}

/// How many runs are driven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// In memory.
    pub awake: usize,
    /// Waiting, where only the store knows all of them.
    pub asleep: usize,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It was taken, and what follows from it is on disk.
    OnDisk,
    /// The run does not allow it where it stands.
    Refused(IllegalInput),
    /// The run is about to stop: nothing is taken any more.
    Stopping,
    /// The run is not driven here, or the store failed before it was on disk.
    NotDriven,
}

/// A handle of the loop. When the last one is gone the loop stops at once; whatever is on disk stays true.
#[derive(Clone)]
pub struct Driver {
    sender: UnboundedSender<Happening>,
}

/// Is told of every event of every run that is driven, runs that runs started too, after it is on disk. Must not block.
pub type Hearer = Arc<dyn Fn(&Run, Timestamp, &Event) + Send + Sync>;

impl Driver {
    /// Starts the loop on the current tokio runtime. Runs that only wait leave the memory as `naps` says.
    pub fn start(store: Arc<Store>, hearer: Option<Hearer>, naps: Naps) -> Driver {
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(drive::drive(
            store,
            (hearer, naps),
            sender.downgrade(),
            receiver,
        ));
        Driver { sender }
    }

    /// Drives a run. What happens to it comes through the channel.
    pub fn add(&self, taken: Taken, services: Services) -> UnboundedReceiver<Progress> {
        let (observer, progress) = unbounded_channel();
        self.send(Happening::Add {
            taken: Box::new(taken),
            services,
            observer,
        });
        progress
    }

    /// Lets someone decide something about a run: a cancel, what becomes of an interrupted step. Answers when it is on
    /// disk.
    pub async fn decide(
        &self,
        run: &str,
        decide: impl FnOnce(&mut Run) -> Result<(), IllegalInput> + Send + 'static,
    ) -> Decided {
        let (answer, decided) = tokio::sync::oneshot::channel();
        let (run, decide) = (run.into(), Box::new(decide));
        self.send(Happening::Decide {
            run,
            decision: Decision { decide, answer },
        });
        decided.await.unwrap_or(Decided::NotDriven)
    }

    /// Stops every run in order: nothing new starts, what may be repeated is dropped, an effect that must not happen
    /// twice is awaited.
    pub fn stop(&self) {
        self.send(Happening::Stop { run: None });
    }

    /// Lets go of each run as soon as nothing of it goes on but waiting: for a time, a look, a word. It can be resumed.
    pub fn wind_down(&self) {
        self.send(Happening::WindDown);
    }

    /// Stops one run in order.
    pub fn stop_run(&self, run: &str) {
        let run = Some(run.into());
        self.send(Happening::Stop { run });
    }

    /// How many runs are driven at the moment.
    pub async fn census(&self) -> Census {
        let (answer, census) = tokio::sync::oneshot::channel();
        self.send(Happening::Count(answer));
        census.await.unwrap_or_default()
    }

    /// Waits until no run is left: those that steps started and nobody waits for included.
    pub async fn rest(&self) {
        let (done, rests) = tokio::sync::oneshot::channel();
        self.send(Happening::Rest(done));
        let _ = rests.await;
    }

    fn send(&self, happening: Happening) {
        // The loop ends only when no handle is left.
        let _ = self.sender.send(happening);
    }
}
