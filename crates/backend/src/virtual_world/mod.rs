//! The in-memory driver behind fixtures and property tests: a virtual clock, scripted operations, a journal that can be
//! cut anywhere. It drives the same machine by the same attempt code as every other driver.
//!
//! Read in this order: [`script`] (what operations answer), [`memory`] (blobs), [`World`], [`case`] (`flow test`: worlds
//! and what is expected of them, written down), [`rehearsal`] (`flow plan`: a run that calls nothing).

pub mod case;
mod drive;
mod log;
pub mod memory;
mod records;
pub mod rehearsal;
pub mod script;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use flow_engine::admission::Admission;
use flow_engine::duration::Millis;
use flow_engine::journal::{Event, RunStarted, StartedBy};
use flow_engine::run::{Failure, Run};
use flow_engine::time::Timestamp;
use flow_engine::value::{Hash, Secret, Value};
use flow_engine::workflow::Workflow;
use secrecy::SecretString;

use crate::context::Secrets;
use crate::step::StepRunner;
use memory::MemoryBlobs;
use script::{Script, Scripted, Word};

/// When virtual time begins: 2026-01-01T00:00:00Z.
pub const BEGINNING: Timestamp = Timestamp(1_767_225_600_000);

/// A journal with the times of its events.
pub type Journal = Vec<(Timestamp, Event)>;

/// A world in which runs are driven: what is outside of them, and how late it is.
pub struct World {
    runner: Arc<Scripted>,
    blobs: Arc<MemoryBlobs>,
    /// What people outside will say, and when.
    words: Vec<(Millis, Word)>,
    /// The runs that the last run started.
    children: Vec<Child>,
    beginning: Timestamp,
    now: Timestamp,
    clock: Clock,
    /// Who may go, when not all may go at once.
    admission: Admission,
    /// What its runs let each other know.
    log: log::Log,
    /// The project folder.
    folder: Arc<PathBuf>,
}

/// A run that another one started.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// The path of the step that started it.
    pub step: String,
    /// What happened in it.
    pub journal: Journal,
}

/// Virtual time, for those who are asked for it.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// The time in the world.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// How a drive came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The run ended.
    Ended,
    /// It waits for a person.
    Interrupted,
    /// It has more events than any fixture should have: it would go on for ever.
    Endless,
}

impl World {
    /// A world in which the operations of the script answer as it says, and all others are performed by `others`.
    pub fn new(script: Script, others: Arc<dyn StepRunner>) -> World {
        World::with(Scripted::new(script, Some(others)))
    }

    /// A world in which there are no operations but those of the script.
    pub fn scripted(script: Script) -> World {
        World::with(Scripted::new(script, None))
    }

    fn with(runner: Scripted) -> World {
        World {
            runner: Arc::new(runner),
            blobs: Arc::default(),
            words: Vec::new(),
            children: Vec::new(),
            beginning: BEGINNING,
            now: BEGINNING,
            clock: Clock::default(),
            admission: Admission::default(),
            log: log::Log::default(),
            folder: Arc::new(PathBuf::from(".")),
        }
    }

    /// Lets virtual time begin at another instant, and be read from a clock.
    #[must_use]
    pub fn beginning_at(mut self, at: Timestamp, clock: Clock) -> World {
        self.beginning = at;
        self.clock = clock;
        self.set_now(at);
        self
    }

    /// Gives it the large values of another world, as the store keeps them when a process ends.
    #[must_use]
    pub fn with_blobs_of(self, other: &World) -> World {
        self.with_blobs(other.blobs.clone())
    }

    /// Gives it these large values.
    #[must_use]
    pub fn with_blobs(mut self, blobs: Arc<MemoryBlobs>) -> World {
        self.blobs = blobs;
        self
    }

    /// Says where relative paths begin.
    #[must_use]
    pub fn in_folder(mut self, folder: PathBuf) -> World {
        self.folder = Arc::new(folder);
        self
    }

    fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.clock.0.store(now.0, Ordering::Relaxed);
    }

    /// Lets people outside say things to the next run, each so long after the beginning.
    #[must_use]
    pub fn with_words(mut self, words: impl IntoIterator<Item = (Millis, Word)>) -> World {
        self.words = words.into_iter().collect();
        self.words.sort_by_key(|(after, _)| *after);
        self
    }

    /// The runs that the last run started.
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// The blobs of the world, for inputs that are files.
    pub fn blobs(&self) -> &Arc<MemoryBlobs> {
        &self.blobs
    }

    /// Starts a run and drives it until nothing more happens by itself.
    pub async fn run(
        &mut self,
        workflow: Arc<Workflow>,
        inputs: Value,
        trigger: Value,
    ) -> (Journal, Rest) {
        let started_by = StartedBy::manual();
        self.run_by(workflow, inputs, trigger, started_by).await
    }

    /// The same for a run that something else than a person starts.
    pub async fn run_by(
        &mut self,
        workflow: Arc<Workflow>,
        inputs: Value,
        trigger: Value,
        started_by: StartedBy,
    ) -> (Journal, Rest) {
        let started = RunStarted {
            run: "run".to_owned(),
            workflow: workflow.name.to_string(),
            bundle: Hash::of(workflow.source.text().as_bytes()).to_string(),
            inputs,
            started_by,
            trigger,
            sandbox: false,
            seed: 1,
            project: None,
            retry_of: None,
            budget: None,
        };
        let run = Run::new(workflow, started, self.now);
        self.drive(run, Vec::new()).await
    }

    /// Takes up a run from a journal, as after a crash, and drives it on.
    ///
    /// # Errors
    /// If the journal is not that of a run of this workflow.
    pub async fn resume(
        &mut self,
        workflow: Arc<Workflow>,
        journal: Journal,
    ) -> Result<(Journal, Rest), flow_engine::run::ReplayError> {
        self.set_now(journal.last().map_or(self.now, |(at, _)| *at));
        let mut run = Run::replay(workflow, journal.clone())?;
        run.recover(self.now);
        Ok(self.drive(run, journal).await)
    }

    /// How often an operation, or a step by its path, was called.
    pub fn calls(&self, name: &str) -> usize {
        self.runner.calls(name)
    }

    fn context(&self, step: Arc<str>) -> crate::context::StepContext {
        crate::context::StepContext {
            blobs: self.blobs.clone(),
            secrets: Arc::new(NoSecrets),
            cancel: tokio_util::sync::CancellationToken::new(),
            project: self.folder.clone(),
            run: "run".into(),
            step,
            rest: crate::context::Rest::default(),
            meter: crate::meter::Meter::default(),
        }
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn open(&self, _: &Secret) -> Result<SecretString, Failure> {
        Ok(SecretString::from("secret"))
    }
}
